// The open pages: each hears what is on show, at once and after every change. One that does not listen is dropped; it
// comes back by itself and hears the newest.
import type { Host } from '@latchkey/shared'
import type { WebSocket } from 'ws'
import { type PageMessage, PRESSED } from '../kiosk/page-message.ts'
import type { ScreenSource } from '../kiosk/screen.ts'
import { screenData } from '../kiosk/screen-data.ts'
import { qrPath } from './qr-image.ts'
import { spokenCode } from './spoken-code.ts'

/** What is used of a socket; `ws` has it. */
export type PageSocket = Pick<WebSocket, 'bufferedAmount' | 'send' | 'ping' | 'close' | 'terminate'> & {
  on(event: 'message', listener: (data: unknown, isBinary: boolean) => void): unknown
  on(event: 'pong' | 'close' | 'error', listener: () => void): unknown
}

export interface KioskSockets {
  count(): number
  accept(socket: PageSocket): void
  start(): void
  stop(): void
}

export const MOST_SOCKETS = 16
export const PING_EVERY_MS = 20_000
/** Some twenty messages: a page that is so far behind is not looked at. */
export const MOST_UNSENT_BYTES = 128 * 1024
/** A key that is held down, or a page gone wrong, is one press. */
const PRESS_EVERY_MS = 1_000
const GOING_AWAY = 1001
const NOT_UNDERSTOOD = 1008

export function kioskSockets(options: {
  readonly screen: ScreenSource
  readonly machine: Host
  readonly version: string
  readonly onLink?: (() => void) | undefined
}): KioskSockets {
  const { screen, machine, version, onLink } = options
  const sockets = new Map<PageSocket, { isAlive: boolean }>()
  let running: AbortController | undefined
  let pressedAt = Number.NEGATIVE_INFINITY

  const message = (): string => {
    const state = screen.current()
    const complete = state.kind === 'code' ? state.verificationUriComplete : undefined
    const square = complete === undefined ? undefined : qrPath(complete)
    const content: PageMessage = {
      version,
      screen: screenData(state, machine.clock.monotonic()),
      ...(square === undefined ? {} : { square }),
      ...(state.kind === 'code' ? { spoken: spokenCode(state.userCode) } : {}),
      canLink: onLink !== undefined,
    }
    return JSON.stringify(content)
  }
  const drop = (socket: PageSocket) => {
    sockets.delete(socket)
    socket.terminate()
  }
  const tell = (socket: PageSocket, text: string) => {
    if (socket.bufferedAmount > MOST_UNSENT_BYTES) drop(socket)
    else socket.send(text)
  }
  const press = () => {
    const now = machine.clock.monotonic()
    if (now - pressedAt < PRESS_EVERY_MS || !isIdle(screen.current().kind)) return
    pressedAt = now
    onLink?.()
  }
  const beat = async (signal: AbortSignal) => {
    for (;;) {
      await machine.sleep(PING_EVERY_MS, signal)
      for (const [socket, life] of sockets) {
        if (!life.isAlive) drop(socket)
        else {
          life.isAlive = false
          socket.ping()
        }
      }
    }
  }

  return {
    count: () => sockets.size,
    accept(socket) {
      const life = { isAlive: true }
      sockets.set(socket, life)
      socket.on('pong', () => {
        life.isAlive = true
      })
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => drop(socket))
      socket.on('message', (data, isBinary) => {
        if (!isBinary && String(data) === PRESSED) press()
        else socket.close(NOT_UNDERSTOOD)
      })
      tell(socket, message())
    },
    start() {
      const stopped = new AbortController()
      running = stopped
      const unfollow = screen.follow(() => {
        const text = message()
        for (const socket of [...sockets.keys()]) tell(socket, text)
      })
      stopped.signal.addEventListener('abort', unfollow)
      beat(stopped.signal).catch(() => undefined)
    },
    stop() {
      running?.abort()
      for (const socket of sockets.keys()) {
        socket.close(GOING_AWAY)
        socket.terminate()
      }
      sockets.clear()
    },
  }
}

/** While a code is out or the device is linked, OK at the screen starts nothing (AGT-02). */
function isIdle(kind: ReturnType<ScreenSource['current']>['kind']): boolean {
  return kind !== 'code' && kind !== 'asking' && kind !== 'linked' && kind !== 'offline'
}

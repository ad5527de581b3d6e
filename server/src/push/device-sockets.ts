// Devices that wait on a WebSocket: one small object each. Knows sockets and news, neither HTTP nor the flow's rules.
import { CLOSE, type Clock, type DeviceEvent, readHello } from '@latchkey/shared'
import type { News } from '../oauth/news.ts'

/** What of a WebSocket is used here; `ws` has it. */
export interface DeviceSocket {
  readonly bufferedAmount: number
  send(text: string): void
  ping(): void
  close(code: number, reason?: string): void
  terminate(): void
  on(event: 'message', listener: (data: { toString(): string }, isBinary: boolean) => void): unknown
  on(event: 'pong' | 'close' | 'error', listener: () => void): unknown
}

/** How a request stands when a device begins to listen. */
export interface Standing {
  readonly requestId: string
  readonly deadlineAt: number
  /** What happened already, if anything. */
  readonly event: DeviceEvent | undefined
}

export interface DeviceSocketOptions {
  readonly news: News
  readonly clock: Clock
  /** Undefined for a code that nobody waits for: unknown, used, of another day. */
  readonly look: (deviceCode: string) => Promise<Standing | undefined>
  /** All in all; one network's share is bounded by `mostPerNetwork`. */
  readonly most: number
  readonly mostPerNetwork: number
}

export interface DeviceSockets {
  readonly size: number
  /** Whether one more of this network may wait. */
  hasRoomFor(network: string): boolean
  accept(socket: DeviceSocket, network: string): void
  /** Once a second: ends what ran out, what never spoke and what is gone; pings the others every half minute. */
  sweep(): void
  /** Sends everybody away with the word to come back. */
  close(): void
}

/** A device says its code at once, or it is none. */
export const HELLO_WITHIN_MS = 10_000
export const PING_EVERY_MS = 30_000
// News are twenty bytes. Whoever lets so much pile up is not reading.
const MOST_BUFFERED_BYTES = 16_384

interface Waiter {
  readonly socket: DeviceSocket
  readonly network: string
  readonly since: number
  deadlineAt: number
  pingedAt: number
  answered: boolean
  greeted: boolean
  /** Further messages are no reason to look again. */
  looking: boolean
  silence: () => void
}

export function deviceSockets({ news, clock, look, most, mostPerNetwork }: DeviceSocketOptions): DeviceSockets {
  const waiters = new Set<Waiter>()
  const perNetwork = new Map<string, number>()

  const leave = (waiter: Waiter): void => {
    if (!waiters.delete(waiter)) return
    waiter.silence()
    const left = (perNetwork.get(waiter.network) ?? 1) - 1
    if (left === 0) perNetwork.delete(waiter.network)
    else perNetwork.set(waiter.network, left)
  }
  const dismiss = (waiter: Waiter, code: number, reason?: string): void => {
    leave(waiter)
    waiter.socket.close(code, reason)
  }
  const tell = (waiter: Waiter, event: DeviceEvent): void => {
    if (!waiters.has(waiter)) return
    if (waiter.socket.bufferedAmount > MOST_BUFFERED_BYTES) {
      leave(waiter)
      waiter.socket.terminate()
      return
    }
    waiter.socket.send(JSON.stringify({ event }))
    if (event !== 'opened') dismiss(waiter, CLOSE.done)
  }
  const hello = async (waiter: Waiter, text: string): Promise<void> => {
    const message = readHello(text)
    const standing = message === undefined ? undefined : await look(message.device_code)
    if (!waiters.has(waiter)) return
    if (standing === undefined) return dismiss(waiter, CLOSE.refused, 'no such device_code')
    waiter.greeted = true
    waiter.deadlineAt = standing.deadlineAt
    waiter.silence = news.listen(standing.requestId, (event) => tell(waiter, event))
    // Between the look and the listening something may have happened: look once more, now that nothing is missed.
    const now = await look(message?.device_code ?? '')
    if (now?.event !== undefined) tell(waiter, now.event)
  }

  return {
    get size() {
      return waiters.size
    },
    hasRoomFor: (network) => waiters.size < most && (perNetwork.get(network) ?? 0) < mostPerNetwork,
    accept(socket, network) {
      const now = clock.monotonic()
      const waiter: Waiter = {
        socket,
        network,
        since: now,
        deadlineAt: Number.POSITIVE_INFINITY,
        pingedAt: now,
        answered: true,
        greeted: false,
        looking: false,
        silence: () => undefined,
      }
      waiters.add(waiter)
      perNetwork.set(network, (perNetwork.get(network) ?? 0) + 1)
      socket.on('pong', () => {
        waiter.answered = true
      })
      socket.on('close', () => leave(waiter))
      socket.on('error', () => leave(waiter))
      socket.on('message', (data, isBinary) => {
        if (isBinary || waiter.looking) return dismiss(waiter, CLOSE.refused, 'one text message, with the device_code')
        waiter.looking = true
        hello(waiter, data.toString()).catch(() => dismiss(waiter, CLOSE.restart))
      })
    },
    sweep() {
      const now = clock.monotonic()
      const wall = clock.now()
      for (const waiter of waiters) {
        if (wall >= waiter.deadlineAt) tell(waiter, 'expired')
        else if (!waiter.greeted && now - waiter.since >= HELLO_WITHIN_MS)
          dismiss(waiter, CLOSE.refused, 'no device_code')
        else if (now - waiter.pingedAt >= PING_EVERY_MS) {
          if (!waiter.answered) {
            leave(waiter)
            waiter.socket.terminate()
            continue
          }
          waiter.answered = false
          waiter.pingedAt = now
          waiter.socket.ping()
        }
      }
    },
    close() {
      for (const waiter of waiters) dismiss(waiter, CLOSE.restart, 'restarting')
    },
  }
}

// The line on which a waiting device hears of its code: one socket at a time, opened again when it breaks. It carries news
// and no truth: what is to be believed comes from the token endpoint, and link-request.ts asks there.
import {
  CLOSE,
  DEVICE_EVENTS_PROTOCOL,
  type DeviceEvent,
  type DeviceHello,
  type DeviceNews,
  type Host,
  readNews,
} from '@latchkey/shared'
import { backoffSeconds } from './pace.ts'
import type { Socket, Sockets } from './sockets.ts'

export type Verdict = Exclude<DeviceEvent, 'opened'>

/**
 * - `connecting`: for the first time;
 * - `live`: the server will tell;
 * - `broken`: it could not be had or was lost, and will be tried again;
 * - `over`: nothing more will be heard: the last word was said, or the server does not want us there.
 */
export type LineState = 'connecting' | 'live' | 'broken' | 'over'

export interface NewsLine {
  readonly state: LineState
  /** Somebody has the code on their phone. */
  readonly isOpened: boolean
  /** What the screen is to show for them, once the server names one. */
  readonly number: string | undefined
  readonly verdict: Verdict | undefined
  /** Harmless when it is over. */
  close(): void
}

export interface NewsLineOptions {
  readonly host: Host
  readonly sockets: Sockets
  /** The server's `device_events_endpoint`. */
  readonly url: string
  readonly hello: DeviceHello
  /** After every change of the line. */
  readonly onChange: (line: NewsLine) => void
}

const CONNECT_WITHIN_MS = 10_000
/** The server pings every 30 s: two missed ones, and the connection is dead though nobody has said so. */
const LONGEST_SILENCE_MS = 75_000
/** Who is told that too many wait already comes back later than who was cut off. */
const BUSY_ATTEMPTS = 4
/** 1008 and whatever else would only happen again. */
const FINAL_CODES: readonly number[] = [CLOSE.refused, 1002, 1003, 1007, 1009, 1010]

/** How one connection ended: its close code, and whether anything came on it. */
interface Ending {
  readonly code: number
  readonly wasAlive: boolean
}

export function openNewsLine(options: NewsLineOptions): NewsLine {
  const { host, onChange } = options
  const left = new AbortController()
  let state: LineState = 'connecting'
  let isOpened = false
  let number: string | undefined
  let verdict: Verdict | undefined

  const line: NewsLine = {
    get state() {
      return state
    },
    get isOpened() {
      return isOpened
    },
    get number() {
      return number
    },
    get verdict() {
      return verdict
    },
    close: () => left.abort(),
  }
  const become = (next: LineState): void => {
    state = next
    if (!left.signal.aborted) onChange(line)
  }
  const hear = (news: DeviceNews): void => {
    const { event } = news
    if (event === 'opened') {
      isOpened = true
      number = news.number ?? number
      if (!left.signal.aborted) onChange(line)
      return
    }
    verdict = event
    left.abort()
    state = 'over'
    onChange(line)
  }
  const stay = async (): Promise<void> => {
    for (let attempt = 0; ; attempt++) {
      const { code, wasAlive } = await listen(options, left.signal, () => become('live'), hear)
      left.signal.throwIfAborted()
      if (FINAL_CODES.includes(code)) return become('over')
      become('broken')
      if (wasAlive) attempt = 0
      if (code === CLOSE.busy) attempt = Math.max(attempt, BUSY_ATTEMPTS)
      await host.sleep(backoffSeconds(host.entropy, attempt) * 1000, left.signal)
    }
  }
  // Ends by being over or by being left.
  stay().catch(() => undefined)
  return line
}

/** One connection, from its opening to its end. Never rejects. */
function listen(
  { host, sockets, url, hello }: NewsLineOptions,
  left: AbortSignal,
  onLive: () => void,
  hear: (news: DeviceNews) => void,
): Promise<Ending> {
  return new Promise((resolve) => {
    const { clock } = host
    const over = new AbortController()
    let socket: Socket | undefined
    let limitMs = CONNECT_WITHIN_MS
    let heardAt = clock.monotonic()
    let wasAlive = false

    const end = (code: number): void => {
      if (over.signal.aborted) return
      over.abort()
      left.removeEventListener('abort', leave)
      socket?.close()
      resolve({ code, wasAlive })
    }
    const leave = (): void => end(CLOSE.done)
    const live = (): void => {
      wasAlive = true
      heardAt = clock.monotonic()
    }
    const watch = async (): Promise<void> => {
      for (;;) {
        const left = heardAt + limitMs - clock.monotonic()
        if (left <= 0) return end(1006)
        if (left === Number.POSITIVE_INFINITY) return
        await host.sleep(left, over.signal)
      }
    }
    left.addEventListener('abort', leave, { once: true })
    if (left.aborted) return leave()
    try {
      socket = sockets(url, DEVICE_EVENTS_PROTOCOL, {
        opened() {
          if (over.signal.aborted) return
          heardAt = clock.monotonic()
          limitMs = socket?.seesPings === true ? LONGEST_SILENCE_MS : Number.POSITIVE_INFINITY
          socket?.send(JSON.stringify(hello))
          onLive()
        },
        heard(text) {
          if (over.signal.aborted) return
          live()
          const news = readNews(text)
          if (news) hear(news)
        },
        beat: live,
        closed: end,
      })
    } catch {
      // An address or a page that may not open sockets: it may not later either.
      return end(CLOSE.refused)
    }
    watch().catch(() => undefined)
  })
}

// WebSockets that a test holds the other end of.
import type { Sockets } from '../../device-agent/src/core/sockets.ts'

export interface FakeSocket {
  readonly url: string
  readonly protocol: string
  /** What the agent said. */
  readonly said: readonly string[]
  /** Whether the agent let go of it. */
  readonly isClosed: boolean
  open(): void
  say(text: string): void
  tell(event: string): void
  ping(): void
  /** The other end, or the network, ends it. */
  end(code: number): void
}

/** All sockets that were ever asked for, oldest first. Each waits for the test to open it, unless `opens` is set. */
export function fakeSockets(how: { readonly seesPings?: boolean; readonly opens?: boolean } = {}) {
  const { seesPings = true, opens = false } = how
  const all: FakeSocket[] = []
  const sockets: Sockets = (url, protocol, events) => {
    const said: string[] = []
    let isClosed = false
    const socket: FakeSocket = {
      url,
      protocol,
      said,
      get isClosed() {
        return isClosed
      },
      open: () => events.opened(),
      say: (text) => events.heard(text),
      tell: (event) => events.heard(JSON.stringify({ event })),
      ping: () => events.beat(),
      end: (code) => events.closed(code),
    }
    all.push(socket)
    if (opens) setImmediate(() => events.opened())
    return {
      seesPings,
      send: (text) => said.push(text),
      close: () => {
        isClosed = true
      },
    }
  }
  return { sockets, all, last: () => all.at(-1) ?? missing() }
}

function missing(): never {
  throw new Error('no socket was asked for')
}

// The server's end of a WebSocket, as push/ uses it: remembers what was done to it, and speaks when the test says so.
import type { WaitingSocket } from '../../server/src/push/waiting-room.ts'

export function waitingSocket() {
  const listeners = new Map<string, ((...what: never[]) => void)[]>()
  /** Events that were told, and what else happened, in order. */
  const did: string[] = []
  /** The whole messages. */
  const said: { readonly event: string }[] = []
  const socket: WaitingSocket & { bufferedAmount: number } = {
    bufferedAmount: 0,
    send(text) {
      const message = JSON.parse(text)
      said.push(message)
      did.push(message.event)
    },
    ping: () => void did.push('ping'),
    close: (code) => void did.push(`close ${code}`),
    terminate: () => void did.push('terminate'),
    on(event: string, listener: (...what: never[]) => void) {
      listeners.set(event, [...(listeners.get(event) ?? []), listener])
    },
  }
  const emit = (event: string, ...what: unknown[]) => {
    for (const listener of listeners.get(event) ?? []) listener(...(what as never[]))
  }
  return { socket, did, said, emit, say: (text: string, isBinary = false) => emit('message', text, isBinary) }
}

/** Lets promises that wait for nothing of the machine go on. */
export const settled = () => new Promise((resolve) => setImmediate(resolve))

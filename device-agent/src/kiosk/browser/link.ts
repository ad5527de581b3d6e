// The page's line to the agent: opened again whenever it drops, for as long as the page is there.
import { type PageMessage, PRESSED, SOCKET_PATH, SOCKET_PROTOCOL } from '../page-message.ts'

/** A restart of the agent is shorter than this and need not be seen. */
const PATIENCE_MS = 4_000
const LONGEST_WAIT_MS = 8_000

export interface Ears {
  hear(message: PageMessage): void
  /** The agent has been away for longer than a restart takes. */
  lose(): void
}

export interface Line {
  press(): void
}

export function connect(ears: Ears): Line {
  let socket: WebSocket | undefined
  let waitMs = 500
  let patience: number | undefined

  const open = () => {
    const fresh = new WebSocket(`ws://${location.host}${SOCKET_PATH}`, SOCKET_PROTOCOL)
    socket = fresh
    fresh.addEventListener('message', (event) => {
      waitMs = 500
      clearTimeout(patience)
      patience = undefined
      ears.hear(JSON.parse(String(event.data)))
    })
    fresh.addEventListener('close', () => {
      patience ??= setTimeout(() => ears.lose(), PATIENCE_MS)
      setTimeout(open, waitMs)
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
    })
  }
  open()
  return {
    press() {
      if (socket?.readyState === WebSocket.OPEN) socket.send(PRESSED)
    },
  }
}

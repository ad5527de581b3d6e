// One WebSocket, opened again when it breaks: soon, then a while later, then when somebody comes back to the page. What is
// heard on it is live.ts.

export interface Ears {
  hear(text: string): void
  /** Nothing more will be heard, unless somebody comes back to the page. */
  lose(): void
}

/** Each is lengthened by a random part, so that a server that comes back is not met by all at once. */
const WAITS_MS = [1_000, 8_000]
/** The last word was said; we are not wanted there. Both would only happen again. */
const DONE = 1000
const REFUSED = 1008

export function stayConnected(address: string, protocol: string, { hear, lose }: Ears): void {
  let losses = 0
  /** Connected, or about to be. */
  let isTrying = false
  let isOver = false

  const connect = (): void => {
    isTrying = true
    const socket = new WebSocket(address, protocol)
    socket.onmessage = ({ data }) => {
      losses = 0
      hear(String(data))
    }
    socket.onclose = ({ code }) => {
      isTrying = false
      isOver = code === DONE || code === REFUSED
      const wait = isOver ? undefined : WAITS_MS[losses++]
      if (wait !== undefined) {
        isTrying = true
        setTimeout(connect, wait * (1 + Math.random()))
      } else if (code !== DONE) lose()
    }
  }
  // Phones cut the connections of what nobody looks at.
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible' || isTrying || isOver) return
    losses = 0
    connect()
  })
  connect()
}

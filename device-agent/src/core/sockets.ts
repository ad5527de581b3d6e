// What the agent needs of a WebSocket (RFC 6455), beside `fetch`: the browser's own has it, and so has `ws` in Node
// (node/web-sockets.ts). What is said on one is device-news.ts.

/** Never called before the function that opens the socket has returned. */
export interface SocketEvents {
  opened(): void
  /** A text message; anything else comes as ''. */
  heard(text: string): void
  /** A ping came. */
  beat(): void
  /** Once, also for a socket that never opened: then with 1006. */
  closed(code: number): void
}

export interface Socket {
  /** Whether pings can be seen: then silence means that the connection is dead. Scripts of a browser see none. */
  readonly seesPings: boolean
  send(text: string): void
  /** Lets go at once; `closed` may or may not follow. */
  close(): void
}

/** Opens a socket. May throw where an address is not allowed. */
export type Sockets = (url: string, protocol: string, events: SocketEvents) => Socket

/** The runtime's own sockets, where it has them: browsers, and Node from 22 on. */
export function ownSockets(): Sockets | undefined {
  if (globalThis.WebSocket === undefined) return undefined
  return (url, protocol, events) => {
    const socket = new WebSocket(url, protocol)
    socket.onopen = () => events.opened()
    socket.onmessage = ({ data }) => events.heard(typeof data === 'string' ? data : '')
    socket.onclose = ({ code }) => events.closed(code)
    return { seesPings: false, send: (text) => socket.send(text), close: () => socket.close() }
  }
}

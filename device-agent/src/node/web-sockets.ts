// WebSockets for Node, by `ws`: Node 20 has none of its own, and those of later ones do not show pings.
import { WebSocket } from 'ws'
import type { Sockets } from '../core/sockets.ts'

const LARGEST_MESSAGE_BYTES = 4096

export const nodeSockets: Sockets = (url, protocol, events) => {
  const socket = new WebSocket(url, protocol, { perMessageDeflate: false, maxPayload: LARGEST_MESSAGE_BYTES })
  socket.on('open', () => events.opened())
  socket.on('message', (data, isBinary) => events.heard(isBinary ? '' : data.toString()))
  socket.on('ping', () => events.beat())
  // What went wrong is of no use to anybody: `close` follows, and the agent polls.
  socket.on('error', () => undefined)
  socket.on('close', (code) => events.closed(code))
  // A polite goodbye would keep a stopped process waiting for the answer.
  return { seesPings: true, send: (text) => socket.send(text), close: () => socket.terminate() }
}

// WebSockets, up to where they are open: an upgrade comes in by the router like any other request and meets the same
// hooks; its route decides whether there is to be a socket. What is said on one is in ../push/.
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'

const LONGEST_MESSAGE_BYTES = 1_024

interface Upgrade {
  readonly socket: Duplex
  readonly head: Buffer
}

export interface WebSockets {
  /** Whether the request wants to become a WebSocket at all. */
  isWanted(request: FastifyRequest): boolean
  /** The subprotocol is one of those that were offered. */
  isOffered(request: FastifyRequest, protocol: string): boolean
  /** Opens it; to be called once everything else is right. */
  open(request: FastifyRequest, reply: FastifyReply, protocol: string, onOpen: (socket: WebSocket) => void): void
}

/** Of the whole server: to be called once, before it listens. */
export function webSockets(app: FastifyInstance): WebSockets {
  const upgrades = new WeakMap<IncomingMessage, Upgrade>()
  const chosen = new WeakMap<IncomingMessage, string>()
  const server = new WebSocketServer({
    noServer: true,
    // On, compression costs 200 KiB a connection after one short message.
    perMessageDeflate: false,
    maxPayload: LONGEST_MESSAGE_BYTES,
    handleProtocols: (_offered, request) => chosen.get(request) ?? false,
  })

  // Node hands upgrades over outside of the router.
  app.server.on('upgrade', (request, socket, head) => {
    upgrades.set(request, { socket, head })
    const response = new ServerResponse(request)
    response.assignSocket(socket as Parameters<ServerResponse['assignSocket']>[0])
    // Refused: the answer is all there is to this connection, which the server no longer looks after.
    response.once('finish', () => socket.end())
    app.routing(request, response)
  })

  return {
    isWanted: ({ raw }) => upgrades.has(raw),
    isOffered: ({ headers }, protocol) =>
      (headers['sec-websocket-protocol'] ?? '').split(',').some((name) => name.trim() === protocol),
    open({ raw }, reply, protocol, onOpen) {
      const upgrade = upgrades.get(raw)
      if (upgrade === undefined) throw new Error('no upgrade: ask isWanted first')
      chosen.set(raw, protocol)
      reply.hijack()
      server.handleUpgrade(raw, upgrade.socket, upgrade.head, onOpen)
    },
  }
}

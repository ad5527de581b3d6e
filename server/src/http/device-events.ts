// GET /device_events: the WebSocket on which a waiting device hears what happens to its code.
// No cookie is looked at and no token travels, so any origin may connect: the device_code is the whole credential.
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { DEVICE_EVENTS_PROTOCOL, type DeviceEvent } from '@latchkey/shared'
import type { FastifyInstance } from 'fastify'
import { WebSocketServer } from 'ws'
import { OAuthError } from '../oauth/errors.ts'
import type { Provider } from '../oauth/provider.ts'
import type { DeviceRequest } from '../oauth/records.ts'
import { createThrottle, networkOf } from '../oauth/throttle.ts'
import { digestOf } from '../oauth/vault.ts'
import type { Every } from '../ops/interval.ts'
import { deviceSockets } from '../push/device-sockets.ts'
import { refuseOtherMethods } from './oauth-scope.ts'
import { answer, bare, described, errorBody, errors, fields, text } from './openapi.ts'

const SWEEP_EVERY_MS = 1_000
const LONGEST_MESSAGE_BYTES = 1_024
/** One network's share of the waiting devices. */
const PART_PER_NETWORK = 0.25
const UNKNOWN_CODES = { most: 30, windowSeconds: 60 }

interface Upgrade {
  readonly socket: Duplex
  readonly head: Buffer
}

export function deviceEventsRoute(app: FastifyInstance, provider: Provider, every: Every): void {
  const { clock } = provider.host
  const most = provider.limits.waitingDevices
  const upgrades = new WeakMap<IncomingMessage, Upgrade>()
  const unknown = createThrottle(UNKNOWN_CODES, clock)
  const sockets = deviceSockets({
    news: provider.news,
    clock,
    most,
    mostPerNetwork: Math.max(1, Math.floor(most * PART_PER_NETWORK)),
    async look(deviceCode) {
      const request = await provider.store.deviceRequests.get(digestOf(deviceCode))
      if (request === undefined || request.state === 'redeemed') return undefined
      return { requestId: request.id, deadlineAt: request.deadlineAt, event: eventOf(request, clock.now()) }
    },
  })
  const server = new WebSocketServer({
    noServer: true,
    // On, compression costs 200 KiB a connection after one short message.
    perMessageDeflate: false,
    maxPayload: LONGEST_MESSAGE_BYTES,
    handleProtocols: (offered) => (offered.has(DEVICE_EVENTS_PROTOCOL) ? DEVICE_EVENTS_PROTOCOL : false),
  })

  // Node hands upgrades over outside of the router; sent through it, they meet the same hooks as everything else.
  app.server.on('upgrade', (request, socket, head) => {
    upgrades.set(request, { socket, head })
    const response = new ServerResponse(request)
    response.assignSocket(socket as Parameters<ServerResponse['assignSocket']>[0])
    // Refused: the answer is all there is to this connection, which the server no longer looks after.
    response.once('finish', () => socket.end())
    app.routing(request, response)
  })

  app.get('/device_events', described(DEVICE_EVENTS), (request, reply) => {
    const upgrade = upgrades.get(request.raw)
    const offered = request.headers['sec-websocket-protocol'] ?? ''
    if (upgrade === undefined) {
      const headers = { Upgrade: 'websocket', Connection: 'Upgrade' }
      throw new OAuthError('invalid_request', 'a WebSocket is needed', { status: 426, headers })
    }
    if (!offered.split(',').some((name) => name.trim() === DEVICE_EVENTS_PROTOCOL)) {
      throw new OAuthError('invalid_request', `the subprotocol must be ${DEVICE_EVENTS_PROTOCOL}`)
    }
    const network = networkOf(request.ip)
    if (!sockets.hasRoomFor(network) || unknown.secondsToWait(network) > 0) {
      throw new OAuthError('temporarily_unavailable', 'too many devices wait: poll', {
        headers: { 'Retry-After': '60' },
      })
    }
    reply.hijack()
    server.handleUpgrade(request.raw, upgrade.socket, upgrade.head, (socket) => {
      sockets.accept(socket, network)
      socket.on('close', (code) => {
        if (code === 1008) unknown.count(network)
      })
    })
  })

  refuseOtherMethods(app, '/device_events', ['GET'])

  const endSweeping = every(SWEEP_EVERY_MS, async () => sockets.sweep())
  app.addHook('preClose', async () => {
    endSweeping()
    sockets.close()
  })
}

function eventOf(request: DeviceRequest, now: number): DeviceEvent | undefined {
  if (now >= request.deadlineAt) return 'expired'
  if (request.state === 'approved' || request.state === 'denied') return request.state
  return request.openedBy === undefined ? undefined : 'opened'
}

const DEVICE_EVENTS = {
  tags: ['devices'],
  summary: 'Hear what happens to a code',
  description:
    'A WebSocket of the subprotocol latchkey.device.v1. The device says {"device_code": "…"} and hears {"event": "opened" | "approved" | "denied" | "expired"}; after approved it asks the token endpoint.',
  headers: fields({ 'Sec-WebSocket-Protocol': text('latchkey.device.v1') }, 'Sec-WebSocket-Protocol'),
  response: {
    101: bare('The WebSocket is open.'),
    ...errors(['invalid_request']),
    426: answer('This is no WebSocket.', errorBody(['invalid_request'])),
  },
} as const

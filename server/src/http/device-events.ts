// GET /device_events: the WebSocket on which a waiting device hears what happens to its code.
// No cookie is looked at and no token travels, so any origin may connect: the device_code is the whole credential.
import { DEVICE_EVENTS_PROTOCOL, type DeviceNews } from '@latchkey/shared'
import type { FastifyInstance } from 'fastify'
import { OAuthError } from '../oauth/errors.ts'
import { digestOf } from '../oauth/keys/vault.ts'
import type { Provider } from '../oauth/provider.ts'
import type { DeviceRequest } from '../oauth/records.ts'
import { createThrottle, networkOf } from '../oauth/throttle.ts'
import type { Every } from '../ops/interval.ts'
import { deviceSockets } from '../push/device-sockets.ts'
import { refuseOtherMethods } from './oauth-scope.ts'
import { answer, bare, described, errorBody, errors, fields, text } from './openapi.ts'
import type { WebSockets } from './web-sockets.ts'

const SWEEP_EVERY_MS = 1_000
/** One network's share of the waiting devices. */
const PART_PER_NETWORK = 0.25
const UNKNOWN_CODES = { most: 30, windowSeconds: 60 }

export function deviceEventsRoute(
  app: FastifyInstance,
  provider: Provider,
  every: Every,
  webSockets: WebSockets,
): void {
  const { clock } = provider.host
  const most = provider.limits.waitingDevices
  const unknown = createThrottle(UNKNOWN_CODES, clock)
  const sockets = deviceSockets({
    news: provider.news,
    clock,
    most,
    mostPerNetwork: Math.max(1, Math.floor(most * PART_PER_NETWORK)),
    async look(deviceCode) {
      const request = await provider.store.deviceRequests.get(digestOf(deviceCode))
      if (request === undefined || request.state === 'redeemed') return undefined
      return { requestId: request.id, deadlineAt: request.deadlineAt, news: newsOf(request, clock.now()) }
    },
  })

  app.get('/device_events', described(DEVICE_EVENTS), (request, reply) => {
    if (!webSockets.isWanted(request)) {
      const headers = { Upgrade: 'websocket', Connection: 'Upgrade' }
      throw new OAuthError('invalid_request', 'a WebSocket is needed', { status: 426, headers })
    }
    if (!webSockets.isOffered(request, DEVICE_EVENTS_PROTOCOL)) {
      throw new OAuthError('invalid_request', `the subprotocol must be ${DEVICE_EVENTS_PROTOCOL}`)
    }
    const network = networkOf(request.ip)
    if (!sockets.hasRoomFor(network) || unknown.secondsToWait(network) > 0) {
      throw new OAuthError('temporarily_unavailable', 'too many devices wait: poll', {
        headers: { 'Retry-After': '60' },
      })
    }
    webSockets.open(request, reply, DEVICE_EVENTS_PROTOCOL, (socket) => {
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

function newsOf({ deadlineAt, state, openedBy, number }: DeviceRequest, now: number): DeviceNews | undefined {
  if (now >= deadlineAt) return { event: 'expired' }
  if (state === 'approved' || state === 'denied') return { event: state }
  if (openedBy === undefined) return undefined
  return number === undefined ? { event: 'opened' } : { event: 'opened', number: number.shown }
}

const DEVICE_EVENTS = {
  tags: ['devices'],
  summary: 'Hear what happens to a code',
  description:
    'A WebSocket of the subprotocol latchkey.device.v1. The device says {"device_code": "…"} and hears {"event": "opened" | "approved" | "denied" | "expired"}; after approved it asks the token endpoint. opened may come again, with the "number" that its screen is to show.',
  headers: fields({ 'Sec-WebSocket-Protocol': text('latchkey.device.v1') }, 'Sec-WebSocket-Protocol'),
  response: {
    101: bare('The WebSocket is open.'),
    ...errors(['invalid_request']),
    426: answer('This is no WebSocket.', errorBody(['invalid_request'])),
  },
} as const

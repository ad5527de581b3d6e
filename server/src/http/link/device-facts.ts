// What the page tells of a device: what the server itself saw, what the device says of itself, what a yes would give.
import { displayUserCode, veilUserCode } from '@latchkey/shared'
import type { DeviceModel } from '@latchkey/verifier-web'
import type { FastifyRequest } from 'fastify'
import { answerableUntil } from '../../oauth/device/device-request.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { Client, DeviceRequest } from '../../oauth/records.ts'
import { identityIn, sentencesFor } from '../permission-words.ts'
import { errandFor, isNear } from './device-standing.ts'

/** The whole page, in the language `lang`; `proof` is what it asks for beside a yes. */
export function deviceModel(
  provider: Provider,
  request: FastifyRequest,
  device: DeviceRequest,
  client: Client | undefined,
  proof: DeviceModel['proof'],
  lang: string,
): DeviceModel {
  const now = provider.host.clock.now()
  const { userCode = '', suggested, typed } = errandFor(provider, request, device)
  return {
    client: client?.name ?? device.clientId,
    ...device.device,
    // Letters that are asked for are nowhere on the page.
    userCode: proof?.kind === 'letters' ? veilUserCode(userCode) : displayUserCode(userCode),
    arrived: typed ? 'typed' : suggested === userCode ? 'website' : 'address',
    startedSecondsAgo: Math.max(0, Math.round((now - device.createdAt) / 1000)),
    expiresInSeconds: secondsToAnswer(provider, device),
    address: device.address,
    ...distance(provider, request, device, client),
    proven: client !== undefined && provesItself(client),
    identity: identityIn(device.scope),
    permissions: sentencesFor(provider.apis, device.scope, lang),
    staysSignedIn: client?.grantTypes.includes('refresh_token') ?? false,
    ...(proof && { proof }),
  }
}

/** How long an answer is taken: a little less than the code lives, so that the device still finds it. */
export function secondsToAnswer({ host, pacing }: Provider, device: DeviceRequest): number {
  const until = answerableUntil(device, pacing.intervalSeconds(device.id))
  return Math.max(0, Math.floor((until - host.clock.now()) / 1000))
}

function distance(
  { places }: Provider,
  request: FastifyRequest,
  device: DeviceRequest,
  client: Client | undefined,
): Pick<DeviceModel, 'network' | 'countries'> {
  if (isNear(request, device)) return { network: 'same' }
  const network = client?.elsewhere === 'allow' ? 'other' : 'suspicious'
  const [here, there] = [places.of(request.ip), places.of(device.address)]
  if (here === undefined || there === undefined) return { network }
  return { network, countries: { phone: here.country, device: there.country } }
}

/**
 * Whether the name on the page is that of who asks. A secret that is built into an app or a device is everybody's who
 * takes it apart, so only a key of its own proves anything (RFC 8628 §5.6, RFC 8252 §8.5).
 */
function provesItself({ authMethod }: Client): boolean {
  return authMethod === 'private_key_jwt'
}

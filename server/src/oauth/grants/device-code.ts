// A waiting device asks: not yet, too often, refused, run out, or here are your tokens, once (RFC 8628 §3.4, §3.5).
import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import { checkCodeVerifier } from '../code-verifier.ts'
import { type PollOutcome, poll, redeem } from '../device/device-request.ts'
import { OAuthError } from '../errors.ts'
import { digestOf } from '../keys/vault.ts'
import { unlink } from '../links.ts'
import { awaitNews } from '../news.ts'
import type { Provider } from '../provider.ts'
import type { DeviceRequest } from '../records.ts'
import { narrow } from '../scopes.ts'
import { update } from '../store.ts'
import { handleFor } from '../tokens/token-family.ts'
import type { Exchange, Grant } from './grant.ts'
import { beginLink, refuseOtherKey } from './link.ts'

// Thrown by the thousand: made once, so that no stack is drawn up for what is expected.
const PENDING = new OAuthError('authorization_pending', 'nobody has decided yet')
const DENIED = new OAuthError('access_denied', 'the person refused')
const EXPIRED = new OAuthError('expired_token', 'device_code has run out')
const INVALID = new OAuthError('invalid_grant', 'device_code is unknown or was used')

export const deviceCode: Grant = {
  type: DEVICE_CODE_GRANT,
  requiredParameters: ['device_code'],

  // The order is that of DEV-16: owner, consumed, expired, key, interval, state.
  async find(provider, exchange) {
    const { client, parameters } = exchange
    const code = parameters.required('device_code')
    const { clock } = provider.host
    const look = async (): Promise<Look> => {
      const request = await provider.store.deviceRequests.get(digestOf(code))
      // Another client's code is as good as none, and its poll touches no counter of the rightful one.
      if (request === undefined || request.clientId !== client.id) throw INVALID
      return { request, found: poll(request, clock.now()) }
    }
    const first = await look()
    if (first.found.kind === 'expired') throw EXPIRED
    refuseOtherKey(first.request.jkt, exchange)
    const { request, found } = first.found.kind === 'pending' ? await waited(provider, exchange, first, look) : first
    if (found.kind === 'expired') throw EXPIRED
    if (found.kind === 'pending') throw pendingFor(request)
    if (found.kind === 'denied') throw DENIED
    checkCodeVerifier(request.codeChallenge, parameters.get('code_verifier'))
    const { decision } = found
    const reach = narrow(provider.apis, request, { scope: parameters.get('scope'), resources: parameters.resources })
    const { handle, familyId } = handleFor(code)
    // Used is used, whatever became of the account since.
    if (found.kind === 'redeemed' && (await provider.store.families.get(familyId)) !== undefined) throw INVALID
    return {
      userId: decision.userId,
      async redeem() {
        if (found.kind === 'approved') await consume(provider, request.id, familyId)
        if (clock.now() >= request.deadlineAt) throw INVALID
        const { scope, resources, device } = request
        const { userId, authenticatedAt, amr } = decision
        const entitlement = await beginLink(provider, client, {
          terms: {
            ...{ scope, resources, device, userId, authenticatedAt, amr },
            ...{ origin: 'device', startedFrom: request.address },
            ...(decision.fromAfar && { fromAfar: true }),
          },
          handle,
          jkt: request.jkt ?? exchange.jkt,
          address: exchange.address,
          reach,
          withRefreshToken: client.grantTypes.includes('refresh_token'),
        })
        if (entitlement === undefined) throw INVALID
        await refuseWithdrawn(provider, request.id, familyId)
        // The person's page may be waiting for it.
        provider.news.publish(request.id, 'linked')
        return entitlement
      },
    }
  },
}

/** Looked at, with what a poll finds. */
interface Look {
  readonly request: DeviceRequest
  readonly found: PollOutcome
}

/**
 * An approved pick-up is never delayed, so only a device that must go on waiting is paced. One that would rather wait
 * here for the answer is held, and looked at once more. A number that its screen does not show yet is an answer too: the
 * person is looking for it.
 */
async function waited(
  provider: Provider,
  { parameters, patience }: Exchange,
  { request }: Look,
  look: () => Promise<Look>,
): Promise<Look> {
  const { host, news, pacing } = provider
  const shown = parameters.get('shown_number')
  const showsNumber = shown !== undefined && shown === request.number?.shown
  const outcome = pacing.poll(request.id, host.clock.monotonic(), showsNumber)
  if (outcome.kind === 'slow_down') {
    const { intervalSeconds } = outcome
    throw new OAuthError('slow_down', 'wait for the interval between two polls', { intervalSeconds })
  }
  if (patience === undefined) throw pendingFor(request)
  await awaitNews(news, host.sleep, request.id, patience, async () => {
    const now = await look()
    return now.found.kind !== 'pending' || (now.request.number !== undefined && now.request.number.shown !== shown)
  })
  // Who has left must find its tokens when it comes back.
  if (patience.signal.aborted) throw PENDING
  return look()
}

/** Devices that do not listen learn here what their screen is to show. */
function pendingFor({ number }: DeviceRequest): OAuthError {
  if (number === undefined) return PENDING
  return new OAuthError('authorization_pending', 'nobody has decided yet', { number: number.shown })
}

/** Whoever ended the request while its link was being written looked for the link too early. So it ends here. */
async function refuseWithdrawn(provider: Provider, requestId: string, familyId: string): Promise<void> {
  const request = await provider.store.deviceRequests.get(requestId)
  if (request?.state === 'redeemed') return
  await unlink(provider, familyId, request?.withdrawnBy ?? 'operator')
  throw DENIED
}

async function consume(provider: Provider, requestId: string, familyId: string): Promise<void> {
  const outcome = await update(provider.store.deviceRequests, requestId, (request) => {
    if (request === undefined) throw INVALID
    return redeem(request, familyId, provider.host.clock.now())
  })
  provider.pacing.forget(requestId)
  // Approved on another node, perhaps.
  provider.deviceStarts.ended(requestId)
  if (outcome.kind === 'expired') throw EXPIRED
  if (outcome.kind !== 'redeemed') throw INVALID
}

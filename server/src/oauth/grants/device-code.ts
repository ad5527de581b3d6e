// A waiting device asks: not yet, too often, refused, run out, or here are your tokens, once (RFC 8628 §3.4, §3.5).
import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import { checkCodeVerifier } from '../code-verifier.ts'
import { type PollOutcome, poll, redeem } from '../device-request.ts'
import { OAuthError } from '../errors.ts'
import { awaitDecision } from '../news.ts'
import type { Provider } from '../provider.ts'
import { narrow } from '../scopes.ts'
import { update } from '../store.ts'
import { handleFor } from '../token-family.ts'
import { digestOf } from '../vault.ts'
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
    const look = async () => {
      const request = await provider.store.deviceRequests.get(digestOf(code))
      // Another client's code is as good as none, and its poll touches no counter of the rightful one.
      if (request === undefined || request.clientId !== client.id) throw INVALID
      return { request, found: poll(request, clock.now()) }
    }
    const first = await look()
    if (first.found.kind === 'expired') throw EXPIRED
    refuseOtherKey(first.request.jkt, exchange)
    const { request, found } =
      first.found.kind === 'pending' ? await waited(provider, exchange, first.request.id, look) : first
    if (found.kind === 'expired') throw EXPIRED
    if (found.kind === 'pending') throw PENDING
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
          terms: { scope, resources, device, userId, authenticatedAt, amr, origin: 'device' },
          handle,
          jkt: request.jkt ?? exchange.jkt,
          reach,
          withRefreshToken: client.grantTypes.includes('refresh_token'),
        })
        if (entitlement === undefined) throw INVALID
        return entitlement
      },
    }
  },
}

/**
 * An approved pick-up is never delayed, so only a device that must go on waiting is paced. One that would rather wait
 * here for the answer is held, and looked at once more.
 */
async function waited<T extends { readonly found: PollOutcome }>(
  provider: Provider,
  { patience }: Exchange,
  requestId: string,
  look: () => Promise<T>,
): Promise<T> {
  const { host, news, pacing } = provider
  const outcome = pacing.poll(requestId, host.clock.monotonic())
  if (outcome.kind === 'slow_down') {
    const { intervalSeconds } = outcome
    throw new OAuthError('slow_down', 'wait for the interval between two polls', { intervalSeconds })
  }
  if (patience === undefined) throw PENDING
  await awaitDecision(news, host.sleep, requestId, patience, async () => (await look()).found.kind !== 'pending')
  // Who has left must find its tokens when it comes back.
  if (patience.signal.aborted) throw PENDING
  return look()
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

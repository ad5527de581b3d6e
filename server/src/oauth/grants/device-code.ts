// A waiting device asks: not yet, too often, refused, run out, or here are your tokens, once (RFC 8628 §3.4, §3.5).
import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import { checkCodeVerifier } from '../code-verifier.ts'
import { poll, redeem } from '../device-request.ts'
import { OAuthError } from '../errors.ts'
import type { Provider } from '../provider.ts'
import { narrow } from '../scopes.ts'
import { update } from '../store.ts'
import { handleFor } from '../token-family.ts'
import { digestOf } from '../vault.ts'
import type { Grant } from './grant.ts'
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
    const request = await provider.store.deviceRequests.get(digestOf(code))
    // Another client's code is as good as none, and its poll touches no counter of the rightful one.
    if (request === undefined || request.clientId !== client.id) throw INVALID
    const { clock } = provider.host
    const found = poll(request, clock.now())
    if (found.kind === 'expired') throw EXPIRED
    refuseOtherKey(request.jkt, exchange)
    if (found.kind === 'pending') throw paced(provider, request.id)
    if (found.kind === 'denied') throw DENIED
    checkCodeVerifier(request.codeChallenge, parameters.get('code_verifier'))
    const { decision } = found
    const reach = narrow(provider.apis, request, { scope: parameters.get('scope'), resources: parameters.resources })
    const { handle, familyId } = handleFor(code)
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

/** An approved pick-up is never delayed, so only a device that must go on waiting is paced. */
function paced(provider: Provider, requestId: string): OAuthError {
  const outcome = provider.pacing.poll(requestId, provider.host.clock.monotonic())
  if (outcome.kind === 'allowed') return PENDING
  const { intervalSeconds } = outcome
  return new OAuthError('slow_down', 'wait for the interval between two polls', { intervalSeconds })
}

async function consume(provider: Provider, requestId: string, familyId: string): Promise<void> {
  const outcome = await update(provider.store.deviceRequests, requestId, (request) => {
    if (request === undefined) throw INVALID
    return redeem(request, familyId, provider.host.clock.now())
  })
  provider.pacing.forget(requestId)
  if (outcome.kind === 'expired') throw EXPIRED
  if (outcome.kind !== 'redeemed') throw INVALID
}

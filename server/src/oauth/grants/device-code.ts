// A waiting device asks: not yet, too often, refused, run out, or here are your tokens, once (RFC 8628 §3.4, §3.5).
import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import { poll, redeem } from '../device-request.ts'
import { OAuthError } from '../errors.ts'
import type { Entitlement } from '../issuer.ts'
import type { Provider } from '../provider.ts'
import type { Client, Decision, DeviceRequest, TokenFamily } from '../records.ts'
import { narrow, type Reach } from '../scopes.ts'
import { update } from '../store.ts'
import { familyEnd, handleFor, newRefreshToken } from '../token-family.ts'
import { digestOf } from '../vault.ts'
import type { Grant } from './grant.ts'

// Thrown by the thousand: made once, so that no stack is drawn up for what is expected.
const PENDING = new OAuthError('authorization_pending', 'nobody has decided yet')
const DENIED = new OAuthError('access_denied', 'the person refused')
const EXPIRED = new OAuthError('expired_token', 'device_code has run out')
const INVALID = new OAuthError('invalid_grant', 'device_code is unknown or was used')

export const deviceCode: Grant = {
  type: DEVICE_CODE_GRANT,
  requiredParameters: ['device_code'],

  async find(provider, { client, parameters }) {
    const request = await provider.store.deviceRequests.get(digestOf(parameters.required('device_code')))
    // Another client's code is as good as none, and its poll touches no counter of the rightful one.
    if (request === undefined || request.clientId !== client.id) throw INVALID
    const asked = { scope: parameters.get('scope'), resources: parameters.resources }
    const found = poll(request, provider.host.clock.now())
    switch (found.kind) {
      case 'pending':
        throw paced(provider, request.id)
      case 'denied':
        throw DENIED
      case 'expired':
        throw EXPIRED
      case 'approved':
      case 'redeemed': {
        const { decision } = found
        const reach = narrow(provider.apis, request, asked)
        const { handle, familyId } = handleFor(parameters.required('device_code'))
        return {
          userId: decision.userId,
          async redeem() {
            if (found.kind === 'approved') await consume(provider, request.id, familyId)
            return beginFamily(provider, client, request, decision, reach, handle)
          },
        }
      }
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

/**
 * The family's handle follows from the device_code, so redemption and issuing need no shared transaction: of all who
 * come with this code, at once or after a crash, exactly one inserts the family and answers with tokens.
 */
async function beginFamily(
  provider: Provider,
  client: Client,
  request: DeviceRequest,
  decision: Decision,
  reach: Reach,
  handle: string,
): Promise<Entitlement> {
  const { clock, entropy } = provider.host
  const now = clock.now()
  if (now >= request.deadlineAt) throw INVALID
  const refreshToken = client.grantTypes.includes('refresh_token') ? newRefreshToken(handle, entropy) : undefined
  const { authenticatedAt, amr, userId } = decision
  const family: TokenFamily = {
    id: digestOf(handle),
    version: 0,
    expiresAt: familyEnd(now, now, provider.limits.refresh),
    scope: request.scope,
    resources: request.resources,
    authenticatedAt,
    amr,
    clientId: client.id,
    userId,
    device: request.device,
    createdAt: now,
    usedAt: now,
    ...(refreshToken === undefined ? {} : { current: digestOf(refreshToken) }),
  }
  if (!(await provider.store.families.insert(family))) throw INVALID
  provider.note({ event: 'linked', familyId: family.id, clientId: client.id, userId })
  return {
    clientId: client.id,
    reach,
    user: { id: userId, authentication: { authenticatedAt, amr } },
    ...(refreshToken === undefined ? {} : { refreshToken }),
  }
}

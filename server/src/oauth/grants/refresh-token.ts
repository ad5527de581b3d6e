// The live token rotates; a client that lost the answer gets the same successor again (RFC 6749 §6, RFC 9700 §4.14.2).
import { OAuthError } from '../errors.ts'
import { narrow } from '../scopes.ts'
import { update } from '../store.ts'
import { familyOf, graceMs, rotate } from '../tokens/token-family.ts'
import type { Grant } from './grant.ts'
import { entitlementOf, refuseOtherKey } from './link.ts'

const invalid = () => new OAuthError('invalid_grant', 'refresh_token is not valid any more')

export const refreshToken: Grant = {
  type: 'refresh_token',
  requiredParameters: ['refresh_token'],

  async find(provider, exchange) {
    const { client, parameters, jkt, address } = exchange
    const presented = parameters.required('refresh_token')
    const familyId = familyOf(presented)
    const family = familyId === undefined ? undefined : await provider.store.families.get(familyId)
    if (family === undefined) throw invalid()
    if (family.clientId !== client.id) {
      provider.note({ event: 'foreign_refresh_token', familyId: family.id, clientId: client.id })
      throw invalid()
    }
    // A client that proves who it is may change its key; a public one is its key (RFC 9449 §5).
    if (client.authMethod === 'none') refuseOtherKey(family.jkt, exchange)
    return {
      userId: family.userId,
      async redeem() {
        const { clock, entropy } = provider.host
        const bound = family.jkt !== undefined || client.authMethod === 'private_key_jwt'
        const { refresh: limits } = provider.limits
        const { outcome, reach } = await update(provider.store.families, family.id, (current) => {
          const grace = graceMs(bound, limits)
          const input = { presented, now: clock.now(), address, limits, graceMs: grace, entropy }
          const step = rotate(current, input)
          // A refused scope consumes nothing: it is looked at before the rotation is written.
          const refused = step.outcome.kind === 'gone' || step.outcome.kind === 'reuse'
          const asked = { scope: parameters.get('scope'), resources: parameters.resources }
          const reach = refused ? undefined : narrow(provider.apis, family, asked)
          return { ...step, outcome: { outcome: step.outcome, reach } }
        })
        if (outcome.kind === 'reuse') {
          const { id: familyId, userId } = family
          provider.note({ event: 'refresh_reuse', familyId, clientId: client.id, userId })
        }
        if (outcome.kind === 'gone' || outcome.kind === 'reuse' || reach === undefined) throw invalid()
        return entitlementOf(family, client, { reach, jkt, refreshToken: outcome.refreshToken })
      },
    }
  },
}

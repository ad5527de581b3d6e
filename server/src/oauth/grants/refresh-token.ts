// The live token rotates; a client that lost the answer gets the same successor again (RFC 6749 §6, RFC 9700 §4.14.2).
import { OAuthError } from '../errors.ts'
import { narrow } from '../scopes.ts'
import { update } from '../store.ts'
import { familyOf, rotate } from '../token-family.ts'
import type { Grant } from './grant.ts'

const invalid = () => new OAuthError('invalid_grant', 'refresh_token is not valid any more')

export const refreshToken: Grant = {
  type: 'refresh_token',
  requiredParameters: ['refresh_token'],

  async find(provider, { client, parameters }) {
    const presented = parameters.required('refresh_token')
    const familyId = familyOf(presented)
    const family = familyId === undefined ? undefined : await provider.store.families.get(familyId)
    if (family === undefined) throw invalid()
    if (family.clientId !== client.id) {
      provider.note({ event: 'foreign_refresh_token', familyId: family.id, clientId: client.id })
      throw invalid()
    }
    return {
      userId: family.userId,
      async redeem() {
        const { clock, entropy } = provider.host
        const { outcome, reach } = await update(provider.store.families, family.id, (current) => {
          const step = rotate(current, { presented, now: clock.now(), limits: provider.limits.refresh, entropy })
          // A refused scope consumes nothing: it is looked at before the rotation is written.
          const refused = step.outcome.kind === 'gone' || step.outcome.kind === 'reuse'
          const asked = { scope: parameters.get('scope'), resources: parameters.resources }
          const reach = refused ? undefined : narrow(provider.apis, family, asked)
          return { ...step, outcome: { outcome: step.outcome, reach } }
        })
        if (outcome.kind === 'reuse') {
          provider.note({ event: 'refresh_reuse', familyId: family.id, clientId: client.id })
        }
        if (outcome.kind === 'gone' || outcome.kind === 'reuse' || reach === undefined) throw invalid()
        return {
          clientId: client.id,
          reach,
          user: { id: family.userId, authentication: family },
          refreshToken: outcome.refreshToken,
        }
      },
    }
  },
}

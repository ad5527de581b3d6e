// A device that lost its refresh token, or whose pick-up was lost, signs itself back in with the very key that its link
// is bound to (RFC 7523 §2.1), as long as the link lives. Nobody else has that key, and the key opens nothing else.
//
// The assertion: header `jwk` (the public key), typ JWT; `iss` the client_id; `sub` the key's thumbprint URI (RFC 9278);
// `aud` the issuer; `exp` at most five minutes ahead; `jti` good once. A DPoP proof by the same key comes with it.
import { JWK_THUMBPRINT_URI, JWT_BEARER_GRANT, readJwsHeader, readPublicJwk, thumbprint } from '@latchkey/shared'
import { spendAssertion, verifiedClaims } from '../clients/client-assertion.ts'
import { OAuthError } from '../errors.ts'
import type { PublicJwk, TokenFamily } from '../records.ts'
import { narrow } from '../scopes.ts'
import { update } from '../store.ts'
import { isLive, rescue } from '../tokens/token-family.ts'
import type { Exchange, Grant } from './grant.ts'
import { entitlementOf } from './link.ts'

// Another key, an old or replayed assertion, no link or a dead one: one answer, which tells nothing about links.
const INVALID = new OAuthError('invalid_grant', 'the assertion opens no link')
const ASSERTION_TYPES = [undefined, 'JWT']

export const jwtBearer: Grant = {
  type: JWT_BEARER_GRANT,
  requiredParameters: ['assertion'],

  async find(provider, exchange) {
    const { client, parameters, address } = exchange
    const assertion = parameters.required('assertion')
    const key = keyIn(assertion)
    const jkt = await thumbprint(key)
    const claims = await verifiedClaims(provider, [key], assertion, ASSERTION_TYPES)
    if (claims?.['iss'] !== client.id || claims['sub'] !== JWK_THUMBPRINT_URI + jkt) throw INVALID
    refuseWithoutProofOf(jkt, exchange)
    // The latest link alone: when that was ended, no older one, perhaps of who owned the device before, opens instead.
    const families = await provider.store.families.byKey(jkt)
    const family = newest(families.filter(({ clientId }) => clientId === client.id))
    if (family === undefined || !isLive(family, provider.host.clock.now(), provider.limits.refresh)) throw INVALID
    const reach = narrow(provider.apis, family, { scope: parameters.get('scope'), resources: parameters.resources })
    return {
      userId: family.userId,
      async redeem() {
        if (!(await spendAssertion(provider, `link ${jkt}`, claims))) throw INVALID
        const handle = provider.vault.unseal('family-handle', family.sealedHandle ?? '')
        if (handle === undefined) throw INVALID
        const { clock, entropy } = provider.host
        const refreshToken = await update(provider.store.families, family.id, (current) =>
          rescue(current, { handle, now: clock.now(), address, limits: provider.limits.refresh, entropy }),
        )
        if (refreshToken === undefined) throw INVALID
        provider.note({ event: 'rescued', familyId: family.id, clientId: client.id, userId: family.userId })
        return entitlementOf(family, client, {
          reach,
          jkt,
          refreshToken: client.grantTypes.includes('refresh_token') ? refreshToken : undefined,
        })
      },
    }
  },
}

function keyIn(assertion: string): PublicJwk {
  try {
    const { alg, jwk } = readJwsHeader(assertion)
    return { ...readPublicJwk(jwk, alg), alg }
  } catch {
    // Told below, like everything else that is wrong with it.
  }
  throw INVALID
}

function refuseWithoutProofOf(jkt: string, exchange: Exchange): void {
  if (exchange.jkt === undefined) throw new OAuthError('invalid_dpop_proof', 'a proof by the same key is needed')
  if (exchange.jkt !== jkt) throw INVALID
}

function newest(families: readonly TokenFamily[]): TokenFamily | undefined {
  const isNewer = (one: TokenFamily, other: TokenFamily) =>
    one.createdAt > other.createdAt || (one.createdAt === other.createdAt && other.revokedAt !== undefined)
  return families.reduce<TokenFamily | undefined>(
    (best, family) => (best === undefined || isNewer(family, best) ? family : best),
    undefined,
  )
}

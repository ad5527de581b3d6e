// How a link begins, whichever code it was earned with; and how a caller's key is held against it.
import { OAuthError } from '../errors.ts'
import type { Entitlement } from '../keys/issuer.ts'
import { digestOf } from '../keys/vault.ts'
import type { Provider } from '../provider.ts'
import type { Client, TokenFamily } from '../records.ts'
import type { Reach } from '../scopes.ts'
import { familyEnd, newRefreshToken } from '../tokens/token-family.ts'
import type { Exchange } from './grant.ts'

export interface Beginning {
  readonly terms: Pick<
    TokenFamily,
    'scope' | 'resources' | 'userId' | 'authenticatedAt' | 'amr' | 'device' | 'origin' | 'startedFrom' | 'fromAfar'
  >
  /** Follows from the code, see `handleFor`. */
  readonly handle: string
  readonly jkt: string | undefined
  /** The network address that the code was exchanged from. */
  readonly address: string
  readonly reach: Reach
  readonly withRefreshToken: boolean
  readonly nonce?: string | undefined
}

/**
 * Inserts the family and says what to issue; undefined when it exists already. Of all who come with one code, at once
 * or after a crash, exactly one inserts the family and answers with tokens.
 */
export async function beginLink(
  provider: Provider,
  client: Client,
  beginning: Beginning,
): Promise<Entitlement | undefined> {
  const { terms, handle, jkt, address, reach, withRefreshToken, nonce } = beginning
  const { clock, entropy } = provider.host
  const now = clock.now()
  const refreshToken = withRefreshToken ? newRefreshToken(handle, 0, entropy) : undefined
  const family: TokenFamily = {
    id: digestOf(handle),
    version: 0,
    expiresAt: familyEnd(now, now, provider.limits.refresh),
    ...terms,
    clientId: client.id,
    // Kept for a device that lost its token and signs itself back in; worth nothing without the master secret.
    ...(jkt === undefined ? {} : { jkt, sealedHandle: provider.vault.seal('family-handle', handle) }),
    createdAt: now,
    usedAt: now,
    usedFrom: address,
    generation: 0,
    ...(refreshToken === undefined ? {} : { current: digestOf(refreshToken) }),
  }
  if (!(await provider.store.families.insert(family))) return undefined
  const { userId, origin } = terms
  provider.note({ event: 'linked', familyId: family.id, clientId: client.id, userId, origin })
  return entitlementOf(family, client, { reach, jkt, refreshToken, nonce })
}

export function entitlementOf(
  family: TokenFamily,
  client: Client,
  more: Pick<Entitlement, 'reach' | 'jkt' | 'nonce'> & { readonly refreshToken: string | undefined },
): Entitlement {
  const { refreshToken, ...rest } = more
  return {
    ...rest,
    client,
    user: { id: family.userId, authentication: family },
    familyId: family.id,
    ...(refreshToken === undefined ? {} : { refreshToken }),
  }
}

/**
 * What was promised to one key is given to no other. Throws `invalid_dpop_proof` without a proof, `invalid_grant` with
 * another key; nothing is consumed by either (RFC 9449 §5, §10).
 */
export function refuseOtherKey(bound: string | undefined, { jkt }: Exchange): void {
  if (bound === undefined || bound === jkt) return
  if (jkt === undefined) throw new OAuthError('invalid_dpop_proof', 'this grant is bound to a key: a proof is needed')
  throw new OAuthError('invalid_grant', 'this grant is bound to another key')
}

// What a token means, for those it concerns (RFC 7662): an access token for the API it is for and the client it was
// given to, a refresh token for its client alone. Everybody else hears that there is no such token.

import { authenticateClient } from '../clients/client-auth.ts'
import { OAuthError } from '../errors.ts'
import { digestOf, sameDigest } from '../keys/vault.ts'
import { type Form, readParameters } from '../parameters.ts'
import type { Provider } from '../provider.ts'
import type { Client } from '../records.ts'
import { type AccessTokenClaims, userOfLink } from './access-tokens.ts'
import { subjectFor } from './subjects.ts'
import { familyEnd, familyOf } from './token-family.ts'

/** A question about a token, or the wish to end it (revocation.ts). */
export interface TokenMessage {
  readonly form: Form
  /** The Authorization header. */
  readonly authorization: string | undefined
  readonly address: string
}

/** RFC 7662 §2.2; times in seconds. */
export type Introspection =
  | { readonly active: false }
  | (Partial<Omit<AccessTokenClaims, 'link'>> & { readonly active: true; readonly token_type?: 'Bearer' | 'DPoP' })

const INACTIVE: Introspection = { active: false }

/** Throws `invalid_client` for who cannot prove to be anybody, public clients included (RFC 7662 §2.1, §4). */
export async function introspect(provider: Provider, message: TokenMessage): Promise<Introspection> {
  const parameters = readParameters(message.form)
  const token = parameters.required('token')
  const caller = await authenticateClient(provider, { ...message, parameters })
  if (caller.authMethod === 'none') {
    throw new OAuthError('invalid_client', 'only clients that can prove who they are may introspect', {
      headers: { 'WWW-Authenticate': 'Basic realm="latchkey"' },
    })
  }
  // A token shows by its form of which kind it is, so a wrong token_type_hint leads nowhere wrong.
  return (await aboutAccessToken(provider, caller, token)) ?? (await aboutRefreshToken(provider, caller, token))
}

async function aboutAccessToken(provider: Provider, caller: Client, token: string): Promise<Introspection | undefined> {
  const active = await provider.accessTokens.read(token)
  if (active === undefined) return undefined
  // How the server finds the link again is its own affair.
  const { link: _link, ...claims } = active.claims
  const api = provider.apis.find(({ resource }) => resource === claims.aud)
  const concerned = claims.client_id === caller.id || api?.introspection_clients?.includes(caller.id) === true
  if (!concerned) return INACTIVE
  return { active: true, token_type: claims.cnf === undefined ? 'Bearer' : 'DPoP', ...claims }
}

/** Only the live token of a family: its parent may be repeated after a lost answer, but was used. */
async function aboutRefreshToken(provider: Provider, caller: Client, token: string): Promise<Introspection> {
  const { store, vault, limits, issuer } = provider
  const familyId = familyOf(token)
  const family = familyId === undefined ? undefined : await store.families.get(familyId)
  if (family?.clientId !== caller.id || !sameDigest(digestOf(token), family.current ?? '')) return INACTIVE
  if ((await userOfLink(provider, family)) === undefined) return INACTIVE
  const { createdAt, usedAt, rotatedAt, scope, authenticatedAt } = family
  // Without token_type and aud, so that no API takes it for an access token.
  return {
    active: true,
    scope: scope.join(' '),
    client_id: caller.id,
    sub: subjectFor(vault, caller, family.userId),
    iss: issuer,
    iat: Math.floor((rotatedAt ?? usedAt) / 1000),
    exp: Math.floor(familyEnd(createdAt, usedAt, limits.refresh) / 1000),
    auth_time: Math.floor(authenticatedAt / 1000),
  }
}

// What an access token with `openid` tells of the person behind it (OpenID Connect Core §5.3).

import type { Provider } from '../provider.ts'
import { type PresentedToken, type ProtectedRequest, readPresented, refusal, SENT_AMISS } from './presented-token.ts'
import { claimsAbout, type PersonClaims } from './subjects.ts'

export interface UserinfoRequest extends Omit<ProtectedRequest, 'path'> {
  /** Whether a token came in the query or in a form as well. */
  readonly tokenElsewhere: boolean
}

export interface Userinfo {
  readonly claims: PersonClaims & { readonly sub: string }
  /** The token is bound to a key: the next proof will want a nonce. */
  readonly bound: boolean
}

/** Throws OAuthError, with the challenge that goes with it. */
export async function userinfo(
  provider: Provider,
  presented: PresentedToken,
  request: UserinfoRequest,
): Promise<Userinfo> {
  const { scheme } = presented
  if (request.tokenElsewhere) throw refusal(scheme, 'invalid_request', SENT_AMISS)
  const { claims, user } = await readPresented(provider, presented, { ...request, path: '/userinfo' })
  const scope = claims.scope?.split(' ') ?? []
  if (user === undefined || !scope.includes('openid')) {
    throw refusal(scheme, 'insufficient_scope', 'the access token does not carry openid', { scope: 'openid' })
  }
  // The token's own subject: the one that the id_token beside it has, also if the client was changed since.
  return { claims: { sub: claims.sub, ...claimsAbout(user, scope) }, bound: claims.cnf !== undefined }
}

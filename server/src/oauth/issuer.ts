// Where tokens are made, and nowhere else: access tokens by RFC 9068, id_tokens by OpenID Connect Core §2.
import { createHash } from 'node:crypto'
import type { TokenResponse } from '@latchkey/shared'
import { SignJWT } from 'jose'
import type { Provider } from './provider.ts'
import type { Authentication } from './records.ts'
import type { Reach } from './scopes.ts'
import { randomToken } from './vault.ts'

/** A redeemed grant: whom the tokens speak for and how far they reach. */
export interface Entitlement {
  readonly clientId: string
  readonly reach: Reach
  /** Absent when the client acts as itself. */
  readonly user?: EntitledUser
  readonly refreshToken?: string
}

export interface EntitledUser {
  readonly id: string
  readonly authentication: Authentication
}

const JTI_BYTES = 16
const ID_TOKEN_SECONDS = 600

export async function issueTokens(provider: Provider, entitlement: Entitlement): Promise<TokenResponse> {
  const { reach, user, refreshToken } = entitlement
  const expiresInSeconds = user === undefined ? provider.limits.clientTokenSeconds : provider.limits.userTokenSeconds
  const accessToken = await signAccessToken(provider, entitlement, expiresInSeconds)
  const idToken =
    user !== undefined && reach.scope.includes('openid')
      ? await signIdToken(provider, entitlement, user, accessToken)
      : undefined
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: expiresInSeconds,
    scope: reach.scope.join(' '),
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    ...(idToken === undefined ? {} : { id_token: idToken }),
  }
}

function signAccessToken(provider: Provider, entitlement: Entitlement, expiresInSeconds: number): Promise<string> {
  const { clientId, reach, user } = entitlement
  const { kid, alg, privateKey } = provider.signingKeys.active('ES256')
  const issuedAt = Math.floor(provider.host.clock.now() / 1000)
  return new SignJWT({
    iss: provider.issuer,
    sub: user?.id ?? clientId,
    aud: reach.resource,
    client_id: clientId,
    iat: issuedAt,
    exp: issuedAt + expiresInSeconds,
    jti: randomToken(provider.host.entropy, JTI_BYTES),
    ...(reach.scope.length === 0 ? {} : { scope: reach.scope.join(' ') }),
    ...(user === undefined ? {} : authenticationClaims(user.authentication)),
  })
    .setProtectedHeader({ typ: 'at+jwt', alg, kid })
    .sign(privateKey)
}

async function signIdToken(
  provider: Provider,
  { clientId, reach }: Entitlement,
  user: EntitledUser,
  accessToken: string,
): Promise<string> {
  const { kid, alg, privateKey } = provider.signingKeys.active('RS256')
  const issuedAt = Math.floor(provider.host.clock.now() / 1000)
  const person = await provider.store.users.get(user.id)
  return new SignJWT({
    iss: provider.issuer,
    sub: user.id,
    aud: clientId,
    iat: issuedAt,
    exp: issuedAt + ID_TOKEN_SECONDS,
    at_hash: leftHalfHash(accessToken),
    ...authenticationClaims(user.authentication),
    // A device greets its person by name at once; it need not ask again for what was granted already.
    ...(person !== undefined && reach.scope.includes('profile') ? { name: person.name } : {}),
    ...(person !== undefined && reach.scope.includes('email') ? { email: person.email } : {}),
  })
    .setProtectedHeader({ typ: 'JWT', alg, kid })
    .sign(privateKey)
}

function authenticationClaims({ authenticatedAt, amr }: Authentication): { auth_time: number; amr: string[] } {
  return { auth_time: Math.floor(authenticatedAt / 1000), amr: [...amr] }
}

/** OpenID Connect Core §3.1.3.6, for algorithms with SHA-256. */
function leftHalfHash(accessToken: string): string {
  return createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url')
}

// Where tokens are made, and nowhere else: access tokens by RFC 9068 or opaque, id_tokens by OpenID Connect Core §2.
// How they are read again: ../tokens/access-tokens.ts.
import { createHash } from 'node:crypto'
import type { TokenResponse } from '@latchkey/shared'
import { SignJWT } from 'jose'
import { acrsOf } from '../acr.ts'
import type { Provider } from '../provider.ts'
import type { Authentication, Client, SigningAlgorithm } from '../records.ts'
import type { Reach } from '../scopes.ts'
import { ACCESS_TOKEN_TYPE, type AccessTokenClaims, OPAQUE_PREFIX } from '../tokens/access-tokens.ts'
import { claimsAbout, subjectFor } from '../tokens/subjects.ts'
import { digestOf, randomToken } from './vault.ts'

/** A redeemed grant: whom the tokens speak for and how far they reach. */
export interface Entitlement {
  readonly client: Client
  readonly reach: Reach
  /** Absent when the client acts as itself. */
  readonly user?: EntitledUser
  readonly refreshToken?: string
  /** The key that the access token is bound to (RFC 9449 §6). */
  readonly jkt?: string | undefined
  /** The link that the token comes from: when that ends, introspection says so. */
  readonly familyId?: string
  /** Echoed in the id_token of the code flow (OpenID Connect Core §2). */
  readonly nonce?: string | undefined
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
  const claims = accessTokenClaims(provider, entitlement, expiresInSeconds)
  const api = provider.apis.find((candidate) => candidate.resource === claims.aud)
  const accessToken =
    api?.access_token_format === 'opaque'
      ? await keepOpaqueToken(provider, claims)
      : await signAccessToken(provider, claims, api?.access_token_signing_alg ?? 'ES256')
  const idToken =
    user !== undefined && reach.scope.includes('openid')
      ? await signIdToken(provider, entitlement, user, accessToken)
      : undefined
  return {
    access_token: accessToken,
    token_type: entitlement.jkt === undefined ? 'Bearer' : 'DPoP',
    expires_in: expiresInSeconds,
    scope: reach.scope.join(' '),
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    ...(idToken === undefined ? {} : { id_token: idToken }),
  }
}

function accessTokenClaims(provider: Provider, entitlement: Entitlement, expiresInSeconds: number): AccessTokenClaims {
  const { client, reach, user, jkt, familyId } = entitlement
  const issuedAt = Math.floor(provider.host.clock.now() / 1000)
  return {
    iss: provider.issuer,
    sub: user === undefined ? client.id : subjectFor(provider.vault, client, user.id),
    aud: reach.resource,
    client_id: client.id,
    iat: issuedAt,
    exp: issuedAt + expiresInSeconds,
    jti: randomToken(provider.host.entropy, JTI_BYTES),
    ...(reach.scope.length === 0 ? {} : { scope: reach.scope.join(' ') }),
    ...(jkt === undefined ? {} : { cnf: { jkt } }),
    ...(familyId === undefined ? {} : { link: familyId }),
    ...(user === undefined ? {} : authenticationClaims(provider, user.authentication)),
  }
}

function signAccessToken(provider: Provider, claims: AccessTokenClaims, algorithm: SigningAlgorithm): Promise<string> {
  const { kid, alg, privateKey } = provider.signingKeys.active(algorithm)
  return new SignJWT({ ...claims }).setProtectedHeader({ typ: ACCESS_TOKEN_TYPE, alg, kid }).sign(privateKey)
}

/** Nothing but a name for what is kept here: its API asks what it means (../tokens/introspection.ts). */
async function keepOpaqueToken({ host, store }: Provider, claims: AccessTokenClaims): Promise<string> {
  const token = OPAQUE_PREFIX + randomToken(host.entropy)
  await store.opaqueTokens.insert({
    id: digestOf(token),
    version: 0,
    expiresAt: claims.exp * 1000,
    claims: { ...claims },
  })
  return token
}

async function signIdToken(
  provider: Provider,
  { client, reach, nonce }: Entitlement,
  user: EntitledUser,
  accessToken: string,
): Promise<string> {
  const { kid, alg, privateKey } = provider.signingKeys.active(client.idTokenAlg)
  const issuedAt = Math.floor(provider.host.clock.now() / 1000)
  const person = await provider.store.users.get(user.id)
  return new SignJWT({
    iss: provider.issuer,
    sub: subjectFor(provider.vault, client, user.id),
    aud: client.id,
    ...(nonce === undefined ? {} : { nonce }),
    iat: issuedAt,
    exp: issuedAt + ID_TOKEN_SECONDS,
    at_hash: leftHalfHash(accessToken, alg),
    ...authenticationClaims(provider, user.authentication),
    // A device greets its person by name at once; it need not ask again for what was granted already.
    ...(person === undefined ? {} : claimsAbout(person, reach.scope)),
  })
    .setProtectedHeader({ typ: 'JWT', alg, kid })
    .sign(privateKey)
}

function authenticationClaims({ acr }: Provider, { authenticatedAt, amr }: Authentication) {
  const strongest = acrsOf(acr, amr).at(-1)
  return {
    auth_time: Math.floor(authenticatedAt / 1000),
    amr: [...amr],
    ...(strongest === undefined ? {} : { acr: strongest }),
  }
}

/** OpenID Connect Core §3.1.3.6: by the hash of the signature's algorithm, which for Ed25519 is SHA-512. */
function leftHalfHash(accessToken: string, alg: SigningAlgorithm): string {
  const digest = createHash(alg === 'EdDSA' ? 'sha512' : 'sha256')
    .update(accessToken)
    .digest()
  return digest.subarray(0, digest.length / 2).toString('base64url')
}

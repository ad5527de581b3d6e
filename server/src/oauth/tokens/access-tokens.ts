// Reading access tokens of ours, JWT (RFC 9068) or opaque, for the endpoints that are handed one. How they are made:
// ../keys/issuer.ts. Who may ask about them: introspection.ts; who may end them: revocation.ts.
import { type Clock, JwsError, readJwsHeader } from '@latchkey/shared'
import { errors, jwtVerify } from 'jose'
import type { ClientDirectory } from '../clients/client-directory.ts'
import type { SigningKeys } from '../keys/signing-keys.ts'
import { digestOf } from '../keys/vault.ts'
import type { Client, TokenFamily, User } from '../records.ts'
import type { Store } from '../store.ts'
import { endedWithPassword, isLive, type RefreshLimits } from './token-family.ts'

export const ACCESS_TOKEN_TYPE = 'at+jwt'
/** What scanners for leaked secrets know an opaque token by; no JWT and no refresh token looks like it. */
export const OPAQUE_PREFIX = 'lk_at_'

/** RFC 9068 §2.2; times in seconds. Of an opaque token, the same. */
export interface AccessTokenClaims {
  readonly iss: string
  readonly sub: string
  /** The API's resource URI, one. */
  readonly aud: string
  readonly client_id: string
  readonly iat: number
  readonly exp: number
  readonly jti: string
  readonly scope?: string
  readonly cnf?: { readonly jkt: string }
  /** The family that it comes from; absent when a client got it for itself. */
  readonly link?: string
  readonly auth_time?: number
  readonly amr?: readonly string[]
  readonly acr?: string
}

/** Good now: whoever it speaks for and was given to is still there. */
export interface ActiveToken {
  readonly claims: AccessTokenClaims
  readonly client: Client
  /** Absent when a client got it for itself. */
  readonly user?: User
}

export interface AccessTokens {
  /** What it says, if it is ours and has not run out; also when it was revoked since. */
  claimsOf(token: string): Promise<AccessTokenClaims | undefined>
  /** The same, if nothing has ended it before its time: itself, its link, its account or its client. */
  read(token: string): Promise<ActiveToken | undefined>
  /** Durable when it returns, and for as long as the token would have lived. */
  revoke(token: string, claims: AccessTokenClaims): Promise<void>
}

// About 1.5 KiB each. Verifying a signature costs many times a look-up; the look-ups are made every time.
const MOST_REMEMBERED = 5_000

interface Surroundings {
  readonly issuer: string
  readonly signingKeys: SigningKeys
  readonly store: Store
  readonly clients: ClientDirectory
  readonly limits: { readonly refresh: RefreshLimits }
  readonly host: { readonly clock: Clock }
}

export function createAccessTokens(around: Surroundings): AccessTokens {
  const { store, signingKeys, host } = around
  // By digest, so that a dump of this memory holds no token.
  const verified = new Map<string, { readonly kid: string; readonly claims: AccessTokenClaims }>()

  const remember = (digest: string, kid: string, claims: AccessTokenClaims): void => {
    verified.set(digest, { kid, claims })
    const [oldest] = verified.keys()
    if (verified.size > MOST_REMEMBERED && oldest !== undefined) verified.delete(oldest)
  }

  async function claimsOfJwt(token: string): Promise<AccessTokenClaims | undefined> {
    const digest = digestOf(token)
    const known = verified.get(digest)
    // A key that was dropped takes all of its tokens with it, those seen before as well.
    if (known !== undefined && signingKeys.verificationKey(known.kid) !== undefined) return known.claims
    const checked = await checkJwt(around, token)
    if (checked !== undefined) remember(digest, checked.kid, checked.claims)
    return checked?.claims
  }

  async function claimsOf(token: string): Promise<AccessTokenClaims | undefined> {
    const claims = token.startsWith(OPAQUE_PREFIX)
      ? // Written by ../keys/issuer.ts alone, as these claims.
        ((await store.opaqueTokens.get(digestOf(token)))?.claims as AccessTokenClaims | undefined)
      : await claimsOfJwt(token)
    return claims !== undefined && host.clock.now() < claims.exp * 1000 ? claims : undefined
  }

  return {
    claimsOf,

    async read(token) {
      const claims = await claimsOf(token)
      if (claims === undefined) return undefined
      const [mark, client, user] = await Promise.all([
        store.spent.get(revocationMark(claims)),
        around.clients.find(claims.client_id),
        claims.link === undefined ? undefined : userBehind(around, claims.link),
      ])
      if (mark !== undefined || client === undefined || client.disabledAt !== undefined) return undefined
      if (claims.link === undefined) return { claims, client }
      return user === undefined ? undefined : { claims, client, user }
    },

    async revoke(token, claims) {
      if (token.startsWith(OPAQUE_PREFIX)) await store.opaqueTokens.delete(digestOf(token))
      else await store.spent.insert({ id: revocationMark(claims), version: 0, expiresAt: claims.exp * 1000 })
    },
  }
}

/** The person of a link, if it goes on and their account is open. */
async function userBehind(around: Surroundings, familyId: string): Promise<User | undefined> {
  const family = await around.store.families.get(familyId)
  return family && userOfLink(around, family)
}

export async function userOfLink(
  { store, limits, host }: Pick<Surroundings, 'store' | 'limits' | 'host'>,
  family: TokenFamily,
): Promise<User | undefined> {
  if (!isLive(family, host.clock.now(), limits.refresh)) return undefined
  const user = await store.users.get(family.userId)
  return user === undefined || user.disabledAt !== undefined || endedWithPassword(user, family) ? undefined : user
}

const revocationMark = ({ jti }: AccessTokenClaims): string => digestOf(`access token ${jti}`)

async function checkJwt({ issuer, signingKeys, host }: Surroundings, token: string) {
  try {
    const { alg, kid, typ } = readJwsHeader(token)
    // An id_token may be signed by the same key; the type tells them apart (RFC 8725 §3.11).
    const key = typ === ACCESS_TOKEN_TYPE && typeof kid === 'string' ? signingKeys.verificationKey(kid) : undefined
    if (typeof kid !== 'string' || key === undefined || key.alg !== alg) return undefined
    const { payload } = await jwtVerify<AccessTokenClaims>(token, key.publicKey, {
      algorithms: [key.alg],
      issuer,
      currentDate: new Date(host.clock.now()),
    })
    return { kid, claims: payload as AccessTokenClaims }
  } catch (error) {
    if (error instanceof JwsError || error instanceof errors.JOSEError) return undefined
    throw error
  }
}

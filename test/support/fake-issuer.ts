// An issuer without a server: it signs access tokens and answers metadata and JWKS through a fetch that a test can break.
// And what an API needs that trusts it.
import type { Host } from '@latchkey/shared'
import { ResourceError } from '@latchkey/shared/resource-server'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'

export const ISSUER = 'https://id.example.com'
export const AUDIENCE = 'https://api.example.com'

export interface SigningKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly publicJwk: JWK
}

export async function makeSigningKey(kid: string, alg = 'ES256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

/** Claims of RFC 9068 §2.2 for a user's token of ten minutes. */
export function userClaims(nowAt: number, changes: JWTPayload = {}): JWTPayload {
  const iat = Math.floor(nowAt / 1000)
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'user-1', client_id: 'tv', scope: 'library:read', jti: 'j1' }
  return { ...claims, iat, exp: iat + 600, ...changes }
}

export function signToken(key: SigningKey, claims: JWTPayload, header: Record<string, unknown> = {}): Promise<string> {
  const { alg, kid } = key
  return new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'at+jwt', ...header }).sign(key.privateKey)
}

/** A user's token of now. */
export function userToken(key: SigningKey, { clock }: Pick<Host, 'clock'>, changes: JWTPayload = {}): Promise<string> {
  return signToken(key, userClaims(clock.now(), changes))
}

/** Options of an API at AUDIENCE. */
export function trusting({ fetch }: Pick<FakeIssuer, 'fetch'>, { clock, entropy }: Pick<Host, 'clock' | 'entropy'>) {
  return { issuer: ISSUER, audience: AUDIENCE, clock, entropy, fetch }
}

/** What an API answers instead. @throws where it lets somebody in, or fails otherwise */
export async function refusalOf(check: Promise<unknown>): Promise<ResourceError> {
  const error: unknown = await check.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof ResourceError) return error
  throw new Error('was not refused with an answer', { cause: error })
}

/** 200, or the status of the answer instead. */
export async function statusOf(check: Promise<unknown>): Promise<number> {
  return check.then(
    () => 200,
    (error: unknown) => (error instanceof ResourceError ? error.status : Promise.reject(error)),
  )
}

export interface FakeIssuer {
  readonly fetch: typeof fetch
  /** Paths that were asked for, oldest first. */
  readonly asked: string[]
  /** What the JWKS holds from now on. */
  publish(...keys: readonly (SigningKey | JWK)[]): void
  /** Answers by this instead; undefined mends it. */
  breakWith(answer: ((url: string, init: RequestInit) => Response | Promise<Response>) | undefined): void
}

export function fakeIssuer(...keys: readonly (SigningKey | JWK)[]): FakeIssuer {
  const asked: string[] = []
  let jwks: readonly JWK[] = []
  let broken: ((url: string, init: RequestInit) => Response | Promise<Response>) | undefined
  const publish: FakeIssuer['publish'] = (...list) => {
    jwks = list.map((key) => ('publicJwk' in key ? (key as SigningKey).publicJwk : (key as JWK)))
  }
  publish(...keys)
  return {
    asked,
    publish,
    breakWith(answer) {
      broken = answer
    },
    fetch: async (input, init = {}) => {
      const url = String(input)
      asked.push(new URL(url).pathname)
      if (broken) return broken(url, init)
      if (url === `${ISSUER}/.well-known/oauth-authorization-server`) {
        return Response.json({ issuer: ISSUER, jwks_uri: `${ISSUER}/jwks`, token_endpoint: `${ISSUER}/token` })
      }
      if (url === `${ISSUER}/jwks`) return Response.json({ keys: jwks })
      return new Response('not found', { status: 404 })
    },
  }
}

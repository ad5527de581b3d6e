// Access tokens that are JWTs (RFC 9068), checked with the issuer's keys. Opaque ones: `resource-server-introspection.ts`.
import { errors, type JWTPayload, jwtVerify } from 'jose'
import { JwsError, readJwsHeader, SIGNATURE_ALGORITHMS } from './jws.ts'
import { Refused } from './resource-server-answer.ts'
import { IssuerKeys } from './resource-server-keys.ts'
import type { Settings } from './resource-server-options.ts'

/** @returns a check that gives the claims @throws (the check) Refused, IssuerUnavailable */
export function createJwtCheck(settings: Settings): (token: string) => Promise<JWTPayload> {
  const { issuer, audience, clock, clockToleranceSeconds } = settings
  const keys = new IssuerKeys(settings)

  async function verify(token: string): Promise<JWTPayload> {
    const { alg, kid } = readJwsHeader(token)
    // Keys come from the issuer by `kid` alone; `jwk`, `jku` and `x5u` of the header are never looked at.
    const key = typeof kid === 'string' ? await keys.find(kid, alg) : undefined
    if (!key) throw new JwsError('key', 'no such key')
    const { payload } = await jwtVerify(token, key, {
      algorithms: [...SIGNATURE_ALGORITHMS],
      typ: 'at+jwt',
      issuer,
      audience,
      requiredClaims: ['exp', 'iat', 'sub', 'client_id', 'jti'],
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(clock.now()),
    })
    return payload
  }

  return async (token) => {
    try {
      return await verify(token)
    } catch (cause) {
      if (cause instanceof errors.JWTExpired) {
        throw new Refused('invalid_token', 'The access token has expired', { cause })
      }
      if (cause instanceof errors.JOSEError || cause instanceof JwsError) {
        throw new Refused('invalid_token', 'The access token is not valid here', { cause })
      }
      throw cause
    }
  }
}

/** Three parts of base64url: never an opaque token of ours, so it stands or falls as a JWT and is shown to nobody. */
export const looksLikeJwt = (token: string): boolean => /^[\w-]*\.[\w-]*\.[\w-]*$/.test(token)

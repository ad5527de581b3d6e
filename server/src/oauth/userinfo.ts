// What an access token with `openid` tells of the person behind it (OpenID Connect Core §5.3). This server is an API
// here, so refusals are those of RFC 6750 §3 and RFC 9449 §7: challenges, and 401 rather than 400 for a bad proof.
import { LONGEST_JWS, type OAuthErrorCode, SIGNATURE_ALGORITHMS } from '@latchkey/shared'
import { OAuthError } from './errors.ts'
import type { Provider } from './provider.ts'
import { claimsAbout, type PersonClaims } from './subjects.ts'

export interface UserinfoRequest {
  readonly method: string
  /** The Authorization header. */
  readonly authorization: string
  /** The DPoP header. */
  readonly dpop: string | undefined
  /** Whether a token came in the query or in a form as well. */
  readonly tokenElsewhere: boolean
}

export interface Userinfo {
  readonly claims: PersonClaims & { readonly sub: string }
  /** The token is bound to a key: the next proof will want a nonce. */
  readonly bound: boolean
}

type Scheme = 'Bearer' | 'DPoP'

/** For who brought no credentials, or none of a kind that is known here: no error code (RFC 6750 §3.1). */
export const USERINFO_CHALLENGE = `${challenge('Bearer')}, ${challenge('DPoP')}`
const STATUS: Partial<Record<OAuthErrorCode, number>> = { invalid_dpop_proof: 401, use_dpop_nonce: 401 }

/** The scheme of an Authorization header, if it is one of ours. */
export function tokenScheme(authorization: string): Scheme | undefined {
  const [, name] = /^(bearer|dpop)(?: |$)/i.exec(authorization) ?? []
  return name === undefined ? undefined : name.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer'
}

/** Throws OAuthError, with the challenge that goes with it. `scheme` is that of `request.authorization`. */
export async function userinfo(provider: Provider, scheme: Scheme, request: UserinfoRequest): Promise<Userinfo> {
  const token = request.authorization.slice(scheme.length).trim()
  if (request.tokenElsewhere || !/^[\w.~+/-]+=*$/.test(token)) {
    throw refusal(scheme, 'invalid_request', 'send the access token once, in the Authorization header')
  }
  const active = token.length > LONGEST_JWS ? undefined : await provider.accessTokens.read(token)
  if (active === undefined) throw refusal(scheme, 'invalid_token', 'the access token is not valid')
  const { claims, user } = active
  await checkBinding(provider, scheme, { ...request, token, jkt: claims.cnf?.jkt })
  const scope = claims.scope?.split(' ') ?? []
  if (user === undefined || !scope.includes('openid')) {
    throw refusal(scheme, 'insufficient_scope', 'the access token does not carry openid', { scope: 'openid' })
  }
  // The token's own subject: the one that the id_token beside it has, also if the client was changed since.
  return { claims: { sub: claims.sub, ...claimsAbout(user, scope) }, bound: claims.cnf !== undefined }
}

interface BindingCheck extends UserinfoRequest {
  readonly token: string
  /** What the token is bound to, if anything. */
  readonly jkt: string | undefined
}

async function checkBinding(provider: Provider, scheme: Scheme, request: BindingCheck): Promise<void> {
  const { jkt, token, dpop, method } = request
  if ((scheme === 'DPoP') !== (jkt !== undefined)) {
    // A bound token without its proof may have been stolen (RFC 9449 §7.2).
    throw refusal(scheme, 'invalid_token', `the access token is ${jkt === undefined ? 'not ' : ''}bound to a key`)
  }
  if (jkt === undefined) return
  const proven = await provider.dpop
    .verify({ proof: dpop, htm: method, htu: `${provider.issuer}/userinfo`, accessToken: token })
    .catch((error: unknown) => {
      if (!(error instanceof OAuthError) || error.status >= 500) throw error
      throw refusal(scheme, error.code, error.message, {}, error.headers)
    })
  if (proven === undefined) throw refusal(scheme, 'invalid_dpop_proof', 'the access token needs a DPoP proof')
  if (proven !== jkt) throw refusal(scheme, 'invalid_token', 'the access token is bound to another key')
}

function refusal(
  scheme: Scheme,
  code: OAuthErrorCode,
  description: string,
  more: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
): OAuthError {
  const told = challenge(scheme, { error: code, error_description: description, ...more })
  // A Bearer token that was refused may have been meant for DPoP; nobody is led the other way.
  const both = scheme === 'Bearer' && code === 'invalid_token' ? `${told}, ${challenge('DPoP')}` : told
  const status = STATUS[code]
  return new OAuthError(code, description, {
    headers: { ...headers, 'WWW-Authenticate': both },
    ...(status === undefined ? {} : { status }),
  })
}

function challenge(scheme: Scheme, details: Readonly<Record<string, string>> = {}): string {
  const parameters = {
    ...(scheme === 'Bearer' ? { realm: 'latchkey' } : {}),
    ...details,
    ...(scheme === 'DPoP' ? { algs: SIGNATURE_ALGORITHMS.join(' ') } : {}),
  }
  const list = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`)
  return `${scheme} ${list.join(', ')}`
}

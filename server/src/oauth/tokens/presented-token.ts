// Endpoints of this server that are APIs themselves take an access token, bound to a key or not. Their refusals are
// those of RFC 6750 §3 and RFC 9449 §7: challenges, and 401 rather than 400 for a bad proof.
import { LONGEST_JWS, type OAuthErrorCode, SIGNATURE_ALGORITHMS } from '@latchkey/shared'
import { OAuthError } from '../errors.ts'
import type { Provider } from '../provider.ts'
import type { ActiveToken } from './access-tokens.ts'

export type TokenScheme = 'Bearer' | 'DPoP'

export interface ProtectedRequest {
  readonly method: string
  /** Below the issuer, such as `/userinfo`. */
  readonly path: string
  /** The DPoP header. */
  readonly dpop: string | undefined
}

export interface PresentedToken {
  readonly scheme: TokenScheme
  readonly token: string
}

export const SENT_AMISS = 'send the access token once, in the Authorization header'

const STATUS: Partial<Record<OAuthErrorCode, number>> = { invalid_dpop_proof: 401, use_dpop_nonce: 401 }

/** For who brought no credentials, or none of a kind that is taken: the schemes, and no error code (RFC 6750 §3.1). */
export function challenges(...schemes: readonly TokenScheme[]): string {
  return schemes.map((scheme) => challenge(scheme)).join(', ')
}

/** The scheme and the token of an Authorization header, if it is of a scheme of ours. The token may still be anything. */
export function presentedToken(authorization: string | undefined): PresentedToken | undefined {
  const [, name, token = ''] = /^(bearer|dpop)(?: +(.*))?$/i.exec(authorization ?? '') ?? []
  if (name === undefined) return undefined
  return { scheme: name.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer', token: token.trim() }
}

/** The token, if it is good now and came with what it is bound to. Throws OAuthError, with the challenge that goes with it. */
export async function readPresented(
  provider: Provider,
  { scheme, token }: PresentedToken,
  request: ProtectedRequest,
): Promise<ActiveToken> {
  if (!/^[\w.~+/-]+=*$/.test(token)) throw refusal(scheme, 'invalid_request', SENT_AMISS)
  const active = token.length > LONGEST_JWS ? undefined : await provider.accessTokens.read(token)
  if (active === undefined) throw unfit(scheme, 'the access token is not valid')
  const jkt = active.claims.cnf?.jkt
  if ((scheme === 'DPoP') !== (jkt !== undefined)) {
    // A bound token without its proof may have been stolen (RFC 9449 §7.2).
    throw unfit(scheme, `the access token is ${jkt === undefined ? 'not ' : ''}bound to a key`)
  }
  if (jkt !== undefined) await checkBinding(provider, request, token, jkt)
  return active
}

async function checkBinding(provider: Provider, request: ProtectedRequest, token: string, jkt: string): Promise<void> {
  const { method: htm, path, dpop: proof } = request
  const proven = await provider.dpop
    .verify({ proof, htm, htu: provider.issuer + path, accessToken: token })
    .catch((error: unknown) => {
      if (!(error instanceof OAuthError) || error.status >= 500) throw error
      throw refusal('DPoP', error.code, error.message, {}, error.headers)
    })
  if (proven === undefined) throw refusal('DPoP', 'invalid_dpop_proof', 'the access token needs a DPoP proof')
  if (proven !== jkt) throw refusal('DPoP', 'invalid_token', 'the access token is bound to another key')
}

/** A Bearer token that was refused may have been meant for DPoP (RFC 9449 §7.2); nobody is led the other way. */
function unfit(scheme: TokenScheme, description: string): OAuthError {
  const { code, headers } = refusal(scheme, 'invalid_token', description)
  const other = scheme === 'Bearer' ? `, ${challenge('DPoP')}` : ''
  return new OAuthError(code, description, {
    headers: { ...headers, 'WWW-Authenticate': `${headers['WWW-Authenticate']}${other}` },
  })
}

/** `description` and `more` end up in a quoted-string: our own texts only. */
export function refusal(
  scheme: TokenScheme,
  code: OAuthErrorCode,
  description: string,
  more: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
): OAuthError {
  const status = STATUS[code]
  return new OAuthError(code, description, {
    headers: {
      ...headers,
      'WWW-Authenticate': challenge(scheme, { error: code, error_description: description, ...more }),
    },
    ...(status === undefined ? {} : { status }),
  })
}

function challenge(scheme: TokenScheme, details: Readonly<Record<string, string>> = {}): string {
  const parameters = {
    ...(scheme === 'Bearer' ? { realm: 'latchkey' } : {}),
    ...details,
    ...(scheme === 'DPoP' ? { algs: SIGNATURE_ALGORITHMS.join(' ') } : {}),
  }
  const list = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`)
  return `${scheme} ${list.join(', ')}`
}

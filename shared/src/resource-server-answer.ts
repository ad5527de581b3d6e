// How an API says no: the answers of RFC 6750 §3 and RFC 9449 §7.1, ready to be sent by any framework. When to say it:
// `resource-server.ts`.
import { SIGNATURE_ALGORITHMS } from './jws.ts'

export type TokenScheme = 'Bearer' | 'DPoP'

export type ResourceErrorCode =
  | 'invalid_request'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'

export interface ResourceErrorBody {
  readonly error?: ResourceErrorCode | 'temporarily_unavailable'
  readonly error_description: string
}

export interface ResourceErrorAnswer {
  readonly status: 400 | 401 | 403 | 503
  readonly headers: Readonly<Record<string, string>>
  readonly body: ResourceErrorBody
}

/** Thrown instead of access: send `status`, `headers` and `body` as they are. `cause` is for the log alone. */
export class ResourceError extends Error implements ResourceErrorAnswer {
  override readonly name = 'ResourceError'
  readonly status: ResourceErrorAnswer['status']
  readonly headers: Readonly<Record<string, string>>
  readonly body: ResourceErrorBody

  constructor(answer: ResourceErrorAnswer, options?: ErrorOptions) {
    super(answer.body.error_description, options)
    this.status = answer.status
    this.headers = { 'Cache-Control': 'no-store', ...answer.headers }
    this.body = answer.body
  }
}

/** The token or what came with it is no good. The scheme to answer in is for the check to know. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly error: ResourceErrorCode
  /** Goes with `use_dpop_nonce`. */
  readonly nonce: string | undefined

  constructor(
    error: ResourceErrorCode,
    description: string,
    more: { readonly nonce?: string; readonly cause?: unknown } = {},
  ) {
    super(description, { cause: more.cause })
    this.error = error
    this.nonce = more.nonce
  }
}

/** What an API tells those without access. */
export interface Manners {
  readonly realm: string
  /** Those taken here, in the order they are offered. */
  readonly schemes: readonly [TokenScheme, ...TokenScheme[]]
  /** Address of the metadata of RFC 9728. */
  readonly resourceMetadata: string | undefined
}

const STATUS: Readonly<Record<ResourceErrorCode, 400 | 401 | 403>> = {
  invalid_request: 400,
  invalid_token: 401,
  invalid_dpop_proof: 401,
  use_dpop_nonce: 401,
  insufficient_scope: 403,
}

/** RFC 6750 §3.1: who sent no credentials, or none of a kind we know, is told the schemes and no error code. */
export function credentialsMissing(manners: Manners): ResourceError {
  return new ResourceError({
    status: 401,
    headers: { 'WWW-Authenticate': manners.schemes.map((scheme) => challenge(manners, scheme)).join(', ') },
    body: { error_description: 'An access token is needed' },
  })
}

/** `used` is the scheme of the request, if it had one; `scope` what it would have needed. */
export function refusal(
  manners: Manners,
  used: TokenScheme | undefined,
  refused: Refused,
  scope: string = '',
): ResourceError {
  const { error, message, nonce } = refused
  const status = STATUS[error]
  const { schemes } = manners
  const scheme = schemes.find((offered) => offered === used) ?? schemes[0]
  const details = { error, error_description: message, ...(scope === '' ? {} : { scope }) }
  // A Bearer token that was refused may have been meant for DPoP (RFC 9449 §7.2); nobody is led the other way.
  const others = status === 401 && scheme === 'Bearer' ? schemes.filter((offered) => offered !== scheme) : []
  const challenges = [challenge(manners, scheme, details), ...others.map((other) => challenge(manners, other))]
  return new ResourceError(
    {
      status,
      headers: {
        'WWW-Authenticate': challenges.join(', '),
        ...(nonce === undefined ? {} : { 'DPoP-Nonce': nonce }),
      },
      body: { error, error_description: message },
    },
    { cause: refused },
  )
}

/** The token may be good, but nobody can tell now. Failing closed without a challenge, so that no client drops its token. */
export function checkUnavailable(retryAfterSeconds: number, cause: unknown): ResourceError {
  return new ResourceError(
    {
      status: 503,
      headers: { 'Retry-After': String(retryAfterSeconds) },
      body: { error: 'temporarily_unavailable', error_description: 'Access tokens cannot be checked at the moment' },
    },
    { cause },
  )
}

// Our own texts, checked scopes and addresses only: nothing that a quoted-string could not hold.
function challenge(manners: Manners, scheme: TokenScheme, details: Readonly<Record<string, string>> = {}): string {
  const { realm, resourceMetadata } = manners
  const parameters = {
    ...(scheme === 'Bearer' ? { realm } : {}),
    ...details,
    ...(scheme === 'DPoP' ? { algs: SIGNATURE_ALGORITHMS.join(' ') } : {}),
    ...(resourceMetadata === undefined ? {} : { resource_metadata: resourceMetadata }),
  }
  const list = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`)
  return `${scheme} ${list.join(', ')}`
}

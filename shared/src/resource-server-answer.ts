// How an API says no: the answers of RFC 6750 §3, ready to be sent by any framework. When to say it: `resource-server.ts`.

export type BearerErrorCode = 'invalid_request' | 'invalid_token' | 'insufficient_scope'

export interface ResourceErrorBody {
  readonly error?: BearerErrorCode | 'temporarily_unavailable'
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

const BEARER_STATUS: Readonly<Record<BearerErrorCode, 400 | 401 | 403>> = {
  invalid_request: 400,
  invalid_token: 401,
  insufficient_scope: 403,
}

// Our own texts and checked scopes only; the quotes and backslashes that a quoted-string could not hold are refused before.
const challenge = (parameters: Readonly<Record<string, string>>): string =>
  `Bearer ${Object.entries(parameters)
    .map(([name, value]) => `${name}="${value}"`)
    .join(', ')}`

/** RFC 6750 §3.1: who sent no credentials, or none of a kind we know, is told the scheme and no error code. */
export function credentialsMissing(realm: string): ResourceError {
  return new ResourceError({
    status: 401,
    headers: { 'WWW-Authenticate': challenge({ realm }) },
    body: { error_description: 'An access token is needed' },
  })
}

/** RFC 6750 §3.1. `scope` is what the request would have needed; it goes with `insufficient_scope`. */
export function bearerError(
  realm: string,
  error: BearerErrorCode,
  error_description: string,
  more: { readonly scope?: string; readonly cause?: unknown } = {},
): ResourceError {
  const scope = more.scope ? { scope: more.scope } : {}
  return new ResourceError(
    {
      status: BEARER_STATUS[error],
      headers: { 'WWW-Authenticate': challenge({ realm, error, error_description, ...scope }) },
      body: { error, error_description },
    },
    { cause: more.cause },
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

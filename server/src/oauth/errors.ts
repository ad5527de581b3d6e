// The only error that a client may see. What is not an OAuthError becomes `server_error`, its text kept from the client.
import type { OAuthErrorCode } from '@latchkey/shared'

/** HTTP status of each error (RFC 6749 §5.2, RFC 8628 §3.5); a code without a row does not compile. */
export const STATUS: Readonly<Record<OAuthErrorCode, number>> = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  invalid_scope: 400,
  invalid_target: 400,
  authorization_pending: 400,
  slow_down: 400,
  access_denied: 400,
  expired_token: 400,
  invalid_dpop_proof: 400,
  use_dpop_nonce: 400,
  invalid_token: 401,
  insufficient_scope: 403,
  unsupported_response_type: 400,
  login_required: 400,
  consent_required: 400,
  request_not_supported: 400,
  request_uri_not_supported: 400,
  registration_not_supported: 400,
  invalid_redirect_uri: 400,
  invalid_client_metadata: 400,
  server_error: 500,
  temporarily_unavailable: 503,
}

export interface OAuthErrorDetails {
  readonly cause?: unknown
  /** Overrides the table, for transport faults such as 413. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** `slow_down` carries the interval in seconds that holds from now on. */
  readonly intervalSeconds?: number
  /** `authorization_pending` carries the number that the device's screen is to show. */
  readonly number?: string
}

export class OAuthError extends Error {
  readonly code: OAuthErrorCode
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The answer's body, made once: the frequent refusals are thrown again and again as the same object. */
  readonly body: string

  /** `description` is for the developer: ASCII without quotes and backslashes, never an echo of input (RFC 6749 §5.2). */
  constructor(code: OAuthErrorCode, description: string, details: OAuthErrorDetails = {}) {
    super(description, { cause: details.cause })
    this.name = 'OAuthError'
    this.code = code
    this.status = details.status ?? STATUS[code]
    this.headers = details.headers ?? {}
    this.body = JSON.stringify({
      error: code,
      error_description: description,
      ...(details.intervalSeconds === undefined ? {} : { interval: details.intervalSeconds }),
      ...(details.number === undefined ? {} : { number: details.number }),
    })
  }
}

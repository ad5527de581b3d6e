// Form parameters as the protocol reads them: each at most once, empty means absent (RFC 6749 §3.2).
import { isCodeChallenge } from '@latchkey/shared'
import { OAuthError } from './errors.ts'

/** Every value of every name, in order, as the door parsed them. */
export type Form = ReadonlyMap<string, readonly string[]>

/** The only parameter that may repeat (RFC 8707 §2). */
const REPEATABLE = 'resource'

const KNOWN = [
  'grant_type',
  'client_id',
  'client_secret',
  'scope',
  'resource',
  'device_code',
  'shown_number',
  'refresh_token',
  'device_name',
  'device_model',
  'device_software',
  'device_display',
  'client_assertion',
  'client_assertion_type',
  'assertion',
  'code',
  'redirect_uri',
  'code_verifier',
  'code_challenge',
  'code_challenge_method',
  'dpop_jkt',
  'response_type',
  'response_mode',
  'state',
  'nonce',
  'prompt',
  'max_age',
  'login_hint',
  'ui_locales',
  'acr_values',
  'request',
  'request_uri',
  'token',
  'token_type_hint',
  'id_token_hint',
  'post_logout_redirect_uri',
]

const SECRET = [
  'client_secret',
  'client_assertion',
  'assertion',
  'device_code',
  'refresh_token',
  'access_token',
  'token',
  'code',
  'code_verifier',
  'password',
]

export interface Parameters {
  /** The value, or undefined when absent or empty. */
  get(name: string): string | undefined
  /** Throws `invalid_request` when absent. */
  required(name: string): string
  readonly resources: readonly string[]
}

/** Throws `invalid_request` when a known parameter is repeated. Unknown ones are ignored, however often they come. */
export function readParameters(form: Form): Parameters {
  for (const name of KNOWN) {
    if (name !== REPEATABLE && (form.get(name)?.length ?? 0) > 1) {
      throw new OAuthError('invalid_request', `parameter ${name} is repeated`)
    }
  }
  const get = (name: string): string | undefined => form.get(name)?.[0] || undefined
  return {
    get,
    required(name) {
      const value = get(name)
      if (value === undefined) throw new OAuthError('invalid_request', `parameter ${name} is missing`)
      return value
    },
    resources: (form.get('resource') ?? []).filter((resource) => resource !== ''),
  }
}

/** Credentials do not belong in an address, where logs and histories keep them (RFC 6749 §2.3.1). */
export function refuseSecretsInQuery(names: Iterable<string>): void {
  for (const name of names) {
    if (SECRET.includes(name) || name === 'client_id') {
      throw new OAuthError('invalid_request', `parameter ${name} belongs in the body, not in the query`)
    }
  }
}

/** The S256 challenge, if any (RFC 7636 §4.3). `plain`, or no method, which means plain, is refused. */
export function readCodeChallenge(parameters: Parameters): string | undefined {
  const challenge = parameters.get('code_challenge')
  const method = parameters.get('code_challenge_method')
  if (challenge === undefined) {
    if (method !== undefined) throw new OAuthError('invalid_request', 'code_challenge_method without code_challenge')
    return undefined
  }
  if (method !== 'S256') throw new OAuthError('invalid_request', 'code_challenge_method must be S256')
  if (!isCodeChallenge(challenge)) throw new OAuthError('invalid_request', 'code_challenge is no S256 digest')
  return challenge
}

/** Seconds, if given (OpenID Connect Core §3.1.2.1). */
export function readMaxAge(parameters: Parameters): number | undefined {
  const text = parameters.get('max_age')
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw new OAuthError('invalid_request', 'max_age must be a number of seconds')
  return Number(text)
}

// Form parameters as the protocol reads them: each at most once, empty means absent (RFC 6749 §3.2).
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
  'refresh_token',
  'device_name',
  'device_model',
  'device_software',
]

const SECRET = ['client_secret', 'device_code', 'refresh_token', 'access_token', 'token', 'code', 'password']

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

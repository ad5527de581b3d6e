// What travels over the token socket: one JSON object a line, one line each way. Who listens is token-socket.ts, who asks
// is token-client.ts; docs/programs.md is the same for people.
import { isJsonObject } from '@latchkey/shared'
import { isSafeAddress } from '../core/client.ts'

export const LARGEST_REQUEST_BYTES = 4096

export interface TokenRequest {
  /** RFC 8707: one of the configured audiences; the first of them unless said. */
  readonly resource?: string
  /** The token that an API has just answered with 401: another one is wanted. */
  readonly rejected?: string
  /** Instead of the token: the headers for one request to an API. */
  readonly authorize?: {
    readonly method: string
    readonly url: string
    /** The `DPoP-Nonce` that the API has just answered with (RFC 9449 §9). */
    readonly nonce?: string
  }
}

/** What asking again can change is `unreachable` and `busy`; `unlinked` takes a person. */
export type TokenRefusal =
  | 'invalid_request'
  | 'invalid_target'
  | 'busy'
  | 'unlinked'
  | 'unreachable'
  | 'refused'
  | 'failed'

export type TokenAnswer =
  | {
      readonly access_token: string
      /** `DPoP`: of use only with a proof beside it, so ask with `authorize`. */
      readonly token_type: 'Bearer' | 'DPoP'
      readonly resource: string
      /** By the wall clock of this device, ISO 8601; left out when the server did not say. */
      readonly expires_at?: string
      /** Seconds, for who does not trust that clock. */
      readonly expires_in?: number
    }
  | { readonly headers: Readonly<Record<string, string>>; readonly resource: string }
  | { readonly error: TokenRefusal; readonly error_description: string; readonly retry_after?: number }

/** The request in `bytes`, or what is wrong with them. An unknown member is an error: it is a misspelt one. */
export function readTokenRequest(bytes: Uint8Array): TokenRequest | string {
  const value = parse(bytes)
  if (!isJsonObject(value)) return 'A request is one JSON object on one line.'
  const stray = unknownMember(value, ['resource', 'rejected', 'authorize'])
  if (stray !== undefined) return `Unknown member "${stray}".`
  const { resource, rejected, authorize } = value
  if (resource !== undefined && typeof resource !== 'string') return 'resource must be text.'
  if (rejected !== undefined && typeof rejected !== 'string') return 'rejected must be text.'
  const plain = { ...(resource === undefined ? {} : { resource }), ...(rejected === undefined ? {} : { rejected }) }
  if (authorize === undefined) return plain
  if (!isJsonObject(authorize)) return 'authorize must be an object.'
  const stranger = unknownMember(authorize, ['method', 'url', 'nonce'])
  if (stranger !== undefined) return `Unknown member "${stranger}" of authorize.`
  const { method, url, nonce } = authorize
  if (typeof method !== 'string' || !/^[!#$%&'*+.^_`|~\w-]{1,32}$/.test(method)) return 'method must be an HTTP method.'
  if (typeof url !== 'string' || !isSafeAddress(url)) return 'url must be an https address.'
  if (nonce === undefined) return { ...plain, authorize: { method, url } }
  if (typeof nonce !== 'string' || !/^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/.test(nonce)) return 'nonce cannot be one.'
  return { ...plain, authorize: { method, url, nonce } }
}

/**
 * The audience that a request is about: the named one, else the one that the address is under, else the first. Undefined
 * when it is not configured, or when the headers would go anywhere else than to its own origin.
 */
export function audienceOf(request: TokenRequest, audiences: readonly string[]): string | undefined {
  const { resource, authorize } = request
  const named = resource === undefined ? audiences : audiences.filter((each) => each === resource)
  if (authorize === undefined) return named[0]
  const { origin, pathname, username, password } = new URL(authorize.url)
  if (username !== '' || password !== '') return undefined
  const near = named.filter((each) => URL.canParse(each) && new URL(each).origin === origin)
  const [closest] = near
    .filter((each) => isUnder(pathname, new URL(each).pathname))
    .sort((one, other) => new URL(other).pathname.length - new URL(one).pathname.length)
  return closest ?? near[0]
}

function isUnder(path: string, base: string): boolean {
  return path === base || path.startsWith(base.endsWith('/') ? base : `${base}/`)
}

function unknownMember(value: object, known: readonly string[]): string | undefined {
  return Object.keys(value).find((name) => !known.includes(name))
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}

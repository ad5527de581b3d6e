// Asking the issuer: small JSON, over https, in good time. Which keys and answers are kept: `resource-server-keys.ts`,
// `resource-server-introspection.ts`.
import { type JsonObject, parseJsonObject } from './jws.ts'

const LARGEST_ANSWER_BYTES = 64 * 1024

/** Nobody can tell now whether a token is good; worth asking again after `retryAfterSeconds`. */
export class IssuerUnavailable extends Error {
  override readonly name = 'IssuerUnavailable'
  readonly retryAfterSeconds: number

  constructor(retryAfterSeconds: number, cause: unknown) {
    super('the issuer cannot be asked', { cause })
    this.retryAfterSeconds = retryAfterSeconds
  }
}

export interface IssuerAddress {
  readonly issuer: string
  readonly fetch: typeof fetch
  readonly fetchTimeoutSeconds: number
}

export interface IssuerAnswer {
  readonly json: JsonObject
  readonly headers: Headers
}

/** @throws Error when there is no answer of status 200 that is one JSON object of sane size */
export async function fetchJson(at: IssuerAddress, url: string, init: RequestInit = {}): Promise<IssuerAnswer> {
  // A redirect would let whoever owns one path of the issuer's host choose our keys, or read our tokens.
  const response = await at.fetch(url, {
    ...init,
    redirect: 'error',
    headers: { Accept: 'application/json', ...init.headers },
    signal: AbortSignal.timeout(at.fetchTimeoutSeconds * 1000),
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`${url} answered ${response.status}`)
  }
  return { json: parseJsonObject(await readBounded(response)), headers: response.headers }
}

/** One address out of the metadata (RFC 8414 §3.1, §3.3). @throws Error when it cannot be had or is not https */
export async function discover(at: IssuerAddress, name: 'jwks_uri' | 'introspection_endpoint'): Promise<string> {
  const { json } = await fetchJson(at, metadataUrl(at.issuer))
  if (json['issuer'] !== at.issuer) throw new Error('the metadata names another issuer')
  const url = json[name]
  if (typeof url !== 'string') throw new Error(`the metadata names no ${name}`)
  return requireSafeUrl(url)
}

/** Plain http only to this machine. @returns the same text @throws TypeError */
export function requireSafeUrl(text: string): string {
  const { protocol, hostname } = new URL(text)
  const loopback = hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
  if (protocol === 'https:' || (protocol === 'http:' && loopback)) return text
  throw new TypeError(`${text} must be an https address`)
}

function metadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer)
  return `${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`
}

async function readBounded(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > LARGEST_ANSWER_BYTES) throw new Error(`an answer of more than ${LARGEST_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  const whole = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.byteLength
  }
  return whole
}

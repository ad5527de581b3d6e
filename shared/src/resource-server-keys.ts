// The issuer's public keys as an API keeps them: fetched when needed, bounded, kept through an outage (API-09).
// jose's createRemoteJWKSet can neither be given our clock nor keep old keys, hence our own. Tokens: `resource-server.ts`.
import type { CryptoKey } from 'jose'
import type { Clock } from './host.ts'
import { importPublicKey, isJsonObject, type JsonObject, parseJsonObject, type SignatureAlgorithm } from './jws.ts'

const REFETCH_AFTER_SECONDS = 30
const RETRY_WITHOUT_KEYS_SECONDS = 5
const KEEP_SECONDS = 24 * 60 * 60
const DEFAULT_FRESH_SECONDS = 10 * 60
const LONGEST_FRESH_SECONDS = 60 * 60
const LARGEST_ANSWER_BYTES = 64 * 1024
const MOST_KEYS = 64

/** No key can be had now; worth asking again after `retryAfterSeconds`. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'
  readonly retryAfterSeconds: number

  constructor(retryAfterSeconds: number, cause: unknown) {
    super('the keys of the issuer cannot be fetched', { cause })
    this.retryAfterSeconds = retryAfterSeconds
  }
}

export interface IssuerKeysOptions {
  readonly issuer: string
  /** Found by RFC 8414 metadata when absent. */
  readonly jwksUri: string | undefined
  readonly clock: Clock
  readonly fetch: typeof fetch
  readonly timeoutSeconds: number
}

interface KeySet {
  readonly byKid: ReadonlyMap<string, JsonObject>
  readonly imported: Map<string, Promise<CryptoKey>>
  readonly fetchedAt: number
  readonly freshSeconds: number
}

/** Times in here are monotonic: a jump of the wall clock must neither keep a revoked key nor start a storm of fetches. */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions
  #set: KeySet | undefined
  #jwksUri: string | undefined
  #triedAt = Number.NEGATIVE_INFINITY
  #failure: unknown
  #underway: Promise<void> | undefined

  constructor(options: IssuerKeysOptions) {
    this.#options = options
  }

  /**
   * The key by that id, or undefined when the issuer has none. An unknown id costs at most one fetch in 30 seconds.
   * @throws KeysUnavailable when there are no keys, or an unknown id cannot be asked for
   * @throws JwsError `key` when the key is unfit for `alg`
   */
  async find(kid: string, alg: SignatureAlgorithm): Promise<CryptoKey | undefined> {
    if (this.#mustAsk(kid)) {
      this.#underway ??= this.#refresh().finally(() => {
        this.#underway = undefined
      })
      await this.#underway
    }
    const set = this.#usableSet()
    const jwk = set?.byKid.get(kid)
    if (!set || (!jwk && this.#failure !== undefined)) {
      const waitSeconds = this.#gapSeconds() - this.#secondsSince(this.#triedAt)
      throw new KeysUnavailable(Math.max(1, Math.ceil(waitSeconds)), this.#failure)
    }
    if (!jwk) return undefined
    const slot = `${alg} ${kid}`
    const key = set.imported.get(slot) ?? importPublicKey(jwk, alg)
    set.imported.set(slot, key)
    return key
  }

  #mustAsk(kid: string): boolean {
    const set = this.#usableSet()
    if (set?.byKid.has(kid) && this.#secondsSince(set.fetchedAt) < set.freshSeconds) return false
    return this.#underway !== undefined || this.#secondsSince(this.#triedAt) >= this.#gapSeconds()
  }

  #usableSet(): KeySet | undefined {
    return this.#set && this.#secondsSince(this.#set.fetchedAt) < KEEP_SECONDS ? this.#set : undefined
  }

  #gapSeconds(): number {
    return this.#usableSet() ? REFETCH_AFTER_SECONDS : RETRY_WITHOUT_KEYS_SECONDS
  }

  #secondsSince(moment: number): number {
    return (this.#options.clock.monotonic() - moment) / 1000
  }

  async #refresh(): Promise<void> {
    this.#triedAt = this.#options.clock.monotonic()
    try {
      this.#jwksUri ??= this.#options.jwksUri ?? (await this.#discover())
      const { json, maxAgeSeconds } = await this.#fetchJson(this.#jwksUri)
      this.#set = {
        byKid: readKeys(json),
        imported: new Map(),
        fetchedAt: this.#options.clock.monotonic(),
        freshSeconds: Math.min(Math.max(maxAgeSeconds, REFETCH_AFTER_SECONDS), LONGEST_FRESH_SECONDS),
      }
      this.#failure = undefined
    } catch (cause) {
      this.#failure = cause ?? new Error('unknown')
      // The keys may have moved: ask the metadata again next time.
      this.#jwksUri = undefined
    }
  }

  /** RFC 8414 §3.1, §3.3. */
  async #discover(): Promise<string> {
    const { issuer } = this.#options
    const { json } = await this.#fetchJson(metadataUrl(issuer))
    if (json['issuer'] !== issuer) throw new Error('the metadata names another issuer')
    const uri = json['jwks_uri']
    if (typeof uri !== 'string') throw new Error('the metadata names no jwks_uri')
    return requireSafeUrl(uri)
  }

  async #fetchJson(url: string): Promise<{ json: JsonObject; maxAgeSeconds: number }> {
    // A redirect would let whoever owns one path of the issuer's host choose our keys.
    const response = await this.#options.fetch(url, {
      redirect: 'error',
      headers: { Accept: 'application/json' },
      signal: AbortSignal.timeout(this.#options.timeoutSeconds * 1000),
    })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new Error(`${url} answered ${response.status}`)
    }
    const maxAge = /(?:^|[,\s])max-age=(\d{1,9})/i.exec(response.headers.get('cache-control') ?? '')?.[1]
    const json = parseJsonObject(await readBounded(response))
    return { json, maxAgeSeconds: maxAge === undefined ? DEFAULT_FRESH_SECONDS : Number(maxAge) }
  }
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

function readKeys(json: JsonObject): ReadonlyMap<string, JsonObject> {
  const { keys } = json
  if (!Array.isArray(keys) || keys.length > MOST_KEYS) throw new Error('not a JWK set of sane size')
  const byKid = new Map<string, JsonObject>()
  for (const jwk of keys) {
    if (!isJsonObject(jwk)) continue
    const { kid, use } = jwk
    if (typeof kid === 'string' && (use === undefined || use === 'sig') && !byKid.has(kid)) byKid.set(kid, jwk)
  }
  return byKid
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

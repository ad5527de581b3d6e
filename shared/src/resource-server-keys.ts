// The issuer's public keys as an API keeps them: fetched when needed, bounded, kept through an outage (API-09).
// jose's createRemoteJWKSet can neither be given our clock nor keep old keys, hence our own.
// How the issuer is asked: `resource-server-issuer.ts`.
import type { CryptoKey } from 'jose'
import type { Clock } from './host.ts'
import { importPublicKey, isJsonObject, type JsonObject, type SignatureAlgorithm } from './jws.ts'
import { discover, fetchJson, type IssuerAddress, IssuerUnavailable } from './resource-server-issuer.ts'

const REFETCH_AFTER_SECONDS = 30
const RETRY_WITHOUT_KEYS_SECONDS = 5
const KEEP_SECONDS = 24 * 60 * 60
const DEFAULT_FRESH_SECONDS = 10 * 60
const LONGEST_FRESH_SECONDS = 60 * 60
const MOST_KEYS = 64

export interface IssuerKeysOptions extends IssuerAddress {
  /** Found by RFC 8414 metadata when absent. */
  readonly jwksUri: string | undefined
  readonly clock: Clock
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
   * @throws IssuerUnavailable when there are no keys, or an unknown id cannot be asked for
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
      throw new IssuerUnavailable(Math.max(1, Math.ceil(waitSeconds)), this.#failure)
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
      this.#jwksUri ??= this.#options.jwksUri ?? (await discover(this.#options, 'jwks_uri'))
      const { json, headers } = await fetchJson(this.#options, this.#jwksUri)
      this.#set = {
        byKid: readKeys(json),
        imported: new Map(),
        fetchedAt: this.#options.clock.monotonic(),
        freshSeconds: Math.min(Math.max(readMaxAge(headers), REFETCH_AFTER_SECONDS), LONGEST_FRESH_SECONDS),
      }
      this.#failure = undefined
    } catch (cause) {
      this.#failure = cause ?? new Error('unknown')
      // The keys may have moved: ask the metadata again next time.
      this.#jwksUri = undefined
    }
  }
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

function readMaxAge(headers: Headers): number {
  const maxAge = /(?:^|[,\s])max-age=(\d{1,9})/i.exec(headers.get('cache-control') ?? '')?.[1]
  return maxAge === undefined ? DEFAULT_FRESH_SECONDS : Number(maxAge)
}

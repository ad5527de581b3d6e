// What an API says about itself once, and what follows from it. How a request is checked with that: `resource-server.ts`.
import { type Clock, type Entropy, systemHost } from './host.ts'
import { requireSafeUrl } from './resource-server-issuer.ts'

export interface ResourceServerOptions {
  /** Exactly as in the tokens' `iss`. Plain http is accepted on loopback alone. */
  readonly issuer: string
  /** This API's resource URI (RFC 8707); a token must name it in `aud`. */
  readonly audience: string
  /**
   * Where clients see the `/` of this API, in front of every proxy: what the `htu` of a DPoP proof is compared with.
   * Default: the origin of `audience`. Neither given nor to be had from there: DPoP is off.
   */
  readonly publicUrl?: string
  /** `bound`: nothing but DPoP-bound access tokens. Default `any`. */
  readonly tokens?: 'bound' | 'any'
  /** `required`: a proof must carry a nonce of this process (RFC 9449 §9). Default `off`: its age decides. */
  readonly dpopNonce?: 'off' | 'required'
  /** How many proofs of the last two minutes can be remembered, about 110 bytes each; with more, 503. Default 250,000. */
  readonly rememberedProofs?: number
  /** Take opaque tokens too, by asking the issuer (RFC 7662). */
  readonly introspection?: IntrospectionOptions
  /** Tell clients how to get a token (RFC 9728). Default: silence. */
  readonly resourceMetadata?: ResourceMetadataOptions
  /** Default: read from the issuer's metadata (RFC 8414). */
  readonly jwksUri?: string
  /** How late an expired token is still taken, for clocks that differ. Default 60. */
  readonly clockToleranceSeconds?: number
  /** How long the issuer may take to answer. Default 5. */
  readonly fetchTimeoutSeconds?: number
  readonly clock?: Clock
  readonly entropy?: Entropy
  readonly fetch?: typeof fetch
}

/** The issuer must know this API as a client that may introspect, by `client_secret_basic`. */
export interface IntrospectionOptions {
  readonly clientId: string
  readonly clientSecret: string
  /** Default: read from the issuer's metadata. */
  readonly endpoint?: string
  /** Ask about JWTs as well, so that a revoked one is refused within `cacheSeconds`. Default false. */
  readonly always?: boolean
  /** How long an answer is believed, 0 to 60. Default 60. */
  readonly cacheSeconds?: number
}

export interface ResourceMetadataOptions {
  /** For people. */
  readonly name?: string
  readonly scopes?: readonly string[]
}

export interface IntrospectionSettings {
  readonly clientId: string
  readonly clientSecret: string
  readonly endpoint: string | undefined
  readonly always: boolean
  readonly cacheSeconds: number
}

/** The same with every default filled in. */
export interface Settings {
  readonly issuer: string
  readonly audience: string
  /** Without a slash at its end; undefined: no DPoP here. */
  readonly publicUrl: string | undefined
  readonly tokens: 'bound' | 'any'
  readonly dpopNonce: 'off' | 'required'
  readonly rememberedProofs: number
  readonly introspection: IntrospectionSettings | undefined
  readonly resourceMetadata: ResourceMetadataOptions | undefined
  readonly jwksUri: string | undefined
  readonly clockToleranceSeconds: number
  readonly fetchTimeoutSeconds: number
  readonly clock: Clock
  readonly entropy: Entropy
  readonly fetch: typeof fetch
}

const LONGEST_CACHE_SECONDS = 60

/** @throws TypeError on an address without https, an audience that no header could quote, or options that exclude each other */
export function settle(options: ResourceServerOptions): Settings {
  const { audience, tokens = 'any', dpopNonce = 'off', resourceMetadata } = options
  if (!/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(audience)) throw new TypeError('the audience must be a URI')
  const publicUrl = readPublicUrl(options)
  if (publicUrl === undefined && (tokens === 'bound' || dpopNonce === 'required')) {
    throw new TypeError('without an http(s) audience, DPoP needs publicUrl')
  }
  const rememberedProofs = options.rememberedProofs ?? 250_000
  if (!(rememberedProofs >= 1)) throw new TypeError('rememberedProofs must be at least 1')
  return {
    issuer: requireSafeUrl(options.issuer),
    audience,
    publicUrl,
    tokens,
    dpopNonce,
    rememberedProofs,
    introspection: options.introspection && settleIntrospection(options.introspection),
    resourceMetadata,
    jwksUri: options.jwksUri === undefined ? undefined : requireSafeUrl(options.jwksUri),
    clockToleranceSeconds: options.clockToleranceSeconds ?? 60,
    fetchTimeoutSeconds: options.fetchTimeoutSeconds ?? 5,
    clock: options.clock ?? systemHost.clock,
    entropy: options.entropy ?? systemHost.entropy,
    fetch: options.fetch ?? fetch,
  }
}

function settleIntrospection(options: IntrospectionOptions): IntrospectionSettings {
  const { clientId, clientSecret, endpoint, always = false, cacheSeconds = LONGEST_CACHE_SECONDS } = options
  if (!(cacheSeconds >= 0 && cacheSeconds <= LONGEST_CACHE_SECONDS)) {
    throw new TypeError(`cacheSeconds must be 0 to ${LONGEST_CACHE_SECONDS}`)
  }
  return {
    clientId,
    clientSecret,
    endpoint: endpoint === undefined ? undefined : requireSafeUrl(endpoint),
    always,
    cacheSeconds,
  }
}

function readPublicUrl({ publicUrl, audience }: ResourceServerOptions): string | undefined {
  if (publicUrl === undefined) return /^https?:\/\//i.test(audience) ? new URL(audience).origin : undefined
  const { origin, pathname, search, hash, username, password } = new URL(publicUrl)
  if (!/^https?:/.test(origin) || search || hash || username || password) {
    throw new TypeError('publicUrl must be an http(s) address without query or fragment')
  }
  return origin + pathname.replace(/\/$/, '')
}

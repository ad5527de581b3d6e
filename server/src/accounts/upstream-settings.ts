// What the configuration says of another provider, read and checked by ../config.ts.

/** One entry of the configuration's `upstreams`. */
export interface UpstreamSettings {
  /** Part of its redirect address: each provider has its own, so that none can bring the answer of another. */
  readonly id: string
  readonly name: string
  readonly issuer: string
  readonly clientId: string
  /** Absent: a public client, which PKCE alone protects. */
  readonly clientSecret?: string
  readonly authMethod?: 'client_secret_basic' | 'client_secret_post'
  readonly scope: readonly string[]
  readonly accounts: 'create' | 'known'
  /** In ASCII and lower case. */
  readonly emailDomains: readonly string[]
  readonly trustAmr: boolean
  readonly trustEmail: boolean
}

/** An address without a path may end in a slash or not. */
export function sameIssuer(one: string, other: string): boolean {
  return new URL(one).href === new URL(other).href
}

// What a grant is to the pipeline: it finds what was granted, then redeems it. Everything else is done for it.
import type { GrantType } from '@latchkey/shared'
import type { Entitlement } from '../keys/issuer.ts'
import type { Patience } from '../news.ts'
import type { Parameters } from '../parameters.ts'
import type { Provider } from '../provider.ts'
import type { Client } from '../records.ts'

export interface Exchange {
  readonly client: Client
  readonly parameters: Parameters
  /** Thumbprint of the key that the caller proved to hold (RFC 9449). */
  readonly jkt: string | undefined
  /** The network address that asks. */
  readonly address: string
  /** The caller would rather wait for the answer than ask again (RFC 7240 §4.3). */
  readonly patience?: Patience | undefined
}

/** Something was granted; nothing is written yet. `redeem` consumes it, durably, and throws if somebody was faster. */
export interface Found {
  /** Whom the tokens will speak for; absent when the client acts as itself. */
  readonly userId?: string
  readonly redeem: () => Promise<Entitlement>
}

export interface Grant {
  readonly type: GrantType
  readonly requiredParameters: readonly string[]
  /** A grant that only clients with a proven identity may use (RFC 6749 §4.4). */
  readonly confidentialOnly?: boolean
  /** Throws OAuthError when there is nothing to redeem. */
  find(provider: Provider, exchange: Exchange): Promise<Found>
}

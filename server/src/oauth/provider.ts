// What the protocol works with, put together once at start and only read afterwards.
import type { GrantType, Host } from '@latchkey/shared'
import type { AcrTable } from './acr.ts'
import type { ClientDirectory } from './clients/client-directory.ts'
import type { DeviceStarts } from './device/device-starts.ts'
import type { Places } from './device/places.ts'
import type { SigningKeys } from './keys/signing-keys.ts'
import type { Vault } from './keys/vault.ts'
import type { News } from './news.ts'
import type { Pacing } from './pacing.ts'
import type { SigningAlgorithm, TokenFamily } from './records.ts'
import type { Store } from './store.ts'
import type { Throttle } from './throttle.ts'
import type { AccessTokens } from './tokens/access-tokens.ts'
import type { DpopProofs } from './tokens/dpop-proof.ts'
import type { RefreshLimits } from './tokens/token-family.ts'

/** One sentence, or one for each language (BCP 47). */
export type ScopeWords = string | Readonly<Record<string, string>>

/** An API that tokens are good for. */
export interface Api {
  /** Its resource URI (RFC 8707): the audience of its tokens. */
  readonly resource: string
  /** Its scopes, with what they mean to a person. */
  readonly scopes: Readonly<Record<string, ScopeWords>>
  /** The scopes that the device flow may give; all of them when absent. */
  readonly device_scopes?: readonly string[]
  /** RFC 9068 JWTs, or opaque tokens that only introspection reads. JWTs when absent. */
  readonly access_token_format?: 'jwt' | 'opaque'
  /** What its JWTs are signed with; ES256 when absent. */
  readonly access_token_signing_alg?: SigningAlgorithm
  /** Clients that may introspect its tokens. */
  readonly introspection_clients?: readonly string[]
}

/** Devices that register themselves as clients. */
export interface RegistrationTerms {
  /** What an enrolled device may ask for, as itself. */
  readonly scope: readonly string[]
  readonly devicesPerUser: number
}

export interface Limits {
  readonly deviceCodeSeconds: number
  readonly pollIntervalSeconds: number
  /** How many devices may wait for news at once, on sockets and with held answers. */
  readonly waitingDevices: number
  readonly userTokenSeconds: number
  readonly clientTokenSeconds: number
  readonly refresh: RefreshLimits
}

export interface Provider {
  /** Equal, byte for byte, to every `iss` and to the metadata. No trailing slash. */
  readonly issuer: string
  readonly apis: readonly Api[]
  /** The languages of the pages, as BCP 47 tags. */
  readonly uiLocales: readonly string[]
  /** Of the other providers that people may sign in with. */
  readonly upstreamIssuers: readonly string[]
  readonly limits: Limits
  readonly acr: AcrTable
  /** Absent: nobody can register. */
  readonly registration?: RegistrationTerms
  readonly host: Host
  readonly store: Store
  readonly vault: Vault
  readonly clients: ClientDirectory
  readonly signingKeys: SigningKeys
  readonly accessTokens: AccessTokens
  readonly pacing: Pacing
  readonly deviceStarts: DeviceStarts
  readonly news: News
  readonly places: Places
  readonly dpop: DpopProofs
  /** Failed client authentications, by client and address. */
  readonly failedClients: Throttle
  /** Tells operators what happened: ids only, never a secret. */
  readonly note: (event: ProtocolEvent) => void
}

/** What happened to an account and the ways to sign in to it. */
export type AccountEvent =
  | 'signed_in'
  | 'passkey_added'
  | 'passkey_removed'
  /** A passkey that counts its uses counted backwards: there may be two of it. It was refused. */
  | 'passkey_counter_back'
  | 'second_factor_on'
  | 'second_factor_off'
  /** The password was right, the code that goes with it was not. */
  | 'second_factor_refused'
  | 'recovery_code_used'
  | 'recovery_codes_made'
  /** Somebody said that they forgot the password of an account that there is. */
  | 'password_reset_asked'
  | 'password_changed'
  | 'identity_linked'
  | 'identity_unlinked'
  | 'signed_out_everywhere'

export type ProtocolEvent =
  | { readonly event: 'refresh_reuse'; readonly familyId: string; readonly clientId: string; readonly userId: string }
  | { readonly event: 'foreign_refresh_token'; readonly familyId: string; readonly clientId: string }
  | { readonly event: 'code_reuse'; readonly familyId: string; readonly clientId: string; readonly userId: string }
  | { readonly event: 'rescued'; readonly familyId: string; readonly clientId: string; readonly userId: string }
  | {
      readonly event: 'unlinked'
      readonly familyId: string
      readonly clientId: string
      readonly userId: string
      /** `notice`: by the address in the notice of a new device, without a sign-in. `report`: somebody else's. */
      readonly by: 'device' | 'person' | 'notice' | 'operator' | 'report'
    }
  | { readonly event: 'registered'; readonly clientId: string; readonly userId: string }
  | { readonly event: 'removed'; readonly clientId: string; readonly userId?: string }
  | {
      /** A second account brought the code of a device request. */
      readonly event: 'contested'
      readonly requestId: string
      readonly clientId: string
      readonly userId: string
      /** What has come of the code already. */
      readonly familyId?: string
    }
  | { readonly event: 'opened'; readonly requestId: string; readonly clientId: string; readonly userId: string }
  | {
      readonly event: 'approved'
      readonly requestId: string
      readonly clientId: string
      readonly userId: string
      readonly fromAfar: boolean
      /** What the person took from the device's screen. */
      readonly proof: 'none' | 'number' | 'letters'
    }
  | {
      readonly event: 'denied'
      readonly requestId: string
      readonly clientId: string
      readonly userId: string
      /** `mismatch`: the number or the letters were wrong. */
      readonly reason: 'person' | 'mismatch'
    }
  | {
      /** "Someone sent me this code": what was ended, and whether further starts from there are refused. */
      readonly event: 'reported'
      readonly requestId: string
      readonly clientId: string
      readonly userId: string
      readonly requests: number
      readonly links: number
      readonly frozen: boolean
    }
  | {
      readonly event: AccountEvent
      readonly userId: string
      /** Who did it had no more than a message to the account's address, and the second factor where there is one. */
      readonly by?: 'mail'
    }
  /** Everybody together typed so many wrong codes that everybody must wait: somebody is guessing. */
  | { readonly event: 'many_wrong_codes' }
  | {
      readonly event: 'linked'
      readonly familyId: string
      readonly clientId: string
      readonly userId: string
      readonly origin: TokenFamily['origin']
    }
  /** A device asked for a code and got one. */
  | { readonly event: 'issued'; readonly requestId: string; readonly clientId: string }
  | {
      readonly event: 'tokens'
      readonly grant: GrantType
      readonly clientId: string
      readonly userId?: string
      readonly familyId?: string
    }

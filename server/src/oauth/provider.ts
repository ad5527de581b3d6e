// What the protocol works with, put together once at start and only read afterwards.
import type { Host } from '@latchkey/shared'
import type { ClientDirectory } from './client-directory.ts'
import type { Pacing } from './pacing.ts'
import type { SigningKeys } from './signing-keys.ts'
import type { Store } from './store.ts'
import type { RefreshLimits } from './token-family.ts'
import type { Vault } from './vault.ts'

/** An API that tokens are good for: its resource URI (RFC 8707), and its scopes with what they mean to a person. */
export interface Api {
  readonly resource: string
  readonly scopes: Readonly<Record<string, string>>
}

export interface Limits {
  readonly deviceCodeSeconds: number
  readonly pollIntervalSeconds: number
  readonly userTokenSeconds: number
  readonly clientTokenSeconds: number
  readonly refresh: RefreshLimits
}

export interface Provider {
  /** Equal, byte for byte, to every `iss` and to the metadata. No trailing slash. */
  readonly issuer: string
  readonly apis: readonly Api[]
  readonly limits: Limits
  readonly host: Host
  readonly store: Store
  readonly vault: Vault
  readonly clients: ClientDirectory
  readonly signingKeys: SigningKeys
  readonly pacing: Pacing
  /** Tells operators what happened: ids only, never a secret. */
  readonly note: (event: ProtocolEvent) => void
}

export type ProtocolEvent =
  | { readonly event: 'refresh_reuse'; readonly familyId: string; readonly clientId: string }
  | { readonly event: 'foreign_refresh_token'; readonly familyId: string; readonly clientId: string }
  | { readonly event: 'linked'; readonly familyId: string; readonly clientId: string; readonly userId: string }

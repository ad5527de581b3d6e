// What is stored, as plain readonly records. Every one has an id, a version that its next write must name, and an end.
import type { GrantType, TokenEndpointAuthMethod } from '@latchkey/shared'

export interface StoredRecord {
  readonly id: string
  /** Raised by each write; a swap that names an older one changes nothing. */
  readonly version: number
  /** Epoch milliseconds after which the record may be purged. */
  readonly expiresAt: number
}

/** For records that end only when somebody ends them; fits a bigint column and stays exact as a number. */
export const NEVER = Number.MAX_SAFE_INTEGER

/** How somebody proved who they are: travels unchanged into every token that follows (RFC 9068 §2.2.1). */
export interface Authentication {
  readonly authenticatedAt: number
  /** RFC 8176 values. */
  readonly amr: readonly string[]
}

/** What the device says of itself. Never verified, always shown as a claim. */
export interface DeviceClaims {
  readonly name?: string
  readonly model?: string
  readonly software?: string
}

/** What a person may allow: scopes, and the APIs (resource URIs) they are good for. */
export interface Permission {
  readonly scope: readonly string[]
  readonly resources: readonly string[]
}

export interface Decision extends Authentication {
  readonly userId: string
  readonly decidedAt: number
}

/** One run of the device flow (RFC 8628). The id is the digest of the device_code. */
export interface DeviceRequest extends StoredRecord, Permission {
  readonly userCodeDigest: string
  readonly clientId: string
  readonly device: DeviceClaims
  /** The network address that asked. */
  readonly address: string
  readonly createdAt: number
  /** One deadline for both codes; the record itself stays a day longer, so that a late device hears `expired_token`. */
  readonly deadlineAt: number
  readonly state: 'pending' | 'approved' | 'denied' | 'redeemed'
  readonly decision?: Decision
  /** Named at redemption, before anything is issued: whoever inserts the family of this id has won. */
  readonly familyId?: string
}

/**
 * What one person allowed one device, and the chain of refresh tokens that carries it: rotation, grace and reuse
 * detection are one swap of this record. The id is the digest of the handle that all tokens of the family share.
 */
export interface TokenFamily extends StoredRecord, Permission, Authentication {
  readonly clientId: string
  readonly userId: string
  readonly device: DeviceClaims
  readonly createdAt: number
  readonly usedAt: number
  /** Digest of the live refresh token; absent when the client is not given any. */
  readonly current?: string
  /** Digest of its parent, and the live token sealed under a key that only the parent yields (a dump yields nothing). */
  readonly previous?: string
  readonly sealedSuccessor?: string
  readonly rotatedAt?: number
  readonly revokedAt?: number
}

/** A registered client, in RFC 7591's terms. */
export interface Client extends StoredRecord {
  readonly name: string
  readonly authMethod: TokenEndpointAuthMethod
  /** SHA-256 of a generated secret of 256 bits. */
  readonly secretDigest?: string
  readonly grantTypes: readonly GrantType[]
  readonly scope: readonly string[]
  readonly createdAt: number
  readonly disabledAt?: number
}

/** A local account. Ids begin with `usr_`, which no client id may, so that a subject tells which of both it is. */
export interface User extends StoredRecord {
  readonly email: string
  readonly name: string
  readonly passwordHash: string
  readonly admin: boolean
  readonly createdAt: number
  readonly disabledAt?: number
}
export const USER_ID_PREFIX = 'usr_'

/** A signed-in browser. The id is the digest of its cookie. */
export interface BrowserSession extends StoredRecord, Authentication {
  readonly userId: string
  readonly usedAt: number
  /** The device request that this browser opened by its code; it can decide on no other. */
  readonly openedRequestId?: string
}

export interface SigningKey extends StoredRecord {
  readonly alg: 'ES256' | 'RS256'
  /** Public members only. */
  readonly publicJwk: Readonly<Record<string, string>>
  readonly sealedPrivateKey: string
  readonly createdAt: number
}

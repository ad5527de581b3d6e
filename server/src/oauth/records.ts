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
  /** Thumbprint of the key that must redeem it (RFC 9449 §10.1, by analogy). */
  readonly jkt?: string
  /** PKCE on the device grant: S256. */
  readonly codeChallenge?: string
  /** The device asks for a sign-in no older than this, in seconds (OpenID Connect Core §3.1.2.1). */
  readonly maxAgeSeconds?: number
  /** The account that opened the code first; a second one is refused (RFC 10027 §6.1.4). */
  readonly openedBy?: string
  /** When another account first brought the same code. */
  readonly contestedAt?: number
  /** Only a sign-in of one of these kinds may answer: values of `acr`, see acr.ts. */
  readonly acrValues?: readonly string[]
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
  /** The flow that it came from: signing out ends what a browser began, not what a person gave a device. */
  readonly origin: 'device' | 'code'
  /** Thumbprint of the key that all its tokens are bound to (RFC 9449). */
  readonly jkt?: string
  /** For a key-bound family: what its tokens begin with, sealed by the vault; a lost token can be made anew. */
  readonly sealedHandle?: string
  /** How often the refresh token was changed. */
  readonly generation: number
  /** Digest of the live refresh token; absent when the client is not given any. */
  readonly current?: string
  /** Digest of its parent, and the live token sealed under a key that only the parent yields (a dump yields nothing). */
  readonly previous?: string
  readonly sealedSuccessor?: string
  readonly rotatedAt?: number
  readonly revokedAt?: number
}

/** What happens when a device and the person who brings its code are on different networks (RFC 10027 §6.1.1). */
export const ELSEWHERE = ['allow', 'warn', 'type', 'block'] as const
export type Elsewhere = (typeof ELSEWHERE)[number]

export type PublicJwk = Readonly<Record<string, unknown>>

export const SIGNING_ALGORITHMS = ['ES256', 'RS256', 'EdDSA'] as const
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number]

/** A registered client, in RFC 7591's terms. */
export interface Client extends StoredRecord {
  readonly name: string
  readonly authMethod: TokenEndpointAuthMethod
  /** SHA-256 of a generated secret of 256 bits. */
  readonly secretDigest?: string
  /** Public keys that it signs its assertions with; two while it changes them. */
  readonly jwks: readonly PublicJwk[]
  readonly grantTypes: readonly GrantType[]
  readonly scope: readonly string[]
  readonly redirectUris: readonly string[]
  readonly postLogoutRedirectUris: readonly string[]
  /** Its access and refresh tokens are bound to a key by DPoP, always. */
  readonly dpopBound: boolean
  readonly idTokenAlg: SigningAlgorithm
  readonly subjectType: 'public' | 'pairwise'
  /** Clients of one sector see one pairwise subject (OpenID Connect Core §8.1): a host name. */
  readonly sector: string
  /** `type` when absent. Set by operators alone; not part of what a client says of itself. */
  readonly elsewhere?: Elsewhere
  /** Present when it registered itself (RFC 7591). */
  readonly registration?: ClientRegistration
  readonly createdAt: number
  readonly disabledAt?: number
}

export interface ClientRegistration {
  readonly ownerId: string
  /** Digest of the registration access token (RFC 7592 §3). */
  readonly tokenDigest: string
  /** Thumbprint of the key that it registered with: the same key again is the same client. */
  readonly jkt: string
}

/** What a client asked for at the authorization endpoint, or pushed there before (RFC 9126): checked, not yet decided. */
export interface AuthorizationRequest extends StoredRecord, Permission {
  readonly clientId: string
  readonly redirectUri: string
  readonly state?: string
  readonly nonce?: string
  readonly codeChallenge: string
  readonly jkt?: string
  readonly prompt: readonly string[]
  readonly maxAgeSeconds?: number
  /** BCP 47 tags, the most wanted first, separated by spaces. */
  readonly uiLocales?: string
  readonly createdAt: number
  /** Pushed and not yet used: its request_uri is good once. */
  readonly pushed: boolean
}

/** A code on its way through the browser (RFC 6749 §4.1.2). The id is the digest of the code. */
export interface AuthorizationCode extends StoredRecord, Permission, Authentication {
  readonly clientId: string
  readonly redirectUri: string
  readonly userId: string
  readonly nonce?: string
  readonly codeChallenge: string
  readonly jkt?: string
  readonly deadlineAt: number
  readonly state: 'issued' | 'redeemed'
}

/** What a person allowed a client once, so that it need not ask again. The id follows from both. */
export interface Consent extends StoredRecord {
  readonly userId: string
  readonly clientId: string
  readonly scope: readonly string[]
}

/** An access token that is not a JWT: what it means is kept here. The id is the digest of the token. */
export interface OpaqueToken extends StoredRecord {
  readonly claims: Readonly<Record<string, unknown>>
}

/** Something good once that was used, or a token that was revoked before its time. The id says what, by digest. */
export type SpentMark = StoredRecord

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

/** A key that signs tokens. The id is its `kid`, the thumbprint of its public part (RFC 7638). */
export interface SigningKey extends StoredRecord {
  readonly alg: SigningAlgorithm
  /** Counted from 1 in each algorithm; no two keys of one algorithm have the same. */
  readonly generation: number
  readonly sealedPrivateKey: string
  readonly publishedAt: number
  /** From here on it signs, until a later generation does. */
  readonly activeAt: number
  /** Made in an emergency: all older generations ended when it was published. */
  readonly dropsOlder?: true
}

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
  /** Made on another network than the device's. */
  readonly fromAfar?: true
}

/** A number for the device's screen, among the choices on the phone. */
export interface ScreenNumber {
  readonly shown: string
  readonly choices: readonly string[]
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
  /** The device said that its screen can show a number for the person to find on the phone. */
  readonly showsNumber?: true
  /** That number and those beside it, in the order of the page; drawn once, so that a reload tells nothing. */
  readonly number?: ScreenNumber
  /** How often the letters asked for instead were wrong. */
  readonly wrongLetters?: number
  /** The account that typed the last of them. */
  readonly wrongLettersBy?: string
  /** Only a sign-in of one of these kinds may answer: values of `acr`, see acr.ts. */
  readonly acrValues?: readonly string[]
  /** One deadline for both codes; the record itself stays a day longer, so that a late device hears `expired_token`. */
  readonly deadlineAt: number
  readonly state: 'pending' | 'approved' | 'denied' | 'redeemed'
  readonly decision?: Decision
  /** Why it was denied, where that was more than a no: see device/device-request.ts. */
  readonly refused?: 'mismatch' | 'reported'
  /** It was ended from elsewhere, whatever was decided. `report`: somebody else's, of the same beginner. */
  readonly withdrawnBy?: 'person' | 'operator' | 'report'
  /** Reported: whose other codes and links were ended with it. Absent when nobody else's were looked for. */
  readonly contained?: Freeze['what']
  /** Reported: nothing more may begin there for an hour. Absent when reports had done so as often as may be. */
  readonly frozen?: true
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
  /** What its person calls it; before what it calls itself. */
  readonly label?: string
  /** The network address that began the device flow, and the one that its tokens were last asked for from. */
  readonly startedFrom?: string
  readonly usedFrom?: string
  /** Whoever allowed it was on another network than the device. */
  readonly fromAfar?: true
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
export const ELSEWHERE = ['allow', 'warn', 'match', 'block'] as const
export type Elsewhere = (typeof ELSEWHERE)[number]

export const ELSEWHERE_FALLBACKS = ['letters', 'block'] as const
export type ElsewhereFallback = (typeof ELSEWHERE_FALLBACKS)[number]

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
  /** `match` when absent. Set by operators alone; not part of what a client says of itself. */
  readonly elsewhere?: Elsewhere
  /** `match` for devices that can show no number: `letters` of the code are typed (when absent), or none is let in. */
  readonly elsewhereFallback?: ElsewhereFallback
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
  /** The language of the pages when they last signed in, which messages to them are written in: BCP 47. */
  readonly locale?: string
  /** Absent: signs in by passkey, or with an account of elsewhere. */
  readonly passwordHash?: string
  /** The password is too short to stand without the second factor beside which it was chosen. */
  readonly shortPassword?: true
  readonly secondFactor?: SecondFactor
  /** Its person forgot the password, and was sent a message that lets them choose another one. */
  readonly passwordReset?: PasswordReset
  /** Where they signed in lately with this password or beside it, the last first. */
  readonly homes?: readonly HomeNetwork[]
  /**
   * A new password ended all links of until then, and all approvals: epoch milliseconds. Written with the password, and
   * absent again once each of them was ended by itself (oauth/links.ts).
   */
  readonly linksEndedAt?: number
  readonly admin: boolean
  readonly createdAt: number
  readonly disabledAt?: number
}
export const USER_ID_PREFIX = 'usr_'

/** The message that was sent last: it is void once there is a later one, or another password. */
export interface PasswordReset {
  /** Of the secret in it. */
  readonly digest: string
  readonly until: number
}

/** A network that an account has signed in from. */
export interface HomeNetwork {
  /** Keyed. */
  readonly digest: string
  /** A day late at most. */
  readonly usedAt: number
}

/** One-time codes of an app (TOTP, RFC 6238), asked for after what is no two factors by itself. */
export interface SecondFactor {
  readonly sealedSecret: string
  /** The time step of the last code that was taken: no code is good twice. */
  readonly lastStep: number
  /** Keyed digests of the recovery codes that are left. */
  readonly recoveryDigests: readonly string[]
  readonly addedAt: number
}

/** A WebAuthn credential. The id is its credential ID in base64url. */
export interface Passkey extends StoredRecord {
  readonly userId: string
  /** COSE, base64url. */
  readonly publicKey: string
  /** Of the authenticator; stays 0 where it keeps none. */
  readonly counter: number
  readonly transports: readonly string[]
  /** May be copied to the person's other devices (backup eligible). */
  readonly synced: boolean
  readonly name: string
  readonly createdAt: number
  readonly usedAt?: number
}

/** An account at another provider that signs in to one of ours. The id is a digest of its issuer and subject. */
export interface UpstreamIdentity extends StoredRecord {
  readonly userId: string
  /** Of the configuration's `upstreams`. */
  readonly upstreamId: string
  readonly issuer: string
  readonly subject: string
  /** What the provider called it, to tell one from another; proves nothing. */
  readonly name?: string
  readonly createdAt: number
  readonly usedAt: number
}

/** After a report no device flow begins from here until it ends. The id: a digest of client and network, or client and key. */
export interface Freeze extends StoredRecord {
  readonly what: 'network' | 'key'
  readonly clientId: string
  readonly requestId: string
  readonly reportedBy: string
  readonly createdAt: number
}

/** One line of the audit trail: ids only, never a secret. */
export interface AuditEntry extends StoredRecord {
  readonly at: number
  readonly event: string
  readonly userId?: string
  readonly clientId?: string
  readonly details: Readonly<Record<string, string | number | boolean>>
}

/** A signed-in browser. The id stays for as long as it does; its cookie may be changed for another. */
export interface BrowserSession extends StoredRecord, Authentication {
  readonly userId: string
  readonly cookieDigest: string
  /** The mark of the password that its account had (accounts/users.ts): under another one it is worth nothing. */
  readonly password: string
  readonly usedAt: number
  /** Later than `authenticatedAt`: another provider was told to ask them anew, and cannot show that it did. */
  readonly askedAt?: number
  /** What the browser says it is, such as "Firefox on Android", and where it signed in from. */
  readonly browser?: string
  readonly address?: string
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

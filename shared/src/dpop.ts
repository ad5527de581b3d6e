// The DPoP proof (RFC 9449): made by a device, checked by server and API. Pure but for WebCrypto, so it runs on a TV too.
// Whether a `jti` was seen before and which nonces are good is for the caller to know: stores live next door.
import { base64url, type CryptoKey, calculateJwkThumbprint, compactVerify, exportJWK, type JWK, SignJWT } from 'jose'
import type { Entropy } from './host.ts'
import {
  importPublicKey,
  JwsError,
  parseJsonObject,
  readJwsHeader,
  readPublicJwk,
  type SignatureAlgorithm,
} from './jws.ts'

/** Seconds that `iat` may lie behind and ahead of the checker's clock when no nonce vouches for the time. */
export const PROOF_PAST_SECONDS = 60
export const PROOF_FUTURE_SECONDS = 10
export const LONGEST_JTI = 128

/** `privateKey` may be unextractable; `publicKey` may not. */
export interface ProofKey {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
}

export interface ProofInput {
  readonly key: ProofKey
  /** The method of the request the proof goes with. */
  readonly htm: string
  /** Its address; query and fragment are left out of the proof (RFC 9449 §4.2). */
  readonly htu: string
  readonly accessToken?: string
  readonly nonce?: string
  readonly nowSeconds: number
  readonly entropy: Entropy
}

/** The value of a `DPoP` header (RFC 9449 §4.2), good for one request. @throws TypeError on a key or address unfit for it */
export async function makeProof(input: ProofInput): Promise<string> {
  const { key, accessToken, nonce } = input
  const htu = normaliseHtu(input.htu)
  if (htu === undefined) throw new TypeError('htu must be an absolute http(s) address')
  const alg = algorithmOf(key.privateKey)
  const jwk = readPublicJwk(await exportJWK(key.publicKey), alg)
  const claims = {
    jti: base64url.encode(input.entropy(16)),
    htm: input.htm,
    htu,
    iat: Math.floor(input.nowSeconds),
    ...(accessToken === undefined ? {} : { ath: await accessTokenHash(accessToken) }),
    ...(nonce === undefined ? {} : { nonce }),
  }
  return new SignJWT(claims).setProtectedHeader({ typ: 'dpop+jwt', alg, jwk }).sign(key.privateKey)
}

export type ProofFault =
  | 'malformed'
  | 'typ'
  | 'alg'
  | 'jwk'
  | 'signature'
  | 'jti'
  | 'htm'
  | 'htu'
  | 'iat'
  | 'ath'
  | 'nonce_missing'
  | 'nonce_stale'

export class ProofError extends Error {
  override readonly name = 'ProofError'
  readonly fault: ProofFault
  /** What RFC 9449 §5 and §8 put on the wire. */
  readonly code: 'invalid_dpop_proof' | 'use_dpop_nonce'

  constructor(fault: ProofFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.fault = fault
    this.code = fault === 'nonce_missing' || fault === 'nonce_stale' ? 'use_dpop_nonce' : 'invalid_dpop_proof'
  }
}

export interface ProofCheck {
  readonly htm: string
  /** The configured public address of what was asked for, never made from Host or X-Forwarded-*. */
  readonly htu: string
  readonly nowSeconds: number
  /** At an API: the token that came along; its hash must be in the proof (RFC 9449 §7.1). */
  readonly accessToken?: string
  /**
   * Absent: a nonce in a proof means nothing. Present: whether this server gave that nonce lately; then the server's own
   * time decides and `iat` is ignored, so that a device without a clock can sign in. Any other nonce is stale.
   */
  readonly acceptsNonce?: (nonce: string) => boolean
  /** Refuse a proof without nonce, once this client was given one (RFC 9449 §8.2). */
  readonly requiresNonce?: boolean
}

export interface Proof {
  /** RFC 7638 thumbprint of the key that signed. */
  readonly jkt: string
  /** For the caller's replay store, together with the address: good once (RFC 9449 §11.1). */
  readonly jti: string
  /** Seconds, as the device believes. */
  readonly iat: number
  /** The accepted one. */
  readonly nonce?: string
}

/**
 * RFC 9449 §4.3, all but the replay of `jti`, and one header or two, which only the caller can see.
 * @throws ProofError
 */
export async function checkProof(proof: string, check: ProofCheck): Promise<Proof> {
  const { jwk, claims } = await verifySignature(proof)
  const { jti, htm, htu, iat, ath } = claims
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_JTI) throw new ProofError('jti', 'jti is unusable')
  if (htm !== check.htm) throw new ProofError('htm', 'htm is not the method of this request')
  const wanted = normaliseHtu(check.htu)
  if (wanted === undefined || typeof htu !== 'string' || normaliseHtu(htu) !== wanted) {
    throw new ProofError('htu', 'htu is not the address of this request')
  }
  if (check.accessToken !== undefined && ath !== (await accessTokenHash(check.accessToken))) {
    throw new ProofError('ath', 'ath is not the hash of the access token')
  }
  if (typeof iat !== 'number' || !Number.isFinite(iat)) throw new ProofError('iat', 'iat is not a number')
  const nonce = acceptedNonce(claims['nonce'], check)
  const age = check.nowSeconds - iat
  if (nonce === undefined && (age > PROOF_PAST_SECONDS || age < -PROOF_FUTURE_SECONDS)) {
    throw new ProofError('iat', 'iat is too far from the time of the server')
  }
  return { jkt: await thumbprint(jwk), jti, iat, ...(nonce === undefined ? {} : { nonce }) }
}

/** RFC 7638 with SHA-256. @throws TypeError when a member that the kind of key needs is missing */
export async function thumbprint(jwk: JWK): Promise<string> {
  try {
    return await calculateJwkThumbprint(jwk, 'sha256')
  } catch (cause) {
    throw new TypeError('not a JWK', { cause })
  }
}

/** `ath` of RFC 9449 §4.2. */
export async function accessTokenHash(accessToken: string): Promise<string> {
  return base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(accessToken))))
}

/**
 * An address as RFC 3986 §6.2.2 and §6.2.3 normalise it, without query and fragment (RFC 9449 §4.3); undefined when it
 * is no absolute http(s) address, names a user, or holds characters that no address may.
 */
export function normaliseHtu(text: string): string | undefined {
  // The URL parser forgives backslashes, spaces and line breaks; a proof that needs that was made to confuse.
  if (!/^https?:\/\/[^\s/?#@\\]+(?:[/?#]|$)/i.test(text) || !/^[\x21-\x7e]+$/.test(text) || text.includes('\\')) return
  const url = parseUrl(text)
  if (!url) return undefined
  // Case of scheme and host, default port, dot segments and an empty path are the parser's work.
  const path = url.pathname.replace(/%[0-9a-f]{2}/gi, (encoded) => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return /[\w.~-]/.test(character) ? character : encoded.toUpperCase()
  })
  return url.origin + path
}

// URL.canParse is too young for the browsers of TVs.
function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

async function verifySignature(proof: string) {
  try {
    const { alg, typ, jwk } = readJwsHeader(proof)
    if (typ !== 'dpop+jwt') throw new ProofError('typ', 'typ is not dpop+jwt')
    const key = await importPublicKey(jwk, alg)
    const { payload } = await compactVerify(proof, key, { algorithms: [alg] }).catch((cause: unknown) => {
      throw new ProofError('signature', 'the signature is not by the key in the header', { cause })
    })
    return { jwk: readPublicJwk(jwk, alg), claims: parseJsonObject(payload) }
  } catch (error) {
    if (!(error instanceof JwsError)) throw error
    const fault = { malformed: 'malformed', algorithm: 'alg', key: 'jwk' } as const
    throw new ProofError(fault[error.fault], error.message, { cause: error })
  }
}

function acceptedNonce(nonce: unknown, check: ProofCheck): string | undefined {
  if (nonce === undefined || !check.acceptsNonce) {
    if (check.requiresNonce) throw new ProofError('nonce_missing', 'the proof needs a nonce of this server')
    return undefined
  }
  if (typeof nonce === 'string' && check.acceptsNonce(nonce)) return nonce
  throw new ProofError('nonce_stale', 'the nonce is none that this server gave lately')
}

function algorithmOf({ algorithm }: CryptoKey): SignatureAlgorithm {
  const { name, namedCurve, hash } = algorithm as { name: string; namedCurve?: string; hash?: { name: string } }
  if (name === 'ECDSA' && namedCurve === 'P-256') return 'ES256'
  // The older name: RFC 9864's `Ed25519` is not yet known everywhere.
  if (name === 'Ed25519') return 'EdDSA'
  if (name === 'RSASSA-PKCS1-v1_5' && hash?.name === 'SHA-256') return 'RS256'
  if (name === 'RSA-PSS' && hash?.name === 'SHA-256') return 'PS256'
  throw new TypeError(`no proof can be made with a ${name} key`)
}

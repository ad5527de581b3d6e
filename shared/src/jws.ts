// What any signed token must look like before work is spent on it: size, header, algorithm, public key (NEG-06).
// Who signed it and what it says is the business of the rooms that call: `resource-server.ts`, `dpop.ts`, client assertions.
import { base64url, type CryptoKey, importJWK, type JWK } from 'jose'

/** Asymmetric algorithms alone: `none` and HS* can never be asked for (RFC 8725 §3.1). `Ed25519` is RFC 9864's name for it. */
export const SIGNATURE_ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'] as const
export type SignatureAlgorithm = (typeof SIGNATURE_ALGORITHMS)[number]

/** Characters of a compact JWS; it is ASCII, so also bytes. */
export const LONGEST_JWS = 8192

export interface JwsHeader {
  readonly alg: SignatureAlgorithm
  readonly typ: unknown
  readonly kid: unknown
  readonly jwk: unknown
}

export type JwsFault = 'malformed' | 'algorithm' | 'key'

export class JwsError extends Error {
  override readonly name = 'JwsError'
  readonly fault: JwsFault

  constructor(fault: JwsFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.fault = fault
  }
}

const DEEPEST_JSON = 4
const isShallow = (value: unknown, levels: number): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (levels > 0 && Object.values(value).every((member) => isShallow(member, levels - 1)))

export type JsonObject = Readonly<Record<string, unknown>>

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Parses strict UTF-8 that holds one JSON object of at most `levels` levels. @throws JwsError `malformed` */
export function parseJsonObject(bytes: Uint8Array, levels: number = DEEPEST_JSON): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new JwsError('malformed', 'not JSON', { cause })
  }
  if (!isJsonObject(value)) throw new JwsError('malformed', 'not a JSON object')
  if (!isShallow(value, levels)) throw new JwsError('malformed', 'JSON nested too deeply')
  return value
}

/**
 * Reads the header of a compact JWS (RFC 7515 §3.1). Nothing in it is trusted yet.
 * @throws JwsError `malformed` or `algorithm`
 */
export function readJwsHeader(token: string): JwsHeader {
  if (token.length > LONGEST_JWS) throw new JwsError('malformed', `longer than ${LONGEST_JWS} bytes`)
  const encoded = /^([\w-]+)\.[\w-]+\.[\w-]+$/.exec(token)?.[1]
  if (encoded === undefined) throw new JwsError('malformed', 'not a compact JWS')
  const header = parseJsonObject(decodeBase64url(encoded))
  // No extension is understood here, so any `crit` is one that must be refused (RFC 7515 §4.1.11).
  if (header['crit'] !== undefined) throw new JwsError('malformed', 'critical header extensions are not supported')
  const alg = SIGNATURE_ALGORITHMS.find((known) => known === header['alg'])
  if (alg === undefined) throw new JwsError('algorithm', 'algorithm not allowed')
  return { alg, typ: header['typ'], kid: header['kid'], jwk: header['jwk'] }
}

// 32 bytes, canonical: the last character carries four bits only.
const BYTES_32 = /^[\w-]{42}[AEIMQUYcgkosw048]$/
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const FEWEST_RSA_BITS = 2048
const MOST_RSA_BITS = 4096
const USUAL_EXPONENT = 'AQAB'

/**
 * The bare public members of a JWK, when it is a key for `alg` (RFC 7518 §6, RFC 8037 §2).
 * @throws JwsError `key`: private members, another algorithm's key, RSA outside 2048 to 4096 bits or with an exponent
 * other than 65537 (1 makes every signature valid, a huge one burns our processor)
 */
export function readPublicJwk(jwk: unknown, alg: SignatureAlgorithm): JWK {
  if (!isJsonObject(jwk)) throw new JwsError('key', 'not a JWK')
  if (PRIVATE_MEMBERS.some((member) => member in jwk)) throw new JwsError('key', 'a private key was sent')
  const { kty, crv, x, y, n, e } = jwk
  if (jwk['alg'] !== undefined && curveName(jwk['alg']) !== curveName(alg)) throw new JwsError('key', 'for another alg')
  switch (alg) {
    case 'ES256':
      if (kty !== 'EC' || crv !== 'P-256' || !is32Bytes(x) || !is32Bytes(y)) throw new JwsError('key', 'not on P-256')
      return { kty, crv, x, y }
    case 'EdDSA':
    case 'Ed25519':
      if (kty !== 'OKP' || crv !== 'Ed25519' || !is32Bytes(x)) throw new JwsError('key', 'not an Ed25519 key')
      return { kty, crv, x }
    case 'RS256':
    case 'PS256':
      if (kty !== 'RSA' || typeof n !== 'string' || e !== USUAL_EXPONENT) throw new JwsError('key', 'not an RSA key')
      if (!hasGoodModulus(n)) throw new JwsError('key', `RSA needs ${FEWEST_RSA_BITS} to ${MOST_RSA_BITS} bits`)
      return { kty, n, e }
  }
}

/** Imports a JWK for verifying. @throws JwsError `key`, also for a point that is not on its curve */
export async function importPublicKey(jwk: unknown, alg: SignatureAlgorithm): Promise<CryptoKey> {
  const bare = readPublicJwk(jwk, alg)
  try {
    const key = await importJWK(bare, alg)
    if (!(key instanceof Uint8Array)) return key
  } catch (cause) {
    throw new JwsError('key', 'not a usable public key', { cause })
  }
  throw new JwsError('key', 'not a public key')
}

function decodeBase64url(text: string): Uint8Array {
  try {
    return base64url.decode(text)
  } catch (cause) {
    throw new JwsError('malformed', 'not base64url', { cause })
  }
}

const is32Bytes = (value: unknown): value is string => typeof value === 'string' && BYTES_32.test(value)

const curveName = (alg: unknown): unknown => (alg === 'EdDSA' ? 'Ed25519' : alg)

function hasGoodModulus(n: string): boolean {
  // Of so many characters, 512 whole bytes are the most that fit.
  if (n.length > Math.ceil(MOST_RSA_BITS / 6) || !/^[\w-]+$/.test(n)) return false
  const modulus = decodeBase64url(n)
  const leadingBits = 32 - Math.clz32(modulus[0] ?? 0)
  // A leading zero byte is forbidden (RFC 7518 §6.3.1.1): it would give one key two thumbprints.
  const bits = leadingBits === 0 ? 0 : (modulus.length - 1) * 8 + leadingBits
  return bits >= FEWEST_RSA_BITS
}

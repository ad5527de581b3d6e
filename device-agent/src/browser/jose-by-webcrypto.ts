// The part of `jose` that core and shared use, by WebCrypto alone: in the bundle for TVs it stands in jose's place, which
// would be a third of all bytes and needs a younger browser. Same names, same answers, fewer options; a test compares both.
// Strict where jose is strict: a key fits one algorithm, the algorithm is one of those that are asked for, nothing is guessed.
import type { JSONWebKeySet, JWK } from 'jose'

export type { CryptoKey, JSONWebKeySet, JWK } from 'jose'

type Algorithm = 'ES256' | 'RS256' | 'PS256' | 'EdDSA' | 'Ed25519'
type Header = Readonly<Record<string, unknown>>
type Claims = Readonly<Record<string, unknown>>
type FindKey = (header: Header) => Promise<CryptoKey>

interface Kind {
  readonly kty: string
  readonly crv?: string
  readonly keyed: RsaHashedImportParams | EcKeyImportParams | { readonly name: string }
  readonly signed: AlgorithmIdentifier | RsaPssParams | EcdsaParams
}

const hash = 'SHA-256'
const ED25519: Kind = { kty: 'OKP', crv: 'Ed25519', keyed: { name: 'Ed25519' }, signed: { name: 'Ed25519' } }
const KINDS: Readonly<Record<Algorithm, Kind>> = {
  ES256: {
    kty: 'EC',
    crv: 'P-256',
    keyed: { name: 'ECDSA', namedCurve: 'P-256' },
    signed: { name: 'ECDSA', hash },
  },
  RS256: { kty: 'RSA', keyed: { name: 'RSASSA-PKCS1-v1_5', hash }, signed: { name: 'RSASSA-PKCS1-v1_5' } },
  PS256: { kty: 'RSA', keyed: { name: 'RSA-PSS', hash }, signed: { name: 'RSA-PSS', saltLength: 32 } as RsaPssParams },
  EdDSA: ED25519,
  Ed25519: ED25519,
}

const FEWEST_RSA_BITS = 2048
const text = new TextEncoder()

export const base64url = {
  encode(input: Uint8Array | string): string {
    const bytes = typeof input === 'string' ? text.encode(input) : input
    const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
    return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
  },
  /** @throws TypeError */
  decode(input: Uint8Array | string): Uint8Array<ArrayBuffer> {
    const encoded = typeof input === 'string' ? input : new TextDecoder().decode(input)
    if (!/^[\w-]*$/.test(encoded) || encoded.length % 4 === 1) throw new TypeError('not base64url')
    const binary = atob(encoded.replace(/-/g, '+').replace(/_/g, '/'))
    return Uint8Array.from(binary, (character) => character.charCodeAt(0))
  },
}

export async function exportJWK(key: CryptoKey): Promise<JWK> {
  const { ext: _ext, key_ops: _uses, alg: _alg, use: _use, ...jwk } = await crypto.subtle.exportKey('jwk', key)
  return jwk as JWK
}

export async function importJWK(jwk: JWK, alg: string): Promise<CryptoKey> {
  const kind = kindOf(alg)
  const { kty, crv, x, y, n, e } = jwk
  if (kty !== kind.kty || (kind.crv !== undefined && crv !== kind.crv)) throw new TypeError(`not a key for ${alg}`)
  const bare = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined)
  return crypto.subtle.importKey('jwk', Object.fromEntries(bare), kind.keyed, true, ['verify'])
}

export async function generateKeyPair(alg: string, { extractable = false } = {}): Promise<CryptoKeyPair> {
  const { keyed } = kindOf(alg)
  return crypto.subtle.generateKey(keyed as EcKeyGenParams, extractable, ['sign', 'verify'])
}

const NAMED = [
  ['EC', ['crv', 'kty', 'x', 'y']],
  ['OKP', ['crv', 'kty', 'x']],
  ['RSA', ['e', 'kty', 'n']],
] as const

/** RFC 7638 with SHA-256. @throws TypeError */
export async function calculateJwkThumbprint(jwk: JWK): Promise<string> {
  // In the order of the alphabet, and nothing else (RFC 7638 §3.2).
  const [, names] = NAMED.find(([kty]) => kty === jwk.kty) ?? []
  if (!names) throw new TypeError('not a JWK')
  const members = names.map((name) => [name, (jwk as Claims)[name]])
  if (members.some(([, value]) => typeof value !== 'string')) throw new TypeError('not a JWK')
  const digest = await crypto.subtle.digest(hash, text.encode(JSON.stringify(Object.fromEntries(members))))
  return base64url.encode(new Uint8Array(digest))
}

export class SignJWT {
  readonly #claims: Claims
  #header: Header = {}

  constructor(claims: Claims) {
    this.#claims = claims
  }

  setProtectedHeader(header: Header): this {
    this.#header = header
    return this
  }

  async sign(key: CryptoKey): Promise<string> {
    const input = [this.#header, this.#claims].map((part) => base64url.encode(JSON.stringify(part))).join('.')
    const { signed } = kindOf(this.#header['alg'])
    const signature = await crypto.subtle.sign(signed, key, text.encode(input))
    return `${input}.${base64url.encode(new Uint8Array(signature))}`
  }
}

/** Finds the one key of `jwks` that fits a header. */
export function createLocalJWKSet(jwks: JSONWebKeySet): FindKey {
  return async ({ alg, kid }) => {
    const { kty, crv } = kindOf(alg)
    const fitting = jwks.keys.filter(
      (jwk) =>
        jwk.kty === kty &&
        (crv === undefined || jwk.crv === crv) &&
        (kid === undefined || jwk.kid === kid) &&
        (jwk.alg === undefined || jwk.alg === alg) &&
        (jwk.use === undefined || jwk.use === 'sig') &&
        (jwk.key_ops === undefined || jwk.key_ops.includes('verify')),
    )
    const [jwk, another] = fitting
    if (!jwk) throw new Error('no applicable key found in the JSON Web Key Set')
    if (another) throw new Error('multiple matching keys found in the JSON Web Key Set')
    return importJWK(jwk, String(alg))
  }
}

/** @throws Error unless the signature is by that key, with one of `algorithms` */
export async function compactVerify(
  jws: string,
  key: CryptoKey | FindKey,
  { algorithms }: { readonly algorithms: readonly string[] },
): Promise<{ readonly payload: Uint8Array; readonly protectedHeader: Header }> {
  const [head = '', body = '', signature = '', more] = jws.split('.')
  if (more !== undefined || signature === '') throw new Error('Invalid Compact JWS')
  const protectedHeader = parseObject(base64url.decode(head))
  const { alg, crit } = protectedHeader
  if (typeof alg !== 'string' || !algorithms.includes(alg)) throw new Error('"alg" (Algorithm) value not allowed')
  if (crit !== undefined) throw new Error('Extension Header Parameters are not recognized')
  const found = typeof key === 'function' ? await key(protectedHeader) : key
  checkKey(found, kindOf(alg))
  const input = text.encode(`${head}.${body}`)
  const valid = await crypto.subtle.verify(kindOf(alg).signed, found, base64url.decode(signature), input)
  if (!valid) throw new Error('signature verification failed')
  return { payload: base64url.decode(body), protectedHeader }
}

export interface JwtChecks {
  readonly algorithms: readonly string[]
  readonly issuer: string
  readonly audience: string
  readonly currentDate: Date
  /** Seconds. */
  readonly clockTolerance: number
  readonly requiredClaims: readonly string[]
}

/** @throws Error unless signature and claims (RFC 7519 §4.1) are as `checks` ask */
export async function jwtVerify(
  jwt: string,
  key: CryptoKey | FindKey,
  checks: JwtChecks,
): Promise<{ readonly payload: Claims; readonly protectedHeader: Header }> {
  const { payload: bytes, protectedHeader } = await compactVerify(jwt, key, checks)
  const payload = parseObject(bytes)
  const { iss, aud } = payload
  const missing = ['iss', 'aud', ...checks.requiredClaims].find((name) => payload[name] === undefined)
  if (missing !== undefined) throw new Error(`missing required "${missing}" claim`)
  if (iss !== checks.issuer) throw new Error('unexpected "iss" claim value')
  if (!(Array.isArray(aud) ? aud : [aud]).includes(checks.audience)) throw new Error('unexpected "aud" claim value')
  const now = Math.floor(checks.currentDate.getTime() / 1000)
  const [exp, nbf] = ['exp', 'nbf', 'iat'].map((name) => dateOf(payload, name))
  if (exp !== undefined && exp <= now - checks.clockTolerance) throw new Error('"exp" claim timestamp check failed')
  if (nbf !== undefined && nbf > now + checks.clockTolerance) throw new Error('"nbf" claim timestamp check failed')
  return { payload, protectedHeader }
}

function kindOf(alg: unknown): Kind {
  const kind = Object.entries(KINDS).find(([name]) => name === alg)?.[1]
  if (!kind) throw new TypeError('unsupported algorithm')
  return kind
}

function checkKey({ algorithm, type }: CryptoKey, { keyed }: Kind): void {
  if (type !== 'public' || algorithm.name !== keyed.name) throw new TypeError('the key is for another algorithm')
  const { modulusLength } = algorithm as Partial<RsaKeyAlgorithm>
  if (modulusLength !== undefined && modulusLength < FEWEST_RSA_BITS) throw new TypeError('the RSA key is too small')
}

function parseObject(bytes: Uint8Array): Claims {
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not a JSON object')
  return value as Claims
}

function dateOf(claims: Claims, name: string): number | undefined {
  const value = claims[name]
  if (value === undefined) return undefined
  if (typeof value !== 'number') throw new Error(`"${name}" claim must be a number`)
  return value
}

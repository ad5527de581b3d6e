// The server's signing keys: made on first start, sealed at rest, published as a JWKS (RFC 7517).
// ES256 signs access tokens; RS256 signs id_tokens, because that is what client libraries assume unless told otherwise.
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import { NEVER, SIGNING_ALGORITHMS, type SigningAlgorithm, type SigningKey } from './records.ts'
import type { Store } from './store.ts'
import type { Vault } from './vault.ts'

export interface ActiveKey {
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly privateKey: CryptoKey
}

/** What a token of ours is checked with. */
export interface VerificationKey {
  readonly alg: SigningAlgorithm
  readonly publicKey: CryptoKey
}

export interface SigningKeys {
  active(alg: SigningAlgorithm): ActiveKey
  /** Undefined for a key that is not ours, or was dropped. */
  verificationKey(kid: string): VerificationKey | undefined
  /** The JWKS as served: public members only. */
  readonly jwks: string
}

/** How long a key set may be kept by who fetched it, in seconds. */
export const JWKS_MAX_AGE_SECONDS = 3600

const PUBLIC_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const

/**
 * Opens the stored keys and makes the ones that are missing. Two servers that start at once on one database may both
 * make one; both are published, and the older one signs. Throws when a stored key does not open with this secret.
 */
export async function openSigningKeys(table: Store['signingKeys'], vault: Vault, now: number): Promise<SigningKeys> {
  for (const alg of SIGNING_ALGORITHMS) {
    const stored = await table.all()
    if (!stored.some((key) => key.alg === alg)) await table.insert(await makeKey(alg, vault, now))
  }
  const records = [...(await table.all())].sort((a, b) => a.createdAt - b.createdAt || a.id.localeCompare(b.id))
  const active = new Map<SigningAlgorithm, ActiveKey>()
  const verification = new Map<string, VerificationKey>()
  for (const record of records) {
    verification.set(record.id, { alg: record.alg, publicKey: await importKey(record.publicJwk, record.alg) })
    if (!active.has(record.alg)) active.set(record.alg, await openKey(record, vault))
  }
  return {
    active(alg) {
      const key = active.get(alg)
      if (key === undefined) throw new Error(`no ${alg} key`)
      return key
    },
    verificationKey: (kid) => verification.get(kid),
    jwks: JSON.stringify({
      keys: records.map((key) => ({ ...key.publicJwk, kid: key.id, use: 'sig', alg: key.alg })),
    }),
  }
}

async function makeKey(alg: SigningAlgorithm, vault: Vault, now: number): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 })
  const jwk = await exportJWK(privateKey)
  const publicJwk: Record<string, string> = {}
  for (const member of PUBLIC_MEMBERS) {
    const value = jwk[member]
    if (value !== undefined) publicJwk[member] = value
  }
  return {
    id: await calculateJwkThumbprint(publicJwk as JWK),
    version: 0,
    expiresAt: NEVER,
    alg,
    publicJwk,
    sealedPrivateKey: vault.seal('signing-key', JSON.stringify(jwk)),
    createdAt: now,
  }
}

async function openKey(record: SigningKey, vault: Vault): Promise<ActiveKey> {
  const opened = vault.unseal('signing-key', record.sealedPrivateKey)
  if (opened === undefined) {
    throw new Error(
      'a signing key does not open with this master secret: restore the secret that belongs to this database',
    )
  }
  return { kid: record.id, alg: record.alg, privateKey: await importKey(JSON.parse(opened) as JWK, record.alg) }
}

async function importKey(jwk: JWK, alg: SigningAlgorithm): Promise<CryptoKey> {
  const key = await importJWK(jwk, alg)
  if (key instanceof Uint8Array) throw new Error('a signing key is not asymmetric')
  return key
}

// The server's signing keys: made here, sealed at rest, published as a JWKS (RFC 7517), followed by others in time.
// ES256 signs access tokens; RS256 signs id_tokens, because that is what client libraries assume unless told otherwise.
// When a key signs and how long it is published: signing-key-life.ts.
import type { Clock } from '@latchkey/shared'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import { NEVER, SIGNING_ALGORITHMS, type SigningAlgorithm, type SigningKey } from '../records.ts'
import type { Store } from '../store.ts'
import {
  activeKey,
  emergencySuccession,
  lifeOf,
  newest,
  orderedSuccession,
  type Succession,
  scheduledSuccession,
} from './signing-key-life.ts'
import type { Vault } from './vault.ts'

/** What signs now. */
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
  /** Throws when there is none that opens. */
  active(alg: SigningAlgorithm): ActiveKey
  /** Undefined for a key that is not ours, or was dropped. */
  verificationKey(kid: string): VerificationKey | undefined
  /** The JWKS as served: public members only. The same text until a key comes or goes. */
  readonly jwks: string
  /**
   * Reads the table again, makes the successors that are due and deletes what is gone; returns the new keys. To be
   * called every half minute: other processes rotate keys too. Throws when the table cannot be read, or a key in it
   * does not open; what could be read holds all the same.
   */
  upkeep(): Promise<readonly SigningKey[]>
}

type SigningKeyTable = Store['signingKeys']

/** A record opened: its private key by the vault, its public one from that, so that no write to the table publishes another. */
interface OpenKey extends ActiveKey, VerificationKey {
  readonly publicJwk: JWK
}

/**
 * Opens the stored keys and makes the first ones; successors are left to `upkeep`, so that a start is quick. A key is
 * replaced when it has signed for `lifeDays` (0: never). Throws when a stored key does not open with this secret.
 */
export async function openSigningKeys(
  table: SigningKeyTable,
  vault: Vault,
  clock: Clock,
  lifeDays: number,
): Promise<SigningKeys> {
  const opened = new Map<string, OpenKey>()
  let keys: readonly SigningKey[] = []
  let served = { kids: '', jwks: '' }
  let underway: Promise<readonly SigningKey[]> | undefined

  const read = async () => {
    const records = inOrder(await table.all())
    const failures: unknown[] = []
    for (const record of records) {
      if (opened.has(record.id)) continue
      try {
        opened.set(record.id, await openKey(record, vault))
      } catch (error) {
        failures.push(error)
      }
    }
    // Whatever does not open: a key that was dropped must not outlive it.
    keys = records
    for (const kid of opened.keys()) if (!records.some((record) => record.id === kid)) opened.delete(kid)
    if (failures.length > 0) throw failures[0]
  }
  const living = (): readonly OpenKey[] => {
    const now = clock.now()
    return keys
      .filter((key) => lifeOf(key, keys, now).state !== 'gone')
      .map((key) => opened.get(key.id))
      .filter((key) => key !== undefined)
  }
  const upkeep = async () => {
    await read()
    const made: SigningKey[] = []
    for (const alg of SIGNING_ALGORITHMS) {
      const key = await insertKey(table, vault, alg, (stored) =>
        scheduledSuccession(stored, alg, clock.now(), lifeDays),
      )
      if (key !== undefined) made.push(key)
    }
    const deleted = await deleteGone(table, keys, clock.now())
    if (made.length > 0 || deleted > 0) await read()
    return made
  }

  await makeFirst(table, vault, clock)
  await read()
  return {
    active(alg) {
      const key = opened.get(activeKey(keys, alg, clock.now())?.id ?? '')
      if (key === undefined) throw new Error(`no ${alg} key`)
      return key
    },
    verificationKey(kid) {
      const key = keys.find((record) => record.id === kid)
      return key === undefined || lifeOf(key, keys, clock.now()).state === 'gone' ? undefined : opened.get(kid)
    },
    get jwks() {
      const published = living()
      const kids = published.map((key) => key.kid).join(' ')
      if (kids !== served.kids) served = { kids, jwks: keySet(published) }
      return served.jwks
    },
    upkeep() {
      underway ??= upkeep().finally(() => {
        underway = undefined
      })
      return underway
    },
  }
}

export interface Rotation {
  /** Undefined when another process did the same a moment before, or a successor is waiting already. */
  readonly made: SigningKey | undefined
  /** How many keys ended at once. */
  readonly dropped: number
}

/**
 * Makes a successor: `overlap` publishes it first, as on schedule; `emergency` lets it sign at once and ends all older
 * keys of the algorithm at once, with their tokens. Throws when a stored key does not open with this secret.
 */
export async function rotateSigningKey(
  table: SigningKeyTable,
  vault: Vault,
  alg: SigningAlgorithm,
  clock: Clock,
  how: 'overlap' | 'emergency',
): Promise<Rotation> {
  const before = await table.all()
  // Sealed with another secret, the new key would end the server's next start.
  for (const key of before) await openKey(key, vault)
  if (how === 'overlap') {
    const made = await insertKey(table, vault, alg, (keys) => orderedSuccession(keys, alg, clock.now()))
    return { made, dropped: 0 }
  }
  const seen = newest(before.filter((key) => key.alg === alg))?.generation ?? 0
  const made = await insertKey(table, vault, alg, (keys) => {
    const done = keys.some((key) => key.alg === alg && key.dropsOlder && key.generation > seen)
    return done ? undefined : emergencySuccession(keys, alg, clock.now())
  })
  return { made, dropped: await deleteGone(table, await table.all(), clock.now()) }
}

async function makeFirst(table: SigningKeyTable, vault: Vault, clock: Clock): Promise<void> {
  const stored = await table.all()
  const missing = SIGNING_ALGORITHMS.filter((alg) => !stored.some((key) => key.alg === alg))
  await Promise.all(
    missing.map((alg) => insertKey(table, vault, alg, (keys) => scheduledSuccession(keys, alg, clock.now(), 0))),
  )
}

const MOST_TRIES = 16

/** The generation is unique in its algorithm: of several who see that a successor is needed, one inserts it. */
async function insertKey(
  table: SigningKeyTable,
  vault: Vault,
  alg: SigningAlgorithm,
  step: (keys: readonly SigningKey[]) => Succession | undefined,
): Promise<SigningKey | undefined> {
  let material: Pick<SigningKey, 'id' | 'sealedPrivateKey'> | undefined
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const succession = step(await table.all())
    if (succession === undefined) return undefined
    material ??= await makeKey(alg, vault)
    const key = { ...material, ...succession, version: 0, expiresAt: NEVER }
    if (await table.insert(key)) return key
  }
  throw new Error(`another process keeps making ${alg} keys`)
}

async function deleteGone(table: SigningKeyTable, keys: readonly SigningKey[], now: number): Promise<number> {
  let deleted = 0
  for (const key of keys) {
    if (lifeOf(key, keys, now).state === 'gone' && (await table.delete(key.id))) deleted++
  }
  return deleted
}

async function makeKey(alg: SigningAlgorithm, vault: Vault): Promise<Pick<SigningKey, 'id' | 'sealedPrivateKey'>> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 })
  const jwk = await exportJWK(privateKey)
  return {
    id: await calculateJwkThumbprint(publicMembers(jwk)),
    sealedPrivateKey: vault.seal('signing-key', JSON.stringify(jwk)),
  }
}

async function openKey(record: SigningKey, vault: Vault): Promise<OpenKey> {
  const opened = vault.unseal('signing-key', record.sealedPrivateKey)
  if (opened === undefined) {
    throw new Error(
      'a signing key does not open with this master secret: restore the secret that belongs to this database',
    )
  }
  const privateJwk = JSON.parse(opened) as JWK
  const publicJwk = publicMembers(privateJwk)
  if ((await calculateJwkThumbprint(publicJwk)) !== record.id)
    throw new Error('a signing key was stored under another id')
  const [privateKey, publicKey] = [await importKey(privateJwk, record.alg), await importKey(publicJwk, record.alg)]
  return { kid: record.id, alg: record.alg, privateKey, publicKey, publicJwk }
}

async function importKey(jwk: JWK, alg: SigningAlgorithm): Promise<CryptoKey> {
  const key = await importJWK(jwk, alg)
  if (key instanceof Uint8Array) throw new Error('a signing key is not asymmetric')
  return key
}

const PUBLIC_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const

function publicMembers(jwk: JWK): JWK {
  return Object.fromEntries(PUBLIC_MEMBERS.map((member) => [member, jwk[member]]).filter(([, value]) => value)) as JWK
}

function keySet(keys: readonly OpenKey[]): string {
  return JSON.stringify({ keys: keys.map(({ publicJwk, kid, alg }) => ({ ...publicJwk, kid, use: 'sig', alg })) })
}

function inOrder(keys: readonly SigningKey[]): readonly SigningKey[] {
  const rank = (key: SigningKey) => SIGNING_ALGORITHMS.indexOf(key.alg)
  return [...keys].sort((a, b) => rank(a) - rank(b) || a.generation - b.generation)
}

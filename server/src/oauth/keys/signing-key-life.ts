// The life of a signing key: published → active (it signs) → retired (still published, so that its tokens verify) → gone.
// Pure steps over the list of all keys. A record says when its own key begins; when it ends follows from its successors,
// so that a rotation, an emergency's too, is one insert. Making, sealing and serving keys is next door (signing-keys.ts).
import type { SigningAlgorithm, SigningKey } from '../records.ts'

/** How long a key set may be kept by who fetched it, in seconds. */
export const JWKS_MAX_AGE_SECONDS = 3600

/** No configuration lets a token live longer, so that a shorter limit never outdates a key whose tokens still live. */
export const LONGEST_TOKEN_SECONDS = 86_400

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** A key is published this long before it signs: whoever keeps the old set for its whole max-age knows it by then. */
export const LEAD_MS = JWKS_MAX_AGE_SECONDS * 1000 + HOUR_MS

/** A key stays published this long after it last signed (OpenID Connect Core §10.1.1); the hour is for clocks that differ. */
export const KEEP_MS = LONGEST_TOKEN_SECONDS * 1000 + HOUR_MS

export type KeyState = 'published' | 'active' | 'retired' | 'gone'

export interface KeyLife {
  readonly state: KeyState
  /** Epoch milliseconds. */
  readonly since: number
  /** Absent while nothing ends this state. */
  readonly until?: number
}

/** What a new key's record says of its place among the others. */
export type Succession = Pick<SigningKey, 'alg' | 'generation' | 'publishedAt' | 'activeAt' | 'dropsOlder'>

/** `keys` are all stored ones, in any order, of any algorithm; times are epoch milliseconds. */
export function lifeOf(key: Succession, keys: readonly Succession[], now: number): KeyLife {
  const { publishedAt, activeAt } = key
  const kin = keys.filter((other) => other.alg === key.alg)
  const later = kin.filter((other) => other.generation > key.generation)
  const droppers = later.filter((other) => other.dropsOlder)
  if (droppers.length > 0) return { state: 'gone', since: earliest(droppers.map((other) => other.publishedAt)) }
  // With nobody before it a key signs whatever the clock says: the machine that made it may have been ahead.
  const waits = key.dropsOlder !== true && kin.some((other) => other.generation < key.generation)
  if (waits && now < activeAt) return { state: 'published', since: publishedAt, until: activeAt }
  if (later.length === 0) return { state: 'active', since: activeAt }
  const retiredAt = earliest(later.map((other) => other.activeAt))
  if (now < retiredAt) return { state: 'active', since: activeAt, until: retiredAt }
  const goneAt = retiredAt + KEEP_MS
  return now < goneAt ? { state: 'retired', since: retiredAt, until: goneAt } : { state: 'gone', since: goneAt }
}

/** The key that signs at `now`. */
export function activeKey<K extends Succession>(keys: readonly K[], alg: SigningAlgorithm, now: number): K | undefined {
  const active = keys.filter((key) => key.alg === alg && lifeOf(key, keys, now).state === 'active')
  return newest(active)
}

/** On schedule: the first key of an algorithm, or one to follow a key that has `lifeDays` behind it; 0 days: never. */
export function scheduledSuccession(
  keys: readonly Succession[],
  alg: SigningAlgorithm,
  now: number,
  lifeDays: number,
): Succession | undefined {
  const kin = keys.filter((key) => key.alg === alg)
  if (kin.length === 0) return { alg, generation: 1, publishedAt: now, activeAt: now }
  const current = newest(kin.filter((key) => isNear(key, now))) ?? newest(kin)
  if (lifeDays === 0 || current === undefined) return undefined
  const due = current.activeAt + lifeDays * DAY_MS - LEAD_MS
  return now < due ? undefined : overlapping(kin, alg, now)
}

/** By command: undefined when a successor is waiting already. */
export function orderedSuccession(
  keys: readonly Succession[],
  alg: SigningAlgorithm,
  now: number,
): Succession | undefined {
  return waitingKey(keys, alg, now) === undefined ? overlapping(keys, alg, now) : undefined
}

/** A key that signs at once and ends all older ones at once. */
export function emergencySuccession(keys: readonly Succession[], alg: SigningAlgorithm, now: number): Succession {
  return { alg, generation: nextGeneration(keys, alg), publishedAt: now, activeAt: now, dropsOlder: true }
}

/** The key that is published and will sign soon. */
export function waitingKey<K extends Succession>(
  keys: readonly K[],
  alg: SigningAlgorithm,
  now: number,
): K | undefined {
  return newest(
    keys.filter((key) => key.alg === alg && isNear(key, now) && lifeOf(key, keys, now).state === 'published'),
  )
}

/** The latest generation, of keys of one algorithm. */
export function newest<K extends Succession>(keys: readonly K[]): K | undefined {
  return keys.reduce<K | undefined>((best, key) => (best && best.generation > key.generation ? best : key), undefined)
}

function overlapping(keys: readonly Succession[], alg: SigningAlgorithm, now: number): Succession {
  const generation = nextGeneration(keys, alg)
  return { alg, generation, publishedAt: now, activeAt: generation === 1 ? now : now + LEAD_MS }
}

function nextGeneration(keys: readonly Succession[], alg: SigningAlgorithm): number {
  return (newest(keys.filter((key) => key.alg === alg))?.generation ?? 0) + 1
}

/** False for a key that a clock far ahead put off for years: it must not keep its algorithm from being rotated. */
function isNear({ activeAt }: Succession, now: number): boolean {
  return activeAt <= now + 2 * LEAD_MS
}

function earliest(times: readonly number[]): number {
  return Math.min(...times)
}

// Counts of what happened lately, in memory: the brake on guessing and on floods. Bounded, and forgotten by a restart.
import type { Clock } from '@latchkey/shared'

export interface Allowance {
  readonly most: number
  readonly windowSeconds: number
}

export interface Throttle {
  /** Seconds until `key` may try again; 0 when it may now. */
  secondsToWait(key: string): number
  count(key: string): void
}

export interface WindowThrottle extends Throttle {
  /** The last one that was counted did not count after all. */
  uncount(key: string): void
}

// About 100 bytes each.
const MOST_KEYS = 100_000

/** A sliding window: at most `most` counted events of one key in any `windowSeconds`. Keeps the time of each: for small counts. */
export function createThrottle(allowance: Allowance, clock: Clock): WindowThrottle {
  const events = new Map<string, readonly number[]>()
  const recent = (key: string): readonly number[] => {
    const since = clock.monotonic() - allowance.windowSeconds * 1000
    return (events.get(key) ?? []).filter((at) => at > since)
  }
  return {
    secondsToWait(key) {
      const [oldest, ...rest] = recent(key)
      if (oldest === undefined || rest.length + 1 < allowance.most) return 0
      return Math.max(1, Math.ceil((oldest + allowance.windowSeconds * 1000 - clock.monotonic()) / 1000))
    },
    count(key) {
      const kept = [...recent(key), clock.monotonic()].slice(-allowance.most)
      remember(events, key, kept)
    },
    uncount(key) {
      remember(events, key, recent(key).slice(0, -1))
    },
  }
}

/** So many at once, and one more each time that so long has passed. */
export interface Trickle {
  readonly atOnce: number
  readonly everySeconds: number
}

/** Lets go of one event after the other, evenly: however long somebody keeps at it, they get no more than that. */
export function createTrickle({ atOnce, everySeconds }: Trickle, clock: Clock): WindowThrottle {
  const everyMs = everySeconds * 1000
  // When all that was counted will have been let go of.
  const clearAt = new Map<string, number>()
  const clear = (key: string): number => Math.max(clearAt.get(key) ?? 0, clock.monotonic())
  return {
    secondsToWait: (key) => Math.max(0, Math.ceil((clear(key) - (atOnce - 1) * everyMs - clock.monotonic()) / 1000)),
    count: (key) => remember(clearAt, key, clear(key) + everyMs),
    uncount: (key) => remember(clearAt, key, clear(key) - everyMs),
  }
}

// A wait is up to a twentieth of the window longer than it need be; a key costs this many numbers at most, twice.
const SLICES = 20

/** The same promise for large counts: events are kept by the slice of time that they fell into, and no one by one. */
export function createSlicedThrottle(allowance: Allowance, clock: Clock): Throttle {
  const sliceMs = (allowance.windowSeconds * 1000) / SLICES
  const counts = new Map<string, ReadonlyMap<number, number>>()
  const slice = (): number => Math.floor(clock.monotonic() / sliceMs)
  // One slice more than the window has: the oldest counts until its last event has left.
  const recent = (key: string): readonly (readonly [number, number])[] =>
    [...(counts.get(key) ?? [])].filter(([at]) => at >= slice() - SLICES)
  return {
    secondsToWait(key) {
      const kept = recent(key)
      let excess = kept.reduce((sum, [, count]) => sum + count, 0) - allowance.most
      for (const [at, count] of kept) {
        if (excess < 0) break
        excess -= count
        if (excess < 0) return Math.max(1, Math.ceil(((at + SLICES + 1) * sliceMs - clock.monotonic()) / 1000))
      }
      return 0
    },
    count(key) {
      const kept = new Map(recent(key))
      kept.set(slice(), (kept.get(slice()) ?? 0) + 1)
      remember(counts, key, kept)
    },
  }
}

/** The key that was quiet for longest makes room. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > MOST_KEYS && oldest !== undefined) map.delete(oldest)
}

/** IPv4 addresses count one by one, IPv6 by /64: the rest of one is a single household's to choose from. */
export function networkOf(address: string): string {
  const plain = unmapped(address)
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  const groups = [...left, ...Array.from({ length: zeros }, () => '0'), ...right]
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}

/**
 * Whether two addresses look like one place: the same address of a router, the same IPv6 /64, or, where this server is
 * in the house itself, two private addresses of one /24.
 */
export function sameNetwork(one: string, other: string): boolean {
  const neighbours = PRIVATE_IPV4.exec(unmapped(one))?.[1]
  if (neighbours !== undefined && neighbours === PRIVATE_IPV4.exec(unmapped(other))?.[1]) return true
  return networkOf(one) === networkOf(other)
}

/** RFC 1918; what is before the last number. */
const PRIVATE_IPV4 = /^((?:10\.\d+|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d+)\.\d+$/

/** An IPv4 address that came over an IPv6 socket is an IPv4 address. */
export function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address
}

// Counts of what went wrong lately, in memory: the brake on guessing. Bounded, and forgotten by a restart.
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

// About 100 bytes each.
const MOST_KEYS = 100_000

/** A sliding window: at most `most` counted events of one key in any `windowSeconds`. */
export function createThrottle(allowance: Allowance, clock: Clock): Throttle {
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
      events.delete(key)
      events.set(key, kept)
      if (events.size > MOST_KEYS) {
        const [oldest] = events.keys()
        if (oldest !== undefined) events.delete(oldest)
      }
    },
  }
}

/** IPv4 addresses count one by one, IPv6 by /64: the rest of one is a single household's to choose from. */
export function networkOf(address: string): string {
  const plain = address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address
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

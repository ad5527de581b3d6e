// How often a waiting device may ask (RFC 8628 §3.5). In memory only: a restart forgets it, and the first poll is free.

export interface PacingLimits {
  readonly intervalSeconds: number
  readonly slowDownSeconds: number
  readonly longestIntervalSeconds: number
  /** A poll that comes this little too early is on time: networks and timers jitter. */
  readonly toleranceMs: number
}

export const SLOW_DOWN: Pick<PacingLimits, 'slowDownSeconds' | 'longestIntervalSeconds' | 'toleranceMs'> = {
  slowDownSeconds: 5,
  longestIntervalSeconds: 60,
  toleranceMs: 500,
}

interface Pace {
  /** When a poll was last answered in substance, on the monotonic clock. */
  readonly allowedAt: number
  readonly intervalSeconds: number
  /** It has come back after it was told a number for its screen. */
  readonly showsNumber?: true
}

export type Paced = { readonly kind: 'allowed' } | { readonly kind: 'slow_down'; readonly intervalSeconds: number }

/**
 * The rule, pure. Waiting counts from the last poll that was allowed: a refused one moves the interval but not the
 * anchor, so a device that waits what it was told is always answered. A device that missed one `slow_down` (its
 * answer was lost) is one step short, and is answered too; else it could be slowed down for ever. The number for its
 * screen may have ended its wait early: the first poll that says it is shown is free, so that the wait goes on.
 */
export function pace(
  previous: Pace | undefined,
  now: number,
  limits: PacingLimits,
  showsNumber = false,
): { next: Pace; outcome: Paced } {
  if (previous === undefined) {
    return { next: { allowedAt: now, intervalSeconds: limits.intervalSeconds }, outcome: { kind: 'allowed' } }
  }
  if (showsNumber && !previous.showsNumber) {
    return { next: { ...previous, allowedAt: now, showsNumber }, outcome: { kind: 'allowed' } }
  }
  const forgivenSeconds = Math.max(limits.intervalSeconds, previous.intervalSeconds - limits.slowDownSeconds)
  if (now - previous.allowedAt >= forgivenSeconds * 1000 - limits.toleranceMs) {
    return { next: { ...previous, allowedAt: now }, outcome: { kind: 'allowed' } }
  }
  const intervalSeconds = Math.min(previous.intervalSeconds + limits.slowDownSeconds, limits.longestIntervalSeconds)
  return { next: { ...previous, intervalSeconds }, outcome: { kind: 'slow_down', intervalSeconds } }
}

export interface Pacing {
  /** `now` is monotonic milliseconds; `showsNumber`: the device says so, and it is the right one. */
  poll(requestId: string, now: number, showsNumber?: boolean): Paced
  /** The interval, in seconds, that holds for this device at the moment. */
  intervalSeconds(requestId: string): number
  forget(requestId: string): void
}

// About 100 bytes each. Past this the longest-known device gets one free poll: cheaper than refusing anybody.
const MOST_PACED = 200_000

export function createPacing(limits: PacingLimits): Pacing {
  const paces = new Map<string, Pace>()
  return {
    poll(requestId, now, showsNumber) {
      const { next, outcome } = pace(paces.get(requestId), now, limits, showsNumber)
      paces.set(requestId, next)
      if (paces.size > MOST_PACED) {
        const [oldest] = paces.keys()
        if (oldest !== undefined) paces.delete(oldest)
      }
      return outcome
    },
    intervalSeconds: (requestId) => paces.get(requestId)?.intervalSeconds ?? limits.intervalSeconds,
    forget: (requestId) => void paces.delete(requestId),
  }
}

// How long to wait: arithmetic only. Who waits, and for what, is next door in link-request.ts and agent.ts.
import type { Entropy } from '@latchkey/shared'

const LONGEST_DOUBLED_SECONDS = 60
const LONGEST_BACKOFF_SECONDS = 900

/** The rhythm of polling. */
export interface Pace {
  /** What the server asked for, raised for good by each `slow_down`. */
  readonly intervalSeconds: number
  /** Polls in a row that got no usable answer. */
  readonly troubles: number
}

/** The server answered: doubled waiting is over, a raised interval stays. */
export function afterAnswer(pace: Pace): Pace {
  return { ...pace, troubles: 0 }
}

/** RFC 8628 §3.5: five seconds more, for this and all later polls; or what the answer itself names, when that is longer. */
export function afterSlowDown(pace: Pace, namedSeconds = 0): Pace {
  return { intervalSeconds: Math.max(pace.intervalSeconds + 5, namedSeconds), troubles: 0 }
}

/** No answer, or one that says "later". */
export function afterTrouble(pace: Pace): Pace {
  return { ...pace, troubles: pace.troubles + 1 }
}

/** Seconds from the last answer to the next poll. Trouble doubles up to 60 s; `Retry-After` is obeyed when it is longer. */
export function waitSeconds(pace: Pace, retryAfterSeconds = 0): number {
  const doubled = Math.min(LONGEST_DOUBLED_SECONDS, pace.intervalSeconds * 2 ** pace.troubles)
  return Math.max(pace.intervalSeconds, doubled, retryAfterSeconds)
}

/** Full jitter, so that a fleet does not return as one: 0 to 2, 4, 8 … 900 s; or `Retry-After` plus up to a quarter. */
export function backoffSeconds(entropy: Entropy, attempt: number, retryAfterSeconds?: number): number {
  if (retryAfterSeconds !== undefined) return retryAfterSeconds * (1 + 0.25 * fraction(entropy))
  return fraction(entropy) * Math.min(LONGEST_BACKOFF_SECONDS, 2 * 2 ** attempt)
}

/** Refreshing early, each token at its own moment: after 60 to 80 % of its life. */
export function refreshAfterSeconds(entropy: Entropy, lifeSeconds: number): number {
  return lifeSeconds * (0.6 + 0.2 * fraction(entropy))
}

/** Uniform, 0 to just below 1. */
function fraction(entropy: Entropy): number {
  return entropy(4).reduce((sum, byte) => sum * 256 + byte, 0) / 2 ** 32
}

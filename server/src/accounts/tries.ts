// How often somebody may try a password or a code: a brake on guessing that no stranger can turn into a lock-out of the
// owner, nor into an answer to whether there is such an account. So nothing but time lets go of it: what the owner does
// must not show in how long a stranger waits. The arithmetic in words: docs/security.md, "Signing in".
import type { Clock } from '@latchkey/shared'
import { type Allowance, createThrottle, createTrickle } from '../oauth/throttle.ts'

/** Failures of one account, wherever they come from: so many at once, then one in each such time. All of them hold. */
export const BRAKES = [
  { atOnce: 20, everySeconds: 60 },
  { atOnce: 100, everySeconds: (24 * 3600) / 100 },
] as const

/** Who tries. An account that does not exist counts like one that does. */
export interface Trier {
  /** What they want to be: an address, or the id of an account. */
  readonly account: string
  /** A browser that this account has signed in with before: it has an allowance of its own, out of strangers' reach. */
  readonly browser?: string
  /** Where everybody else comes from; left out where all of them share one allowance. */
  readonly network?: string
}

export interface Tries {
  /**
   * Seconds until there may be another try; 0: there may be one now, and it is counted as a failure already, so that a
   * hundred at once are a hundred.
   */
  take(trier: Trier): number
  /** That one was right: it does not count, and leaves no trace. */
  giveBack(trier: Trier): void
}

/** `lately`: what one account may try from one place (a known browser, or a network) in any such window. */
export function createTries(lately: Allowance, clock: Clock): Tries {
  const places = createThrottle(lately, clock)
  const brakes = BRAKES.map((brake) => createTrickle(brake, clock))
  /** All that counts such a try, each under its own name for who tries. */
  const counts = ({ account, browser, network }: Trier) => {
    const who = browser === undefined ? account : `${account} ${browser}`
    return [
      { count: places, key: `${account} ${browser ?? network ?? ''}` },
      ...brakes.map((count) => ({ count, key: who })),
    ]
  }
  return {
    take(trier) {
      const all = counts(trier)
      const wait = Math.max(...all.map(({ count, key }) => count.secondsToWait(key)))
      if (wait === 0) for (const { count, key } of all) count.count(key)
      return wait
    },
    giveBack(trier) {
      for (const { count, key } of counts(trier)) count.uncount(key)
    },
  }
}

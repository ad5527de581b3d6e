// How often somebody may try a password or a code: a brake on guessing that no stranger can turn into a lock-out of the
// owner, nor into an answer to whether there is such an account. So nothing but time lets go of it: what the owner does
// must not show in how long a stranger waits. The arithmetic in words: docs/security.md, "Signing in".
import type { Clock } from '@latchkey/shared'
import { type Allowance, createThrottle, createTrickle, type WindowThrottle } from '../oauth/throttle.ts'

/** Failures of one account, wherever they come from: so many at once, then one in each such time. All of them hold. */
export const BRAKES = [
  { atOnce: 20, everySeconds: 60 },
  { atOnce: 100, everySeconds: (24 * 3600) / 100 },
] as const

/** Who tries. An account that does not exist counts like one that does. */
export interface Trier {
  /** What they want to be: an address, or the id of an account. */
  readonly account: string
  /** Where this account has signed in before, and whoever tries may know it: an allowance out of strangers' reach. */
  readonly own?: string
  /** Where everybody else comes from; left out where all of them share one allowance. */
  readonly network?: string
  /**
   * Whether the account has signed in from `network` before: then it has a reserve there, for when strangers elsewhere
   * have used up what all share. Nobody can see it: left out only where that is no secret.
   */
  readonly home?: boolean
}

export interface Try {
  /**
   * `judged`: the right one gets in. `feigned`: none does, but it is counted as if, and must cost the same work, so that
   * nobody sees which it was. `refused`: it is not looked at.
   */
  readonly kind: 'judged' | 'feigned' | 'refused'
  /** Seconds, to be told to whoever does not get in; 0: what they typed was wrong. */
  readonly wait: number
  /** It was right: it does not count, and leaves no trace. */
  giveBack(): void
}

export interface Tries {
  /** It is counted as a failure already, unless it is refused, so that a hundred at once are a hundred. */
  take(trier: Trier): Try
}

interface Counted {
  readonly count: WindowThrottle
  readonly key: string
}

/** `lately`: what one account may try from one place (a known browser, or a network) in any such window. */
export function createTries(lately: Allowance, clock: Clock): Tries {
  const places = createThrottle(lately, clock)
  const brakes = BRAKES.map((brake) => createTrickle(brake, clock))
  const braked = (key: string): readonly Counted[] => brakes.map((count) => ({ count, key }))
  return {
    take({ account, own, network, home }) {
      const here: Counted = { count: places, key: `${account} ${own ?? network ?? ''}` }
      const all = braked(own === undefined ? account : `${account} ${own}`)
      const wait = secondsToWait(all)
      if (secondsToWait([here]) > 0) return tried('refused', secondsToWait([here, ...all]), [])
      if (wait === 0) return tried('judged', wait, [here, ...all])
      if (home === undefined) return tried('refused', wait, [])
      const reserve = braked(`${account} ${network}`)
      // The wait is the one of all, and so is the count of this network, whether there is a reserve or not.
      return home && secondsToWait(reserve) === 0
        ? tried('judged', wait, [here, ...reserve])
        : tried('feigned', wait, [here])
    },
  }
}

function secondsToWait(counted: readonly Counted[]): number {
  return Math.max(...counted.map(({ count, key }) => count.secondsToWait(key)))
}

function tried(kind: Try['kind'], wait: number, counted: readonly Counted[]): Try {
  for (const { count, key } of counted) count.count(key)
  return {
    kind,
    wait,
    giveBack() {
      for (const { count, key } of counted) count.uncount(key)
    },
  }
}

// Guessing of user codes: how many wrong ones are let through, and what risk is left (RFC 8628 §5.1).
// The arithmetic in words: docs/security.md.
import { type Clock, USER_CODE_ALPHABET, USER_CODE_LENGTH } from '@latchkey/shared'
import { createThrottle } from '../throttle.ts'

/** Wrong codes before somebody must wait. */
export const WRONG_CODES = {
  perAccount: { most: 5, windowSeconds: 600 },
  perNetwork: { most: 20, windowSeconds: 3600 },
  inAll: { most: 50, windowSeconds: 600 },
} as const

const SECONDS_IN_A_YEAR = 365 * 24 * 3600

/** Above this, a server says so when it starts. */
export const TOLERABLE_YEARLY_RISK = 0.2

/**
 * An upper bound of the probability that somebody who guesses at the full rate, all year, hits one of so many live
 * codes. 52,560 windows of ten minutes, the guesses of each, by all codes there are.
 */
export function yearlyGuessingRisk(liveCodes: number): number {
  const { most, windowSeconds } = WRONG_CODES.inAll
  const guesses = (SECONDS_IN_A_YEAR / windowSeconds) * most
  return Math.min(1, (guesses * liveCodes) / USER_CODE_ALPHABET.length ** USER_CODE_LENGTH)
}

export interface GuessKeys {
  readonly account: string
  readonly network: string
}

/** One try of a code. */
export interface Guess {
  /** Seconds until somebody may try; 0: they may now, and it counts as a wrong one already. */
  readonly wait: number
  /** It used up what there is for everybody: if it is wrong, somebody should look. */
  readonly last: boolean
}

export interface Guesses {
  /** Counts first and looks afterwards, so that a hundred tries at once are a hundred. */
  take(keys: GuessKeys): Guess
  /** That one was right: it does not count. */
  giveBack(keys: GuessKeys): void
}

export function createGuesses(clock: Clock): Guesses {
  const perAccount = createThrottle(WRONG_CODES.perAccount, clock)
  const perNetwork = createThrottle(WRONG_CODES.perNetwork, clock)
  const inAll = createThrottle(WRONG_CODES.inAll, clock)
  const counters = ({ account, network }: GuessKeys) =>
    [
      [perAccount, account],
      [perNetwork, network],
      [inAll, ''],
    ] as const
  return {
    take(keys) {
      const all = counters(keys)
      const wait = Math.max(...all.map(([throttle, key]) => throttle.secondsToWait(key)))
      if (wait > 0) return { wait, last: false }
      for (const [throttle, key] of all) throttle.count(key)
      return { wait, last: inAll.secondsToWait('') > 0 }
    },
    giveBack(keys) {
      for (const [throttle, key] of counters(keys)) throttle.uncount(key)
    },
  }
}

// How often somebody may try a password or a code: a brake on guessing that no stranger can turn into a lock-out of the
// owner. The arithmetic in words: docs/security.md, "Signing in".
import type { Clock } from '@latchkey/shared'
import { type Allowance, createThrottle } from '../oauth/throttle.ts'

/** Failures of one account in a row, wherever they come from: then one a minute, then none until a day has passed. */
export const IN_A_ROW = { free: 20, slowSeconds: 60, most: 100, restSeconds: 24 * 3600 } as const

/** Who tries. An account that does not exist counts like one that does. */
export interface Trier {
  /** What they want to be: an address, or the id of an account. */
  readonly account: string
  /** A browser that this account has signed in with before: it has an allowance of its own, out of strangers' reach. */
  readonly browser?: string
  /** Where everybody else comes from; left out where all of them share one allowance. */
  readonly network?: string
  /** What is being guessed, such as the hash of a password: a new one has no failures yet. */
  readonly guessed?: string
}

export interface Tries {
  /**
   * Seconds until there may be another try; 0: there may be one now, and it is counted as a failure already, so that a
   * hundred at once are a hundred.
   */
  take(trier: Trier): number
  /** That one was right: it does not count. */
  giveBack(trier: Trier): void
  /** The account has signed in: whoever failed before no longer matters. */
  forget(trier: Trier): void
}

interface Row {
  readonly failures: number
  readonly lastAt: number
  readonly guessed: string | undefined
}

// As in throttle.ts: about 100 bytes each.
const MOST_ROWS = 100_000

/** `lately`: what one account may try from one place (a known browser, or a network) in any such window. */
export function createTries(lately: Allowance, clock: Clock): Tries {
  const places = createThrottle(lately, clock)
  const rows = new Map<string, Row>()
  const accountOf = ({ account, browser }: Trier) => (browser === undefined ? account : `${account} ${browser}`)
  const placeOf = ({ account, browser, network }: Trier) => `${account} ${browser ?? network ?? ''}`

  const rowOf = (trier: Trier): Row => {
    const row = rows.get(accountOf(trier))
    const over = row === undefined || clock.monotonic() >= row.lastAt + IN_A_ROW.restSeconds * 1000
    if (over || row.guessed !== trier.guessed) return { failures: 0, lastAt: 0, guessed: trier.guessed }
    return row
  }
  const keep = (trier: Trier, row: Row): void => {
    const key = accountOf(trier)
    // The row that was quiet for longest makes room.
    rows.delete(key)
    rows.set(key, row)
    const [oldest] = rows.keys()
    if (rows.size > MOST_ROWS && oldest !== undefined) rows.delete(oldest)
  }

  return {
    take(trier) {
      const row = rowOf(trier)
      const pause =
        row.failures >= IN_A_ROW.most ? IN_A_ROW.restSeconds : row.failures >= IN_A_ROW.free ? IN_A_ROW.slowSeconds : 0
      const now = clock.monotonic()
      const rest = Math.ceil((row.lastAt + pause * 1000 - now) / 1000)
      const wait = Math.max(pause === 0 ? 0 : rest, places.secondsToWait(placeOf(trier)))
      if (wait > 0) return wait
      places.count(placeOf(trier))
      keep(trier, { ...row, failures: row.failures + 1, lastAt: now })
      return 0
    },
    giveBack(trier) {
      const row = rowOf(trier)
      places.uncount(placeOf(trier))
      if (row.failures > 0) keep(trier, { ...row, failures: row.failures - 1 })
    },
    forget(trier) {
      rows.delete(accountOf(trier))
    },
  }
}

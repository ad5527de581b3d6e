// How much life a token has left. What is stored is wall time, because it must outlive a restart; what is measured is
// monotonic, because the wall clock of a device without a battery jumps by years. The bridge is crossed once per token.
import type { Clock } from '@latchkey/shared'
import type { StoredAccessToken } from './credentials.ts'

interface Life {
  readonly refreshAtMonotonic: number
  readonly expiresAtMonotonic: number
}

export class TokenLives {
  readonly #clock: Clock
  readonly #lives = new Map<string, Life>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Seconds until the token expires: 0 when it has, Infinity when the server set no end. */
  secondsLeft(stored: StoredAccessToken): number {
    return Math.max(0, this.#life(stored).expiresAtMonotonic - this.#clock.monotonic()) / 1000
  }

  isRefreshDue(stored: StoredAccessToken): boolean {
    return this.secondsUntilRefresh(stored) === 0
  }

  /** 0 when it is due, Infinity when it never is. */
  secondsUntilRefresh(stored: StoredAccessToken): number {
    return Math.max(0, this.#life(stored).refreshAtMonotonic - this.#clock.monotonic()) / 1000
  }

  #life(stored: StoredAccessToken): Life {
    // Some servers hand out the same token again, with a new life.
    const name = `${stored.obtainedAt} ${stored.token}`
    const known = this.#lives.get(name)
    if (known) return known
    const { obtainedAt, expiresAt = Number.POSITIVE_INFINITY, refreshAt = Number.POSITIVE_INFINITY } = stored
    const age = this.#clock.now() - obtainedAt
    const bornAt = this.#clock.monotonic() - age
    // Obtained in the future: the clock was set back while nobody looked, so the age is unknown and the token counts as old.
    const life: Life =
      age < 0 && Number.isFinite(expiresAt)
        ? { refreshAtMonotonic: Number.NEGATIVE_INFINITY, expiresAtMonotonic: Number.NEGATIVE_INFINITY }
        : { refreshAtMonotonic: bornAt + refreshAt - obtainedAt, expiresAtMonotonic: bornAt + expiresAt - obtainedAt }
    // A daemon sees a new token every few minutes for years.
    const oldest = this.#lives.size >= 32 ? this.#lives.keys().next().value : undefined
    if (oldest !== undefined) this.#lives.delete(oldest)
    this.#lives.set(name, life)
    return life
  }
}

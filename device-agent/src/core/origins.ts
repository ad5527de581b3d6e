// What each server lets us know beside its answers: the nonce for our next proof (RFC 9449 §8), and what time it is there.
// A device without a battery thinks it is 1970, and a proof from 1970 is refused.
import type { Clock } from '@latchkey/shared'

const MOST_REMEMBERED = 32

interface Known {
  readonly nonce: string | undefined
  /** Epoch milliseconds there, when our monotonic clock read 0. It is that clock which goes on from here: ours may jump. */
  readonly epochAtZero: number | undefined
}

export class Origins {
  readonly #clock: Clock
  readonly #home: string
  readonly #known = new Map<string, Known>()

  /** `home` is an address of the server whose time counts for those that have not told theirs yet. */
  constructor(clock: Clock, home: string) {
    this.#clock = clock
    this.#home = home
  }

  hear(url: string, headers: Headers): void {
    const { origin } = new URL(url)
    const before = this.#known.get(origin)
    const known: Known = {
      nonce: headers.get('dpop-nonce') ?? before?.nonce,
      epochAtZero: this.#epochAtZero(headers) ?? before?.epochAtZero,
    }
    const oldest = !before && this.#known.size >= MOST_REMEMBERED ? this.#known.keys().next().value : undefined
    if (oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(origin, known)
  }

  /** The newest nonce that came from there: for proofs to that origin and no other (RFC 9449 §8.2). */
  nonceFor(url: string): string | undefined {
    return this.#known.get(new URL(url).origin)?.nonce
  }

  /** Epoch milliseconds as they believe there; by our own clock when nobody has told us. */
  nowAt(url: string): number {
    const epoch = [url, this.#home].map((address) => this.#known.get(originOf(address))?.epochAtZero)
    const told = epoch.find((each) => each !== undefined)
    return told === undefined ? this.#clock.now() : told + this.#clock.monotonic()
  }

  #epochAtZero(headers: Headers): number | undefined {
    const date = Date.parse(headers.get('date') ?? '')
    if (Number.isNaN(date)) return undefined
    // RFC 9111 §5.1: a cache hands out the date of long ago, and says how long.
    const age = /^\d{1,9}$/.test(headers.get('age') ?? '') ? Number(headers.get('age')) : 0
    return date + age * 1000 - this.#clock.monotonic()
  }
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : ''
}

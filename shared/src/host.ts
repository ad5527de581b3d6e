// What Latchkey borrows from the machine. Time, randomness and waiting are always passed in, so that a test can own them.

export interface Clock {
  /** Wall time in epoch milliseconds. It may jump; never measure a duration with it. */
  now(): number
  /** Milliseconds since an arbitrary moment; never goes back. */
  monotonic(): number
}

/** Returns `size` random bytes, fit for secrets. */
export type Entropy = (size: number) => Uint8Array

/** Resolves after `milliseconds`; rejects with the signal's reason when that aborts first. */
export type Sleep = (milliseconds: number, signal?: AbortSignal) => Promise<void>

export interface Host {
  readonly clock: Clock
  readonly entropy: Entropy
  readonly sleep: Sleep
}

// A timer of more than 2^31 - 1 ms would fire at once.
const LONGEST_TIMER = 2 ** 31 - 1

export const systemHost: Host = {
  clock: { now: () => Date.now(), monotonic: () => performance.now() },
  entropy: (size) => crypto.getRandomValues(new Uint8Array(size)),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const finish = (settle: () => void) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        settle()
      }
      const onAbort = () => finish(() => reject(signal?.reason))
      const timer = setTimeout(() => finish(resolve), Math.min(Math.max(milliseconds, 0), LONGEST_TIMER))
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
}

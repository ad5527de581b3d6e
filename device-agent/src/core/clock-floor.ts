// Devices without a battery start in 1970. The time is surely later than when this was written, and than when something
// was last saved; until a time server says better, that is what counts. Durations never depend on it.
import type { Clock, Host } from '@latchkey/shared'

/** This version was made after this moment. */
export const MADE_AFTER = Date.UTC(2026, 10, 1)

/** A saved time further ahead is from a clock that was wrong when it was saved. */
const BELIEVABLE_MS = 10 * 365.25 * 86_400_000
const ASK_AGAIN_MS = 1_000

/** The latest of what is known to be in the past; epoch milliseconds. */
export function clockFloor(savedAt: readonly number[], madeAfter = MADE_AFTER): number {
  return Math.max(madeAfter, ...savedAt.filter((at) => at < madeAfter + BELIEVABLE_MS))
}

/** Waits until the clock has passed `floor`, as it does when time comes over the network. Returns whether it has. */
export async function clockPasses(
  floor: number,
  host: Host,
  how: { readonly patienceSeconds: number; readonly signal: AbortSignal },
): Promise<boolean> {
  const giveUpAt = host.clock.monotonic() + how.patienceSeconds * 1000
  while (host.clock.now() < floor) {
    if (host.clock.monotonic() >= giveUpAt) return false
    await host.sleep(ASK_AGAIN_MS, how.signal)
  }
  return true
}

/** A clock that reads at least `floor`, and from there goes on; the machine's own as soon as that is ahead. */
export function flooredClock(clock: Clock, floor: number): Clock {
  const since = clock.monotonic()
  return {
    now: () => Math.max(clock.now(), floor + clock.monotonic() - since),
    monotonic: () => clock.monotonic(),
  }
}

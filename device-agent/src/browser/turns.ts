// One at a time, over all pages of this origin: refreshing together would use one refresh token twice.
import type { Host } from '@latchkey/shared'
import type { Drawer } from './indexed-db.ts'

const LEASE = 'lease'
const LEASE_MS = 15_000
const RENEW_MS = 5_000
const ASK_AGAIN_MS = 100

export type Exclusively = <T>(work: () => Promise<T>) => Promise<T>

/** Web Locks end with the page that holds them; browsers have them since 2018, and on https pages alone. */
export function lockTurns(locks: LockManager, name: string): Exclusively {
  return async (work) => locks.request(`latchkey ${name}`, work) as ReturnType<typeof work>
}

interface Lease {
  readonly holder: string
  /** Epoch milliseconds: two pages share no other clock. */
  readonly until: number
}

/** A note in the drawer, renewed while the work goes on; one that nobody renews any more lapses. */
export function leaseTurns(drawer: Drawer, host: Host): Exclusively {
  const holder = Array.from(host.entropy(16)).join('.')
  // Callers in this page share the holder's name: among themselves they queue.
  let queue: Promise<unknown> = Promise.resolve()

  /** Whether the lease is ours now. */
  async function take(): Promise<boolean> {
    const now = host.clock.now()
    const next: Lease = { holder, until: now + LEASE_MS }
    const lease = await drawer.swap(LEASE, (found) => (isHeldByAnother(found, now) ? undefined : next))
    return isLease(lease) && lease.holder === holder
  }

  function isHeldByAnother(found: unknown, now: number): boolean {
    // One that ends later than a lease lasts is from before the clock was set back.
    return isLease(found) && found.holder !== holder && found.until > now && found.until <= now + LEASE_MS
  }

  async function renewUntil(signal: AbortSignal): Promise<void> {
    for (;;) {
      await host.sleep(RENEW_MS, signal)
      await take()
    }
  }

  async function run<T>(work: () => Promise<T>): Promise<T> {
    while (!(await take())) await host.sleep(ASK_AGAIN_MS)
    const done = new AbortController()
    // Ends by the signal; a renewal that fails leaves the lease to lapse.
    renewUntil(done.signal).catch(() => undefined)
    try {
      return await work()
    } finally {
      done.abort()
      await drawer.remove(LEASE)
    }
  }

  return (work) => {
    const turn = queue.then(() => run(work))
    queue = turn.catch(() => undefined)
    return turn
  }
}

function isLease(value: unknown): value is Lease {
  return typeof value === 'object' && value !== null && 'holder' in value && 'until' in value
}

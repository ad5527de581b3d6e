// What is sent to others (mail, webhooks) leaves from here: later than the request that caused it, a few at a time, and
// again when it failed. In memory: a message that waits is lost with the process, and the audit trail still knows why it
// was to be sent.
import { setMaxListeners } from 'node:events'
import type { Host } from '@latchkey/shared'
import type { Log } from './log.ts'

/** Sending it again would fail again. */
export class Undeliverable extends Error {
  override name = 'Undeliverable'
}

export interface Parcel {
  /** For the log: ids only, no address. */
  readonly about: Readonly<Record<string, string>>
  /**
   * False where there was nothing to send after all. Throws when it did not arrive; `Undeliverable` when it never will.
   * Ends when the signal says so.
   */
  send(signal: AbortSignal): Promise<boolean>
}

export interface Outbox {
  /** Returns at once. `afterMs`: nothing is done before; where the server stops first, it leaves then. */
  put(parcel: Parcel, afterMs?: number): void
  /** Lets what is on its way arrive, for a moment, and gives up the rest. */
  close(): Promise<void>
}

const MOST_WAITING = 1_000
const AT_ONCE = 4
/** Before the second attempt, the third, … in seconds; an hour and a quarter in all. */
export const PAUSES_SECONDS = [5, 60, 600, 3600] as const
const CLOSE_WITHIN_MS = 3_000

/** `channel` is for the log. */
export function createOutbox(channel: string, host: Host, log: Log): Outbox {
  const closing = new AbortController()
  // Of so many who wait none has been forgotten.
  setMaxListeners(MOST_WAITING, closing.signal)
  const cut = new AbortController()
  const waiting = new Set<Promise<void>>()
  const queue: (() => void)[] = []
  let busy = 0

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (busy >= AT_ONCE) await new Promise<void>((resolve) => queue.push(resolve))
    busy++
    try {
      return await work()
    } finally {
      busy--
      queue.shift()?.()
    }
  }

  /** Whether it is done with: sent, or given up. */
  async function attempt({ about, send }: Parcel, pause: number | undefined): Promise<boolean> {
    if (cut.signal.aborted) return false
    try {
      if (await send(cut.signal)) log.info({ channel, ...about }, 'notice sent')
      return true
    } catch (error) {
      const details = { channel, ...about, ...reasonOf(error) }
      if (pause === undefined || error instanceof Undeliverable) log.error(details, 'notice not sent, given up')
      else log.warn({ ...details, again_in_seconds: pause }, 'notice not sent')
      return pause === undefined || error instanceof Undeliverable
    }
  }

  async function deliver(parcel: Parcel, afterMs: number): Promise<void> {
    // Woken by the stop, it still has the moment that what is on its way has.
    if (afterMs > 0) await host.sleep(afterMs, closing.signal).catch(() => undefined)
    for (const pause of [...PAUSES_SECONDS, undefined]) {
      if (await inTurn(() => attempt(parcel, pause))) return
      if (closing.signal.aborted || !(await slept(pause ?? 0))) break
    }
    log.warn({ channel, ...parcel.about }, 'notice not sent: the server stops')
  }

  /** False when the server stops first. A little earlier or later each time, so that what failed together does not return together. */
  async function slept(seconds: number): Promise<boolean> {
    const spread = 0.75 + (host.entropy(1)[0] ?? 0) / 512
    return host.sleep(seconds * 1000 * spread, closing.signal).then(
      () => true,
      () => false,
    )
  }

  return {
    put(parcel, afterMs = 0) {
      if (closing.signal.aborted || waiting.size >= MOST_WAITING) {
        log.error({ channel, ...parcel.about }, 'notice not sent: too many wait already')
        return
      }
      const done = deliver(parcel, afterMs).finally(() => waiting.delete(done))
      waiting.add(done)
    },
    async close() {
      closing.abort()
      const all = Promise.all(waiting)
      const arrived = new AbortController()
      const patience = host.sleep(CLOSE_WITHIN_MS, arrived.signal).then(
        () => cut.abort(),
        () => undefined,
      )
      await all
      arrived.abort()
      await patience
    },
  }
}

/** What may be said of a failure: error texts of mail servers repeat addresses. */
function reasonOf(error: unknown): Readonly<Record<string, string | number>> {
  const { name, code, responseCode, status } = error as Readonly<Record<string, unknown>>
  const told = { reason: name, code, response: responseCode ?? status }
  return Object.fromEntries(
    Object.entries(told).filter((part): part is [string, string | number] => /string|number/.test(typeof part[1])),
  )
}

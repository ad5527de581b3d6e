// The audit trail: what happened to accounts, devices and clients, kept for whoever must look into it (RFC 10027 §6.1.6).
// Ids alone, never a secret. The log has the same events, and those that are too many to keep; it is written first.
import type { Host } from '@latchkey/shared'
import type { ProtocolEvent } from '../oauth/provider.ts'
import type { AuditEntry } from '../oauth/records.ts'
import type { Store } from '../oauth/store.ts'
import { createThrottle } from '../oauth/throttle.ts'
import type { Log } from './log.ts'

/** A year, and time to notice. */
export const AUDIT_DAYS = 400
const DAY_MS = 24 * 60 * 60 * 1000

/** Each of them would be one more write on the hot path, and codes are asked for by strangers: they are in the log alone. */
const LOG_ALONE: readonly ProtocolEvent['event'][] = ['issued', 'tokens']

// Nobody fills the disk by doing the same thing again and again.
const KEPT_OF_ONE_KIND = { most: 60, windowSeconds: 60 }

/** What happened: an event of the protocol, or of an operator's command. */
export type AuditEvent = {
  readonly event: string
  readonly userId?: string | undefined
  readonly clientId?: string | undefined
} & { readonly [detail: string]: string | number | boolean | undefined }

/** Writes one line, for a command; throws what the store throws. */
export async function recordAudit(store: Store, host: Host, event: AuditEvent): Promise<void> {
  await store.auditEntries.insert(entryOf(event, host))
}

export interface AuditTrail {
  /** Returns at once: nobody waits for the trail. What cannot be kept is logged as an error, with all that it says. */
  note(event: ProtocolEvent): void
  /** Resolves when all that was noted so far is on the disk, or in the log. */
  settled(): Promise<void>
}

export function createAuditTrail(store: Store, host: Host, log: Log): AuditTrail {
  const brake = createThrottle(KEPT_OF_ONE_KIND, host.clock)
  const pending = new Set<Promise<void>>()
  return {
    note(event) {
      if (LOG_ALONE.includes(event.event)) return
      const kind = kindOf(event)
      if (brake.secondsToWait(kind) > 0) return
      brake.count(kind)
      // The last line before a gap says that there is one.
      const more = brake.secondsToWait(kind) > 0 ? { more: true } : {}
      const written = recordAudit(store, host, { ...event, ...more })
        .catch((error: unknown) => log.error({ err: error, ...event }, 'not kept in the audit trail'))
        .finally(() => pending.delete(written))
      pending.add(written)
    },
    settled: async () => void (await Promise.all(pending)),
  }
}

function kindOf(event: ProtocolEvent): string {
  const { event: name, userId = '', clientId = '', familyId = '' }: AuditEvent = event
  return [name, userId, clientId, familyId].join(' ')
}

/** What somebody wants to know of the trail; epoch milliseconds, from the one on and before the other. */
export interface AuditQuestion {
  readonly userId?: string | undefined
  readonly event?: string | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
}

// As many as one page of an account shows, and some that it does not.
const PAGE = 50

/** The newest first, read page by page as far as somebody goes on reading. */
export async function* readAudit(
  { auditEntries }: Store,
  { userId, event, since = 0, until }: AuditQuestion,
): AsyncGenerator<AuditEntry> {
  let before = until === undefined ? undefined : moment(until)
  for (;;) {
    const which = { from: moment(since), before, most: PAGE }
    const page = await (userId !== undefined
      ? auditEntries.newestOfUser(userId, which)
      : event !== undefined
        ? auditEntries.newestOfEvent(event, which)
        : auditEntries.newest(which))
    // Of one account all kinds of events are read: that is never much.
    for (const entry of page) if (event === undefined || entry.event === event) yield entry
    before = page.at(-1)?.id
    if (page.length < PAGE) return
  }
}

/** What the ids of a millisecond begin with. */
function moment(at: number): string {
  return String(at).padStart(15, '0')
}

let written = 0

/** Ids are in the order of time, so that the trail reads like one. */
function entryOf({ event, userId, clientId, ...rest }: AuditEvent, { clock, entropy }: Host): AuditEntry {
  const at = clock.now()
  const order = moment(at) + String(written++ % 1_000_000).padStart(6, '0')
  return {
    id: order + Buffer.from(entropy(4)).toString('hex'),
    version: 0,
    expiresAt: at + AUDIT_DAYS * DAY_MS,
    at,
    event,
    ...(userId === undefined ? {} : { userId }),
    ...(clientId === undefined ? {} : { clientId }),
    details: Object.fromEntries(
      Object.entries(rest).filter((detail): detail is [string, string | number | boolean] => detail[1] !== undefined),
    ),
  }
}

// A start with a clock that is behind: said in the log, where the audit trail has seen later.
import type { Clock } from '@latchkey/shared'
import type { Store } from '../oauth/store.ts'
import type { Log } from './log.ts'

// Servers that share a database are never quite of one mind.
const NOT_WORTH_A_WORD_MS = 60_000

/**
 * At a start the machine is believed: to hold time at what was seen before would keep a server ahead of everybody that
 * had run ahead once, and no restart would put it right. Operators hear of it where the audit trail has seen later.
 */
export async function warnOfLateClock({ auditEntries }: Store, clock: Clock, log: Log): Promise<void> {
  const [newest] = await auditEntries.newest({ most: 1 })
  const behindMs = (newest?.at ?? 0) - clock.now()
  if (behindMs <= NOT_WORTH_A_WORD_MS) return
  log.warn(
    { event: 'clock_behind', seconds: Math.round(behindMs / 1000) },
    'the clock is behind what the audit trail has seen: what ran out since then may be good again',
  )
}

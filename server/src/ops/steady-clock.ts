// Server time that never goes back. What has run out stays run out when somebody turns the machine's clock back.
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

/**
 * Follows the machine's clock forwards at once. When that clock is behind (it was stepped back, or had run ahead),
 * time goes on at half speed until the machine has caught up: durations still pass, and nothing revives.
 */
export function steadyClock(machine: Clock): Clock {
  let now = machine.now()
  let readAt = machine.monotonic()
  return {
    monotonic: () => machine.monotonic(),
    now() {
      const reading = machine.monotonic()
      const elapsed = Math.max(0, reading - readAt)
      readAt = reading
      now = Math.max(machine.now(), now + elapsed / 2)
      return Math.floor(now)
    },
  }
}

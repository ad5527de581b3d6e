// Server time that never goes back. What has run out stays run out when somebody turns the machine's clock back.
import type { Clock } from '@latchkey/shared'

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

// The television of the demo asks for codes until one links it, or nobody wants another one.
import { AgentError, type DeviceAgent, terminalScreen } from '@latchkey/device-agent'
import { liftFreeze } from '../commands/freezes.ts'
import type { Terminal } from '../commands/terminal.ts'
import type { Store } from '../oauth/store.ts'

/** How a code ends that links nothing, as long as another one may. */
const ENDS: Partial<Record<AgentError['reason'], string>> = {
  denied: 'The phone said no: nothing is linked.',
  expired: 'The code has run out, since nobody answered: nothing is linked.',
}

/**
 * One code after the other, each because somebody asked for it: a device does not begin anew by itself (RFC 8628 §3.5).
 * Returns whether the last one linked it. Throws AgentError for ends that another code would not change, and the
 * signal's reason when it aborts.
 */
export async function linkByCodes(
  agent: Pick<DeviceAgent, 'link'>,
  { terminal, store, signal }: { readonly terminal: Terminal; readonly store: Store; readonly signal: AbortSignal },
): Promise<boolean> {
  const screen = terminalScreen({ terminal: process.stderr, env: terminal.environment, host: terminal.host })
  for (;;) {
    await liftReports(store, terminal)
    try {
      await agent.link({ signal, onState: screen.show })
      return true
    } catch (error) {
      const end = error instanceof AgentError ? ENDS[error.reason] : undefined
      if (end === undefined) throw error
      terminal.say(`\n   ${end}`)
    } finally {
      screen.close()
    }
    if (!(await terminal.askToGoOn('   Press Enter for a new code. ', signal))) {
      signal.throwIfAborted()
      return false
    }
  }
}

/** A reported device begins nothing for an hour. Who tries that in the demo shall see the rest as well. */
async function liftReports(store: Store, { host, say }: Terminal): Promise<void> {
  const lifted = await Promise.all((await store.freezes.all()).map((freeze) => liftFreeze(store, host, freeze)))
  if (lifted.includes(true))
    say('\n   This device was reported, and would get no code for an hour. The demo lifts that.')
}

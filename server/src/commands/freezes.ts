// `latchkey freeze …`: where no device flow may begin for a while, because somebody reported its codes; and the way to
// end that early. The server looks at the record each time, so an end counts at once, also while it runs.
import type { Host } from '@latchkey/shared'
import type { Freeze } from '../oauth/records.ts'
import type { Store } from '../oauth/store.ts'
import { recordAudit } from '../ops/audit.ts'
import { withStore } from './settings.ts'
import { CommandError, type Terminal } from './terminal.ts'
import { emailsOf } from './users.ts'

interface Common {
  readonly config?: string
}

/** Prints those that hold: id, what is frozen, its client, the network address or key, who reported, since, until. */
export function freezeList(terminal: Terminal, options: Common & { readonly json?: boolean }): Promise<void> {
  return withStore(terminal, options.config, async (store) => {
    const emailOf = emailsOf(store)
    for (const { id, what, clientId, requestId, reportedBy, createdAt, expiresAt } of await store.freezes.all()) {
      if (terminal.host.clock.now() >= expiresAt) continue
      // The freeze itself tells nobody an address; the request that was reported is kept for a day.
      const request = await store.deviceRequests.get(requestId)
      const where = what === 'network' ? request?.address : request?.jkt
      const by = await emailOf(reportedBy)
      const [since, until] = [createdAt, expiresAt].map((at) => new Date(at).toISOString())
      if (options.json) {
        terminal.print(JSON.stringify({ id, what, client_id: clientId, where, reported_by: by, since, until }))
      } else terminal.print([id, what, clientId, where ?? '-', by, since, until].join('\t'))
    }
  })
}

/** Devices may begin there again at once; what was ended stays so. */
export function freezeLift(terminal: Terminal, freezeId: string, options: Common): Promise<void> {
  return withStore(terminal, options.config, async (store) => {
    const freeze = await store.freezes.get(freezeId)
    const held = freeze !== undefined && terminal.host.clock.now() < freeze.expiresAt
    if (!held || !(await liftFreeze(store, terminal.host, freeze))) {
      throw new CommandError('no such freeze, or it has ended')
    }
    terminal.say(`Lifted: ${freeze.clientId} may begin there again`)
  })
}

/** Returns whether it was there, and is on record then. */
export async function liftFreeze(store: Store, host: Host, freeze: Freeze): Promise<boolean> {
  const { id, what, clientId, requestId } = freeze
  if (!(await store.freezes.delete(id))) return false
  await recordAudit(store, host, { event: 'freeze_lifted', what, clientId, requestId })
  return true
}

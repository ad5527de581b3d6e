// `latchkey audit …`: what happened, for whoever must look into it. The oldest comes first.
import type { AuditEntry } from '../oauth/records.ts'
import { instantFrom } from './moment.ts'
import { withStore } from './settings.ts'
import type { Terminal } from './terminal.ts'
import { findUser } from './users.ts'

export interface AuditListOptions {
  readonly config?: string
  /** An e-mail address. */
  readonly user?: string
  readonly event?: string
  /** ISO 8601. */
  readonly since?: string
  readonly json?: boolean
}

/** Prints the trail, all of it or what fits the conditions: moment, event, account, client, and what else is known. */
export async function auditList(terminal: Terminal, options: AuditListOptions): Promise<void> {
  const since = instantFrom('--since', options.since) ?? 0
  await withStore(terminal, options.config, async (store) => {
    const { auditEntries, users } = store
    const user = options.user === undefined ? undefined : await findUser(store, options.user)
    const entries = user === undefined ? await auditEntries.all() : await auditEntries.byUser(user.id)
    const emails = new Map((await users.all()).map(({ id, email }) => [id, email]))
    for (const entry of entries) {
      if (entry.at < since || entry.event !== (options.event ?? entry.event)) continue
      const email = entry.userId === undefined ? undefined : (emails.get(entry.userId) ?? entry.userId)
      terminal.print(options.json ? asJson(entry, email) : asLine(entry, email))
    }
  })
}

function asJson({ at, event, clientId, details }: AuditEntry, user: string | undefined): string {
  return JSON.stringify({ at: new Date(at).toISOString(), event, user, client_id: clientId, details })
}

function asLine({ at, event, clientId, details }: AuditEntry, user = '-'): string {
  const more = Object.entries(details).map(([name, value]) => `${name}=${value}`)
  return [new Date(at).toISOString(), event, user, clientId ?? '-', more.join(' ')].join('\t').trimEnd()
}

// `latchkey audit …`: what happened, for whoever must look into it. The newest comes first.
import type { AuditEntry } from '../oauth/records.ts'
import { readAudit } from '../ops/audit.ts'
import { countFrom, instantFrom } from './options.ts'
import { withStore } from './settings.ts'
import type { Terminal } from './terminal.ts'
import { emailsOf, findUser } from './users.ts'

const USUAL_LIMIT = 100

export interface AuditListOptions {
  readonly config?: string
  /** An e-mail address. */
  readonly user?: string
  readonly event?: string
  /** ISO 8601: from then on, and before. */
  readonly since?: string
  readonly until?: string
  /** So many lines, and what else happened in the millisecond of the last one. */
  readonly limit?: string
  readonly json?: boolean
}

/** Prints what of the trail fits the conditions: moment, event, account, client, and what else is known. */
export async function auditList(terminal: Terminal, options: AuditListOptions): Promise<void> {
  const since = instantFrom('--since', options.since)
  const until = instantFrom('--until', options.until)
  const limit = countFrom('--limit', options.limit) ?? USUAL_LIMIT
  await withStore(terminal, options.config, async (store) => {
    const userId = options.user === undefined ? undefined : (await findUser(store, options.user)).id
    const emailOf = emailsOf(store)
    let told = 0
    let last = Number.POSITIVE_INFINITY
    for await (const entry of readAudit(store, { userId, event: options.event, since, until })) {
      // Never in the middle of a millisecond: what is older is asked for by time.
      if (told >= limit && entry.at < last) {
        terminal.say(`There are older ones: --until ${new Date(last).toISOString()}`)
        return
      }
      const email = entry.userId === undefined ? undefined : await emailOf(entry.userId)
      terminal.print(options.json ? asJson(entry, email) : asLine(entry, email))
      told += 1
      last = entry.at
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

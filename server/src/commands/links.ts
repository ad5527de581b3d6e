// `latchkey link …`: what people allowed their devices, for whoever must look into it and end it (RFC 10027 §6.1.6).
// The server reads the record each time, so an end counts at once, also while it runs.
import { normaliseUserCode } from '@latchkey/shared'
import type { Config } from '../config.ts'
import { masterSecretFor } from '../master-secret.ts'
import { withdraw } from '../oauth/device/device-request.ts'
import { createVault } from '../oauth/keys/vault.ts'
import { endLink } from '../oauth/links.ts'
import type { DeviceRequest, TokenFamily } from '../oauth/records.ts'
import { type Store, update } from '../oauth/store.ts'
import { recordAudit } from '../ops/audit.ts'
import { instantFrom } from './options.ts'
import { withStore } from './settings.ts'
import { CommandError, EXIT, type Terminal } from './terminal.ts'
import { emailsOf, findUser } from './users.ts'

interface Common {
  readonly config?: string
}

export interface RevokeLinksOptions extends Common {
  /** A user code, as a person reads it. */
  readonly code?: string
  readonly client?: string
  /** An e-mail address. */
  readonly user?: string
  /** ISO 8601: links made at or after, and before. */
  readonly since?: string
  readonly until?: string
}

export function linkList(terminal: Terminal, options: Common & { readonly json?: boolean }): Promise<void> {
  return withStore(terminal, options.config, async (store) => {
    const emailOf = emailsOf(store)
    for (const family of await store.families.all()) {
      const { id, clientId, userId, scope, device, createdAt, usedAt } = family
      const user = await emailOf(userId)
      const state = stateOf(family, terminal.host.clock.now())
      const [made, used] = [createdAt, usedAt].map((at) => new Date(at).toISOString())
      if (options.json) {
        const told = { id, user, client_id: clientId, scope: scope.join(' '), device, created_at: made, used_at: used }
        terminal.print(JSON.stringify({ ...told, state }))
      } else terminal.print([id, user, clientId, device.name ?? '', made, used, state].join('\t'))
    }
  })
}

/** Ends the links that all the given conditions fit, and approvals of theirs that no device has fetched yet. */
export async function linkRevoke(
  terminal: Terminal,
  linkId: string | undefined,
  options: RevokeLinksOptions,
): Promise<void> {
  const since = instantFrom('--since', options.since)
  const until = instantFrom('--until', options.until)
  const code = options.code === undefined ? undefined : codeFrom(options.code)
  if ([linkId, code, options.client, options.user, since, until].every((condition) => condition === undefined)) {
    throw new CommandError('say which: a link id, --code, --client, --user, --since or --until', EXIT.usage)
  }
  await withStore(terminal, options.config, async (store, config) => {
    const userId = options.user === undefined ? undefined : (await findUser(store, options.user)).id
    const request = code === undefined ? undefined : await requestOf(terminal, store, config, code)
    const fits = (clientId: string, owner: string | undefined, at: number) =>
      clientId === (options.client ?? clientId) &&
      owner === (userId ?? owner) &&
      at >= (since ?? at) &&
      at < (until ?? Number.POSITIVE_INFINITY)

    // Approvals first: one that is fetched in between is a link then, and found as one.
    let codes = 0
    const began = linkId !== undefined ? [] : request === undefined ? await store.deviceRequests.all() : [request]
    for (const waiting of began) {
      const { id: requestId, clientId, decision } = waiting
      const meant =
        request === undefined
          ? waiting.state === 'approved' && fits(clientId, decision?.userId, decision?.decidedAt ?? 0)
          : fits(clientId, decision?.userId, waiting.createdAt)
      if (!meant || !(await update(store.deviceRequests, requestId, withdraw))) continue
      if ((await store.families.get(waiting.familyId ?? '')) !== undefined) continue
      await recordAudit(store, terminal.host, { event: 'withdrawn', requestId, clientId, userId: decision?.userId })
      codes += 1
    }
    let links = 0
    const named = request === undefined ? linkId : ((await store.deviceRequests.get(request.id))?.familyId ?? '')
    for (const family of await linksOf(store, named, userId, options.client)) {
      const { id: familyId, clientId, userId: owner, createdAt } = family
      const meant = familyId === (linkId ?? familyId) && fits(clientId, owner, createdAt)
      if (!meant || !(await endLink(store, familyId, terminal.host.clock.now()))) continue
      await recordAudit(store, terminal.host, { event: 'unlinked', familyId, clientId, userId: owner, by: 'operator' })
      terminal.print(familyId)
      links += 1
    }
    if (links + codes === 0) throw new CommandError('nothing to end: no link fits, or they ended before')
    terminal.say(
      `Ended ${count(links, 'link')}, and closed ${count(codes, 'code')} that nobody had fetched tokens with`,
    )
  })
}

/** Those that the narrowest condition fits, so that not everything is read for one link; the others are for the caller. */
async function linksOf(
  { families }: Store,
  linkId: string | undefined,
  userId: string | undefined,
  clientId: string | undefined,
): Promise<readonly TokenFamily[]> {
  if (linkId !== undefined) {
    const family = await families.get(linkId)
    return family === undefined ? [] : [family]
  }
  if (userId !== undefined) return families.byUser(userId)
  return clientId === undefined ? families.all() : families.byClient(clientId)
}

function stateOf({ revokedAt, expiresAt }: TokenFamily, now: number): 'active' | 'revoked' | 'ended' {
  if (revokedAt !== undefined) return 'revoked'
  return now < expiresAt ? 'active' : 'ended'
}

/** Codes are kept under a keyed digest: only with the master secret is one found again. */
async function requestOf(terminal: Terminal, store: Store, config: Config, code: string): Promise<DeviceRequest> {
  const { entropy } = terminal.host
  const vault = createVault(masterSecretFor(config, entropy), entropy)
  const request = await store.deviceRequests.byUserCode(vault.digest('user-code', code))
  if (request === undefined) throw new CommandError('this code was not given out, or more than a day ago')
  return request
}

function codeFrom(text: string): string {
  const code = normaliseUserCode(text)
  if (code === undefined) throw new CommandError('--code takes a code such as WDJB-MJHT', EXIT.usage)
  return code
}

function count(amount: number, thing: string): string {
  return `${amount} ${thing}${amount === 1 ? '' : 's'}`
}

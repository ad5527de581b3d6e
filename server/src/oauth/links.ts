// Ending what people allowed: a link dies with its whole family of tokens, at once, wherever it is asked for.
import { withdraw } from './device/device-request.ts'
import type { ProtocolEvent, Provider } from './provider.ts'
import { NEVER, type TokenFamily, type User } from './records.ts'
import { type Store, StoreUnavailable, update } from './store.ts'
import { revoke } from './tokens/token-family.ts'

/** False when there is no such link, or it was ended before. `now` is epoch milliseconds. */
export async function endLink(store: Store, id: string, now: number): Promise<boolean> {
  return (await end(store, id, now)) !== undefined
}

function end(store: Store, id: string, now: number): Promise<TokenFamily | undefined> {
  return update(store.families, id, (family) =>
    family === undefined || family.revokedAt !== undefined
      ? { outcome: undefined }
      : { next: revoke(family, now), outcome: family },
  )
}

/** Returns how many were ended now. */
export async function endLinks(store: Store, families: readonly TokenFamily[], now: number): Promise<number> {
  let ended = 0
  for (const { id } of families) if (await endLink(store, id, now)) ended += 1
  return ended
}

type EndedBy = Extract<ProtocolEvent, { readonly event: 'unlinked' }>['by']

/** The same while the server runs, told to whoever listens. */
export async function unlink(provider: Provider, familyId: string, by: EndedBy): Promise<boolean> {
  const ended = await end(provider.store, familyId, provider.host.clock.now())
  if (ended === undefined) return false
  const { clientId, userId } = ended
  provider.note({ event: 'unlinked', familyId, clientId, userId, by })
  return true
}

/**
 * Everything of one person of one origin, or of both, that began by `until` (epoch milliseconds); approvals that no device
 * has fetched yet go first: one that is fetched in between is a link then, and found as one.
 */
export async function unlinkAll(
  provider: Provider,
  userId: string,
  { origin, until = NEVER }: { readonly origin?: TokenFamily['origin']; readonly until?: number } = {},
): Promise<void> {
  const { deviceRequests, families } = provider.store
  const now = provider.host.clock.now()
  if (origin !== 'code') {
    for (const { id, decision, deadlineAt } of await deviceRequests.all()) {
      // Those that were fetched too: after a crash in between, a code can be fetched once more.
      if (decision?.userId === userId && decision.decidedAt <= until && now < deadlineAt)
        await update(deviceRequests, id, (current) => withdraw(current, 'person'))
    }
  }
  for (const family of await families.byUser(userId)) {
    if ((origin === undefined || family.origin === origin) && family.createdAt <= until)
      await unlink(provider, family.id, 'person')
  }
}

/**
 * Ends each link and approval that a new password of `user` ended, and may have left as it was: the process died, or the
 * storage failed, before it came to them. Done again, it does no more.
 */
export async function endWithPassword(
  provider: Provider,
  { id, linksEndedAt }: User,
  until = linksEndedAt ?? NEVER,
): Promise<void> {
  if (linksEndedAt === undefined) return
  await unlinkAll(provider, id, { until })
  await update(provider.store.users, id, (current) => {
    if (current?.linksEndedAt !== linksEndedAt) return { outcome: undefined }
    const { linksEndedAt: _, ...next } = current
    return { next, outcome: undefined }
  })
}

/** `work` may wait until later, and will not be forgotten: storage that cannot serve now is no reason to stop here. */
export async function nowOrLater(work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof StoreUnavailable)) throw error
  })
}

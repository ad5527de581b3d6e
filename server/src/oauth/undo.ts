// Undoing a link from the notice about it: a sealed token stands for the right to end this one link, and for nothing
// else. Whoever holds it need not sign in, so it is good for a month, and it can only take away.

import { removeDevice } from './clients/registration-management.ts'
import type { Vault } from './keys/vault.ts'
import { unlink } from './links.ts'
import type { Provider } from './provider.ts'
import type { Client, TokenFamily } from './records.ts'
import { isLive } from './tokens/token-family.ts'

const UNDO_MS = 30 * 24 * 60 * 60 * 1000

/** What a token of a notice stands for. */
export interface Undo {
  readonly familyId: string
  readonly userId: string
  /** The device's key: a device that set itself up with it, as a client of its own, goes as well. */
  readonly jkt?: string
}

export function undoUntil(family: TokenFamily): number {
  return family.createdAt + UNDO_MS
}

/** The token for a link that was just made. */
export function undoToken(vault: Vault, family: TokenFamily): string {
  const { id, userId, jkt = '' } = family
  return vault.seal('undo', [id, userId, undoUntil(family), jkt].join(' '))
}

/** Undefined for what is no token of ours, and for one that has run out. `now` is epoch milliseconds. */
export function readUndo(vault: Vault, token: string, now: number): Undo | undefined {
  const [familyId = '', userId = '', until, jkt] = vault.unseal('undo', token)?.split(' ') ?? []
  if (!(now < Number(until))) return undefined
  return { familyId, userId, ...(jkt ? { jkt } : {}) }
}

export interface Undoable {
  readonly family: TokenFamily | undefined
  /** The device as a client of its own. */
  readonly enrolled: Client | undefined
}

/** What there is left to end; undefined when nothing is. */
export async function findUndoable(provider: Provider, undo: Undo): Promise<Undoable | undefined> {
  const { store, host, limits } = provider
  const family = await store.families.get(undo.familyId)
  const registered = undo.jkt === undefined ? undefined : await store.clients.byRegisteredKey(undo.jkt)
  const enrolled = registered?.registration?.ownerId === undo.userId ? registered : undefined
  const live = family !== undefined && isLive(family, host.clock.now(), limits.refresh)
  return live || enrolled !== undefined ? { family, enrolled } : undefined
}

/** Ends it, at once and for good. Harmless when somebody did so before. */
export async function undoLink(provider: Provider, undo: Undo): Promise<void> {
  await unlink(provider, undo.familyId, 'notice')
  const enrolled = (await findUndoable(provider, undo))?.enrolled
  if (enrolled !== undefined) await removeDevice(provider, enrolled)
}

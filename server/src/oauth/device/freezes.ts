// Where no device flow may begin for a while, after a report: a client in a network, or a client with a key. Kept in the
// database, so that a restart thaws nothing and every node knows.
import { OAuthError } from '../errors.ts'
import { digestOf, type Vault } from '../keys/vault.ts'
import type { Freeze } from '../records.ts'
import { type Store, update } from '../store.ts'
import { networkOf } from '../throttle.ts'

export const FREEZE_MS = 60 * 60 * 1000

/** The day of reports: what is counted counts for so long, and so far back something is begun by the same. */
export const WINDOW_MS = 24 * 60 * 60 * 1000

/** So often in a day one client is frozen in one network, or with one key, whoever reports and however many they are. */
export const FREEZES_A_DAY = 3

/** Who begins, as far as one can tell: the same client from the same network, or with the same key. */
export interface Beginner {
  readonly clientId: string
  readonly address: string
  /** Thumbprint of its key. */
  readonly jkt?: string | undefined
}

type Basis = { readonly store: Store; readonly vault: Vault }

/** Keyed, since anybody could go through all the addresses there are; undefined for what this beginner has not. */
function freezeId(vault: Vault, what: Freeze['what'], { clientId, address, jkt }: Beginner): string | undefined {
  const name = what === 'key' ? jkt : networkOf(address)
  return name === undefined ? undefined : vault.digest('freeze', `${what} ${clientId} ${name}`)
}

/** Throws `temporarily_unavailable` (429) until the freeze ends; `now` is epoch milliseconds. */
export async function refuseFrozen({ store, vault }: Basis, beginner: Beginner, now: number): Promise<void> {
  for (const what of ['network', 'key'] as const) {
    const id = freezeId(vault, what, beginner)
    const freeze = id === undefined ? undefined : await store.freezes.get(id)
    if (freeze === undefined || now >= freeze.expiresAt) continue
    throw new OAuthError('temporarily_unavailable', 'no codes are given out here for a while', {
      status: 429,
      headers: { 'Retry-After': String(Math.ceil((freeze.expiresAt - now) / 1000)) },
    })
  }
}

/**
 * Takes one of `most` places, where one is free. Each is held for a day from when it was taken; the insert itself tells
 * which is free.
 */
export async function takePlace({ spent }: Store, of: string, most: number, now: number): Promise<boolean> {
  for (let place = 0; place < most; place++) {
    const id = digestOf(`${of}, ${place}`)
    if (await spent.insert({ id, version: 0, expiresAt: now + WINDOW_MS })) return true
  }
  return false
}

/**
 * From now on, for an hour. What is frozen already stays so until the later of both ends. Returns whether it is: what was
 * frozen as often as may be is left as it is.
 */
export async function freeze(
  { store, vault }: Basis,
  what: Freeze['what'],
  beginner: Beginner,
  why: Pick<Freeze, 'requestId' | 'reportedBy'>,
  now: number,
): Promise<boolean> {
  const id = freezeId(vault, what, beginner)
  if (id === undefined) return false
  if (!(await takePlace(store, `freeze of ${id}`, FREEZES_A_DAY, now))) {
    return now < ((await store.freezes.get(id))?.expiresAt ?? 0)
  }
  const record: Freeze = {
    id,
    version: 0,
    expiresAt: now + FREEZE_MS,
    what,
    clientId: beginner.clientId,
    ...why,
    createdAt: now,
  }
  // Between the two an operator may lift the old one.
  while (!(await store.freezes.insert(record))) {
    const kept = await update(store.freezes, id, (old) =>
      old === undefined || old.expiresAt >= record.expiresAt
        ? { outcome: old !== undefined }
        : { next: { ...record, version: old.version }, outcome: true },
    )
    if (kept) return true
  }
  return true
}

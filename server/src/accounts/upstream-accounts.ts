// Whose account another provider's word opens. By issuer and subject, never by an e-mail address alone: addresses are
// typed in, given away and given out again. How the word was come by is upstreams.ts.
// No two tables are written at once here, so the identity goes first: of several who arrive together one inserts it,
// and it names the account that all of them end up with, made or still to be made.
import type { Host } from '@latchkey/shared'
import { digestOf, randomToken } from '../oauth/keys/vault.ts'
import { NEVER, type UpstreamIdentity, USER_ID_PREFIX, type User } from '../oauth/records.ts'
import { type Store, update } from '../oauth/store.ts'
import { domainOf, type UpstreamProfile } from './upstream-profile.ts'
import type { UpstreamSettings } from './upstream-settings.ts'
import type { Vouched } from './upstreams.ts'

/** Why nobody is signed in, though the provider vouches for them. */
export type Refusal =
  /** The account here is disabled. */
  | 'closed'
  /** New here, and the configuration makes no accounts for those who are. */
  | 'unknown'
  /** An account has the address already, and the provider's word is not enough to open it. */
  | 'taken'
  /** No address that the provider has confirmed: an account has no name without. */
  | 'no_address'
  /** The configuration leaves such addresses to another provider. */
  | 'other_provider'

export type Arrival =
  | { readonly user: User /** Not known before. */; readonly linked: boolean }
  | { readonly refused: Refusal }

/** What is worked with: all providers, since one may speak for addresses that another names. */
export interface UpstreamAccounts {
  readonly store: Store
  readonly host: Host
  readonly upstreams: readonly UpstreamSettings[]
}

// Each turn, somebody else was faster with the same identity.
const MOST_TRIES = 4

/** The account that somebody who signed in there signs in to here. Throws UpstreamTrouble. */
export async function arrive(room: UpstreamAccounts, upstream: UpstreamSettings, vouched: Vouched): Promise<Arrival> {
  const { users, upstreamIdentities } = room.store
  const id = identityId(vouched)
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const known = await upstreamIdentities.get(id)
    const user = known && (await users.get(known.userId))
    if (known !== undefined && user !== undefined) {
      if (user.disabledAt !== undefined) return { refused: 'closed' }
      await touch(room, upstream, known)
      return { user, linked: false }
    }
    const profile = await vouched.profile()
    const place = await placeFor(room, upstream, vouched, profile, known)
    if ('refused' in place) {
      // The address may be taken by the very account that somebody else's turn has just made for this identity.
      const found = await upstreamIdentities.get(id)
      const settled = found !== undefined && (known === undefined || (await users.get(found.userId)) !== undefined)
      if (settled) continue
      return place
    }
    if (known !== undefined && place.user.id !== known.userId) {
      // What it named was never made, and cannot be any more: the address is another account's.
      await upstreamIdentities.delete(id)
      continue
    }
    const identity = known ?? identityOf(room, upstream, vouched, profile, place.user.id)
    if (known === undefined && !(await upstreamIdentities.insert(identity))) continue
    if (!place.make) return { user: place.user, linked: true }
    if (await users.insert(place.user)) return { user: place.user, linked: true }
    const made = await users.get(place.user.id)
    if (made !== undefined) return { user: made, linked: false }
    // The address went to somebody else in between: this identity opens nothing.
    await upstreamIdentities.delete(id)
  }
  return { refused: 'taken' }
}

/**
 * The account for somebody new: one that is there, or one to be made under the id that `started`, an identity without
 * an account, names.
 */
async function placeFor(
  { store, host, upstreams }: UpstreamAccounts,
  upstream: UpstreamSettings,
  vouched: Vouched,
  { email, name, vouchedEmail }: UpstreamProfile,
  started: UpstreamIdentity | undefined,
): Promise<{ readonly user: User; readonly make: boolean } | { readonly refused: Refusal }> {
  const owner = email === undefined ? undefined : await store.users.byEmail(email)
  if (owner !== undefined) {
    // Who may do more than others adds what signs them in themselves.
    if (!vouchedEmail || owner.admin) return { refused: 'taken' }
    if (owner.disabledAt !== undefined) return { refused: 'closed' }
    // An address that was given out again: its first owner signs in with another account of the same provider.
    const others = await store.upstreamIdentities.byUser(owner.id)
    if (others.some(({ issuer }) => issuer === vouched.issuer)) return { refused: 'taken' }
    return { user: owner, make: false }
  }
  if (upstream.accounts === 'known') return { refused: 'unknown' }
  if (email === undefined) return { refused: 'no_address' }
  // Whoever holds an address of that domain at a second provider would be waiting in the account when its owner comes.
  const keeper = upstreams.find(({ emailDomains }) => emailDomains.includes(domainOf(email)))
  if (keeper !== undefined && !vouchedEmail) return { refused: 'other_provider' }
  const user: User = {
    id: started?.userId ?? USER_ID_PREFIX + randomToken(host.entropy, USER_ID_BYTES),
    version: 0,
    expiresAt: NEVER,
    email,
    name: name ?? email.slice(0, email.indexOf('@')),
    admin: false,
    createdAt: host.clock.now(),
  }
  return { user, make: true }
}

const USER_ID_BYTES = 16

/** For `user`, who is signed in here and said so. `anothers`: it signs in to somebody else's account. Throws UpstreamTrouble. */
export async function addIdentity(
  room: UpstreamAccounts,
  upstream: UpstreamSettings,
  vouched: Vouched,
  user: User,
): Promise<'linked' | 'already' | 'anothers'> {
  const profile = await vouched.profile()
  const identity = identityOf(room, upstream, vouched, profile, user.id)
  if (await room.store.upstreamIdentities.insert(identity)) return 'linked'
  const known = await room.store.upstreamIdentities.get(identity.id)
  return known?.userId === user.id ? 'already' : 'anothers'
}

function identityId({ issuer, subject }: Pick<Vouched, 'issuer' | 'subject'>): string {
  return digestOf(`upstream ${issuer} ${subject}`)
}

function identityOf(
  { host }: UpstreamAccounts,
  { id: upstreamId }: UpstreamSettings,
  { issuer, subject }: Vouched,
  { label }: UpstreamProfile,
  userId: string,
): UpstreamIdentity {
  const now = host.clock.now()
  return {
    id: identityId({ issuer, subject }),
    version: 0,
    expiresAt: NEVER,
    userId,
    upstreamId,
    issuer,
    subject,
    ...(label === undefined ? {} : { name: label }),
    createdAt: now,
    usedAt: now,
  }
}

function touch({ store, host }: UpstreamAccounts, { id: upstreamId }: UpstreamSettings, { id }: UpstreamIdentity) {
  return update(store.upstreamIdentities, id, (current) => ({
    ...(current && { next: { ...current, upstreamId, usedAt: host.clock.now() } }),
    outcome: undefined,
  }))
}

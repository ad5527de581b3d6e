// The ways in to an account: a password, passkeys, accounts elsewhere. The last one is never taken away.
import type { Provider } from '../oauth/provider.ts'
import type { StoredRecord } from '../oauth/records.ts'
import type { Store, Table } from '../oauth/store.ts'
import { sameIssuer, type UpstreamSettings } from './upstream-settings.ts'

type Room = Pick<Provider, 'store' | 'upstreamIssuers'>

/** What signs somebody in to this account, by the ids of its records; the password is one of them. */
export async function waysIn({ store, upstreamIssuers }: Room, userId: string): Promise<readonly string[]> {
  const user = await store.users.get(userId)
  const passkeys = await store.passkeys.byUser(userId)
  const identities = await store.upstreamIdentities.byUser(userId)
  // A provider that the configuration names no more opens nothing.
  const open = identities.filter(({ issuer }) => upstreamIssuers.some((one) => sameIssuer(one, issuer)))
  return [...(user?.passwordHash === undefined ? [] : ['password']), ...[...passkeys, ...open].map(({ id }) => id)]
}

/** The providers that sign this account in, as far as the configuration still names them. */
export async function upstreamsOf(
  store: Store,
  upstreams: readonly UpstreamSettings[],
  userId: string,
): Promise<readonly UpstreamSettings[]> {
  if (upstreams.length === 0) return upstreams
  const linked = (await store.upstreamIdentities.byUser(userId)).map(({ issuer }) => issuer)
  return upstreams.filter(({ issuer }) => linked.some((one) => sameIssuer(one, issuer)))
}

/**
 * Takes one away. `last`: it is still there, because nothing else is. Two that go at once, from two windows, both see
 * afterwards that nothing is left, and both are put back.
 */
export async function removeWayIn<R extends StoredRecord & { readonly userId: string }>(
  room: Room,
  table: Table<R>,
  way: R,
): Promise<'removed' | 'last' | 'gone'> {
  const others = (await waysIn(room, way.userId)).filter((id) => id !== way.id)
  if (others.length === 0) return 'last'
  if (!(await table.delete(way.id))) return 'gone'
  if ((await waysIn(room, way.userId)).length > 0) return 'removed'
  await table.insert(way)
  return 'last'
}

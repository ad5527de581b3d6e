// What a person allowed and could take away again: devices, apps, and devices that act as themselves.
import { JWT_BEARER_GRANT } from '@latchkey/shared'
import { consentId } from './authorization.ts'
import { unlink } from './links.ts'
import type { Provider } from './provider.ts'
import type { Client, TokenFamily } from './records.ts'
import { isLive } from './tokens/token-family.ts'

export interface OwnLink {
  readonly family: TokenFamily
  /** Undefined when the client is not known any more; its links can still be looked at and ended. */
  readonly client: Client | undefined
}

/** What one app was allowed, in however many browsers and places it is signed in. */
export interface OwnApp {
  readonly clientId: string
  readonly client: Client | undefined
  readonly scope: readonly string[]
  /** Those that go on, the one that was used last first. */
  readonly families: readonly TokenFamily[]
}

/** The devices that are linked now, the one that was used last first. */
export async function devicesOf(provider: Provider, userId: string): Promise<readonly OwnLink[]> {
  return (await linksOf(provider, userId)).filter(({ family }) => family.origin === 'device')
}

/** One of them; another person's is as good as none. */
export async function deviceOf(provider: Provider, userId: string, id: string): Promise<OwnLink | undefined> {
  const family = await provider.store.families.get(id)
  if (family?.userId !== userId || family.origin !== 'device') return undefined
  const client = await provider.clients.find(family.clientId)
  return goesOn(provider, family, client) ? { family, client } : undefined
}

/** Apps that may sign this person in, whether or not they are signed in now; the one that was used last first. */
export async function appsOf(provider: Provider, userId: string): Promise<readonly OwnApp[]> {
  const links = (await linksOf(provider, userId)).filter(({ family }) => family.origin === 'code')
  const consents = await provider.store.consents.byUser(userId)
  const ids = new Set([...links.map(({ family }) => family.clientId), ...consents.map(({ clientId }) => clientId)])
  const apps = [...ids].map(async (clientId): Promise<OwnApp> => {
    const families = links.flatMap(({ family }) => (family.clientId === clientId ? [family] : []))
    const allowed = consents.find((consent) => consent.clientId === clientId)?.scope ?? []
    return {
      clientId,
      client: await provider.clients.find(clientId),
      scope: [...new Set([...allowed, ...families.flatMap(({ scope }) => scope)])],
      families,
    }
  })
  const used = ({ families: [first] }: OwnApp) => first?.usedAt ?? 0
  return (await Promise.all(apps)).sort((one, other) => used(other) - used(one))
}

/** The app loses what it was allowed and everything that it got (RFC 6749 §10.3); next time it has to ask. */
export async function removeApp(provider: Provider, userId: string, { clientId }: OwnApp): Promise<void> {
  // What was allowed first: what is not allowed any more gets no further link without asking.
  await provider.store.consents.delete(consentId(userId, clientId))
  for (const { id, clientId: ofClient, origin } of await provider.store.families.byUser(userId)) {
    if (ofClient === clientId && origin === 'code') await unlink(provider, id, 'person')
  }
}

async function linksOf(provider: Provider, userId: string): Promise<readonly OwnLink[]> {
  const families = await provider.store.families.byUser(userId)
  const links = families.map(async (family) => ({ family, client: await provider.clients.find(family.clientId) }))
  return (await Promise.all(links))
    .filter(({ family, client }) => goesOn(provider, family, client))
    .sort((one, other) => other.family.usedAt - one.family.usedAt)
}

/** Whether anything can still be had by a link, or is still good that was: one without a refresh token ends with its token. */
function goesOn({ host, limits }: Provider, family: TokenFamily, client: Client | undefined): boolean {
  const now = host.clock.now()
  if (!isLive(family, now, limits.refresh)) return false
  const comesBackByKey = family.sealedHandle !== undefined && client?.grantTypes.includes(JWT_BEARER_GRANT)
  return family.current !== undefined || comesBackByKey === true || now < family.usedAt + limits.userTokenSeconds * 1000
}

// "Someone sent me this code": whoever began that flow is shut out, and what else they began is ended
// (RFC 10027 §6.1.6). The order is what makes it whole: decide, freeze, then look for what there is. Whoever begins a
// flow looks for a freeze after writing it, and whoever redeems one looks for its end after writing the link, so each
// of them either is found here or finds this.

import { unlink } from '../links.ts'
import type { Provider } from '../provider.ts'
import type { Decision, DeviceRequest } from '../records.ts'
import { type Step, update } from '../store.ts'
import { networkOf } from '../throttle.ts'
import { report, withdraw } from './device-request.ts'
import { freeze, takePlace, WINDOW_MS } from './freezes.ts'

/** So often in a day one account's word shuts others out. Who has many accounts: see FREEZES_A_DAY. */
export const REPORTS_PER_ACCOUNT = 3

/** What a report did. */
interface Contained {
  /** Whose. Absent: only the reported request itself was refused. */
  readonly contained?: DeviceRequest['contained']
  /** Nothing more begins there for a while: in that network, or with that key. */
  readonly frozen: boolean
  /** Other requests that were ended, and links. */
  readonly requests: number
  readonly links: number
}

const NOTHING: Contained = { frozen: false, requests: 0, links: 0 }

/**
 * Refuses the request, unless this person has, and contains whoever began it. False when it was allowed, reported before
 * or decided by somebody else, which changes nothing. A person on the device's own network is perhaps one of many there,
 * so that their word counts against its key alone; who has refused spoke from where they were then.
 */
export async function reportRequest(provider: Provider, requestId: string, decision: Decision): Promise<boolean> {
  const { store } = provider
  const reported = await update(store.deviceRequests, requestId, (current) => {
    const { next } = report(current, decision)
    return next === undefined ? { outcome: undefined } : { next, outcome: next }
  })
  if (reported === undefined) return false
  tellDevice(provider, requestId)
  let done = NOTHING
  try {
    done = await contain(provider, reported, decision.userId)
    const { contained, frozen } = done
    if (contained !== undefined) {
      const known = { contained, ...(frozen && { frozen }) }
      await update(store.deviceRequests, requestId, (current) =>
        current === undefined ? { outcome: undefined } : { next: { ...current, ...known }, outcome: undefined },
      )
    }
  } finally {
    // Operators hear of it, also when the storage failed halfway.
    const { frozen, requests, links } = done
    const { clientId } = reported
    provider.note({ event: 'reported', requestId, clientId, userId: decision.userId, requests, links, frozen })
  }
  return true
}

async function contain(provider: Provider, reported: DeviceRequest, userId: string): Promise<Contained> {
  const { store, host } = provider
  const now = host.clock.now()
  const { id: requestId, clientId, address, jkt, decision } = reported
  const contained = decision?.fromAfar ? 'network' : jkt === undefined ? undefined : 'key'
  if (contained === undefined) return NOTHING
  if (!(await takePlace(store, `reports of ${userId}`, REPORTS_PER_ACCOUNT, now))) return NOTHING

  const why = { requestId, reportedBy: userId }
  const ofPlace = contained === 'network' && (await freeze(provider, 'network', reported, why, now))
  const ofDevice = await freeze(provider, 'key', reported, why, now)

  const isMeant = (record: { clientId: string; createdAt: number }) =>
    record.clientId === clientId && record.createdAt >= now - WINDOW_MS
  const ofKey = jkt === undefined ? [] : await store.deviceRequests.byKey(jkt)
  const ofNetwork = contained === 'network' ? await store.deviceRequests.byNetwork(networkOf(address)) : []
  // In a large house thousands of codes have run out in a day: nothing is to be ended of those.
  const begun = [...ofKey, ...ofNetwork].filter((request) => isMeant(request) && shutOut(request, jkt, now).next)
  // A key may have been proven at the token endpoint alone, so links are looked for by it as well.
  const ofSameKey = jkt === undefined ? [] : await store.families.byKey(jkt)
  const families = ofSameKey.filter((family) => isMeant(family) && family.origin === 'device')
  let requests = 0
  for (const { id } of begun) {
    const ended = await update(store.deviceRequests, id, (current) => shutOut(current, jkt, now))
    if (ended === undefined) continue
    tellDevice(provider, id)
    const family = ended.familyId === undefined ? undefined : await store.families.get(ended.familyId)
    if (family === undefined) requests += 1
    else families.push(family)
  }
  let links = 0
  for (const { id } of families) if (await unlink(provider, id, 'report')) links += 1
  return { contained, frozen: contained === 'network' ? ofPlace : ofDevice, requests, links }
}

/**
 * What was begun by the same is ended, whatever became of it. One that its person allowed from the device's own network
 * is spared, unless it has the very key: behind one address live neighbours, and their television is theirs.
 */
function shutOut(
  request: DeviceRequest | undefined,
  jkt: string | undefined,
  now: number,
): Step<DeviceRequest, DeviceRequest | undefined> {
  if (request?.state === 'pending' && now >= request.deadlineAt) return { outcome: undefined }
  const sameKey = jkt !== undefined && request?.jkt === jkt
  if (!sameKey && request?.decision !== undefined && !request.decision.fromAfar) return { outcome: undefined }
  const { next } = withdraw(request, 'report')
  return next === undefined ? { outcome: undefined } : { next, outcome: next }
}

function tellDevice({ news, deviceStarts }: Provider, requestId: string): void {
  news.publish(requestId, 'denied')
  deviceStarts.ended(requestId)
}

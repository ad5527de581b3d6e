// How a device's request stands with the person who brought its code: still open, what an answer must bring. Asked when
// the page is shown and again when the answer comes: since then the phone may have gone somewhere else. The sign-in that
// must come before is device-barrier.ts.
import type { OutcomeModel } from '@latchkey/verifier-web'
import type { FastifyRequest } from 'fastify'
import type { SignedIn } from '../../accounts/sessions.ts'
import { answerable, pickup } from '../../oauth/device/device-request.ts'
import { type Rung, rungFor } from '../../oauth/device/ladder.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { Decision, DeviceRequest } from '../../oauth/records.ts'
import { sameNetwork } from '../../oauth/throttle.ts'
import type { Errand } from '../errand.ts'

export interface Standing {
  /** `approved`, whatever has become of that since. */
  stateOf(device: DeviceRequest, signedIn: Pick<SignedIn, 'user'>): 'open' | OutcomeModel['outcome']
  /** The same, and whether the device has come for it. */
  outcomeOf(device: DeviceRequest, signedIn: Pick<SignedIn, 'user'>): Promise<'open' | OutcomeModel['outcome']>
  rungFor(request: FastifyRequest, device: DeviceRequest): Promise<Rung>
  /** What this person's word would be, if they gave it now. */
  decisionOf(request: FastifyRequest, device: DeviceRequest, signedIn: SignedIn): Decision
  /** A device that was slowed down comes later: it must still find its approval before the code runs out. */
  intervalOf(requestId: string): number
}

export function createStanding(provider: Provider): Standing {
  const { clock } = provider.host
  const standing: Standing = {
    stateOf(device, { user }) {
      const { decision, openedBy, refused, withdrawnBy, state } = device
      // It may have been given back by another browser of this account, and be somebody else's by now.
      if ((openedBy ?? decision?.userId ?? user.id) !== user.id) return 'used'
      const found = answerable(device, clock.now(), standing.intervalOf(device.id))
      if (found !== 'used') return found
      if (withdrawnBy !== undefined) return withdrawnBy === 'report' ? 'contained' : 'withdrawn'
      return state === 'denied' ? (refused ?? 'denied') : 'approved'
    },
    async outcomeOf(device, signedIn) {
      const state = standing.stateOf(device, signedIn)
      if (state !== 'approved') return state
      const { familyId } = device
      const family = familyId === undefined ? undefined : await provider.store.families.get(familyId)
      return AFTER_YES[pickup(device, family, clock.now())]
    },
    async rungFor(request, device) {
      const { typed = false } = errandFor(provider, request, device)
      return rungFor(await provider.clients.find(device.clientId), device, {
        sameNetwork: isNear(request, device),
        typed,
      })
    },
    decisionOf(request, device, { user, session }) {
      const { authenticatedAt, amr } = session
      const decision = { userId: user.id, decidedAt: clock.now(), authenticatedAt, amr }
      return isNear(request, device) ? decision : { ...decision, fromAfar: true }
    },
    intervalOf: (requestId) => provider.pacing.intervalSeconds(requestId),
  }
  return standing
}

/** A link that has ended since: its code was used, and more than that the page of the account tells. */
const AFTER_YES = { awaited: 'approved', done: 'ready', missed: 'missed', ended: 'used' } as const

/** The networks of person and device look like one. */
export function isNear(request: FastifyRequest, device: Pick<DeviceRequest, 'address'>): boolean {
  return sameNetwork(device.address, request.ip)
}

/** The errand, as far as it is about this device: another tab may have brought another code since. */
export function errandFor(
  { vault }: Pick<Provider, 'vault'>,
  { visitor }: FastifyRequest,
  device: Pick<DeviceRequest, 'userCodeDigest'>,
): Pick<Errand, 'userCode' | 'suggested' | 'typed'> {
  const { errand } = visitor.visit
  const { userCode } = errand
  return userCode !== undefined && vault.digest('user-code', userCode) === device.userCodeDigest ? errand : {}
}

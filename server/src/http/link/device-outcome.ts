// The page at the end of a link: what became of it, or why no answer can be given here.
import { type OutcomeModel, outcomePage } from '@latchkey/verifier-web'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { knowsPasskeys } from '../../accounts/passkeys.ts'
import type { SignedIn } from '../../accounts/sessions.ts'
import { reportable } from '../../oauth/device/device-request.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { DeviceRequest } from '../../oauth/records.ts'
import type { Pages } from '../page-scope.ts'
import type { Standing } from './device-standing.ts'

export interface DeviceOutcomes {
  /** What became of it; the way to a code where the request is still open. */
  showOutcome(
    request: FastifyRequest,
    reply: FastifyReply,
    device: DeviceRequest,
    signedIn: SignedIn,
  ): Promise<FastifyReply>
  /** Whoever could still say that the code was sent to them is asked here too: many think of it once they have refused. */
  showEnd(
    request: FastifyRequest,
    reply: FastifyReply,
    device: DeviceRequest,
    signedIn: SignedIn,
    model: OutcomeModel,
    status?: number,
  ): FastifyReply
}

export function createDeviceOutcomes(provider: Provider, pages: Pages, standing: Standing): DeviceOutcomes {
  /** Whoever typed a password may want to be spared it next time. */
  async function couldHavePasskey({ session, user }: SignedIn): Promise<boolean> {
    if (!session.amr.includes('pwd') || !knowsPasskeys(provider.issuer)) return false
    return (await provider.store.passkeys.byUser(user.id)).length === 0
  }

  const outcomes: DeviceOutcomes = {
    async showOutcome(request, reply, device, signedIn) {
      const outcome = await standing.outcomeOf(device, signedIn)
      if (outcome === 'open') return pages.go(reply, '/link')
      // Nothing waits any more.
      if (request.visitor.visit.errand.userCode !== undefined) pages.cookies.keep(reply, request.visitor, {})
      const { contained, frozen, device: claims } = device
      const name = claims.name === undefined ? {} : { device: claims.name }
      const offersPasskey = await couldHavePasskey(signedIn)
      return outcomes.showEnd(request, reply, device, signedIn, {
        outcome,
        ...name,
        ...(frozen && contained && { shutOut: contained }),
        offersPasskey,
      })
    },
    showEnd(request, reply, device, { user }, model, status = 200) {
      // The page that asks for a stronger sign-in has a form of its own already, with another token.
      const asksAgain = model.outcome === 'too_weak' && model.lacks === undefined
      const canReport = !asksAgain && reportable(device, user.id)
      const chrome = pages.chrome(request, canReport ? device.id : undefined, device.clientId)
      return pages.show(reply, outcomePage(chrome, { ...model, canReport }), status)
    },
  }
  return outcomes
}

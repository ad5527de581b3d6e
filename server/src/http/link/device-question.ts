// The page of a device whose code this account brought: what it asks, or what must come before it.
import { type DeviceModel, devicePage, langOf } from '@latchkey/verifier-web'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { SignedIn } from '../../accounts/sessions.ts'
import { askNumber, MOST_WRONG_LETTERS } from '../../oauth/device/device-request.ts'
import { drawNumber, type Rung } from '../../oauth/device/ladder.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { DeviceRequest } from '../../oauth/records.ts'
import { update } from '../../oauth/store.ts'
import { aboutDevice } from '../errand.ts'
import type { Pages } from '../page-scope.ts'
import type { Barriers } from './device-barrier.ts'
import { deviceModel } from './device-facts.ts'
import type { DeviceOutcomes } from './device-outcome.ts'
import type { Standing } from './device-standing.ts'

export interface DeviceQuestion {
  /** `problem`: of the answer that was just given. */
  ask(
    request: FastifyRequest,
    reply: FastifyReply,
    device: DeviceRequest,
    signedIn: SignedIn,
    problem?: 'format',
  ): Promise<FastifyReply>
}

interface Parts {
  readonly standing: Standing
  readonly barriers: Barriers
  readonly outcomes: DeviceOutcomes
}

export function createDeviceQuestion(
  provider: Provider,
  pages: Pages,
  { standing, barriers, outcomes }: Parts,
): DeviceQuestion {
  const { clock, entropy } = provider.host
  const { deviceRequests } = provider.store

  async function proofFor(
    device: DeviceRequest,
    rung: Rung,
    { user }: SignedIn,
    problem: 'format' | undefined,
  ): Promise<DeviceModel['proof'] | 'closed'> {
    if (rung === 'letters') {
      const left = MOST_WRONG_LETTERS - (device.wrongLetters ?? 0)
      // Whoever comes after another account has typed nothing yet, though its tries are counted.
      const slip = device.wrongLettersBy !== user.id ? undefined : left === 1 ? 'last' : 'wrong'
      const said = problem ?? slip
      return { kind: 'letters', ...(said && { problem: said }) }
    }
    if (rung !== 'number') return undefined
    const drawn = device.number ?? drawNumber(entropy)
    const asked = await update(deviceRequests, device.id, (current) => askNumber(current, drawn))
    if (asked === undefined) return 'closed'
    // The device reads off the record what its screen is to show.
    if (asked.first) provider.news.publish(device.id, 'opened')
    return { kind: 'number', choices: asked.number.choices }
  }

  return {
    async ask(request, reply, device, signedIn, problem) {
      if (standing.stateOf(device, signedIn) !== 'open') return outcomes.showOutcome(request, reply, device, signedIn)
      const barrier = await barriers.barrierFor(device, signedIn)
      if (barrier === 'sign_in') {
        const errand = aboutDevice(request.visitor.visit.errand)
        const signInAfter = Math.max(clock.now(), signedIn.session.authenticatedAt + 1)
        pages.cookies.keep(reply, request.visitor, { ...errand, signInAfter })
        return pages.go(reply, '/sign-in')
      }
      if (barrier !== undefined) {
        return outcomes.showEnd(request, reply, device, signedIn, { outcome: 'too_weak', ...barrier }, 403)
      }
      const rung = await standing.rungFor(request, device)
      if (rung === 'block') return outcomes.showEnd(request, reply, device, signedIn, { outcome: 'elsewhere' }, 403)
      const proof = await proofFor(device, rung, signedIn, problem)
      // Decided in this very moment.
      if (proof === 'closed') return pages.go(reply, '/link/device')
      const client = await provider.clients.find(device.clientId)
      const chrome = pages.chrome(request, device.id, device.clientId)
      const model = deviceModel(provider, request, device, client, proof, langOf(chrome.locale))
      return pages.show(reply, devicePage(chrome, model), problem === undefined ? 200 : 400)
    },
  }
}

// What comes of an answer on the page of a device: the proof that a yes brings is read and held against the record, the
// device is told, and so is whoever keeps the log. Every rule is a step in oauth/device/device-request.ts.
import { LAST_LETTERS, normaliseUserCode } from '@latchkey/shared'
import type { FastifyRequest } from 'fastify'
import type { SignedIn } from '../../accounts/sessions.ts'
import { approve, decide, type Proof } from '../../oauth/device/device-request.ts'
import type { Form } from '../../oauth/parameters.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { Decision, DeviceRequest } from '../../oauth/records.ts'
import { update } from '../../oauth/store.ts'
import { PageProblem } from '../page-scope.ts'
import type { Barriers } from './device-barrier.ts'
import { errandFor, type Standing } from './device-standing.ts'

/**
 * `decided`: it is over, by this answer or by another before it. `ask`: the page has more to ask, or to ask again.
 * `format`: the letters cannot be read, which is no try.
 */
export type Answered = 'decided' | 'ask' | 'format'

export interface DeviceAnswers {
  refuse(device: DeviceRequest, decision: Decision): Promise<void>
  /** Throws PageProblem for a proof that no page of ours sends. */
  approve(request: FastifyRequest, device: DeviceRequest, signedIn: SignedIn, form: Form): Promise<Answered>
}

export function createDeviceAnswers(provider: Provider, standing: Standing, barriers: Barriers): DeviceAnswers {
  const { deviceRequests } = provider.store

  function tellDevice(requestId: string, event: 'approved' | 'denied'): void {
    provider.news.publish(requestId, event)
    provider.deviceStarts.ended(requestId)
  }

  /** What the form brings from the device's screen; undefined when it was made for another code. */
  function proofIn(request: FastifyRequest, device: DeviceRequest, form: Form): Proof | 'format' | undefined {
    const number = form.get('number')?.[0]
    if (number !== undefined) {
      if (!device.number?.choices.includes(number)) throw new PageProblem('bad_request', 400)
      return { kind: 'number', chosen: number }
    }
    const letters = form.get('letters')?.[0]
    if (letters === undefined) return { kind: 'none' }
    const { userCode } = errandFor(provider, request, device)
    if (userCode === undefined) return undefined
    const beginning = userCode.slice(0, -LAST_LETTERS)
    // Who types the whole code has done more than was asked.
    const code = normaliseUserCode(letters) ?? normaliseUserCode(beginning + letters)
    return code === undefined ? 'format' : { kind: 'letters', codeDigest: provider.vault.digest('user-code', code) }
  }

  return {
    async refuse({ id: requestId, clientId }, decision) {
      const interval = standing.intervalOf(requestId)
      const outcome = await update(deviceRequests, requestId, (current) =>
        decide(current, 'denied', decision, interval),
      )
      if (outcome !== 'done') return
      tellDevice(requestId, 'denied')
      provider.note({ event: 'denied', requestId, clientId, userId: decision.userId, reason: 'person' })
    },

    async approve(request, device, signedIn, form) {
      if ((await barriers.barrierFor(device, signedIn)) !== undefined) return 'ask'
      const rung = await standing.rungFor(request, device)
      const proof = proofIn(request, device, form)
      if (proof === 'format') return 'format'
      // More than is asked for is held against the record as well: who picks a wrong number does not see the screen.
      if (proof === undefined || (rung !== 'tap' && proof.kind !== rung)) return 'ask'
      const { id: requestId, clientId } = device
      const decision = standing.decisionOf(request, device, signedIn)
      const { userId, fromAfar = false } = decision
      const interval = standing.intervalOf(requestId)
      const outcome = await update(deviceRequests, requestId, (current) => approve(current, proof, decision, interval))
      if (outcome === 'wrong') return 'ask'
      if (outcome === 'done') {
        tellDevice(requestId, 'approved')
        provider.note({ event: 'approved', requestId, clientId, userId, fromAfar, proof: proof.kind })
      }
      if (outcome === 'mismatch') {
        tellDevice(requestId, 'denied')
        provider.note({ event: 'denied', requestId, clientId, userId, reason: 'mismatch' })
      }
      return 'decided'
    },
  }
}

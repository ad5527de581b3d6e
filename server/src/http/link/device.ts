// /link/device: which device asks, and the answer (RFC 8628 §3.3). A code is looked up for signed-in people only, and
// belongs to the first account that brings it; a decision counts only for the request that this browser opened and saw.
// What the page asks is device-question.ts, what must be shown from elsewhere device-standing.ts, what sign-in a device
// wants device-barrier.ts, what comes of an answer device-answer.ts, the page that says how it ended device-outcome.ts.
import { displayUserCode } from '@latchkey/shared'
import { linkPage, outcomePage } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { rememberOpened, type SignedIn } from '../../accounts/sessions.ts'
import type { UpstreamSettings } from '../../accounts/upstream-settings.ts'
import { reportRequest } from '../../oauth/device/containment.ts'
import { open } from '../../oauth/device/device-request.ts'
import { createGuesses } from '../../oauth/device/guessing.ts'
import type { Form } from '../../oauth/parameters.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { DeviceRequest } from '../../oauth/records.ts'
import { update } from '../../oauth/store.ts'
import { networkOf } from '../../oauth/throttle.ts'
import { aboutDevice } from '../errand.ts'
import { ownForm, PageProblem, type Pages } from '../page-scope.ts'
import { type Answered, createDeviceAnswers } from './device-answer.ts'
import { createBarriers } from './device-barrier.ts'
import { createDeviceOutcomes } from './device-outcome.ts'
import { createDeviceQuestion } from './device-question.ts'
import { createStanding } from './device-standing.ts'

export function linkDeviceRoutes(
  app: FastifyInstance,
  provider: Provider,
  pages: Pages,
  upstreams: readonly UpstreamSettings[],
): void {
  const { clock } = provider.host
  const { deviceRequests } = provider.store
  const guesses = createGuesses(clock)
  const standing = createStanding(provider)
  const barriers = createBarriers(provider, upstreams)
  const outcomes = createDeviceOutcomes(provider, pages, standing)
  const question = createDeviceQuestion(provider, pages, { standing, barriers, outcomes })
  const answers = createDeviceAnswers(provider, standing, barriers)

  app.get('/link/device', async (request, reply) => {
    const { signedIn, visit } = request.visitor
    const { userCode, suggested, typed } = visit.errand
    // Back from the account: a sign-in from here on leads here again.
    if (userCode !== undefined) pages.cookies.keep(reply, request.visitor, aboutDevice(visit.errand))
    if (signedIn === undefined) return pages.go(reply, userCode === undefined ? '/link' : '/sign-in')
    const opened = await openedRequest(signedIn)
    if (userCode === undefined) {
      // Here after a decision, or again later: what became of it can be told, but no code is shown twice.
      return opened === undefined ? pages.go(reply, '/link') : outcomes.showOutcome(request, reply, opened, signedIn)
    }
    const device = await deviceRequests.byUserCode(provider.vault.digest('user-code', userCode))
    if (device !== undefined && device.id === opened?.id) return question.ask(request, reply, device, signedIn)

    const keys = { account: signedIn.user.id, network: networkOf(request.ip) }
    const { wait, last } = guesses.take(keys)
    const from = typed ? {} : { from: suggested === userCode ? ('website' as const) : ('address' as const) }
    const again = { code: displayUserCode(userCode), ...from }
    if (wait > 0) {
      const html = linkPage(pages.chrome(request), { ...again, problem: 'too_many', retryAfterSeconds: wait })
      return pages.showThrottled(reply, html, wait)
    }
    const found = await bring(device, signedIn)
    if (device !== undefined && found === 'yours') {
      guesses.giveBack(keys)
      await rememberOpened(provider.store, signedIn.session, device.id)
      provider.news.publish(device.id, 'opened')
      return question.ask(request, reply, device, signedIn)
    }
    if (last) provider.note({ event: 'many_wrong_codes' })
    pages.cookies.keep(reply, request.visitor, {})
    // Somebody else has this page open: who also holds the code should know that it is no good to them.
    if (found === 'anothers') {
      return pages.show(reply, outcomePage(pages.chrome(request), { outcome: 'used', contested: true }), 400)
    }
    // Unknown, used and run out look the same to who only types codes.
    return pages.show(reply, linkPage(pages.chrome(request), { ...again, problem: 'unknown' }), 400)
  })

  app.post('/link/device', async (request, reply) => {
    const { signedIn } = request.visitor
    if (signedIn === undefined) return pages.go(reply, '/sign-in')
    const requestId = signedIn.session.openedRequestId
    if (requestId === undefined) throw new PageProblem('stale_form', 403)
    // The token is of the page that showed this very device: a second tab cannot approve what the first one showed.
    const form = ownForm(request, requestId)
    const device = await openedRequest(signedIn)
    // Gone with its day.
    if (device === undefined) return pages.go(reply, '/link/device')
    const answered = await take(request, device, signedIn, form)
    if (answered === 'format') return question.ask(request, reply, device, signedIn, 'format')
    if (answered === 'decided') pages.cookies.keep(reply, request.visitor, {})
    return pages.go(reply, '/link/device')
  })

  async function take(
    request: FastifyRequest,
    device: DeviceRequest,
    signedIn: SignedIn,
    form: Form,
  ): Promise<Answered> {
    const answer = form.get('answer')?.[0]
    if (answer === 'approve' || (answer === undefined && form.has('number'))) {
      return answers.approve(request, device, signedIn, form)
    }
    // Refusing is always possible, whatever a yes would need.
    const decision = standing.decisionOf(request, device, signedIn)
    if (answer === 'deny') await answers.refuse(device, decision)
    else if (answer === 'report') await reportRequest(provider, device.id, decision)
    else throw new PageProblem('bad_request', 400)
    return 'decided'
  }

  /** The account brings the code: from now on it is theirs, or somebody else's, or nothing. */
  async function bring(device: DeviceRequest | undefined, { user }: SignedIn) {
    if (device === undefined) return 'closed'
    const { found, contested, first } = await update(deviceRequests, device.id, (current) =>
      open(current, user.id, clock.now(), standing.intervalOf(device.id)),
    )
    const { id: requestId, clientId, familyId } = device
    const about = { requestId, clientId, userId: user.id }
    if (first) provider.note({ event: 'opened', ...about })
    if (contested) provider.note({ event: 'contested', ...about, ...(familyId && { familyId }) })
    return found
  }

  async function openedRequest({ session }: SignedIn): Promise<DeviceRequest | undefined> {
    const id = session.openedRequestId
    return id === undefined ? undefined : deviceRequests.get(id)
  }
}

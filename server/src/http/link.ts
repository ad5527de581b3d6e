// /link: where a person brings a code, sees which device asks, and decides (RFC 8628 §3.3).
// A code is looked up for signed-in people only, and belongs to the first account that brings it; a decision counts only
// for the request that this browser opened and saw.
import { displayUserCode, normaliseUserCode } from '@latchkey/shared'
import { devicePage, linkPage, outcomePage } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { rememberOpened, type SignedIn } from '../accounts/sessions.ts'
import { acrsOf } from '../oauth/acr.ts'
import { isRecentEnough } from '../oauth/authorization.ts'
import { answerable, decide, open } from '../oauth/device-request.ts'
import { createGuesses } from '../oauth/guessing.ts'
import type { Provider } from '../oauth/provider.ts'
import type { Client, DeviceRequest } from '../oauth/records.ts'
import { update } from '../oauth/store.ts'
import { networkOf, sameNetwork } from '../oauth/throttle.ts'
import { ownForm, PageProblem, type Pages } from './page-scope.ts'
import { identityIn, sentencesFor } from './permission-words.ts'

/** What keeps an answer from being taken, though the code is good; undefined when nothing does. */
type Barrier = 'elsewhere' | 'type' | 'sign_in' | 'too_weak' | undefined

export function linkRoutes(app: FastifyInstance, provider: Provider, pages: Pages): void {
  const { clock } = provider.host
  const guesses = createGuesses(clock)

  app.get('/link', (request, reply) => {
    const { user_code: given } = request.query as { user_code?: unknown }
    if (given === undefined) {
      const { suggested } = request.visitor.visit.errand
      pages.cookies.keep(reply, request.visitor, suggested === undefined ? {} : { suggested })
      return pages.show(
        reply,
        linkPage(pages.chrome(request), suggested === undefined ? {} : { code: displayUserCode(suggested) }),
      )
    }
    // The code leaves the address at once, so that it stays in no history, log or referrer.
    const code = typeof given === 'string' ? normaliseUserCode(given) : undefined
    // A page of another site may send anybody here with any code: nothing is looked up before they say so themselves.
    const sent = request.headers['sec-fetch-site'] === 'cross-site'
    const errand = code === undefined ? {} : sent ? { suggested: code } : { userCode: code }
    pages.cookies.keep(reply, request.visitor, errand)
    return pages.go(reply, code === undefined || sent ? '/link' : '/link/device')
  })

  app.post('/link', (request, reply) => {
    const given = ownForm(request).get('user_code')?.[0] ?? ''
    const code = normaliseUserCode(given)
    if (code === undefined) {
      // No guess: whoever mistypes is told at once.
      return pages.show(reply, linkPage(pages.chrome(request), { code: given.slice(0, 64), problem: 'format' }), 400)
    }
    // Passing on what another site suggested is not typing.
    const typed = code !== request.visitor.visit.errand.suggested
    pages.cookies.keep(reply, request.visitor, typed ? { userCode: code, typed } : { userCode: code })
    return pages.go(reply, '/link/device')
  })

  app.get('/link/device', async (request, reply) => {
    const { signedIn, visit } = request.visitor
    const { userCode } = visit.errand
    if (signedIn === undefined) return pages.go(reply, userCode === undefined ? '/link' : '/sign-in')
    const opened = await openedRequest(signedIn)
    if (userCode === undefined) {
      // Here after a decision, or again later: what became of it can be told, but no code is shown twice.
      if (opened === undefined || stateFor(opened, signedIn) === 'open') return pages.go(reply, '/link')
      return showOutcome(request, reply, opened, signedIn)
    }
    const device = await provider.store.deviceRequests.byUserCode(provider.vault.digest('user-code', userCode))
    if (device !== undefined && device.id === opened?.id) return next(request, reply, device, signedIn)

    const keys = { account: signedIn.user.id, network: networkOf(request.ip) }
    const wait = guesses.secondsToWait(keys)
    const again = { code: displayUserCode(userCode) }
    if (wait > 0) {
      const html = linkPage(pages.chrome(request), { ...again, problem: 'too_many', retryAfterSeconds: wait })
      return pages.showThrottled(reply, html, wait)
    }
    const found = await bring(device, signedIn)
    if (device !== undefined && found === 'yours') {
      await rememberOpened(provider.store, signedIn.session, device.id)
      provider.news.publish(device.id, 'opened')
      return next(request, reply, device, signedIn)
    }
    if (guesses.count(keys)) provider.note({ event: 'many_wrong_codes' })
    pages.cookies.keep(reply, request.visitor, {})
    // Somebody else has this page open: who also holds the code should know that it is no good to them.
    if (found === 'anothers') return pages.show(reply, outcomePage(pages.chrome(request), { outcome: 'used' }), 400)
    // Unknown, used and run out look the same to who only types codes.
    return pages.show(reply, linkPage(pages.chrome(request), { ...again, problem: 'unknown' }), 400)
  })

  app.post('/link/device', async (request, reply) => {
    const { signedIn } = request.visitor
    if (signedIn === undefined) return pages.go(reply, '/sign-in')
    const requestId = signedIn.session.openedRequestId
    if (requestId === undefined) throw new PageProblem('stale_form', 403)
    // The token is of the page that showed this very device: a second tab cannot approve what the first one showed.
    const answer = ownForm(request, requestId).get('answer')?.[0]
    if (answer !== 'approve' && answer !== 'deny') throw new PageProblem('bad_request', 400)
    const opened = await openedRequest(signedIn)
    const barrier = opened && answer === 'approve' ? await barrierFor(request, opened, signedIn) : undefined
    // The page knows what to do about it. Refusing is always possible.
    if (barrier !== undefined) return pages.go(reply, '/link/device')
    const { user, session } = signedIn
    const { authenticatedAt, amr } = session
    const state = answer === 'approve' ? 'approved' : 'denied'
    const outcome = await update(provider.store.deviceRequests, requestId, (current) => {
      const decision = { userId: user.id, decidedAt: clock.now(), authenticatedAt, amr }
      return decide(current, state, decision, intervalOf(requestId))
    })
    if (outcome === 'done') {
      provider.news.publish(requestId, state)
      provider.deviceStarts.ended(requestId)
    }
    pages.cookies.keep(reply, request.visitor, {})
    return pages.go(reply, '/link/device')
  })

  /** The account brings the code: from now on it is theirs, or somebody else's, or nothing. */
  async function bring(device: DeviceRequest | undefined, { user }: SignedIn) {
    if (device === undefined) return 'closed'
    const { found, contested } = await update(provider.store.deviceRequests, device.id, (current) =>
      open(current, user.id, clock.now(), intervalOf(device.id)),
    )
    if (contested) {
      const { id: requestId, clientId, familyId } = device
      provider.note({ event: 'contested', requestId, clientId, userId: user.id, ...(familyId && { familyId }) })
    }
    return found
  }

  function isElsewhere(request: FastifyRequest, device: DeviceRequest): boolean {
    return !sameNetwork(device.address, request.ip)
  }

  async function barrierFor(request: FastifyRequest, device: DeviceRequest, signedIn: SignedIn): Promise<Barrier> {
    const { session } = signedIn
    if (!isRecentEnough({ ...device, prompt: [] }, session, clock.now())) return 'sign_in'
    const held = acrsOf(provider.acr, session.amr)
    if (device.acrValues !== undefined && !device.acrValues.some((acr) => held.includes(acr))) {
      // Whoever has just signed in would only be asked for the same again.
      return session.authenticatedAt < device.createdAt ? 'sign_in' : 'too_weak'
    }
    if (!isElsewhere(request, device)) return undefined
    const policy = (await provider.clients.find(device.clientId))?.elsewhere ?? 'type'
    if (policy === 'block') return 'elsewhere'
    return policy === 'type' && !request.visitor.visit.errand.typed ? 'type' : undefined
  }

  /** The page of a device whose code this account brought, or what must come before it. */
  async function next(request: FastifyRequest, reply: FastifyReply, device: DeviceRequest, signedIn: SignedIn) {
    if (stateFor(device, signedIn) !== 'open') return showOutcome(request, reply, device, signedIn)
    const { errand } = request.visitor.visit
    switch (await barrierFor(request, device, signedIn)) {
      case 'sign_in':
        pages.cookies.keep(reply, request.visitor, { ...errand, signInAfter: clock.now() })
        return pages.go(reply, '/sign-in')
      case 'too_weak':
        return pages.show(reply, outcomePage(pages.chrome(request), { outcome: 'too_weak' }), 403)
      case 'elsewhere':
        return pages.show(reply, outcomePage(pages.chrome(request), { outcome: 'elsewhere' }), 403)
      case 'type':
        // A code that came with an address may have come with a message; one that is typed was read somewhere.
        return pages.show(reply, linkPage(pages.chrome(request), { elsewhere: true }))
      case undefined:
        return showDevice(request, reply, device)
    }
  }

  // A device that was slowed down comes later: it must still find its approval before the code runs out.
  function intervalOf(requestId: string): number {
    return provider.pacing.intervalSeconds(requestId)
  }

  async function openedRequest({ session }: SignedIn): Promise<DeviceRequest | undefined> {
    const id = session.openedRequestId
    return id === undefined ? undefined : provider.store.deviceRequests.get(id)
  }

  function stateFor(device: DeviceRequest, { user }: SignedIn): 'open' | 'approved' | 'denied' | 'used' | 'expired' {
    const open = answerable(device, clock.now(), intervalOf(device.id))
    if (open !== 'used') return open
    if (device.decision?.userId !== user.id) return 'used'
    return device.state === 'denied' ? 'denied' : 'approved'
  }

  function showOutcome(request: FastifyRequest, reply: FastifyReply, device: DeviceRequest, signedIn: SignedIn) {
    const outcome = stateFor(device, signedIn)
    if (outcome === 'open') return pages.go(reply, '/link')
    const { name } = device.device
    return pages.show(
      reply,
      outcomePage(pages.chrome(request), { outcome, ...(name === undefined ? {} : { device: name }) }),
    )
  }

  async function showDevice(request: FastifyRequest, reply: FastifyReply, device: DeviceRequest) {
    const client = await provider.clients.find(device.clientId)
    const now = clock.now()
    const chrome = pages.chrome(request, device.id)
    const html = devicePage(chrome, {
      client: client?.name ?? device.clientId,
      ...device.device,
      userCode: displayUserCode(request.visitor.visit.errand.userCode ?? ''),
      startedSecondsAgo: Math.max(0, Math.round((now - device.createdAt) / 1000)),
      expiresInSeconds: Math.max(0, Math.floor((device.deadlineAt - now) / 1000)),
      address: device.address,
      network: !isElsewhere(request, device) ? 'same' : client?.elsewhere === 'allow' ? 'other' : 'suspicious',
      proven: client !== undefined && provesItself(client),
      identity: identityIn(device.scope),
      permissions: sentencesFor(provider.apis, device.scope),
      staysSignedIn: client?.grantTypes.includes('refresh_token') ?? false,
    })
    return pages.show(reply, html)
  }
}

/**
 * Whether the name on the page is that of who asks. A secret that is built into an app or a device is everybody's who
 * takes it apart, so only a key of its own proves anything (RFC 8628 §5.6, RFC 8252 §8.5).
 */
function provesItself({ authMethod }: Client): boolean {
  return authMethod === 'private_key_jwt'
}

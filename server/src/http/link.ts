// /link: where a person brings a code, sees which device asks, and decides (RFC 8628 §3.3).
// A code is looked up for signed-in people only; a decision counts only for the request that this browser opened.
import { displayUserCode, normaliseUserCode } from '@latchkey/shared'
import { devicePage, linkPage, outcomePage } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { rememberOpened, type SignedIn } from '../accounts/sessions.ts'
import { answerable, decide } from '../oauth/device-request.ts'
import type { Provider } from '../oauth/provider.ts'
import type { DeviceRequest } from '../oauth/records.ts'
import { update } from '../oauth/store.ts'
import { createThrottle, networkOf } from '../oauth/throttle.ts'
import { ownForm, PageProblem, type Pages } from './page-scope.ts'
import { identityIn, sentencesFor } from './permission-words.ts'

/** Wrong codes before somebody must wait; docs/security.md has the arithmetic (RFC 8628 §5.1). */
export const WRONG_CODES = {
  perAccount: { most: 5, windowSeconds: 600 },
  perNetwork: { most: 20, windowSeconds: 3600 },
  inAll: { most: 50, windowSeconds: 600 },
} as const

export function linkRoutes(app: FastifyInstance, provider: Provider, pages: Pages): void {
  const { clock } = provider.host
  const guesses = wrongCodes(provider)

  app.get('/link', (request, reply) => {
    const { user_code: given } = request.query as { user_code?: unknown }
    if (given === undefined) {
      pages.cookies.keep(reply, request.visitor, {})
      return pages.show(reply, linkPage(pages.chrome(request), {}))
    }
    // The code leaves the address at once, so that it stays in no history, log or referrer.
    const code = typeof given === 'string' ? normaliseUserCode(given) : undefined
    pages.cookies.keep(reply, request.visitor, code === undefined ? {} : { userCode: code })
    return code === undefined ? pages.go(reply, '/link') : pages.go(reply, '/link/device')
  })

  app.post('/link', (request, reply) => {
    const typed = ownForm(request).get('user_code')?.[0] ?? ''
    const code = normaliseUserCode(typed)
    if (code === undefined) {
      // No guess: whoever mistypes is told at once.
      return pages.show(reply, linkPage(pages.chrome(request), { code: typed.slice(0, 64), problem: 'format' }), 400)
    }
    pages.cookies.keep(reply, request.visitor, { userCode: code })
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
    if (device !== undefined && device.id === opened?.id) return showDevice(request, reply, device, signedIn)

    const keys = { account: signedIn.user.id, network: networkOf(request.ip) }
    const wait = guesses.secondsToWait(keys)
    const again = { code: displayUserCode(userCode) }
    if (wait > 0) {
      const html = linkPage(pages.chrome(request), { ...again, problem: 'too_many', retryAfterSeconds: wait })
      return pages.showThrottled(reply, html, wait)
    }
    // Unknown, used and run out look the same to who only types codes.
    if (device === undefined || stateFor(device, signedIn) !== 'open') {
      guesses.count(keys)
      pages.cookies.keep(reply, request.visitor, {})
      return pages.show(reply, linkPage(pages.chrome(request), { ...again, problem: 'unknown' }), 400)
    }
    await rememberOpened(provider.store, signedIn.session, device.id)
    return showDevice(request, reply, device, signedIn)
  })

  app.post('/link/device', async (request, reply) => {
    const { signedIn } = request.visitor
    if (signedIn === undefined) return pages.go(reply, '/sign-in')
    const requestId = signedIn.session.openedRequestId
    if (requestId === undefined) throw new PageProblem('stale_form', 403)
    // The token is of the page that showed this very device: a second tab cannot approve what the first one showed.
    const answer = ownForm(request, requestId).get('answer')?.[0]
    if (answer !== 'approve' && answer !== 'deny') throw new PageProblem('bad_request', 400)
    const { user, session } = signedIn
    const { authenticatedAt, amr } = session
    await update(provider.store.deviceRequests, requestId, (current) => {
      const decision = { userId: user.id, decidedAt: clock.now(), authenticatedAt, amr }
      return decide(current, answer === 'approve' ? 'approved' : 'denied', decision, intervalOf(requestId))
    })
    pages.cookies.keep(reply, request.visitor, {})
    return pages.go(reply, '/link/device')
  })

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

  async function showDevice(request: FastifyRequest, reply: FastifyReply, device: DeviceRequest, signedIn: SignedIn) {
    if (stateFor(device, signedIn) !== 'open') return showOutcome(request, reply, device, signedIn)
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
      network: networkOf(device.address) === networkOf(request.ip) ? 'same' : 'other',
      identity: identityIn(device.scope),
      permissions: sentencesFor(provider.apis, device.scope),
      staysSignedIn: client?.grantTypes.includes('refresh_token') ?? false,
    })
    return pages.show(reply, html)
  }
}

interface GuessKeys {
  readonly account: string
  readonly network: string
}

function wrongCodes({ host: { clock } }: Provider) {
  const perAccount = createThrottle(WRONG_CODES.perAccount, clock)
  const perNetwork = createThrottle(WRONG_CODES.perNetwork, clock)
  const inAll = createThrottle(WRONG_CODES.inAll, clock)
  return {
    secondsToWait: ({ account, network }: GuessKeys) =>
      Math.max(perAccount.secondsToWait(account), perNetwork.secondsToWait(network), inAll.secondsToWait('')),
    count({ account, network }: GuessKeys) {
      perAccount.count(account)
      perNetwork.count(network)
      inAll.count('')
    },
  }
}

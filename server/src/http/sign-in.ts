// Signing in and out, with a password. One path for every flow; where to go next is known here, never from an address.
import { displayUserCode } from '@latchkey/shared'
import { type SignInModel, signInPage } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { normaliseEmail, signIn } from '../accounts/users.ts'
import { release } from '../oauth/device-request.ts'
import type { Provider } from '../oauth/provider.ts'
import { update } from '../oauth/store.ts'
import { createThrottle, networkOf } from '../oauth/throttle.ts'
import { ownForm, type Pages } from './page-scope.ts'
import type { Errand } from './visitor.ts'

// Counted for account and network together: a stranger elsewhere cannot lock anybody out.
const FAILURES_PER_ACCOUNT = { most: 10, windowSeconds: 600 }
const FAILURES_PER_NETWORK = { most: 100, windowSeconds: 600 }

export function signInRoutes(app: FastifyInstance, provider: Provider, pages: Pages): void {
  const { clock } = provider.host
  const byAccount = createThrottle(FAILURES_PER_ACCOUNT, clock)
  const byNetwork = createThrottle(FAILURES_PER_NETWORK, clock)

  const onward = (request: FastifyRequest, reply: FastifyReply) =>
    pages.go(reply, placeFor(request.visitor.visit.errand))

  const page = (request: FastifyRequest, rest: Omit<SignInModel, 'userCode' | 'for'> = {}) => {
    const { userCode, authorization } = request.visitor.visit.errand
    const code = userCode === undefined ? {} : { userCode: displayUserCode(userCode) }
    const client = authorization === undefined ? {} : { for: authorization.client }
    return signInPage(pages.chrome(request), { ...rest, ...code, ...client })
  }

  app.get('/sign-in', (request, reply) => {
    const { signedIn, visit } = request.visitor
    const lateEnough = (signedIn?.session.authenticatedAt ?? -1) >= (visit.errand.signInAfter ?? 0)
    if (signedIn !== undefined && lateEnough) return onward(request, reply)
    pages.cookies.keep(reply, request.visitor, visit.errand)
    return pages.show(reply, page(request))
  })

  app.post('/sign-in', async (request, reply) => {
    const form = ownForm(request)
    const email = form.get('email')?.[0] ?? ''
    const network = networkOf(request.ip)
    const account = `${network} ${normaliseEmail(email) ?? ''}`
    const wait = Math.max(byAccount.secondsToWait(account), byNetwork.secondsToWait(network))
    if (wait > 0) {
      return pages.showThrottled(reply, page(request, { email, problem: 'too_many', retryAfterSeconds: wait }), wait)
    }
    const user = await signIn(provider.store, email, form.get('password')?.[0] ?? '')
    if (user === undefined) {
      byAccount.count(account)
      byNetwork.count(network)
      return pages.show(reply, page(request, { email, problem: 'wrong' }), 403)
    }
    await pages.cookies.signIn(reply, request.visitor, user, ['pwd'])
    return onward(request, reply)
  })

  app.post('/sign-out', async (request, reply) => {
    // The button stands on every page, on those too whose forms are tied to what they show.
    const { signedIn, visit } = request.visitor
    ownForm(request, undefined, signedIn?.session.openedRequestId, visit.errand.authorization?.handle)
    const opened = signedIn?.session.openedRequestId
    if (signedIn !== undefined && opened !== undefined) {
      // "Switch": the same person goes on with another account, so the code must not stay with this one.
      await update(provider.store.deviceRequests, opened, (device) => release(device, signedIn.user.id))
    }
    await pages.cookies.signOut(reply, request.visitor)
    return pages.go(reply, placeFor(request.visitor.visit.errand) === '/link' ? '/link' : '/sign-in')
  })
}

/** Where an errand goes on. */
function placeFor({ userCode, authorization }: Errand): string {
  if (authorization !== undefined) return '/authorize/continue'
  return userCode === undefined ? '/link' : '/link/device'
}

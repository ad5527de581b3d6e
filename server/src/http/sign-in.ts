// Signing in and out, with a password. One path for every flow; where to go next is known here, never from an address.
import { displayUserCode } from '@latchkey/shared'
import { signInPage } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { normaliseEmail, signIn } from '../accounts/users.ts'
import type { Provider } from '../oauth/provider.ts'
import { createThrottle, networkOf } from '../oauth/throttle.ts'
import { ownForm, type Pages } from './page-scope.ts'

// Counted for account and network together: a stranger elsewhere cannot lock anybody out.
const FAILURES_PER_ACCOUNT = { most: 10, windowSeconds: 600 }
const FAILURES_PER_NETWORK = { most: 100, windowSeconds: 600 }

export function signInRoutes(app: FastifyInstance, provider: Provider, pages: Pages): void {
  const { clock } = provider.host
  const byAccount = createThrottle(FAILURES_PER_ACCOUNT, clock)
  const byNetwork = createThrottle(FAILURES_PER_NETWORK, clock)

  const onward = (request: FastifyRequest, reply: FastifyReply) =>
    pages.go(reply, request.visitor.visit.userCode === undefined ? '/link' : '/link/device')

  const page = (request: FastifyRequest, rest: Omit<Parameters<typeof signInPage>[1], 'userCode'> = {}) => {
    const { userCode } = request.visitor.visit
    const code = userCode === undefined ? {} : { userCode: displayUserCode(userCode) }
    return signInPage(pages.chrome(request), { ...rest, ...code })
  }

  app.get('/sign-in', (request, reply) => {
    if (request.visitor.signedIn !== undefined) return onward(request, reply)
    pages.cookies.keepCode(reply, request.visitor, request.visitor.visit.userCode)
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
    // The button stands on every page, on the device's page too, whose forms are tied to that device.
    ownForm(request, undefined, request.visitor.signedIn?.session.openedRequestId)
    await pages.cookies.signOut(reply, request.visitor)
    return pages.go(reply, request.visitor.visit.userCode === undefined ? '/link' : '/sign-in')
  })
}

// Signing in with a password, and signing out. One path for every flow; where to go next is known here, never from an
// address. The other ways in are next door: passkey.ts, code.ts, upstream.ts, reset-password.ts; all end at the
// door.
import type { FastifyInstance } from 'fastify'
import { lastAskedAt } from '../../accounts/sessions.ts'
import { checkPassword, normaliseEmail, userOf } from '../../accounts/users.ts'
import { release } from '../../oauth/device/device-request.ts'
import type { Provider } from '../../oauth/provider.ts'
import { update } from '../../oauth/store.ts'
import { createThrottle, networkOf } from '../../oauth/throttle.ts'
import { placeFor } from '../errand.ts'
import { ownForm, type Pages } from '../page-scope.ts'
import type { SignInDoor } from './door.ts'
import type { SignInNews, SignInPage } from './page.ts'

/** Of all accounts together; for browsers that nobody has signed in with before. */
const FAILURES_PER_NETWORK = { most: 100, windowSeconds: 600 }

export function signInRoutes(
  app: FastifyInstance,
  provider: Provider,
  pages: Pages,
  door: SignInDoor,
  page: SignInPage,
): void {
  const { clock } = provider.host
  const byNetwork = createThrottle(FAILURES_PER_NETWORK, clock)

  app.get('/sign-in', (request, reply) => {
    const { signedIn, visit } = request.visitor
    const { upstreamNews: _said, ...errand } = visit.errand
    const { signInAfter = 0, account } = errand
    if (signedIn !== undefined) {
      const { session } = signedIn
      const at = account === undefined ? session.authenticatedAt : lastAskedAt(session)
      if (at >= signInAfter) return pages.go(reply, placeFor(errand))
    }
    pages.cookies.keep(reply, request.visitor, errand)
    return page.show(request, reply)
  })

  app.post('/sign-in', async (request, reply) => {
    const form = ownForm(request)
    const email = form.get('email')?.[0] ?? ''
    const found = await userOf(provider.store, email)
    const browser = door.knownBrowsers.find(request, found)
    const network = networkOf(request.ip)
    const trier = {
      account: normaliseEmail(email) ?? '',
      network,
      ...(browser === undefined ? { home: door.isHome(request, found) } : { own: browser }),
    }
    const again = (news: SignInNews, status?: number) => {
      const { visitor } = request
      // What is no address may be a password, in the wrong field.
      if (trier.account !== '') pages.cookies.keep(reply, visitor, { ...visitor.visit.errand, email: trier.account })
      return page.show(request, reply, { email, ...news }, status)
    }
    const tooMany = (retryAfterSeconds: number) => again({ problem: 'too_many', retryAfterSeconds })
    // All that is refused here is refused for what anybody could count, never for what the account is (LOG-03).
    const crowded = browser === undefined ? byNetwork.secondsToWait(network) : 0
    if (crowded > 0) return tooMany(crowded)
    const { kind, wait, giveBack } = door.passwords.take(trier)
    if (kind === 'refused') return tooMany(wait)
    if (browser === undefined) byNetwork.count(network)
    const judged = kind === 'judged' ? found : undefined
    const user = await checkPassword(provider.store, judged, form.get('password')?.[0] ?? '')
    // A wrong one says the same from where the account has a reserve as from where it has none.
    if (user === undefined && wait > 0) return tooMany(wait)
    if (user === undefined) return again({ problem: 'wrong' }, 403)
    if (browser === undefined) byNetwork.uncount(network)
    giveBack()
    return door.admit(request, reply, user, ['pwd'])
  })

  // What was done is not enough for what somebody came for: they sign in once more, another way.
  app.post('/sign-in/again', (request, reply) => {
    ownForm(request)
    const { visitor } = request
    pages.cookies.keep(reply, visitor, { ...visitor.visit.errand, signInAfter: clock.now() + 1 })
    return pages.go(reply, '/sign-in')
  })

  app.post('/sign-out', async (request, reply) => {
    // The button stands on every page, on those too whose forms are tied to what they show.
    const { visitor } = request
    const { signedIn, visit } = visitor
    ownForm(request, undefined, signedIn?.session.openedRequestId, visit.errand.authorization?.handle)
    const opened = signedIn?.session.openedRequestId
    if (signedIn !== undefined && opened !== undefined) {
      // "Switch": the same person goes on with another account, so the code must not stay with this one.
      await update(provider.store.deviceRequests, opened, (device) => release(device, signedIn.user.id))
    }
    await pages.cookies.signOut(reply, visitor)
    return pages.go(reply, placeFor(visit.errand) === '/link' ? '/link' : '/sign-in')
  })
}

// The code after what is no two factors by itself (a password, a provider, a passkey that felt a touch alone): of an app,
// or one of the recovery codes.
import { codePage } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { digitsIn, takeCode } from '../../accounts/second-factor.ts'
import { passwordMark } from '../../accounts/users.ts'
import type { Provider } from '../../oauth/provider.ts'
import { update } from '../../oauth/store.ts'
import { networkOf } from '../../oauth/throttle.ts'
import { ownForm, type Pages } from '../page-scope.ts'
import type { SignInDoor } from './door.ts'

/** So long after that a code will still do. */
const PATIENCE_MS = 10 * 60 * 1000
const LONGEST_SHOWN = 64

export function codeRoutes(app: FastifyInstance, provider: Provider, pages: Pages, door: SignInDoor): void {
  const { store, vault, host } = provider

  /** Whose code is missing, and what they did before. */
  const expected = async ({ visitor }: FastifyRequest) => {
    const { secondFactor } = visitor.visit.errand
    if (secondFactor === undefined || host.clock.now() >= secondFactor.since + PATIENCE_MS) return undefined
    const { userId, amr, password } = secondFactor
    const user = await store.users.get(userId)
    if (user?.secondFactor === undefined || user.disabledAt !== undefined) return undefined
    return passwordMark(user) === password ? { user, amr, password } : undefined
  }

  app.get('/sign-in/code', async (request, reply) => {
    const came = await expected(request)
    if (came === undefined) return pages.go(reply, '/sign-in')
    return pages.show(reply, codePage(pages.chrome(request), { email: came.user.email }))
  })

  app.post('/sign-in/code', pages.once, async (request, reply) => {
    const typed = ownForm(request).get('code')?.[0] ?? ''
    const came = await expected(request)
    if (came === undefined) return pages.go(reply, '/sign-in')
    const { id: account, email } = came.user
    const browser = door.knownBrowsers.find(request, came.user)
    // Whoever knows the password may learn that the account has been here before.
    const own = browser ?? (door.isHome(request, came.user) ? networkOf(request.ip) : undefined)
    const again = { email, code: typed.slice(0, LONGEST_SHOWN) }
    const { wait, giveBack } = door.codes.take({ account, ...(own === undefined ? {} : { own }) })
    if (wait > 0) {
      const html = codePage(pages.chrome(request), { ...again, problem: 'too_many', retryAfterSeconds: wait })
      return pages.showThrottled(reply, html, wait)
    }
    const code = digitsIn(typed)
    const taken = await update(store.users, account, (user) => {
      // Changed in this very moment: whoever typed the old one does not get in by it.
      const same = user !== undefined && passwordMark(user) === came.password
      const { next, outcome } = takeCode(vault, same ? user : undefined, code, host.clock.now())
      return { ...(next && { next }), outcome: { ...outcome, user: next ?? user } }
    })
    if (taken.kind === 'wrong' || taken.user === undefined) {
      provider.note({ event: 'second_factor_refused', userId: account })
      return pages.show(reply, codePage(pages.chrome(request), { ...again, problem: 'wrong' }), 403)
    }
    if (taken.kind === 'recovery') provider.note({ event: 'recovery_code_used', userId: account })
    giveBack()
    // Something one has is no second kind of factor beside something else one has.
    const kinds = came.amr.includes('pwd') ? ['otp', 'mfa'] : ['otp']
    return door.finish(request, reply, taken.user, [...came.amr, ...kinds])
  })
}

// /account/password: changing the password, or choosing the first one. Who has signed in just now is not asked again.
import { type PasswordModel, passwordPage } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SHORTEST_PASSWORD } from '../../accounts/password-rules.ts'
import { verifyPassword } from '../../accounts/passwords.ts'
import { setPassword } from '../../accounts/users.ts'
import type { Provider } from '../../oauth/provider.ts'
import { ownForm, type Pages } from '../page-scope.ts'
import type { SignInDoor } from '../sign-in/door.ts'
import type { NewPasswords } from './new-password.ts'
import { goSignIn, signedInJustNow } from './scope.ts'

const PATH = '/account/password'

export function passwordRoutes(
  app: FastifyInstance,
  provider: Provider,
  pages: Pages,
  door: SignInDoor,
  passwords: NewPasswords,
): void {
  const { store, host } = provider

  const fresh = (request: FastifyRequest) => signedInJustNow(request, host.clock.now())
  const confirm = (request: FastifyRequest, reply: FastifyReply) =>
    goSignIn(pages, request, reply, PATH, host.clock.now())

  app.get(PATH, async (request, reply) => {
    const signedIn = fresh(request)
    if (signedIn === undefined) return confirm(request, reply)
    const { user } = signedIn
    const { done, ...errand } = request.visitor.visit.errand
    const changed = done === 'password_changed'
    if (changed) pages.cookies.keep(reply, request.visitor, errand)
    const model = { hasPassword: user.passwordHash !== undefined, shortest: passwords.shortest(user), changed }
    return pages.show(reply, passwordPage(pages.chrome(request), model))
  })

  app.post(PATH, pages.once, async (request, reply) => {
    const form = ownForm(request)
    const chosen = passwords.chosen(form)
    const { password } = chosen
    const signedIn = fresh(request)
    if (signedIn === undefined) return confirm(request, reply)
    const { user, session } = signedIn
    const shortest = passwords.shortest(user)
    const unfit = passwords.problem(user, password)
    // Said to nobody but who has just signed in, and only once: any other password is taken.
    const isSame = unfit === undefined && (await verifyPassword(user.passwordHash, password))
    const problem = isSame ? ('same' as const) : unfit
    const hasPassword = user.passwordHash !== undefined
    const refuse = (model: PasswordModel) => pages.show(reply, passwordPage(pages.chrome(request), model), 400)
    if (problem !== undefined) return refuse({ hasPassword, shortest, problem })
    const set = await setPassword(store, user.id, chosen, user)
    // Another one was set since this request was let in, and ended its session.
    if (set.outcome === 'stale') return confirm(request, reply)
    // Fit a moment ago: the second factor that let it be short was turned off meanwhile.
    if (set.outcome === 'too_short') return refuse({ hasPassword, shortest: SHORTEST_PASSWORD, problem: 'too_short' })
    const { user: changed } = set
    provider.note({ event: 'password_changed', userId: user.id })
    await pages.cookies.renew(reply, { session, user: changed })
    await passwords.clear(changed, session)
    await door.remember(request, reply, changed)
    pages.cookies.keep(reply, request.visitor, { ...request.visitor.visit.errand, done: 'password_changed' })
    return pages.go(reply, PATH)
  })
}

// /account/password: changing the password, or choosing the first one. Who has signed in just now is not asked again.
import { passwordPage } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { SHORTEST_PASSWORD } from '../accounts/password-rules.ts'
import { verifyPassword } from '../accounts/passwords.ts'
import { setPassword } from '../accounts/users.ts'
import type { Provider } from '../oauth/provider.ts'
import { goSignIn, signedInJustNow } from './account-scope.ts'
import type { NewPasswords } from './new-password.ts'
import { ownForm, type Pages } from './page-scope.ts'
import type { SignInDoor } from './sign-in-door.ts'

const PATH = '/account/password'
const TOO_SHORT_NOW = { hasPassword: true, shortest: SHORTEST_PASSWORD, problem: 'too_short' } as const

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

  app.post(PATH, async (request, reply) => {
    const form = ownForm(request)
    const password = form.get('password')?.[0] ?? ''
    const signedIn = fresh(request)
    if (signedIn === undefined) return confirm(request, reply)
    const { user, session } = signedIn
    const shortest = passwords.shortest(user)
    const unfit = passwords.problem(user, password)
    // Said to nobody but who has just signed in, and only once: any other password is taken.
    const isSame = unfit === undefined && (await verifyPassword(user.passwordHash, password))
    const problem = isSame ? ('same' as const) : unfit
    const changed = problem === undefined ? await setPassword(store, user.id, password) : undefined
    if (changed === undefined) {
      const hasPassword = user.passwordHash !== undefined
      // Fit a moment ago: the second factor that let it be short was turned off meanwhile.
      const model = problem ? { hasPassword, shortest, problem } : TOO_SHORT_NOW
      return pages.show(reply, passwordPage(pages.chrome(request), model), 400)
    }
    await passwords.clear(user, form, session)
    await pages.cookies.renew(reply, signedIn)
    await door.remember(request, reply, changed)
    provider.note({ event: 'password_changed', userId: user.id })
    pages.cookies.keep(reply, request.visitor, { ...request.visitor.visit.errand, done: 'password_changed' })
    return pages.go(reply, PATH)
  })
}

// Signing in with a passkey. The page's script asks the browser and fills in an ordinary form; what the passkey signed is
// judged in accounts/passkeys.ts. Wrong passwords never stand in the way of it.
import type { FastifyInstance } from 'fastify'
import type { Passkeys } from '../../accounts/passkeys.ts'
import { ownForm, PageProblem, type Pages } from '../page-scope.ts'
import type { SignInDoor } from './door.ts'
import type { SignInPage } from './page.ts'

export function passkeySignInRoutes(
  app: FastifyInstance,
  pages: Pages,
  door: SignInDoor,
  page: SignInPage,
  passkeys: Passkeys,
): void {
  // A page that stays open longer than a challenge lives asks for another one, and for a form token that goes with it.
  app.get('/sign-in/passkey', async (request, reply) => {
    const { visitor } = request
    pages.cookies.keep(reply, visitor, visitor.visit.errand)
    const options = await page.ask(request)
    return reply.send({ options, csrf: visitor.formToken() })
  })

  app.post('/sign-in/passkey', async (request, reply) => {
    const answer = ownForm(request).get('credential')?.[0]
    if (answer === undefined) throw new PageProblem('bad_request', 400)
    const { owner, signedIn } = request.visitor
    const proven = await passkeys.prove(owner, answer, signedIn?.user)
    if (proven.outcome === 'proven') return door.admit(request, reply, proven.user, proven.amr)
    if (proven.outcome === 'refused') request.log.info({ reason: proven.reason }, 'a passkey was refused')
    return page.show(request, reply, { problem: proven.outcome === 'late' ? 'passkey_late' : 'passkey' }, 403)
  })
}

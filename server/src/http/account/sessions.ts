// /account/sessions: the browsers in which somebody is signed in, and the end of one. /account/sign-out: of all of them,
// and of devices and apps where the person says so (OWASP Session Management).
import { browsersPage, everywherePage } from '@latchkey/verifier-web'
import type { FastifyInstance } from 'fastify'
import {
  endOtherSessions,
  endSession,
  liveSessions,
  SESSION_ABSOLUTE_MS,
  SESSION_IDLE_MS,
  type SignedIn,
  startedAt,
} from '../../accounts/sessions.ts'
import { unlinkAll } from '../../oauth/links.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { BrowserSession } from '../../oauth/records.ts'
import { SIGNED_OUT_PATH } from '../logout.ts'
import { ownForm, type Pages } from '../page-scope.ts'
import { tellNext, tellOnce } from '../visitor.ts'
import { whenceOf, whenOf } from './facts.ts'
import { goSignIn } from './scope.ts'

const SESSIONS = '/account/sessions'
const EVERYWHERE = '/account/sign-out'

export function accountSessionRoutes(app: FastifyInstance, provider: Provider, pages: Pages): void {
  const { store, host } = provider

  app.get(SESSIONS, async (request, reply) => {
    const { signedIn } = request.visitor
    if (signedIn === undefined) return goSignIn(pages, request, reply, SESSIONS, 0)
    const sessions = await liveSessions(store, host, signedIn.user)
    const html = browsersPage(pages.chrome(request), {
      // This one first: the others are what somebody came to look at.
      browsers: [...sessions]
        .sort((one, other) => Number(isThis(signedIn, other)) - Number(isThis(signedIn, one)))
        .map((session) => shown(session, signedIn)),
      idleSeconds: SESSION_IDLE_MS / 1000,
      mostSeconds: SESSION_ABSOLUTE_MS / 1000,
      ...tellOnce(pages.cookies, request, reply),
    })
    return pages.show(reply, html)
  })

  app.post(SESSIONS, async (request, reply) => {
    const { signedIn } = request.visitor
    const asked = ownForm(request).get('session')?.[0]
    if (signedIn === undefined) return goSignIn(pages, request, reply, SESSIONS, 0)
    if (asked === 'others') await endOtherSessions(store, signedIn.user.id, signedIn.session)
    const named = (await store.sessions.byUser(signedIn.user.id)).find(({ id }) => id === asked)
    if (named !== undefined && !isThis(signedIn, named)) await endSession(store, named)
    // Somebody else's, or one that has just ended, is not there any more either way.
    tellNext(pages.cookies, request, reply, { news: asked === 'others' ? 'ended_others' : 'ended' })
    return pages.go(reply, SESSIONS)
  })

  app.get(EVERYWHERE, (request, reply) => {
    if (request.visitor.signedIn === undefined) return goSignIn(pages, request, reply, EVERYWHERE, 0)
    return pages.show(reply, everywherePage(pages.chrome(request)))
  })

  app.post(EVERYWHERE, async (request, reply) => {
    const { signedIn, visit } = request.visitor
    // Pressed twice, or again after going back.
    if (signedIn === undefined && visit.told?.signedOut) return pages.go(reply, SIGNED_OUT_PATH)
    const form = ownForm(request)
    if (signedIn === undefined) return goSignIn(pages, request, reply, EVERYWHERE, 0)
    if (form.get('answer')?.[0] !== 'yes') return pages.go(reply, '/account')
    const devicesToo = form.get('devices')?.[0] === 'yes'
    const userId = signedIn.user.id
    // The browsers first: who is not signed in any more can allow no further device.
    await endOtherSessions(store, userId)
    if (devicesToo) await unlinkAll(provider, userId)
    provider.note({ event: 'signed_out_everywhere', userId })
    await pages.cookies.signOut(reply, request.visitor, {}, { signedOut: { devicesToo } })
    return pages.go(reply, SIGNED_OUT_PATH)
  })

  function shown(session: BrowserSession, signedIn: SignedIn) {
    // As browserName puts them together.
    const [browser, system] = session.browser?.split(' on ') ?? []
    return {
      id: session.id,
      ...(browser === undefined ? {} : { browser }),
      ...(system === undefined ? {} : { system }),
      ...(session.address === undefined ? {} : { from: whenceOf(provider, session.address) }),
      since: whenOf(provider, startedAt(session)),
      used: whenOf(provider, session.usedAt),
      here: isThis(signedIn, session),
    }
  }
}

function isThis({ session }: SignedIn, { id }: BrowserSession): boolean {
  return session.id === id
}

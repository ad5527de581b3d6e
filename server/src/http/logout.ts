// GET and POST /logout: a client's wish; the person decides (OpenID Connect RP-Initiated Logout §2). What a person gave
// a device survives, unless the person says otherwise.
import { loggedOutPage, logoutPage } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { unlinkAll } from '../oauth/links.ts'
import { readLogoutRequest } from '../oauth/logout.ts'
import { type Form, readParameters } from '../oauth/parameters.ts'
import type { Provider } from '../oauth/provider.ts'
import { bare, fields, PAGE, text } from './openapi.ts'
import { fromAnywhere, ownForm, PageProblem, type Pages } from './page-scope.ts'

/** Where whoever has signed out is told so. */
export const SIGNED_OUT_PATH = '/signed-out'
const SUBJECT = 'logout'
/** In characters: it is carried until the person has answered. */
const LONGEST_STATE = 512

export function logoutRoutes(app: FastifyInstance, provider: Provider, pages: Pages): void {
  fromAnywhere(app, provider.issuer, '/logout', LOGOUT, start)

  async function start(request: FastifyRequest, reply: FastifyReply, form: Form) {
    const asked = await readLogoutRequest(provider, readParameters(form))
    if (asked === undefined) throw new PageProblem('unknown_app', 400)
    const { client, redirectUri, state } = asked
    if (state !== undefined && state.length > LONGEST_STATE) throw new PageProblem('too_long', 400)
    const logout = {
      ...(client === undefined ? {} : { client: client.name }),
      ...(redirectUri === undefined ? {} : { redirectUri }),
      ...(state === undefined ? {} : { state }),
    }
    pages.cookies.keep(reply, request.visitor, { logout })
    return pages.go(reply, '/logout/confirm')
  }

  app.get('/logout/confirm', (request, reply) => {
    const { signedIn, visit } = request.visitor
    const { logout = {} } = visit.errand
    if (signedIn === undefined) {
      // Here again by going back, perhaps: what was said before is still so.
      pages.cookies.keep(reply, request.visitor, {}, { signedOut: {}, ...visit.told })
      return leave(request, reply)
    }
    const client = logout.redirectUri === undefined || logout.client === undefined ? {} : { client: logout.client }
    return pages.show(reply, logoutPage(pages.chrome(request, SUBJECT), { ...client, devicesToo: true }))
  })

  app.post('/logout/confirm', async (request, reply) => {
    const { signedIn, visit } = request.visitor
    // Pressed twice, or again after going back.
    if (signedIn === undefined && visit.told?.signedOut) return pages.go(reply, SIGNED_OUT_PATH)
    const form = ownForm(request, SUBJECT)
    if (form.get('answer')?.[0] !== 'yes' || signedIn === undefined) {
      pages.cookies.keep(reply, request.visitor, {})
      return pages.go(reply, '/link')
    }
    const devicesToo = form.get('devices')?.[0] === 'yes'
    if (devicesToo) await unlinkAll(provider, signedIn.user.id, { origin: 'device' })
    await pages.cookies.signOut(reply, request.visitor, {}, { signedOut: { devicesToo } })
    return leave(request, reply)
  })

  app.get(SIGNED_OUT_PATH, (request, reply) => {
    const { signedIn, visit } = request.visitor
    if (signedIn !== undefined) return pages.go(reply, '/account')
    // Whether devices were signed out too is not known any more.
    if (visit.told?.signedOut === undefined) return pages.go(reply, '/link')
    return pages.show(reply, loggedOutPage(pages.chrome(request), visit.told.signedOut))
  })

  function leave(request: FastifyRequest, reply: FastifyReply) {
    const { logout = {} } = request.visitor.visit.errand
    if (logout.redirectUri !== undefined) {
      const { redirectUri, state } = logout
      const query =
        state === undefined ? '' : `${redirectUri.includes('?') ? '&' : '?'}state=${encodeURIComponent(state)}`
      return reply.redirect(redirectUri + query, 303)
    }
    return pages.go(reply, SIGNED_OUT_PATH)
  }
}

const REQUEST = fields({
  id_token_hint: text('The last id_token: says who, and which client.'),
  client_id: text('Which client, where there is no id_token_hint.'),
  post_logout_redirect_uri: text('Where to go afterwards: exactly as registered.'),
  state: text('Comes back with the redirect; 512 characters at most.'),
})

const LOGOUT = {
  tags: ['authorization'],
  summary: 'Send a person here to sign out',
  description:
    'OpenID Connect RP-Initiated Logout §2. The person decides; devices stay linked unless they say otherwise.',
  querystring: REQUEST,
  produces: PAGE,
  response: {
    303: bare('To the page that asks, and from there to post_logout_redirect_uri.'),
    400: Type.String({ description: 'A page: the request is not of a client that is known here.' }),
  },
} as const

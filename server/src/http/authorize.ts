// GET and POST /authorize: an app sends its person here, and gets a code back (RFC 6749 §4.1, OpenID Connect Core §3.1.2).
// Who asks and where the answer goes is settled first; before that nothing is sent anywhere (RFC 9700 §4.11).
import { consentPage, langOf, negotiateLocale } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { SignedIn } from '../accounts/sessions.ts'
import { consentId, issueCode, isUnproven, missingFor, rememberConsent } from '../oauth/authorization.ts'
import {
  type AskedFor,
  answerUri,
  REQUEST_LIFE_MS,
  REQUEST_URI_PREFIX,
  readAuthorizationRequest,
  redirectUriOf,
} from '../oauth/authorization-request.ts'
import { OAuthError } from '../oauth/errors.ts'
import { digestOf, randomToken } from '../oauth/keys/vault.ts'
import { type Form, type Parameters, readParameters } from '../oauth/parameters.ts'
import type { Provider } from '../oauth/provider.ts'
import type { AuthorizationRequest, Client } from '../oauth/records.ts'
import { AUTHORIZATION_FIELDS, bare, CLIENT_FIELDS, fields, PAGE, text } from './openapi.ts'
import { fromAnywhere, ownForm, PageProblem, type Pages, sourceOf } from './page-scope.ts'
import { identityIn, sentencesFor } from './permission-words.ts'

export function authorizeRoutes(app: FastifyInstance, provider: Provider, pages: Pages): void {
  const { clock, entropy } = provider.host
  const { authorizationRequests, consents } = provider.store

  fromAnywhere(app, provider.issuer, '/authorize', AUTHORIZE, start)

  async function start(request: FastifyRequest, reply: FastifyReply, form: Form) {
    const client = await clientOf(form)
    const requestUri = form.get('request_uri')?.[0]
    if (requestUri?.startsWith(REQUEST_URI_PREFIX)) {
      const handle = requestUri.slice(REQUEST_URI_PREFIX.length)
      return proceed(request, reply, client, handle, await takePushed(handle, client))
    }
    const redirectUri = redirectUriIn(client, form)
    const state = form.get('state')?.[0]
    let asked: AskedFor
    try {
      const parameters = readParameters(form)
      if (requestUri) throw new OAuthError('request_uri_not_supported', 'only pushed requests are supported')
      asked = readAuthorizationRequest(provider, client, parameters, redirectUri)
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error
      return answer(reply, { redirectUri, state }, { error: error.code, error_description: error.message })
    }
    const handle = randomToken(entropy)
    const record = {
      id: digestOf(handle),
      version: 0,
      expiresAt: asked.createdAt + REQUEST_LIFE_MS,
      ...asked,
      pushed: false,
    }
    // `none` ends at once, one way or the other: there is nothing to keep.
    if (!asked.prompt.includes('none')) await authorizationRequests.insert(record)
    return proceed(request, reply, client, handle, record)
  }

  async function proceed(
    request: FastifyRequest,
    reply: FastifyReply,
    client: Client,
    handle: string,
    asked: AuthorizationRequest,
  ) {
    if (asked.prompt.includes('none')) {
      const { signedIn } = request.visitor
      const missing = signedIn === undefined ? 'sign_in' : await missingNow(asked, client, signedIn)
      if (signedIn === undefined || missing === 'sign_in') return answer(reply, asked, { error: 'login_required' })
      if (missing === 'consent') return answer(reply, asked, { error: 'consent_required' })
      return finish(reply, asked, signedIn)
    }
    const { redirectUri, uiLocales } = asked
    const authorization = { handle, clientId: client.id, client: client.name, returnsTo: sourceOf(redirectUri) }
    // What was asked for may be long; what comes of it is not.
    const language = uiLocales && langOf(negotiateLocale(uiLocales.replaceAll(' ', ',')))
    pages.cookies.keep(reply, request.visitor, { authorization, ...(language === undefined ? {} : { language }) })
    return pages.go(reply, '/authorize/continue')
  }

  app.get('/authorize/continue', async (request, reply) => {
    const { asked, client, handle } = await pending(request)
    const { signedIn, visit } = request.visitor
    const missing = signedIn === undefined ? 'sign_in' : await missingNow(asked, client, signedIn)
    if (signedIn === undefined || missing === 'sign_in') {
      // A sign-in of before will not do here, however the page is reached again; nor, where the app says so, one of
      // before at another provider.
      const anew = signedIn !== undefined || asked.prompt.includes('login')
      pages.cookies.keep(reply, request.visitor, { ...visit.errand, signInAfter: anew ? clock.now() : 0 })
      return pages.go(reply, '/sign-in')
    }
    if (missing === undefined) return consume(reply, request, asked, signedIn)
    const chrome = pages.chrome(request, handle)
    const html = consentPage(chrome, {
      client: client.name,
      returnsTo: new URL(asked.redirectUri).host || asked.redirectUri,
      identity: identityIn(asked.scope),
      permissions: sentencesFor(provider.apis, asked.scope, langOf(chrome.locale)),
      staysSignedIn: asked.scope.includes('offline_access'),
      unproven: isUnproven(client, asked.redirectUri),
    })
    return pages.show(reply, html)
  })

  app.post('/authorize/consent', async (request, reply) => {
    const { asked, client, handle } = await pending(request)
    const { signedIn } = request.visitor
    if (signedIn === undefined) return pages.go(reply, '/sign-in')
    const choice = ownForm(request, handle).get('answer')?.[0]
    if (choice === 'deny') return refuse(reply, request, asked)
    if (choice !== 'approve') throw new PageProblem('bad_request', 400)
    if ((await missingNow(asked, client, signedIn)) === 'sign_in') return pages.go(reply, '/authorize/continue')
    await rememberConsent(provider, signedIn.user.id, client.id, asked.scope)
    return consume(reply, request, asked, signedIn)
  })

  /** Whoever takes the request away answers it: a double click gets one code. */
  async function consume(
    reply: FastifyReply,
    request: FastifyRequest,
    asked: AuthorizationRequest,
    signedIn: SignedIn,
  ) {
    if (!(await authorizationRequests.delete(asked.id))) throw new PageProblem('expired_sign_in', 400)
    pages.cookies.keep(reply, request.visitor, {})
    return finish(reply, asked, signedIn)
  }

  async function refuse(reply: FastifyReply, request: FastifyRequest, asked: AuthorizationRequest) {
    if (!(await authorizationRequests.delete(asked.id))) throw new PageProblem('expired_sign_in', 400)
    pages.cookies.keep(reply, request.visitor, {})
    return answer(reply, asked, { error: 'access_denied', error_description: 'the person refused' })
  }

  async function finish(reply: FastifyReply, asked: AuthorizationRequest, { user, session }: SignedIn) {
    return answer(reply, asked, { code: await issueCode(provider, asked, user.id, session) })
  }

  function answer(
    reply: FastifyReply,
    to: { redirectUri: string; state?: string | undefined },
    members: Record<string, string>,
  ) {
    // 303 always: what was posted to us is never posted on (RFC 9700 §4.12).
    return reply.redirect(answerUri(provider.issuer, to, members), 303)
  }

  async function missingNow(asked: AuthorizationRequest, client: Client, { user, session }: SignedIn) {
    return missingFor(asked, client, session, await consents.get(consentId(user.id, client.id)), clock.now())
  }

  async function pending(request: FastifyRequest) {
    const handle = request.visitor.visit.errand.authorization?.handle
    const asked = handle === undefined ? undefined : await authorizationRequests.get(digestOf(handle))
    if (handle === undefined || asked === undefined || clock.now() >= asked.expiresAt) {
      throw new PageProblem('expired_sign_in', 400)
    }
    const client = await provider.clients.find(asked.clientId)
    if (client === undefined || client.disabledAt !== undefined) throw new PageProblem('unknown_app', 400)
    return { asked, client, handle }
  }

  async function clientOf(form: Form): Promise<Client> {
    const [clientId, ...more] = form.get('client_id') ?? []
    const client = clientId && more.length === 0 ? await provider.clients.find(clientId) : undefined
    if (client === undefined || client.disabledAt !== undefined) throw new PageProblem('unknown_app', 400)
    return client
  }

  /** A pushed request is good for one browser, once (RFC 9126 §7.3). */
  async function takePushed(handle: string, client: Client): Promise<AuthorizationRequest> {
    const asked = await authorizationRequests.get(digestOf(handle))
    const now = clock.now()
    if (!asked?.pushed || asked.clientId !== client.id || now >= asked.expiresAt) {
      throw new PageProblem('expired_sign_in', 400)
    }
    const taken = { ...asked, pushed: false, createdAt: now, expiresAt: now + REQUEST_LIFE_MS }
    if (!(await authorizationRequests.swap(taken))) throw new PageProblem('expired_sign_in', 400)
    return { ...taken, version: taken.version + 1 }
  }
}

/** Repeated or unregistered: there is no address that the answer could be trusted to. */
function redirectUriIn(client: Client, form: Form): string {
  const values = form.get('redirect_uri') ?? []
  const parameters: Pick<Parameters, 'get'> = { get: (name) => form.get(name)?.[0] || undefined }
  const redirectUri = values.length > 1 ? undefined : redirectUriOf(client, parameters)
  if (redirectUri === undefined) throw new PageProblem('unknown_app', 400)
  return redirectUri
}

const REQUEST = fields(
  {
    client_id: CLIENT_FIELDS.client_id,
    request_uri: text('A pushed request (RFC 9126); stands for all the others but client_id.'),
    ...AUTHORIZATION_FIELDS,
  },
  'client_id',
)

const AUTHORIZE = {
  tags: ['authorization'],
  summary: 'Send a person here to sign in and allow',
  description:
    'RFC 6749 §4.1, OpenID Connect Core §3.1.2. The browser comes back to redirect_uri with code, or error, and with state and iss (RFC 9207).',
  querystring: REQUEST,
  produces: PAGE,
  response: {
    303: bare('To a page of ours, or back to redirect_uri.'),
    400: Type.String({
      description: 'A page: the client or its redirect_uri is unknown, so nothing is sent anywhere.',
    }),
  },
} as const

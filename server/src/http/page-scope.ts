// The scope of the pages: who is looking, forms that only our own pages may send, strict headers, errors as a page.
import {
  ASSETS,
  type Asset,
  type Chrome,
  type ProblemPlace,
  problemPage,
  STYLESHEET,
  type Theme,
} from '@latchkey/verifier-web'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { OAuthError } from '../oauth/errors.ts'
import type { Form } from '../oauth/parameters.ts'
import type { Provider } from '../oauth/provider.ts'
import { StoreUnavailable } from '../oauth/store.ts'
import { assetRoutes } from './assets.ts'
import { isFromOtherSite, isLookingAhead, isSentByOtherSite } from './fetch-metadata.ts'
import { FormError, parseForm } from './form.ts'
import { languagesFrom, localeFor } from './language-choice.ts'
import { FORM_TYPE } from './oauth-scope.ts'
import { createOnce, type Once } from './once.ts'
import { FORM, type RouteDescription } from './openapi.ts'
import { isInsecure } from './transport.ts'
import { type Visitor, type VisitorCookies, VisitTooLarge, visitorCookies } from './visitor.ts'

/** Where our pages open sockets: Safari before 15.4 does not count them under 'self'. Where forms go comes last. */
function contentPolicy(issuer: string): string {
  const sockets = new URL(issuer).origin.replace('http', 'ws')
  return `default-src 'none'; script-src 'self'; connect-src 'self' ${sockets}; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'`
}

export const PAGE_TYPE = 'text/html; charset=utf-8'

/** Of every page, beside its policy; and of what is answered to a request that cannot be read. */
export const PAGE_HEADERS = {
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'Cache-Control': 'no-store',
} as const

declare module 'fastify' {
  interface FastifyRequest {
    visitor: Visitor
  }
  interface FastifyContextConfig {
    /** What clients of other origins ask for by way of the browser; it decides nothing. */
    fromAnywhere?: boolean
  }
}

/** Whose pages these are: a part of the configuration. */
export interface Look {
  readonly name: string
  readonly theme?: Theme
  /** By client_id. */
  readonly clientThemes: ReadonlyMap<string, Theme>
  readonly links?: NonNullable<Chrome['links']>
}

/** What the routes of pages share. */
export interface Pages {
  readonly cookies: VisitorCookies
  /** For the route of a form that is done once: its answer brings a cookie, or shows what is shown only once. */
  readonly once: Once
  readonly base: string
  /** The issuer is https. */
  readonly secure: boolean
  /** The frame of a page for this request; `subject` ties its forms to what it shows, `clientId` says for whom it is. */
  chrome(request: FastifyRequest, subject?: string, clientId?: string): Chrome
  /** The same without who is signed in: whoever holds a message acts on its page, not this browser's account. */
  anybody(request: FastifyRequest, subject?: string): Chrome
  show(reply: FastifyReply, html: string, status?: number): FastifyReply
  go(reply: FastifyReply, path: string): FastifyReply
  /** 429, with the time to wait said in the header. */
  showThrottled(reply: FastifyReply, html: string, retryAfterSeconds: number): FastifyReply
}

/** `another_form`: one of our pages sent it, for this very visitor, but this browser has come to something else since. */
export type Problem = Parameters<typeof problemPage>[1]['problem'] | 'another_form'

/** A request that a page answers with a problem page. */
export class PageProblem extends Error {
  readonly problem: Problem
  readonly status: number
  constructor(problem: Problem, status: number) {
    super(problem)
    this.name = 'PageProblem'
    this.problem = problem
    this.status = status
  }
}

/** Makes `app`, an encapsulated instance with cookies, speak to people. */
export function speakToPeople(app: FastifyInstance, provider: Provider, look: Look, base: string): Pages {
  const cookies = visitorCookies(provider)
  const secure = provider.issuer.startsWith('https:')
  const policy = contentPolicy(provider.issuer)
  app.decorateRequest('visitor')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(FORM_TYPE, { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseForm(body as Buffer, { lineBreaks: 'allowed' }))
    } catch (error) {
      done(error as Error)
    }
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(PAGE_HEADERS).header('Content-Security-Policy', policy)
    // A browser that looks ahead asks again when its person really comes: a code is not opened for somebody who is not
    // there.
    if (isLookingAhead(request)) return reply.code(503).send()
    if (isInsecure(request, provider.issuer)) throw new PageProblem('insecure', 400)
    const { fromAnywhere: anywhere = false } = request.routeOptions.config
    // Refused before anything is looked at.
    if (!anywhere && isSentByOtherSite(request, provider.issuer)) throw new PageProblem('cross_site', 403)
    // Read while they are there: who has left, by a second press, has no address any more, and what they sent is done.
    Object.defineProperty(request, 'ip', { value: request.ip })
    request.visitor = await cookies.read(request)
  })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { problem, status } = asProblem(error)
    if (status >= 500) request.log.error({ err: error }, 'a page failed')
    if (status === 503) reply.header('Retry-After', '1')
    const place = placeOf(request, base)
    const told = problem === 'another_form' ? (place === 'code' ? 'another_code' : 'stale_form') : problem
    const html = problemPage(pages.chrome(request), { problem: told, place, requestId: request.id })
    return pages.show(reply, html, status)
  })
  const pages: Pages = {
    cookies,
    once: createOnce(provider.host.clock),
    base,
    secure,
    chrome(request, subject, clientId) {
      const account = request.visitor?.signedIn?.user
      const client = clientId ?? request.visitor?.visit.errand.authorization?.clientId
      const theme = (client === undefined ? undefined : look.clientThemes.get(client)) ?? look.theme
      const languages = languagesFrom(request, base)
      return {
        brand: look.name,
        locale: localeFor(request, secure),
        stylesheet: base + STYLESHEET.path,
        base,
        ...(request.visitor === undefined ? {} : { csrf: request.visitor.formToken(subject) }),
        ...(languages === undefined ? {} : { languages }),
        ...(theme === undefined ? {} : { theme }),
        ...(look.links === undefined ? {} : { links: look.links }),
        ...(account === undefined ? {} : { account: { email: account.email, name: account.name } }),
        ...(isFromOtherSite(request) ? { brought: true } : {}),
        ...(request.visitor?.visit.errand.userCode === undefined ? {} : { deviceWaits: true }),
      }
    },
    anybody(request, subject) {
      const { account: _, ...chrome } = pages.chrome(request, subject)
      return chrome
    },
    show(reply, html, status = 200) {
      const { authorization, logout } = reply.request.visitor?.visit.errand ?? {}
      const goesTo = authorization?.returnsTo ?? (logout?.redirectUri && sourceOf(logout.redirectUri))
      if (goesTo !== undefined) reply.header('Content-Security-Policy', `${policy} ${goesTo}`)
      // Never compressed, unlike what it loads: a page says back what somebody sent, beside its form's token, and how far
      // the one shortens the other is heard from outside (BREACH).
      return reply.code(status).type(PAGE_TYPE).send(html)
    },
    // 303: a form with a password in it is never sent on (RFC 9700 §4.12).
    go: (reply, path) => reply.redirect(base + path, 303),
    showThrottled(reply, html, retryAfterSeconds) {
      reply.header('Retry-After', String(retryAfterSeconds))
      return pages.show(reply, html, 429)
    },
  }
  assetRoutes(app, [...ASSETS, ...assetsOf(look)])
  return pages
}

/** What themes load, each once: clients may share a logo. */
function assetsOf({ theme, clientThemes }: Look): Iterable<Asset> {
  const themes = [theme, ...clientThemes.values()]
  const assets = themes.flatMap((one) => [one?.logo, one?.stylesheet]).filter((asset) => asset !== undefined)
  return new Map(assets.map((asset) => [asset.path, asset])).values()
}

/** The longest that fits comes first; all that is not here is about a code. */
const PLACES: readonly (readonly [path: string, place: ProblemPlace])[] = [
  ['/account', 'account'],
  ['/authorize', 'app'],
  ['/language', 'language'],
  ['/logout', 'sign_out'],
  ['/reset-password/new', 'message'],
  ['/reset-password', 'password'],
  ['/sign-in', 'sign_in'],
  ['/undo', 'message'],
]

/** What somebody is about who sent this. */
function placeOf({ url }: FastifyRequest, base: string): ProblemPlace {
  const path = `${url.slice(base.length).split('?')[0]}/`
  return PLACES.find(([beginning]) => path.startsWith(`${beginning}/`))?.[1] ?? 'code'
}

/** The form of a POST whose token fits one of the subjects, or none. Throws PageProblem when it does not. */
export function ownForm(request: FastifyRequest, ...subjects: readonly (string | undefined)[]): Form {
  const form = postedForm(request)
  const token = form.get('csrf')?.[0]
  const accepted = subjects.length === 0 ? [undefined] : subjects
  if (!accepted.some((subject) => request.visitor.isFormToken(token, subject))) {
    throw new PageProblem(request.visitor.isOwnToken(token) ? 'another_form' : 'stale_form', 403)
  }
  return form
}

function postedForm({ body }: FastifyRequest): Form {
  if (!(body instanceof Map)) throw new PageProblem('bad_request', 400)
  return body as Form
}

/** The query, read as strictly as a form. */
export function queryForm(request: FastifyRequest): Form {
  const at = request.url.indexOf('?')
  return parseForm(Buffer.from(at < 0 ? '' : request.url.slice(at + 1)), { lineBreaks: 'refused' })
}

/**
 * A page that clients send people to, from wherever theirs is: with its parameters in the address, or posted (OpenID
 * Connect Core §3.1.2.1). The answer is the same: what another site posts comes without our cookies (`SameSite=Lax`), and
 * is asked for once more by its address, with them, as long as it fits there; a visit that is under way is lost
 * otherwise. In the document both forms take what `asked` has as its query.
 */
export function fromAnywhere(
  app: FastifyInstance,
  issuer: string,
  path: string,
  asked: RouteDescription & Required<Pick<RouteDescription, 'querystring'>>,
  start: (request: FastifyRequest, reply: FastifyReply, form: Form) => Promise<FastifyReply>,
): void {
  const { querystring, ...rest } = asked
  const posted = { ...rest, consumes: FORM, body: querystring }
  app.get(path, { config: { fromAnywhere: true, openapi: asked } }, (request, reply) =>
    start(request, reply, queryForm(request)),
  )
  app.post(path, { config: { fromAnywhere: true, openapi: posted } }, (request, reply) => {
    const form = postedForm(request)
    const query = isSentByOtherSite(request, issuer) ? queryOf(form) : undefined
    return query === undefined
      ? start(request, reply, form)
      : reply.redirect(`${request.routeOptions.url}?${query}`, 303)
  })
}

// Beside the largest cookies, in a head of 16 KB.
const LONGEST_QUERY = 4096

/** Undefined where it does not fit in an address, or an address may not hold it. */
function queryOf(form: Form): string | undefined {
  const pairs = [...form].flatMap(([name, values]) => values.map((value) => [name, value]))
  const query = new URLSearchParams(pairs).toString()
  return query.length > LONGEST_QUERY || /%0[AD]/.test(query) ? undefined : query
}

/** Browsers hold form-action against the whole chain of redirects that a form starts: here, back to the client. */
export function sourceOf(redirectUri: string): string {
  const { protocol, origin } = new URL(redirectUri)
  return protocol === 'https:' || protocol === 'http:' ? origin : protocol
}

function asProblem(error: FastifyError): { problem: Problem; status: number } {
  if (error instanceof PageProblem) return error
  if (error instanceof FormError) return { problem: 'bad_request', status: 400 }
  if (error instanceof VisitTooLarge) return { problem: 'too_long', status: 400 }
  if (error instanceof StoreUnavailable) return { problem: 'unavailable', status: 503 }
  // Pages that clients send people to read parameters as the protocol does.
  if (error instanceof OAuthError && error.status < 500) return { problem: 'bad_request', status: error.status }
  const status = error.statusCode ?? 500
  return status < 500 ? { problem: 'bad_request', status } : { problem: 'server_error', status: 500 }
}

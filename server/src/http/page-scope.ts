// The scope of the pages: who is looking, forms that only our own pages may send, strict headers, errors as a page.
import { type Chrome, MARK, negotiateLocale, problemPage, STYLESHEET } from '@latchkey/verifier-web'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { OAuthError } from '../oauth/errors.ts'
import type { Form } from '../oauth/parameters.ts'
import type { Provider } from '../oauth/provider.ts'
import { StoreUnavailable } from '../oauth/store.ts'
import { FormError, parseForm } from './form.ts'
import { FORM_TYPE } from './oauth-scope.ts'
import { isInsecure } from './transport.ts'
import { type Visitor, type VisitorCookies, visitorCookies } from './visitor.ts'

const CONTENT_POLICY =
  "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

export const PAGE_HEADERS = {
  'Content-Security-Policy': CONTENT_POLICY,
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'Cache-Control': 'no-store',
} as const

/** Two years, as browsers' preload lists ask. */
const STRICT_TRANSPORT = 'max-age=63072000'

declare module 'fastify' {
  interface FastifyRequest {
    visitor: Visitor
  }
  interface FastifyContextConfig {
    /** A POST that clients of other origins send by way of the browser; it decides nothing. */
    fromAnywhere?: boolean
  }
}

/** What the routes of pages share. */
export interface Pages {
  readonly cookies: VisitorCookies
  readonly base: string
  /** The frame of a page for this request; `subject` ties its forms to what it shows. */
  chrome(request: FastifyRequest, subject?: string): Chrome
  show(reply: FastifyReply, html: string, status?: number): FastifyReply
  go(reply: FastifyReply, path: string): FastifyReply
  /** 429, with the time to wait said in the header. */
  showThrottled(reply: FastifyReply, html: string, retryAfterSeconds: number): FastifyReply
}

export type Problem = Parameters<typeof problemPage>[1]['problem']

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
export function speakToPeople(app: FastifyInstance, provider: Provider, brand: string, base: string): Pages {
  const cookies = visitorCookies(provider)
  const secure = provider.issuer.startsWith('https:')
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
    reply.headers(PAGE_HEADERS)
    if (secure) reply.header('Strict-Transport-Security', STRICT_TRANSPORT)
    if (isInsecure(request, provider.issuer)) throw new PageProblem('insecure', 400)
    if (request.method === 'POST' && !request.routeOptions.config.fromAnywhere)
      refuseOtherSites(request, provider.issuer)
    request.visitor = await cookies.read(request)
  })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { problem, status } = asProblem(error)
    if (status >= 500) request.log.error({ err: error }, 'a page failed')
    if (status === 503) reply.header('Retry-After', '1')
    const html = problemPage(pages.chrome(request), { problem, requestId: request.id })
    return pages.show(reply, html, status)
  })
  const pages: Pages = {
    cookies,
    base,
    chrome(request, subject) {
      const account = request.visitor?.signedIn?.user
      return {
        brand,
        locale: negotiateLocale(
          request.visitor?.visit.errand.uiLocales?.replaceAll(' ', ',') ?? request.headers['accept-language'],
        ),
        stylesheet: base + STYLESHEET.path,
        base,
        ...(request.visitor === undefined ? {} : { csrf: request.visitor.formToken(subject) }),
        ...(account === undefined ? {} : { account: { email: account.email, name: account.name } }),
      }
    },
    show(reply, html, status = 200) {
      const { authorization, logout } = reply.request.visitor?.visit.errand ?? {}
      const goesTo = authorization?.redirectUri ?? logout?.redirectUri
      if (goesTo !== undefined) reply.header('Content-Security-Policy', `${CONTENT_POLICY} ${sourceOf(goesTo)}`)
      return reply.code(status).type('text/html; charset=utf-8').send(html)
    },
    // 303: a form with a password in it is never sent on (RFC 9700 §4.12).
    go: (reply, path) => reply.redirect(base + path, 303),
    showThrottled(reply, html, retryAfterSeconds) {
      reply.header('Retry-After', String(retryAfterSeconds))
      return pages.show(reply, html, 429)
    },
  }
  for (const asset of [STYLESHEET, MARK]) {
    const type = asset.path.endsWith('.css') ? 'text/css; charset=utf-8' : 'image/svg+xml'
    app.get(asset.path, (_request, reply) =>
      // The name holds a digest of what is in it.
      reply.header('Cache-Control', 'public, max-age=31536000, immutable').type(type).send(asset.body),
    )
  }
  return pages
}

/** The form of a POST whose token fits one of the subjects, or none. Throws PageProblem when it does not. */
export function ownForm(request: FastifyRequest, ...subjects: readonly (string | undefined)[]): Form {
  if (!(request.body instanceof Map)) throw new PageProblem('bad_request', 400)
  const form = request.body as Form
  const token = form.get('csrf')?.[0]
  const accepted = subjects.length === 0 ? [undefined] : subjects
  if (!accepted.some((subject) => request.visitor.isFormToken(token, subject))) throw new PageProblem('stale_form', 403)
  return form
}

/** The query, read as strictly as a form. */
export function queryForm(request: FastifyRequest): Form {
  const at = request.url.indexOf('?')
  return parseForm(Buffer.from(at < 0 ? '' : request.url.slice(at + 1)), { lineBreaks: 'refused' })
}

/** Browsers hold form-action against the whole chain of redirects that a form starts: here, back to the client. */
function sourceOf(redirectUri: string): string {
  const { protocol, origin } = new URL(redirectUri)
  return protocol === 'https:' || protocol === 'http:' ? origin : protocol
}

/**
 * A form of another site is refused before anything is looked at. Browsers that do not send Sec-Fetch-Site send
 * Origin, which our own Referrer-Policy turns into "null"; the form's token decides then.
 */
function refuseOtherSites(request: FastifyRequest, issuer: string): void {
  const site = request.headers['sec-fetch-site']
  if (site !== undefined) {
    if (site !== 'same-origin' && site !== 'none') throw new PageProblem('cross_site', 403)
    return
  }
  const { origin } = request.headers
  if (origin !== undefined && origin !== 'null' && origin !== new URL(issuer).origin) {
    throw new PageProblem('cross_site', 403)
  }
}

function asProblem(error: FastifyError): { problem: Problem; status: number } {
  if (error instanceof PageProblem) return error
  if (error instanceof FormError) return { problem: 'bad_request', status: 400 }
  if (error instanceof StoreUnavailable) return { problem: 'unavailable', status: 503 }
  // Pages that clients send people to read parameters as the protocol does.
  if (error instanceof OAuthError && error.status < 500) return { problem: 'bad_request', status: error.status }
  const status = error.statusCode ?? 500
  return status < 500 ? { problem: 'bad_request', status } : { problem: 'server_error', status: 500 }
}

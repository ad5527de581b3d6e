// Who is looking at a page: a visit (a sealed cookie, nothing stored) and, once signed in, a session (stored).
import type { AccountNews, LoggedOutModel, RecoveryCodesModel, UndoneModel } from '@latchkey/verifier-web'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { browserName } from '../accounts/browser-name.ts'
import {
  endSession,
  findSession,
  type ProvenAt,
  renewSession,
  type SignedIn,
  startSession,
} from '../accounts/sessions.ts'
import { randomToken, sameDigest } from '../oauth/keys/vault.ts'
import type { Provider } from '../oauth/provider.ts'
import type { User } from '../oauth/records.ts'
import { type Errand, purposeOf } from './errand.ts'

/**
 * What was done, for a page that says so again when it is loaded again: kept whatever the errand turns to, until somebody
 * signs in or out or the visit ends. Not known to the server otherwise.
 */
export interface Told {
  /** Codes that nobody has said to have kept; of one session, and of nobody else in this browser. */
  readonly recoveryCodes?: RecoveryCodesModel & { readonly sessionId: string }
  readonly undone?: UndoneModel
  readonly signedOut?: LoggedOutModel
}

/** Carries an errand from page to page in a sealed cookie, without a row for every passer-by. */
export interface Visit {
  readonly id: string
  readonly startedAt: number
  readonly errand: Errand
  readonly told?: Told
}

export interface Visitor {
  readonly visit: Visit
  readonly signedIn?: SignedIn
  /** The visit or session itself, by a secret name: what is made for it is good for nobody else. */
  readonly owner: string
  /**
   * Proves that a form came from a page of ours for this visitor; `subject` ties it to what the page showed. Each is
   * another one, so that the same form can be told when it comes twice (once.ts).
   */
  formToken(subject?: string): string
  isFormToken(token: string | undefined, subject?: string): boolean
  /** It was made for this visitor, whatever for: enough to say what went wrong, and for nothing else. */
  isOwnToken(token: string | undefined): boolean
}

/** A client had us carry more than browsers keep. */
export class VisitTooLarge extends Error {
  override name = 'VisitTooLarge'
}

const VISIT_MS = 30 * 60 * 1000
// Of a cookie with more than 4096 bytes a browser keeps nothing, and says nothing: some count its attributes too.
const LARGEST_COOKIE_BYTES = 3900
const VISIT_ID_BYTES = 16
const FORM_ID_BYTES = 16

export interface VisitorCookies {
  read(request: FastifyRequest): Promise<Visitor>
  // Those that set a visit throw VisitTooLarge.
  /** From now on this visit is about `errand`, and about nothing else; what it has told stays, unless `told` says more. */
  keep(reply: FastifyReply, visitor: Visitor, errand: Errand, told?: Told): void
  /** A new visit, about `errand`: the time it has begins now. */
  begin(reply: FastifyReply, errand: Errand, told?: Told): void
  /** `user` and `provenAt`: as for `startSession`. */
  signIn(reply: FastifyReply, visitor: Visitor, user: User, amr: readonly string[], provenAt?: ProvenAt): Promise<void>
  /**
   * The same sign-in goes on with a new cookie: what was planted or overheard before is worth nothing any more. Its
   * person is as they are by now: they may have a new password.
   */
  renew(reply: FastifyReply, signedIn: SignedIn): Promise<void>
  /** `errand`: what the visit is about from now on, where that is not what it was about before. */
  signOut(reply: FastifyReply, visitor: Visitor, errand?: Errand, told?: Told): Promise<void>
}

export function visitorCookies(provider: Provider): VisitorCookies {
  const { vault, host, store, issuer } = provider
  // `__Host-` needs https; some browsers take it on http://localhost, some do not.
  const secure = issuer.startsWith('https:')
  const prefix = secure ? '__Host-' : ''
  const visitCookie = `${prefix}latchkey-visit`
  const sessionCookie = `${prefix}latchkey-session`
  const options = { path: '/', httpOnly: true, secure, sameSite: 'lax' } as const

  const newVisit = (errand: Errand, told?: Told): Visit => ({
    id: randomToken(host.entropy, VISIT_ID_BYTES),
    startedAt: host.clock.now(),
    errand,
    ...(told && { told }),
  })
  const setVisit = (reply: FastifyReply, visit: Visit) => {
    const sealed = vault.seal('visit', JSON.stringify(visit))
    if (visitCookie.length + 1 + sealed.length > LARGEST_COOKIE_BYTES) throw new VisitTooLarge()
    reply.setCookie(visitCookie, sealed, options)
  }
  const readVisit = (cookie: string | undefined): Visit | undefined => {
    const opened = cookie === undefined ? undefined : vault.unseal('visit', cookie)
    const visit = opened === undefined ? undefined : (JSON.parse(opened) as Visit)
    return visit !== undefined && host.clock.now() < visit.startedAt + VISIT_MS ? visit : undefined
  }

  const from = (request: FastifyRequest) => {
    const browser = browserName(request.headers['user-agent'])
    return { address: request.ip, ...(browser === undefined ? {} : { browser }) }
  }

  return {
    async read(request) {
      const visit = readVisit(request.cookies[visitCookie])
      const secret = request.cookies[sessionCookie]
      const signedIn = await findSession(store, host, secret)
      const current = visit ?? newVisit({})
      const owner = signedIn === undefined ? `visit ${current.id}` : `session ${secret}`
      const own = vault.digest('csrf', owner)
      const proof = (subject = '') => vault.digest('csrf', `${owner} ${subject}`)
      const shown = () => randomToken(host.entropy, FORM_ID_BYTES)
      return {
        visit: current,
        ...(signedIn === undefined ? {} : { signedIn }),
        owner,
        formToken: (subject) => proof(subject) + own + shown(),
        isFormToken: (token = '', subject) => sameDigest(token.slice(0, own.length), proof(subject)),
        isOwnToken: (token = '') => sameDigest(token.slice(own.length, 2 * own.length), own),
      }
    },
    keep: (reply, { visit }, errand, told = visit.told) =>
      void setVisit(reply, { ...visit, errand, ...(told && { told }) }),
    begin: (reply, errand, told) => void setVisit(reply, newVisit(errand, told)),
    async signIn(reply, { visit, signedIn }, user, amr, provenAt) {
      // The session of before ends here: its id may be known to whoever used this browser then.
      if (signedIn !== undefined) await endSession(store, signedIn.session)
      const secret = await startSession(store, host, user, amr, from(reply.request), provenAt)
      reply.setCookie(sessionCookie, secret, options)
      setVisit(reply, newVisit(purposeOf(visit.errand)))
    },
    async renew(reply, signedIn) {
      reply.setCookie(sessionCookie, await renewSession(store, host, signedIn), options)
    },
    async signOut(reply, { signedIn, visit }, errand = visit.errand, told) {
      if (signedIn !== undefined) await endSession(store, signedIn.session)
      reply.clearCookie(sessionCookie, options)
      setVisit(reply, newVisit(purposeOf(errand), told))
    },
  }
}

/** Has the next page of the account say what was done. */
export function tellNext(cookies: VisitorCookies, { visitor }: FastifyRequest, reply: FastifyReply, news: AccountNews) {
  cookies.keep(reply, visitor, { ...visitor.visit.errand, accountNews: news })
}

/** What this page should say, and none after it: part of the page's model. */
export function tellOnce(
  cookies: VisitorCookies,
  { visitor }: FastifyRequest,
  reply: FastifyReply,
): { readonly news?: AccountNews } {
  const { accountNews: news, ...errand } = visitor.visit.errand
  if (news === undefined) return {}
  cookies.keep(reply, visitor, errand)
  return { news }
}

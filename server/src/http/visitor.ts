// Who is looking at a page: a visit (a sealed cookie, nothing stored) and, once signed in, a session (stored).
import type { FastifyReply, FastifyRequest } from 'fastify'
import { endSession, findSession, type SignedIn, startSession } from '../accounts/sessions.ts'
import type { Provider } from '../oauth/provider.ts'
import type { User } from '../oauth/records.ts'
import { randomToken, sameDigest } from '../oauth/vault.ts'

/** What somebody came for. Kept here and never in an address, so that no address can send anybody anywhere else. */
export interface Errand {
  /** The code of a device. */
  readonly userCode?: string
  /** A code that a page of another site brought along: shown in the field, and looked up only when it is sent. */
  readonly suggested?: string
  /** The person typed it here; it did not come with an address. */
  readonly typed?: true
  /** A request of the authorization endpoint that waits for an answer. */
  readonly authorization?: { readonly handle: string; readonly client: string; readonly redirectUri: string }
  /** A client's wish to have this person signed out. */
  readonly logout?: { readonly client?: string; readonly redirectUri?: string; readonly state?: string }
  /** The languages that a client asked the pages to be in, before the browser's own. */
  readonly uiLocales?: string
  /** Only a sign-in at or after this moment will do; epoch milliseconds. */
  readonly signInAfter?: number
}

/** Carries an errand from page to page in a sealed cookie, without a row for every passer-by. */
export interface Visit {
  readonly id: string
  readonly startedAt: number
  readonly errand: Errand
}

export interface Visitor {
  readonly visit: Visit
  readonly signedIn?: SignedIn
  /** Proves that a form came from a page of ours for this visitor; `subject` ties it to what the page showed. */
  formToken(subject?: string): string
  isFormToken(token: string | undefined, subject?: string): boolean
}

const VISIT_MS = 30 * 60 * 1000
const VISIT_ID_BYTES = 16

export interface VisitorCookies {
  read(request: FastifyRequest): Promise<Visitor>
  /** From now on this visit is about `errand`, and about nothing else. */
  keep(reply: FastifyReply, visitor: Visitor, errand: Errand): void
  signIn(reply: FastifyReply, visitor: Visitor, user: User, amr: readonly string[]): Promise<void>
  signOut(reply: FastifyReply, visitor: Visitor): Promise<void>
}

export function visitorCookies(provider: Provider): VisitorCookies {
  const { vault, host, store, issuer } = provider
  // `__Host-` needs https; some browsers take it on http://localhost, some do not.
  const secure = issuer.startsWith('https:')
  const prefix = secure ? '__Host-' : ''
  const visitCookie = `${prefix}latchkey-visit`
  const sessionCookie = `${prefix}latchkey-session`
  const options = { path: '/', httpOnly: true, secure, sameSite: 'lax' } as const

  const newVisit = (errand: Errand): Visit => ({
    id: randomToken(host.entropy, VISIT_ID_BYTES),
    startedAt: host.clock.now(),
    errand,
  })
  const setVisit = (reply: FastifyReply, visit: Visit) =>
    reply.setCookie(visitCookie, vault.seal('visit', JSON.stringify(visit)), options)
  const readVisit = (cookie: string | undefined): Visit | undefined => {
    const opened = cookie === undefined ? undefined : vault.unseal('visit', cookie)
    const visit = opened === undefined ? undefined : (JSON.parse(opened) as Visit)
    return visit !== undefined && host.clock.now() < visit.startedAt + VISIT_MS ? visit : undefined
  }

  return {
    async read(request) {
      const visit = readVisit(request.cookies[visitCookie])
      const secret = request.cookies[sessionCookie]
      const signedIn = await findSession(store, host, secret)
      const current = visit ?? newVisit({})
      const owner = signedIn === undefined ? `visit ${current.id}` : `session ${secret}`
      const formToken = (subject = '') => vault.digest('csrf', `${owner} ${subject}`)
      return {
        visit: current,
        ...(signedIn === undefined ? {} : { signedIn }),
        formToken,
        isFormToken: (token, subject) => token !== undefined && sameDigest(token, formToken(subject)),
      }
    },
    keep: (reply, { visit }, errand) => void setVisit(reply, { ...visit, errand }),
    async signIn(reply, { visit, signedIn }, user, amr) {
      // The session of before ends here: its id may be known to whoever used this browser then.
      if (signedIn !== undefined) await endSession(store, signedIn.session)
      reply.setCookie(sessionCookie, await startSession(store, host, user, amr), options)
      setVisit(reply, newVisit(visit.errand))
    },
    async signOut(reply, { signedIn, visit }) {
      if (signedIn !== undefined) await endSession(store, signedIn.session)
      reply.clearCookie(sessionCookie, options)
      setVisit(reply, newVisit(visit.errand))
    },
  }
}

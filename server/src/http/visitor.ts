// Who is looking at a page: a visit (a sealed cookie, nothing stored) and, once signed in, a session (stored).
import type { FastifyReply, FastifyRequest } from 'fastify'
import { endSession, findSession, type SignedIn, startSession } from '../accounts/sessions.ts'
import type { Provider } from '../oauth/provider.ts'
import type { User } from '../oauth/records.ts'
import { randomToken, sameDigest } from '../oauth/vault.ts'

/** Carries the code from the address, where it must not stay, to the page, without a row for every passer-by. */
export interface Visit {
  readonly id: string
  readonly startedAt: number
  readonly userCode?: string
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
  /** Keeps, or with undefined drops, the code that this visit is about. */
  keepCode(reply: FastifyReply, visitor: Visitor, userCode: string | undefined): void
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

  const newVisit = (userCode?: string): Visit => ({
    id: randomToken(host.entropy, VISIT_ID_BYTES),
    startedAt: host.clock.now(),
    ...(userCode === undefined ? {} : { userCode }),
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
      const current = visit ?? newVisit()
      const owner = signedIn === undefined ? `visit ${current.id}` : `session ${secret}`
      const formToken = (subject = '') => vault.digest('csrf', `${owner} ${subject}`)
      return {
        visit: current,
        ...(signedIn === undefined ? {} : { signedIn }),
        formToken,
        isFormToken: (token, subject) => token !== undefined && sameDigest(token, formToken(subject)),
      }
    },
    keepCode(reply, { visit }, userCode) {
      const { userCode: _, ...rest } = visit
      setVisit(reply, userCode === undefined ? rest : { ...rest, userCode })
    },
    async signIn(reply, { visit }, user, amr) {
      reply.setCookie(sessionCookie, await startSession(store, host, user, amr), options)
      setVisit(reply, newVisit(visit.userCode))
    },
    async signOut(reply, { signedIn, visit }) {
      if (signedIn !== undefined) await endSession(store, signedIn.session)
      reply.clearCookie(sessionCookie, options)
      setVisit(reply, newVisit(visit.userCode))
    },
  }
}

// The sign-in page as all who answer with it show it: what somebody came for, and which ways in they have.
import { displayUserCode, veilUserCode } from '@latchkey/shared'
import { type SignInModel, signInPage } from '@latchkey/verifier-web'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Passkeys } from '../accounts/passkeys.ts'
import type { UpstreamSettings } from '../accounts/upstream-settings.ts'
import { upstreamsOf } from '../accounts/ways-in.ts'
import type { Provider } from '../oauth/provider.ts'
import type { Pages } from './page-scope.ts'
import { newsOf } from './sign-in-upstream.ts'

/** What the page tells of a try. */
export type SignInNews = Pick<SignInModel, 'email' | 'problem' | 'retryAfterSeconds'>

export interface SignInPage {
  /** 429 where the news is to wait. */
  show(request: FastifyRequest, reply: FastifyReply, news?: SignInNews, status?: number): Promise<FastifyReply>
}

export function createSignInPage(
  { store }: Provider,
  pages: Pages,
  passkeys: Passkeys | undefined,
  upstreams: readonly UpstreamSettings[],
  /** Whoever forgot the password can have a message sent. */
  forgot: boolean,
): SignInPage {
  return {
    async show(request, reply, news = {}, status) {
      const { signedIn, visit, owner } = request.visitor
      const { userCode, typed, authorization } = visit.errand
      // What the next page may ask for is not told here: a code in an address is nobody's knowledge yet.
      const shownCode = typed ? displayUserCode : veilUserCode
      const user = signedIn?.user
      // Whoever is signed in is asked for the ways in that they have; of anybody else nothing is known, nor told.
      const hasPasskey = user === undefined || (await store.passkeys.byUser(user.id)).length > 0
      const options = hasPasskey ? await passkeys?.ask(owner, user) : undefined
      const html = signInPage(pages.chrome(request), {
        ...news,
        ...(userCode === undefined ? {} : { userCode: shownCode(userCode) }),
        ...(authorization === undefined ? {} : { for: authorization.client }),
        ...(user === undefined ? {} : { email: user.email, again: { hasPassword: user.passwordHash !== undefined } }),
        ...(options === undefined ? {} : { passkey: JSON.stringify(options) }),
        forgot,
        upstreams: user === undefined ? upstreams : await upstreamsOf(store, upstreams, user.id),
        ...newsOf(upstreams, visit.errand),
      })
      const wait = news.retryAfterSeconds
      return wait === undefined ? pages.show(reply, html, status) : pages.showThrottled(reply, html, wait)
    },
  }
}

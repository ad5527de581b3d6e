// The sign-in page as all who answer with it show it: what somebody came for, and which ways in they have.
import { displayUserCode, veilUserCode } from '@latchkey/shared'
import { type SignInModel, signInPage } from '@latchkey/verifier-web'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Passkeys } from '../../accounts/passkeys.ts'
import type { UpstreamSettings } from '../../accounts/upstream-settings.ts'
import type { Provider } from '../../oauth/provider.ts'
import { placeFor } from '../errand.ts'
import { createBarriers } from '../link/device-barrier.ts'
import { errandFor } from '../link/device-standing.ts'
import type { Pages } from '../page-scope.ts'
import { newsOf } from './upstream.ts'

/** What the page tells of a try. */
export type SignInNews = Pick<SignInModel, 'email' | 'problem' | 'retryAfterSeconds'>

export interface SignInPage {
  /** What the browser is to ask a passkey, where there can be one. */
  ask(request: FastifyRequest): Promise<Awaited<ReturnType<Passkeys['ask']>> | undefined>
  /** 429 where the news is to wait. */
  show(request: FastifyRequest, reply: FastifyReply, news?: SignInNews, status?: number): Promise<FastifyReply>
}

export function createSignInPage(
  provider: Provider,
  pages: Pages,
  passkeys: Passkeys | undefined,
  upstreams: readonly UpstreamSettings[],
  /** Whoever forgot the password can have a message sent. */
  forgot: boolean,
): SignInPage {
  const barriers = createBarriers(provider, upstreams)

  /** Whoever is signed in is asked for the ways in that they have; of anybody else nothing is known, nor told. */
  async function offered(request: FastifyRequest) {
    const { signedIn, owner } = request.visitor
    if (signedIn === undefined) {
      return { password: true, upstreams, stronger: false, options: await passkeys?.ask(owner) }
    }
    const ways = await barriers.waysFor(await deviceThatAsks(request), signedIn)
    const options = ways.passkeys.length === 0 ? undefined : await passkeys?.ask(owner, ways.passkeys)
    return { ...ways, options }
  }

  /** The device that they go back to from here. */
  async function deviceThatAsks(request: FastifyRequest) {
    const { signedIn, visit } = request.visitor
    const opened = signedIn?.session.openedRequestId
    if (opened === undefined || placeFor(visit.errand) !== '/link/device') return undefined
    const device = await provider.store.deviceRequests.get(opened)
    return device && errandFor(provider, request, device).userCode === undefined ? undefined : device
  }

  return {
    ask: async (request) => (await offered(request)).options,
    async show(request, reply, news = {}, status) {
      const { signedIn, visit } = request.visitor
      const { userCode, typed, authorization } = visit.errand
      // What the next page may ask for is not told here: a code in an address is nobody's knowledge yet.
      const shownCode = typed ? displayUserCode : veilUserCode
      const code = placeFor(visit.errand) === '/link/device' ? userCode : undefined
      const { password, stronger, options, ...ways } = await offered(request)
      const email = signedIn?.user.email
      const { email: typedBefore } = visit.errand
      const html = signInPage(pages.chrome(request), {
        ...(typedBefore === undefined ? {} : { email: typedBefore }),
        ...news,
        ...(code === undefined ? {} : { userCode: shownCode(code) }),
        ...(authorization === undefined ? {} : { for: authorization.client }),
        ...(email === undefined ? {} : { email, again: { hasPassword: password, stronger } }),
        ...(options === undefined ? {} : { passkey: JSON.stringify(options) }),
        forgot,
        upstreams: ways.upstreams,
        ...newsOf(upstreams, visit.errand),
      })
      const wait = news.retryAfterSeconds
      return wait === undefined ? pages.show(reply, html, status) : pages.showThrottled(reply, html, wait)
    },
  }
}

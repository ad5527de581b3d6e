// The one way in: whatever proved who somebody is (a passkey, a password, a code, another provider, the message for a
// forgotten password), it ends here. What proves it is next door: sign-in.ts, passkey.ts, code.ts, upstream.ts,
// reset-password.ts.
import { langOf } from '@latchkey/verifier-web'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { homeDigest, isHome } from '../../accounts/home-networks.ts'
import type { ProvenAt } from '../../accounts/sessions.ts'
import { createTries, type Tries } from '../../accounts/tries.ts'
import { passwordMark, rememberSignIn } from '../../accounts/users.ts'
import { endWithPassword, nowOrLater } from '../../oauth/links.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { User } from '../../oauth/records.ts'
import { networkOf } from '../../oauth/throttle.ts'
import { placeFor } from '../errand.ts'
import type { Pages } from '../page-scope.ts'
import { createKnownBrowsers, type KnownBrowsers } from './known-browsers.ts'

/** Wrong passwords of one account from one place, and wrong codes of one account from anywhere. */
const WRONG_PASSWORDS = { most: 10, windowSeconds: 600 }
const WRONG_CODES = { most: 5, windowSeconds: 600 }

/** `amr`: how they proved it (RFC 8176), and nothing less; `provenAt`: when, unless that is now. */
type Enter = (
  request: FastifyRequest,
  reply: FastifyReply,
  user: User,
  amr: readonly string[],
  provenAt?: ProvenAt,
) => Promise<FastifyReply>

export interface SignInDoor {
  readonly knownBrowsers: KnownBrowsers
  /** Whether the account has signed in from this network before. */
  isHome(request: FastifyRequest, user: User | undefined): boolean
  /** It has signed in, or has a new password: browser and network are known from now on. */
  remember(request: FastifyRequest, reply: FastifyReply, user: User): Promise<void>
  readonly passwords: Tries
  readonly codes: Tries
  /**
   * The first thing that proves who somebody is was right: they go on as with `finish`, unless the account wants a code
   * as well and what they did was not two factors by itself. A code proves it now, whatever `provenAt` says.
   */
  readonly admit: Enter
  /**
   * Somebody has proven that they are `user`: they are signed in, under a new session, and go on with what they came
   * for. Whether the account is open, and whether a second factor is missing, is the caller's to check before.
   */
  readonly finish: Enter
}

export function createSignInDoor(provider: Provider, pages: Pages): SignInDoor {
  const { clock } = provider.host
  const knownBrowsers = createKnownBrowsers(provider)
  const passwords = createTries(WRONG_PASSWORDS, clock)
  const codes = createTries(WRONG_CODES, clock)

  const homeOf = (request: FastifyRequest, userId: string): string =>
    homeDigest(provider.vault, userId, networkOf(request.ip))

  const door: SignInDoor = {
    knownBrowsers,
    isHome(request, user) {
      // As much work where there is no such account.
      const home = homeOf(request, user?.id ?? '')
      return user !== undefined && isHome(user, home, clock.now())
    },
    async remember(request, reply, user) {
      const locale = langOf(pages.chrome(request).locale)
      await rememberSignIn(provider.store, user, { locale, home: homeOf(request, user.id), now: clock.now() })
      knownBrowsers.remember(request, reply, user)
    },
    passwords,
    codes,
    async admit(request, reply, user, amr, provenAt) {
      if (user.secondFactor === undefined || amr.includes('mfa')) {
        return door.finish(request, reply, user, amr, provenAt)
      }
      const secondFactor = { userId: user.id, since: clock.now(), amr, password: passwordMark(user) }
      pages.cookies.keep(reply, request.visitor, { ...request.visitor.visit.errand, secondFactor })
      return pages.go(reply, '/sign-in/code')
    },
    async finish(request, reply, user, amr, provenAt) {
      const { visitor } = request
      const { signInAfter: _late, ...errand } = visitor.visit.errand
      await pages.cookies.signIn(reply, { ...visitor, visit: { ...visitor.visit, errand } }, user, amr, provenAt)
      await door.remember(request, reply, user)
      await nowOrLater(endWithPassword(provider, user))
      provider.note({ event: 'signed_in', userId: user.id })
      return pages.go(reply, placeFor(errand))
    },
  }
  return door
}

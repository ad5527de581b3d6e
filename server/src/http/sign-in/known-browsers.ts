// Browsers that an account has signed in with before ("device cookies", OWASP): what strangers try elsewhere does not
// keep its owner out of these. Knowing one gives nobody a way in; it is asked for a password like any other.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { passwordMark } from '../../accounts/users.ts'
import { randomToken } from '../../oauth/keys/vault.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { User } from '../../oauth/records.ts'

/** As long as browsers keep any cookie. */
const LIFE_SECONDS = 400 * 24 * 3600
/** A family's tablet. */
const MOST_ACCOUNTS = 5
const ID_BYTES = 16

interface Known {
  readonly userId: string
  readonly id: string
  /** The password of then: after a new one, every browser is a stranger until it has signed in with that. */
  readonly password: string
}

export interface KnownBrowsers {
  /** A name for this browser, when it has signed in to this account before. */
  find(request: FastifyRequest, user: User | undefined): string | undefined
  /** It has signed in. */
  remember(request: FastifyRequest, reply: FastifyReply, user: User): void
}

export function createKnownBrowsers({ issuer, vault, host }: Provider): KnownBrowsers {
  const secure = issuer.startsWith('https:')
  const cookie = `${secure ? '__Host-' : ''}latchkey-known`
  const options = { path: '/', httpOnly: true, secure, sameSite: 'lax', maxAge: LIFE_SECONDS } as const

  const read = (request: FastifyRequest): readonly Known[] => {
    const sealed = request.cookies[cookie]
    const opened = sealed === undefined ? undefined : vault.unseal('known-browser', sealed)
    return opened === undefined ? [] : (JSON.parse(opened) as readonly Known[])
  }

  const find: KnownBrowsers['find'] = (request, user) => {
    const known = read(request)
    return user && known.find(({ userId, password }) => userId === user.id && password === passwordMark(user))?.id
  }
  return {
    find,
    remember(request, reply, user) {
      const id = find(request, user) ?? randomToken(host.entropy, ID_BYTES)
      const others = read(request).filter(({ userId }) => userId !== user.id)
      const known = [{ userId: user.id, id, password: passwordMark(user) }, ...others].slice(0, MOST_ACCOUNTS)
      reply.setCookie(cookie, vault.seal('known-browser', JSON.stringify(known)), options)
    },
  }
}

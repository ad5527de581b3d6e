// /reset-password: from "Forgot your password?" to a message, and from the message to a new password. The answer is the
// same whoever is asked about, and given before anybody looks. The token leaves the address at once, opening it changes
// nothing (programs that read mail open everything), and what somebody came for is kept all the while.
import {
  forgotPage,
  goneResetPage,
  type ResetModel,
  resetNotice,
  resetPage,
  resetSentPage,
} from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  createResetAsks,
  findReset,
  RESET_SECONDS,
  type Reset,
  readReset,
  redeemReset,
  resetReplies,
} from '../../accounts/password-reset.ts'
import { SHORTEST_PASSWORD } from '../../accounts/password-rules.ts'
import { digitsIn } from '../../accounts/second-factor.ts'
import type { UpstreamSettings } from '../../accounts/upstream-settings.ts'
import { normaliseEmail } from '../../accounts/users.ts'
import { randomToken } from '../../oauth/keys/vault.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { User } from '../../oauth/records.ts'
import { networkOf } from '../../oauth/throttle.ts'
import type { Notices } from '../../ops/notices.ts'
import { whenceOf } from '../account/facts.ts'
import type { NewPasswords } from '../account/new-password.ts'
import { purposeOf } from '../errand.ts'
import { ownForm, type Pages } from '../page-scope.ts'
import type { SignInDoor } from './door.ts'

const PATH = '/reset-password'
const SENT = `${PATH}/sent`
const NEW = `${PATH}/new`
const LONGEST_SHOWN = 64
const TOO_SHORT_NOW = { shortest: SHORTEST_PASSWORD, secondFactor: false, problem: 'too_short' } as const

export interface ResetTerms {
  readonly answer: NonNullable<Notices['answer']>
  readonly passwords: NewPasswords
  readonly upstreams: readonly UpstreamSettings[]
}

export function resetPasswordRoutes(
  app: FastifyInstance,
  provider: Provider,
  pages: Pages,
  door: SignInDoor,
  terms: ResetTerms,
): void {
  askRoutes(app, provider, pages, terms)
  chooseRoutes(app, provider, pages, door, terms)
}

/** From "Forgot your password?" to a message. */
function askRoutes(app: FastifyInstance, provider: Provider, pages: Pages, { answer, upstreams }: ResetTerms): void {
  const { vault, host, issuer } = provider
  const asks = createResetAsks(vault, host.clock)

  app.get(PATH, (request, reply) => {
    const { visitor } = request
    // The form's token is of this visit.
    pages.cookies.keep(reply, visitor, visitor.visit.errand)
    const email = visitor.signedIn?.user.email ?? visitor.visit.errand.email
    return pages.show(reply, forgotPage(pages.anybody(request), email === undefined ? {} : { email }))
  })

  app.post(PATH, (request, reply) => {
    const typed = ownForm(request).get('email')?.[0] ?? ''
    const email = normaliseEmail(typed)
    if (email === undefined)
      return pages.show(reply, forgotPage(pages.anybody(request), { email: typed, problem: 'format' }), 400)
    const wait = asks.take(email, networkOf(request.ip))
    if (wait > 0) {
      const html = forgotPage(pages.anybody(request), { email: typed, problem: 'too_many', retryAfterSeconds: wait })
      return pages.showThrottled(reply, html, wait)
    }
    send(request, email)
    return pages.go(reply, SENT)
  })

  app.get(SENT, (request, reply) =>
    pages.show(reply, resetSentPage(pages.anybody(request), { forSeconds: RESET_SECONDS })),
  )

  /** Returns at once, having looked nothing up: who is asked about shows neither in the answer nor in its time. */
  function send(request: FastifyRequest, email: string): void {
    const { locale, brand } = pages.chrome(request)
    const at = host.clock.now()
    const from = whenceOf(provider, request.ip)
    const replies = resetReplies(provider, upstreams, { email, secret: randomToken(host.entropy) })
    answer({ event: 'password_reset_asked' }, async () => {
      const said = await replies()
      if (said === undefined) return undefined
      const { user, ...reply } = said
      const act = reply.kind === 'choose' ? { kind: reply.kind, reset: `${issuer}${PATH}/${reply.token}` } : reply
      const account = `${issuer}/account`
      const message = resetNotice({ locale, brand, at, from, account, forSeconds: RESET_SECONDS, ...act })
      return { to: user.email, ...message }
    })
  }
}

/** From the message to a new password. */
function chooseRoutes(
  app: FastifyInstance,
  provider: Provider,
  pages: Pages,
  door: SignInDoor,
  { passwords }: ResetTerms,
): void {
  const { store, vault, host } = provider

  // Longer than the router lets a named part of an address be.
  app.get<{ Params: { '*': string } }>(`${PATH}/*`, async (request, reply) => {
    const { visitor } = request
    const reset = readReset(vault, request.params['*'])
    const purpose = purposeOf(visitor.visit.errand)
    // Whoever comes with a message that works has time to choose, however long they waited for it.
    if (reset !== undefined && (await findReset(store, reset, host.clock.now())) !== undefined)
      pages.cookies.begin(reply, { ...purpose, reset }, visitor.visit.told)
    else pages.cookies.keep(reply, visitor, purpose)
    return pages.go(reply, NEW)
  })

  app.get(NEW, async (request, reply) => {
    const { reset } = request.visitor.visit.errand
    const user = reset && (await findReset(store, reset, host.clock.now()))
    if (reset === undefined || user === undefined) return gone(request, reply)
    return choose(request, reply, reset, user)
  })

  app.post(NEW, pages.once, async (request, reply) => {
    const { reset } = request.visitor.visit.errand
    const form = ownForm(request, reset && subjectOf(reset))
    const user = reset && (await findReset(store, reset, host.clock.now()))
    if (reset === undefined || user === undefined) return gone(request, reply)
    const chosen = passwords.chosen(form)
    const code = form.get('code')?.[0] ?? ''
    const again = { code: code.slice(0, LONGEST_SHOWN) }
    const problem = passwords.problem(user, chosen.password)
    if (problem !== undefined) return choose(request, reply, reset, user, { ...again, problem }, 400)
    // Who has the message has the mailbox: whoever has but the password cannot keep them waiting.
    const own = door.knownBrowsers.find(request, user) ?? 'mail'
    const tried = user.secondFactor && door.codes.take({ account: user.id, own })
    if (tried !== undefined && tried.wait > 0) {
      const { wait } = tried
      const more = { ...again, problem: 'too_many', retryAfterSeconds: wait } as const
      return pages.showThrottled(reply, chooseHtml(request, reset, user, more), wait)
    }
    const redeemed = await redeemReset(provider, reset, { ...chosen, code: digitsIn(code) })
    if (redeemed.outcome === 'wrong_code') {
      provider.note({ event: 'second_factor_refused', userId: user.id })
      return choose(request, reply, reset, user, { ...again, problem: 'wrong_code' }, 403)
    }
    tried?.giveBack()
    if (redeemed.outcome === 'gone') return gone(request, reply)
    // Fit a moment ago: the second factor that let it be short was turned off meanwhile.
    if (redeemed.outcome === 'too_short') return choose(request, reply, reset, user, TOO_SHORT_NOW, 400)
    const changed = redeemed.user
    if (redeemed.recovery) provider.note({ event: 'recovery_code_used', userId: changed.id })
    provider.note({ event: 'password_changed', userId: changed.id, by: 'mail' })
    await passwords.clear(changed)
    // They could type at once what they have just chosen: that would prove nothing more, and cost a second code.
    return door.finish(request, reply, changed, changed.secondFactor === undefined ? ['pwd'] : ['pwd', 'otp', 'mfa'])
  })

  function choose(
    request: FastifyRequest,
    reply: FastifyReply,
    reset: Reset,
    user: User,
    more: Partial<ResetModel> = {},
    status?: number,
  ) {
    return pages.show(reply, chooseHtml(request, reset, user, more), status)
  }

  function chooseHtml(request: FastifyRequest, reset: Reset, user: User, more: Partial<ResetModel>) {
    const { email, secondFactor } = user
    const model = { email, shortest: passwords.shortest(user), secondFactor: secondFactor !== undefined, ...more }
    return resetPage(pages.anybody(request, subjectOf(reset)), model)
  }

  function gone(request: FastifyRequest, reply: FastifyReply) {
    return pages.show(reply, goneResetPage(pages.anybody(request)), 404)
  }
}

/** The form of one message is not sent in the name of another, opened since in a second tab. */
function subjectOf({ secret }: Reset): string {
  return `reset ${secret}`
}

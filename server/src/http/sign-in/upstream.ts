// Signing in with another provider: off to it, and back. What only this browser knows of it travels in its sealed
// cookie, so an answer that somebody else brought along is none (RFC 9700 §2.1, §4.7). Whose account it opens is
// accounts/upstream-accounts.ts; adding one to an account begins in ../account/identities.ts and comes back here.
import { langOf, type UpstreamNews } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { addIdentity, arrive } from '../../accounts/upstream-accounts.ts'
import { UpstreamTrouble } from '../../accounts/upstream-fetch.ts'
import type { UpstreamSettings } from '../../accounts/upstream-settings.ts'
import { type Begun, signedInAt, type Upstream, type Vouched } from '../../accounts/upstreams.ts'
import { digestOf, randomToken, sameDigest } from '../../oauth/keys/vault.ts'
import type { Provider } from '../../oauth/provider.ts'
import { createThrottle, networkOf } from '../../oauth/throttle.ts'
import { type Errand, placeFor, type UpstreamErrand } from '../errand.ts'
import { isFromOtherSite } from '../fetch-metadata.ts'
import { PageProblem, type Pages, queryForm } from '../page-scope.ts'
import type { SignInDoor } from './door.ts'

/** How long somebody may take at the other provider. */
const UPSTREAM_MS = 10 * 60 * 1000
/** Made-up codes, each of which costs the other provider a request in our name. */
const FAILURES = { most: 100, windowSeconds: 600 }
const PATH = '/sign-in/with/:id'

export function upstreamRoutes(
  app: FastifyInstance,
  provider: Provider,
  pages: Pages,
  door: SignInDoor,
  upstreams: readonly Upstream[],
): void {
  const { clock, entropy } = provider.host
  const failures = createThrottle(FAILURES, clock)
  const room = { store: provider.store, host: provider.host, upstreams: upstreams.map(({ settings }) => settings) }

  app.get(PATH, async (request, reply) => {
    const upstream = named(request)
    const { signedIn, visit } = request.visitor
    // Another site may send anybody here: they see our page first, and go on only if they say so.
    if (isFromOtherSite(request)) return pages.go(reply, '/sign-in')
    const { adding, upstreamNews: _, ...errand } = visit.errand
    const now = clock.now()
    const mine = adding !== undefined && adding.upstream === upstream.settings.id && now < adding.since + UPSTREAM_MS
    const link = mine && signedIn?.user.id === adding.userId ? signedIn.user.id : undefined
    const begun: UpstreamErrand = {
      id: upstream.settings.id,
      state: randomToken(entropy),
      nonce: randomToken(entropy),
      verifier: randomToken(entropy),
      since: now,
      ...(errand.signInAfter && link === undefined ? { anew: true as const } : {}),
      ...(link === undefined ? {} : { link }),
    }
    try {
      const wishes = { anew: begun.anew ?? false, uiLocales: langOf(pages.chrome(request).locale) }
      const address = await upstream.authorizationUrl(sent(begun), wishes)
      pages.cookies.keep(reply, request.visitor, { ...errand, upstream: begun })
      return reply.redirect(address.href, 303)
    } catch (error) {
      return fail(request, reply, upstream, { ...errand, ...(link && { account: '/account/identities' }) }, error)
    }
  })

  app.get(`${PATH}/callback`, async (request, reply) => {
    const upstream = named(request)
    const { signedIn, visit } = request.visitor
    const { upstream: begun, upstreamNews: _, ...errand } = visit.errand
    const answer = new URLSearchParams([...queryForm(request)].flatMap(([name, all]) => all.map((one) => [name, one])))
    // Nothing that runs is ended by an answer that is not its own: anybody can send anybody here.
    if (begun === undefined || !isAnswerTo(begun, upstream, answer)) {
      if (signedIn !== undefined && begun === undefined) return pages.go(reply, placeFor(errand))
      return tell(request, reply, upstream, visit.errand, 'run_out')
    }
    const now = clock.now()
    const onward = begun.link === undefined ? errand : { ...errand, account: '/account/identities' as const }
    if (now >= begun.since + UPSTREAM_MS) return tell(request, reply, upstream, onward, 'run_out')
    const network = networkOf(request.ip)
    if (failures.secondsToWait(network) > 0) return tell(request, reply, upstream, onward, 'too_many')
    // Before it is known, so that a hundred at once are a hundred.
    failures.count(network)
    let failed = false
    // Good once, though the cookie stays with the browser. Whoever comes second must not undo what the first has set.
    const spent = { id: digestOf(`upstream ${begun.state}`), version: 0, expiresAt: begun.since + UPSTREAM_MS }
    try {
      if (!(await provider.store.spent.insert(spent))) return pages.go(reply, '/sign-in')
      const vouched = await upstream.redeem(sent(begun), answer)
      if (begun.link !== undefined) return await add(request, reply, upstream, onward, vouched, begun.link)
      return await enter(request, reply, upstream, onward, vouched, begun)
    } catch (error) {
      // A provider that is down, or a person who says no, is nobody's attack.
      failed = error instanceof UpstreamTrouble && error.kind === 'failed'
      return fail(request, reply, upstream, onward, error)
    } finally {
      if (!failed) failures.uncount(network)
    }
  })

  /** Signs in whoever the provider vouches for. */
  async function enter(
    request: FastifyRequest,
    reply: FastifyReply,
    upstream: Upstream,
    errand: Errand,
    vouched: Vouched,
    begun: UpstreamErrand,
  ) {
    const { authTime, amr } = vouched
    const { anew = false, since } = begun
    const now = clock.now()
    const asked = signedInAt(authTime, { anew, since, now })
    // What an app demands, the provider must show. Our own account pages want to know that whoever sits here can still
    // sign in there, and take no more than that from a provider that cannot ask twice.
    const cannot = errand.account !== undefined && (authTime === undefined || !upstream.asksAnew)
    const authenticatedAt = asked ?? (cannot ? signedInAt(authTime, { anew: false, since, now }) : undefined)
    if (authenticatedAt === undefined) return tell(request, reply, upstream, errand, 'not_anew')
    const arrival = await arrive(room, upstream.settings, vouched)
    if ('refused' in arrival) return tell(request, reply, upstream, errand, arrival.refused)
    const { user, linked } = arrival
    if (linked) provider.note({ event: 'identity_linked', userId: user.id })
    return door.admit(request, reply, user, amr, { authenticatedAt, ...(asked === undefined && { askedAt: now }) })
  }

  /** Adds it to the account that asked for it, if that is still who is signed in. */
  async function add(
    request: FastifyRequest,
    reply: FastifyReply,
    upstream: Upstream,
    errand: Errand,
    vouched: Vouched,
    userId: string,
  ) {
    const { signedIn } = request.visitor
    if (signedIn?.user.id !== userId) return tell(request, reply, upstream, errand, 'run_out')
    const news = await addIdentity(room, upstream.settings, vouched, signedIn.user)
    if (news === 'linked') provider.note({ event: 'identity_linked', userId })
    return tell(request, reply, upstream, errand, news)
  }

  function named(request: FastifyRequest): Upstream {
    const { id } = request.params as { id: string }
    const upstream = upstreams.find(({ settings }) => settings.id === id)
    if (upstream === undefined) throw new PageProblem('not_found', 404)
    return upstream
  }

  function sent({ id, state, nonce, verifier }: UpstreamErrand): Begun {
    return { redirectUri: `${provider.issuer}/sign-in/with/${id}/callback`, state, nonce, verifier }
  }

  /** Throws what is no trouble of the other provider. */
  function fail(request: FastifyRequest, reply: FastifyReply, upstream: Upstream, errand: Errand, error: unknown) {
    if (!(error instanceof UpstreamTrouble)) throw error
    const { id: upstreamId } = upstream.settings
    const level = error.kind === 'refused' ? 'info' : 'warn'
    request.log[level](
      { upstream: upstreamId, trouble: error.kind, reason: error.message },
      'a sign-in elsewhere failed',
    )
    return tell(request, reply, upstream, errand, error.kind)
  }

  /** On the page that they came from, so that what they came for goes on in another way. The code leaves the address. */
  function tell(request: FastifyRequest, reply: FastifyReply, upstream: Upstream, errand: Errand, news: UpstreamNews) {
    pages.cookies.keep(reply, request.visitor, { ...errand, upstreamNews: { id: upstream.settings.id, news } })
    const stays = request.visitor.signedIn !== undefined && errand.account === '/account/identities'
    return pages.go(reply, stays && errand.signInAfter === undefined ? '/account/identities' : '/sign-in')
  }
}

/** Each provider has an address of its own here, so the code of one never goes to another (RFC 9700 §4.4). */
function isAnswerTo(begun: UpstreamErrand, upstream: Upstream, answer: URLSearchParams): boolean {
  const [state, ...more] = answer.getAll('state')
  return begun.id === upstream.settings.id && more.length === 0 && sameDigest(state ?? '', begun.state)
}

/** What has become of the last try, for the page that says it. */
export function newsOf(upstreams: readonly UpstreamSettings[], { upstreamNews }: Errand) {
  const upstream = upstreams.find(({ id }) => id === upstreamNews?.id)
  if (upstreamNews === undefined || upstream === undefined) return {}
  return { news: { provider: upstream.name, news: upstreamNews.news } }
}

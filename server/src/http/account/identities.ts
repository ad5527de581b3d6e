// /account/identities: the accounts elsewhere that sign a person in here. Adding one goes by way of the other provider
// and comes back through ../sign-in/upstream.ts.
import { addIdentityPage, identitiesPage } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sameIssuer, type UpstreamSettings } from '../../accounts/upstream-settings.ts'
import { removeWayIn } from '../../accounts/ways-in.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { UpstreamIdentity } from '../../oauth/records.ts'
import { ownForm, PageProblem, type Pages } from '../page-scope.ts'
import { newsOf } from '../sign-in/upstream.ts'
import { goSignIn, signedInJustNow } from './scope.ts'

const PATH = '/account/identities'

export function identityRoutes(
  app: FastifyInstance,
  provider: Provider,
  pages: Pages,
  upstreams: readonly UpstreamSettings[],
): void {
  const { clock } = provider.host
  const { upstreamIdentities } = provider.store

  app.get(PATH, async (request, reply) => {
    const { signedIn, visit } = request.visitor
    if (signedIn === undefined) return goSignIn(pages, request, reply, PATH, 0)
    const identities = await upstreamIdentities.byUser(signedIn.user.id)
    const now = clock.now()
    const html = identitiesPage(pages.chrome(request), {
      identities: identities.map((identity) => shown(identity, now)),
      upstreams,
      ...newsOf(upstreams, visit.errand),
    })
    // News is said once, and whoever looks here has thought better of what they were about to add.
    const { upstreamNews: _said, adding: _given, ...errand } = visit.errand
    pages.cookies.keep(reply, request.visitor, errand)
    return pages.show(reply, html)
  })

  app.post(`${PATH}/add`, async (request, reply) => {
    const id = ownForm(request).get('upstream')?.[0]
    const signedIn = signedInJustNow(request, clock.now())
    if (signedIn === undefined) return goSignIn(pages, request, reply, PATH, clock.now())
    const upstream = upstreams.find((one) => one.id === id)
    if (upstream === undefined) throw new PageProblem('bad_request', 400)
    const adding = { upstream: upstream.id, userId: signedIn.user.id, since: clock.now() }
    pages.cookies.keep(reply, request.visitor, { ...request.visitor.visit.errand, adding })
    return pages.show(reply, addIdentityPage(pages.chrome(request), { upstream }))
  })

  app.post(`${PATH}/remove`, async (request, reply) => {
    const id = ownForm(request).get('identity')?.[0] ?? ''
    const signedIn = signedInJustNow(request, clock.now())
    if (signedIn === undefined) return goSignIn(pages, request, reply, PATH, clock.now())
    const identity = await upstreamIdentities.get(id)
    if (identity === undefined || identity.userId !== signedIn.user.id) return pages.go(reply, PATH)
    const outcome = await removeWayIn(provider, upstreamIdentities, identity)
    if (outcome === 'removed') provider.note({ event: 'identity_unlinked', userId: signedIn.user.id })
    return tell(request, reply, identity, outcome)
  })

  function tell(
    request: FastifyRequest,
    reply: FastifyReply,
    identity: UpstreamIdentity,
    outcome: 'removed' | 'last' | 'gone',
  ) {
    const upstream = upstreamOf(identity)
    if (upstream !== undefined && outcome !== 'gone') {
      const upstreamNews = { id: upstream.id, news: outcome === 'last' ? 'last_way' : 'removed' } as const
      pages.cookies.keep(reply, request.visitor, { ...request.visitor.visit.errand, upstreamNews })
    }
    return pages.go(reply, PATH)
  }

  function upstreamOf({ issuer }: UpstreamIdentity): UpstreamSettings | undefined {
    return upstreams.find((one) => sameIssuer(one.issuer, issuer))
  }

  function shown(identity: UpstreamIdentity, now: number) {
    const { id, name, issuer, createdAt, usedAt } = identity
    const upstream = upstreamOf(identity)
    const when = (at: number) => ({ at, secondsAgo: Math.max(0, Math.floor((now - at) / 1000)) })
    return {
      id,
      provider: upstream?.name ?? new URL(issuer).host,
      ...(name === undefined ? {} : { name }),
      added: when(createdAt),
      used: when(usedAt),
      gone: upstream === undefined,
    }
  }
}

// /account/passkeys: the passkeys of an account, making one, naming and removing one.
import { type OwnPasskey, type PasskeysModel, passkeyPage, passkeysPage } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { browserName } from '../../accounts/browser-name.ts'
import { handleOf, MOST_PASSKEYS, type Passkeys, passkeyName } from '../../accounts/passkeys.ts'
import type { SignedIn } from '../../accounts/sessions.ts'
import { removeWayIn, waysIn } from '../../accounts/ways-in.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { Passkey } from '../../oauth/records.ts'
import { update } from '../../oauth/store.ts'
import type { Errand } from '../errand.ts'
import { ownForm, PageProblem, type Pages } from '../page-scope.ts'
import { goSignIn, isFresh, signedInJustNow } from './scope.ts'

const PATH = '/account/passkeys'
const NEWS = ['passkey_added', 'passkey_renamed', 'passkey_removed'] as const

/** `passkeys` is undefined where browsers would not make any. */
export function accountPasskeyRoutes(
  app: FastifyInstance,
  provider: Provider,
  pages: Pages,
  passkeys: Passkeys | undefined,
): void {
  const { store, host } = provider
  const relyingParty = new URL(provider.issuer).hostname

  const fresh = (request: FastifyRequest) => signedInJustNow(request, host.clock.now())
  const confirm = (request: FastifyRequest, reply: FastifyReply) =>
    goSignIn(pages, request, reply, PATH, host.clock.now())
  const tell = (request: FastifyRequest, reply: FastifyReply, path: string, done: Errand['done']) => {
    pages.cookies.keep(reply, request.visitor, { ...request.visitor.visit.errand, ...(done && { done }) })
    return pages.go(reply, path)
  }
  /** What was done, said once. */
  const newsOnce = (request: FastifyRequest, reply: FastifyReply) => {
    const { done, ...errand } = request.visitor.visit.errand
    const news = NEWS.find((one) => one === done)
    if (news === undefined) return {}
    pages.cookies.keep(reply, request.visitor, errand)
    return { news }
  }

  async function show(
    request: FastifyRequest,
    reply: FastifyReply,
    signedIn: SignedIn,
    problem?: PasskeysModel['problem'],
  ) {
    const { user } = signedIn
    const own = [...(await store.passkeys.byUser(user.id))].sort((one, other) => other.createdAt - one.createdAt)
    const full = own.length >= MOST_PASSKEYS
    const able = passkeys !== undefined && !full
    const create =
      able && isFresh(signedIn, host.clock.now()) && (await passkeys.askForNew(request.visitor.owner, user))
    const told = problem ?? (full ? 'full' : passkeys === undefined ? 'unsupported' : undefined)
    const kept = { rpID: relyingParty, userID: handleOf(user.id), allAcceptedCredentialIDs: own.map(({ id }) => id) }
    const html = passkeysPage(pages.chrome(request), {
      passkeys: own.map(shown),
      kept: JSON.stringify(kept),
      ...(create && { create: JSON.stringify(create) }),
      ...(told === undefined ? newsOnce(request, reply) : { problem: told }),
    })
    return pages.show(reply, html, problem === undefined ? 200 : 400)
  }

  app.get(PATH, async (request, reply) => {
    const { signedIn } = request.visitor
    return signedIn === undefined ? goSignIn(pages, request, reply, PATH, 0) : show(request, reply, signedIn)
  })

  // Whoever wants to add one shows first that it is them; then the page can ask their browser.
  app.post(PATH, async (request, reply) => {
    ownForm(request)
    return fresh(request) === undefined ? confirm(request, reply) : pages.go(reply, PATH)
  })

  app.post(`${PATH}/add`, async (request, reply) => {
    const answer = ownForm(request).get('credential')?.[0]
    const { signedIn, owner } = request.visitor
    // Freshness was asked for when the question was put: it is good for this session, and for five minutes.
    if (signedIn === undefined) return confirm(request, reply)
    if (answer === undefined || passkeys === undefined) throw new PageProblem('bad_request', 400)
    const added = await passkeys.add(owner, signedIn.user, answer, browserName(request.headers['user-agent']) ?? '')
    if (added.outcome === 'refused') request.log.info({ reason: added.reason }, 'a new passkey was refused')
    if (added.outcome !== 'added') {
      return show(request, reply, signedIn, added.outcome === 'refused' ? 'failed' : added.outcome)
    }
    provider.note({ event: 'passkey_added', userId: signedIn.user.id })
    return tell(request, reply, `${PATH}/${added.passkey.id}`, 'passkey_added')
  })

  app.get(`${PATH}/:id`, async (request, reply) => {
    const { signedIn } = request.visitor
    if (signedIn === undefined) return goSignIn(pages, request, reply, PATH, 0)
    const passkey = await ownPasskey(request, signedIn)
    if (passkey === undefined) return pages.go(reply, PATH)
    const last = (await waysIn(provider, signedIn.user.id)).length <= 1
    const model = { passkey: shown(passkey), last, ...newsOnce(request, reply) }
    return pages.show(reply, passkeyPage(pages.chrome(request), model))
  })

  app.post(`${PATH}/:id`, async (request, reply) => {
    const name = passkeyName(ownForm(request).get('name')?.[0] ?? '')
    const signedIn = fresh(request)
    if (signedIn === undefined) return confirm(request, reply)
    const passkey = await ownPasskey(request, signedIn)
    if (passkey === undefined) return pages.go(reply, PATH)
    await update(store.passkeys, passkey.id, (kept) => ({
      ...(kept && { next: { ...kept, name } }),
      outcome: undefined,
    }))
    return tell(request, reply, `${PATH}/${passkey.id}`, 'passkey_renamed')
  })

  app.post(`${PATH}/:id/remove`, async (request, reply) => {
    ownForm(request)
    const signedIn = fresh(request)
    if (signedIn === undefined) return confirm(request, reply)
    const passkey = await ownPasskey(request, signedIn)
    if (passkey === undefined) return pages.go(reply, PATH)
    const outcome = await removeWayIn(provider, store.passkeys, passkey)
    if (outcome === 'last') return show(request, reply, signedIn, 'last')
    if (outcome === 'removed') provider.note({ event: 'passkey_removed', userId: signedIn.user.id })
    return tell(request, reply, PATH, 'passkey_removed')
  })

  async function ownPasskey(request: FastifyRequest, { user }: SignedIn): Promise<Passkey | undefined> {
    const { id } = request.params as { readonly id: string }
    const passkey = await store.passkeys.get(id)
    return passkey?.userId === user.id ? passkey : undefined
  }

  function shown({ id, name, synced, createdAt, usedAt }: Passkey): OwnPasskey {
    const moment = (at: number) => ({ at, secondsAgo: Math.max(0, Math.round((host.clock.now() - at) / 1000)) })
    return { id, name, synced, made: moment(createdAt), ...(usedAt === undefined ? {} : { used: moment(usedAt) }) }
  }
}

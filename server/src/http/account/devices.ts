// /account/devices, /account/apps, /account/enrolled: one thing of the account, its name, and its end (RFC 10027 §6.1.6).
// Another person's is answered exactly as one that never was.
import {
  accountAppPage,
  accountDevicePage,
  accountEnrolledPage,
  type Chrome,
  langOf,
  oneLine,
  type RemovalModel,
  removalPage,
} from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { appsOf, deviceOf, type OwnApp, type OwnLink, removeApp } from '../../oauth/belongings.ts'
import { removeDevice } from '../../oauth/clients/registration-management.ts'
import { unlink } from '../../oauth/links.ts'
import type { Provider } from '../../oauth/provider.ts'
import type { Client } from '../../oauth/records.ts'
import { update } from '../../oauth/store.ts'
import { ownForm, PageProblem, type Pages } from '../page-scope.ts'
import { identityIn, sentencesFor } from '../permission-words.ts'
import { tellNext, tellOnce } from '../visitor.ts'
import { appId, clientName, deviceName, isUnused, whenceOf, whenOf } from './facts.ts'
import { goSignIn } from './scope.ts'

type Kind = RemovalModel['kind']

/** What one kind of belonging can: be found for its owner, be shown, be ended. */
interface Belonging<T> {
  readonly kind: Kind
  find(userId: string, id: string): Promise<T | undefined>
  name(found: T): string
  /** How long what was handed out before may go on, where nobody asks this server. In seconds. */
  readonly upToSeconds: number
  show(request: FastifyRequest, reply: FastifyReply, found: T): string
  remove(userId: string, found: T): Promise<unknown>
}

export function accountDeviceRoutes(app: FastifyInstance, provider: Provider, pages: Pages): void {
  const { store, limits } = provider

  const abilities = ({ locale }: Chrome, scope: readonly string[]) => ({
    identity: identityIn(scope),
    permissions: sentencesFor(provider.apis, scope, langOf(locale)),
  })

  const devices: Belonging<OwnLink> = {
    kind: 'devices',
    upToSeconds: limits.userTokenSeconds,
    find: (userId, id) => deviceOf(provider, userId, id),
    name: ({ family, client }) => deviceName(family, client),
    show(request, reply, { family, client }) {
      const { id, label, device, usedFrom, startedFrom } = family
      const chrome = pages.chrome(request)
      return accountDevicePage(chrome, {
        id,
        ...(label === undefined ? {} : { label }),
        ...device,
        client: clientName(client, family.clientId),
        used: whenOf(provider, family.usedAt),
        ...(usedFrom === undefined ? {} : { usedFrom: whenceOf(provider, usedFrom) }),
        linked: whenOf(provider, family.createdAt),
        ...(startedFrom === undefined ? {} : { startedFrom: whenceOf(provider, startedFrom) }),
        fromAfar: family.fromAfar ?? false,
        unused: isUnused(provider, family),
        ...abilities(chrome, family.scope),
        staysSignedIn: family.current !== undefined,
        ...tellOnce(pages.cookies, request, reply),
      })
    },
    remove: (_userId, { family }) => unlink(provider, family.id, 'person'),
  }

  const apps: Belonging<OwnApp> = {
    kind: 'apps',
    upToSeconds: limits.userTokenSeconds,
    find: async (userId, id) => (await appsOf(provider, userId)).find(({ clientId }) => appId(clientId) === id),
    name: ({ client, clientId }) => clientName(client, clientId),
    show(request, _reply, { client, clientId, scope, families: [latest] }) {
      const chrome = pages.chrome(request)
      return accountAppPage(chrome, {
        id: appId(clientId),
        name: clientName(client, clientId),
        ...(latest === undefined ? {} : { used: whenOf(provider, latest.usedAt) }),
        ...(latest?.usedFrom === undefined ? {} : { usedFrom: whenceOf(provider, latest.usedFrom) }),
        ...abilities(chrome, scope),
        staysSignedIn: latest?.current !== undefined,
      })
    },
    remove: (userId, found) => removeApp(provider, userId, found),
  }

  const enrolled: Belonging<Client> = {
    kind: 'enrolled',
    upToSeconds: limits.clientTokenSeconds,
    async find(userId, id) {
      const client = await store.clients.get(id)
      return client?.registration?.ownerId === userId ? client : undefined
    },
    name: ({ name }) => name,
    show(request, _reply, { id, name, createdAt, scope }) {
      const chrome = pages.chrome(request)
      const { permissions } = abilities(chrome, scope)
      return accountEnrolledPage(chrome, { id, name, added: whenOf(provider, createdAt), permissions })
    },
    remove: (_userId, client) => removeDevice(provider, client),
  }

  belongingRoutes(devices)
  belongingRoutes(apps)
  belongingRoutes(enrolled)

  app.post<{ Params: { id: string } }>('/account/devices/:id', async (request, reply) => {
    const { signedIn } = request.visitor
    const given = oneLine(ownForm(request).get('name')?.[0])
    if (signedIn === undefined) return goSignIn(pages, request, reply, '/account', 0)
    const found = await deviceOf(provider, signedIn.user.id, request.params.id)
    if (found === undefined) throw new PageProblem('not_found', 404)
    await update(store.families, found.family.id, (family) => {
      if (family === undefined) return { outcome: undefined }
      const { label: _, ...rest } = family
      // Its own name, or none, is no name of the person's: it may change with the device.
      const own = given === undefined || given === oneLine(family.device.name)
      return { next: own ? rest : { ...rest, label: given }, outcome: undefined }
    })
    tellNext(pages.cookies, request, reply, { news: 'renamed' })
    return pages.go(reply, `/account/devices/${found.family.id}`)
  })

  function belongingRoutes<T>(belonging: Belonging<T>): void {
    const { kind, upToSeconds } = belonging
    const path = `/account/${kind}/:id`

    /** Undefined when the person was sent to sign in. */
    async function found({ visitor, params }: FastifyRequest<{ Params: { id: string } }>) {
      const userId = visitor.signedIn?.user.id
      if (userId === undefined) return undefined
      const thing = await belonging.find(userId, params.id)
      if (thing === undefined) throw new PageProblem('not_found', 404)
      return { userId, thing }
    }

    app.get<{ Params: { id: string } }>(path, async (request, reply) => {
      const own = await found(request)
      if (own === undefined) return goSignIn(pages, request, reply, '/account', 0)
      return pages.show(reply, belonging.show(request, reply, own.thing))
    })

    app.get<{ Params: { id: string } }>(`${path}/remove`, async (request, reply) => {
      const own = await found(request)
      if (own === undefined) return goSignIn(pages, request, reply, '/account', 0)
      const name = belonging.name(own.thing)
      const { id } = request.params
      return pages.show(reply, removalPage(pages.chrome(request), { kind, id, name, upToSeconds }))
    })

    app.post<{ Params: { id: string } }>(`${path}/remove`, async (request, reply) => {
      const answer = ownForm(request).get('answer')?.[0]
      const own = await found(request)
      if (own === undefined) return goSignIn(pages, request, reply, '/account', 0)
      if (answer !== 'yes') return pages.go(reply, `/account/${kind}/${request.params.id}`)
      await belonging.remove(own.userId, own.thing)
      tellNext(pages.cookies, request, reply, { news: 'removed', device: belonging.name(own.thing) })
      return pages.go(reply, '/account')
    })
  }
}

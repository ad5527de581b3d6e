// An account with one of everything, for those who attack all of it at once: a linked device, an app, a device that set
// itself up, a passkey, an account elsewhere, two browsers, and a device that waits for an answer.
import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import { startSession } from '../../server/src/accounts/sessions.ts'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import type { StoredRecord } from '../../server/src/oauth/records.ts'
import { CODE_CLIENTS } from './code-flow.ts'
import { ACME, upstreamEntry } from './fake-upstream.ts'
import { freePort } from './free-port.ts'
import { createStoredClient } from './stored-client.ts'
import { DEVICE, type TestBrowser, type TestServer, testConfig, testServer } from './test-server.ts'

/** Sets itself up as a client of its own. */
const BOX = {
  client_id: 'box',
  client_name: 'Northwind box',
  token_endpoint_auth_method: 'none',
  grant_types: [DEVICE_CODE_GRANT, 'refresh_token'],
  scope: 'device:enroll library:read',
}

/** Everything that there are routes for is switched on; `changes` and `secrets` as for `testConfig`. */
export function wholeConfig(changes: Record<string, unknown> = {}, secrets: Record<string, string> = {}) {
  const registration = { scope: 'library:read' }
  return testConfig(
    { clients: [DEVICE, BOX, ...CODE_CLIENTS], registration, upstreams: [upstreamEntry()], ...changes },
    secrets,
  )
}

/** A server with `wholeConfig` at `localhost`, on a port of its own, for real browsers. */
export async function wholeServer(): Promise<{ readonly server: TestServer; readonly issuer: string }> {
  const port = await freePort()
  const issuer = `http://localhost:${port}`
  const server = await testServer({ config: wholeConfig({ issuer }) })
  await server.app.listen({ host: '127.0.0.1', port })
  return { server, issuer }
}

export interface WholeAccount {
  /** The owner's, on the page of the device that waits. */
  readonly browser: TestBrowser
  /** Values for the parameters of routes, by the route that has them. */
  idFor(route: string): string
  readonly waiting: { readonly user_code: string; readonly device_code: string }
  /** All that an attack could change, as it stands now. */
  state(): Promise<unknown>
}

/** Of `server.user`, on a server with `wholeConfig`. */
export async function wholeAccount(server: TestServer): Promise<WholeAccount> {
  const { store, host, user } = server
  const forever = { version: 0, expiresAt: Number.MAX_SAFE_INTEGER, userId: user.id }
  const createdAt = host.clock.now()
  await server.link({ device_name: 'Living room TV' })
  await store.consents.insert({ ...forever, id: 'consent', clientId: 'web', scope: ['library:read'] })
  await store.passkeys.insert({
    ...forever,
    id: 'cGFzc2tleQ',
    publicKey: 'pQECAyYgASFYI',
    counter: 0,
    transports: ['internal'],
    synced: true,
    name: 'Phone',
    createdAt,
  })
  const elsewhere = { upstreamId: 'acme', issuer: ACME, subject: 'ana', createdAt, usedAt: createdAt }
  await store.upstreamIdentities.insert({ ...forever, id: 'identity', ...elsewhere })
  const box = await createStoredClient(server, { id: 'hall-box', grantTypes: ['client_credentials'] })
  const registration = { ownerId: user.id, tokenDigest: 'digest', jkt: 'thumbprint' }
  await store.clients.swap({ ...box, registration })
  await startSession(store, host, user, ['pwd'])
  const waiting = await server.start({ device_name: 'Kitchen radio' })
  const browser = server.browser()
  browser.cookies.set('latchkey-session', await startSession(store, host, user, ['pwd']))
  await browser.open(`/link?user_code=${waiting.user_code}`)
  const [family] = await store.families.byUser(user.id)
  const ids: Readonly<Record<string, string>> = {
    '/account/devices/:id': family?.id ?? '',
    '/account/apps/:id': 'web',
    '/account/enrolled/:id': 'hall-box',
    '/account/passkeys/:id': 'cGFzc2tleQ',
    '/sign-in/with/:id': 'acme',
  }
  const idOrder = <R extends StoredRecord>(records: readonly R[]) =>
    [...records].sort((one, other) => (one.id < other.id ? -1 : 1))
  return {
    browser,
    waiting,
    idFor: (route) => Object.entries(ids).find(([known]) => route.startsWith(known))?.[1] ?? 'unknown',
    state: async () => ({
      user: await store.users.get(user.id),
      users: (await store.users.all()).length,
      families: await store.families.byUser(user.id),
      passkeys: await store.passkeys.byUser(user.id),
      identities: await store.upstreamIdentities.byUser(user.id),
      consents: await store.consents.byUser(user.id),
      enrolled: await store.clients.byOwner(user.id),
      freezes: await store.freezes.all(),
      waiting: await store.deviceRequests.get(digestOf(waiting.device_code)),
      // When it was last looked at is nobody's attack.
      sessions: idOrder(await store.sessions.byUser(user.id)).map(({ usedAt: _, version: _v, ...rest }) => rest),
    }),
  }
}

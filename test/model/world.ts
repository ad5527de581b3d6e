// The real server of the model test, on a file, with devices that remember what they were told.
import { join } from 'node:path'
import { openStore } from '@latchkey/server'
import { DEVICE_CODE_GRANT, JWK_THUMBPRINT_URI, JWT_BEARER_GRANT } from '@latchkey/shared'
import type { LightMyRequestResponse } from 'fastify'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { NEVER } from '../../server/src/oauth/records.ts'
import { type DpopClient, dpopClient, signedBy } from '../support/dpop-client.ts'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import { signedIn } from '../support/signed-in.ts'
import { ISSUER, LIBRARY, type TestServer, testConfig, testServer } from '../support/test-server.ts'
import { type Caller, LIMITS } from './reference.ts'

const SCOPE = 'openid library:read'
/** One person each device, each in a network of their own: nobody runs into the brakes on wrong codes for another. */
export const OWNERS = ['ana@example.com', 'ben@example.com', 'cleo@example.com', 'dan@example.com'] as const

export interface Device {
  readonly bound: boolean
  readonly deviceCode: string
  readonly userCode: string
  /** By number; one whose answer was lost is missing. */
  readonly tokens: Map<number, string>
  ask(caller: Caller, fields: Readonly<Record<string, string>>): Promise<LightMyRequestResponse>
  /** A signed assertion of the device's own, or of the key of somebody else. */
  assertion(caller: Caller, seconds: number): Promise<string>
}

export interface World {
  readonly host: FakeHost
  readonly devices: Device[]
  readonly server: TestServer
  start(bound: boolean): Promise<void>
  /** Signs in at `now`, opens the page of the code and answers; what the record says afterwards. */
  decide(
    device: Device,
    owner: string,
    answer: 'approve' | 'deny',
    now: number,
  ): Promise<'none' | 'approved' | 'denied'>
  setClosed(owner: string, closed: boolean): Promise<void>
  /** The process dies, and another one opens the same file. */
  crash(): Promise<void>
  /** Lets the server look at its clock. */
  glance(): Promise<void>
  familyIds(): Promise<readonly string[]>
}

const networkOf = (index: number) => ({ 'x-forwarded-for': `192.0.2.${1 + index}` })

const config = (folder: string) => {
  const client = (client_id: string, grants: readonly string[], bound = false) => ({
    client_id,
    client_name: client_id,
    token_endpoint_auth_method: 'none',
    dpop_bound_access_tokens: bound,
    grant_types: [DEVICE_CODE_GRANT, 'refresh_token', ...grants],
    scope: SCOPE,
  })
  return testConfig({
    listen: { trusted_proxies: ['127.0.0.1'] },
    database: `sqlite:${join(folder, 'latchkey.db')}`,
    apis: [{ resource: LIBRARY, scopes: { 'library:read': 'See your library' } }],
    clients: [client('tv', []), client('key-tv', [JWT_BEARER_GRANT], true), client('other-tv', [])],
    limits: {
      refresh_idle_days: LIMITS.idle,
      refresh_absolute_days: LIMITS.absolute,
      refresh_grace_seconds: LIMITS.graceSeconds,
      refresh_bound_grace_days: LIMITS.boundGrace,
    },
  })
}

export async function openWorld(folder: string): Promise<World> {
  const host = fakeHost()
  const settings = config(folder)
  const open = async () => {
    const store = await openStore(settings.database)
    for (const email of OWNERS) await store.users.insert(account(email, host))
    return testServer({ config: settings, store, host })
  }
  let server = await open()
  // What clients hold on to while the server behind its address changes.
  const address = {
    get app() {
      return server.app
    },
    host,
  }
  const devices: Device[] = []

  return {
    host,
    devices,
    get server() {
      return server
    },
    async start(bound) {
      const own = await dpopClient(address)
      const from = networkOf(devices.length)
      const fields = { client_id: bound ? 'key-tv' : 'tv', scope: SCOPE }
      const answer = await (bound
        ? own.post('/device_authorization', fields, from)
        : server.post('/device_authorization', fields, from))
      if (answer.statusCode !== 200) throw new Error(`no code: ${answer.body}`)
      const { device_code: deviceCode, user_code: userCode } = answer.json()
      const post = (path: string, form: Readonly<Record<string, string>>) => server.post(path, form)
      devices.push(deviceOf({ bound, deviceCode, userCode, own, other: await dpopClient(address), post }))
    },
    async decide({ userCode, deviceCode }, owner, answer, now) {
      // By the server's time, which is not the machine's while that is behind.
      const clock = { ...host.clock, now: () => now }
      const from = { 'x-forwarded-for': `192.0.2.${1 + devices.findIndex((device) => device.userCode === userCode)}` }
      const browser = await signedIn({ ...server, host: { ...host, clock } }, owner, from)
      await browser.open(`/link?user_code=${userCode}`)
      await browser.open('/link/device')
      await browser.submit('/link/device', { answer })
      const state = (await server.store.deviceRequests.get(digestOf(deviceCode)))?.state
      return state === undefined || state === 'pending' ? 'none' : state === 'denied' ? 'denied' : 'approved'
    },
    async setClosed(owner, closed) {
      const user = await server.store.users.byEmail(owner)
      if (user === undefined) throw new Error(`no account of ${owner}`)
      const { disabledAt: _, ...rest } = user
      await server.store.users.swap(closed ? { ...rest, disabledAt: host.clock.now() } : rest)
    },
    async crash() {
      await server.close()
      server = await open()
    },
    async glance() {
      await server.app.inject('/link')
    },
    async familyIds() {
      const accounts = await Promise.all(OWNERS.map((email) => server.store.users.byEmail(email)))
      const found = await Promise.all(accounts.map((user) => server.store.families.byUser(user?.id ?? '')))
      return found.flat().map(({ id }) => id)
    },
  }
}

function deviceOf(parts: {
  readonly bound: boolean
  readonly deviceCode: string
  readonly userCode: string
  readonly own: DpopClient
  readonly other: DpopClient
  readonly post: (path: string, fields: Readonly<Record<string, string>>) => Promise<LightMyRequestResponse>
}): Device {
  const { bound, own, other, post } = parts
  return {
    ...parts,
    tokens: new Map(),
    ask(caller, fields) {
      const form = { client_id: bound ? 'key-tv' : 'tv', ...fields }
      if (caller === 'another client') return post('/token', { ...form, client_id: 'other-tv' })
      if (!bound || caller === 'no key') return post('/token', form)
      return (caller === 'another key' ? other : own).post('/token', form)
    },
    assertion(caller, seconds) {
      const { key } = caller === 'another key' ? other : own
      const claims = { iss: 'key-tv', sub: JWK_THUMBPRINT_URI + key.jkt, aud: ISSUER, exp: seconds + 60 }
      return signedBy(key, { ...claims, jti: crypto.randomUUID() }, { typ: 'JWT', jwk: key.jwk })
    },
  }
}

/** Nobody signs in by password here, so none is hashed. */
function account(email: string, host: FakeHost) {
  const createdAt = host.clock.now()
  return {
    ...{ id: `usr_${email}`, version: 0, expiresAt: NEVER, email, name: email, admin: false, createdAt },
    passwordHash: 'none',
  }
}

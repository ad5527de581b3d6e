import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TokenFamily } from '../../server/src/oauth/records.ts'
import { newDeviceKey } from '../support/dpop-client.ts'
import { type EnrolledDevice, enrolledDevice, enrolmentConfig, ownToken } from '../support/enrolment.ts'
import { signedIn } from '../support/signed-in.ts'
import { basic, ISSUER, LIBRARY, SECRETS, type TestServer, testServer } from '../support/test-server.ts'

const outcome = (answer: LightMyRequestResponse) => [answer.statusCode, answer.json().error]
const METHODS = ['GET', 'PUT', 'DELETE'] as const

describe('RFC 7592: a device and its registration', () => {
  let server: TestServer
  let enrolled: EnrolledDevice
  beforeEach(async () => {
    server = await testServer({ config: enrolmentConfig() })
    enrolled = await enrolledDevice(server)
  })
  afterEach(() => server.close())

  const manage = (
    method: (typeof METHODS)[number],
    more: { readonly token?: string | undefined; readonly body?: unknown; readonly clientId?: string } = {},
  ) => {
    const { token = enrolled.registrationToken, body, clientId = enrolled.clientId } = more
    const request: InjectOptions = {
      method,
      url: `/register/${clientId}`,
      headers: { authorization: `Bearer ${token}` },
    }
    if (body === undefined) return server.app.inject(request)
    const headers = { ...request.headers, 'content-type': 'application/json' }
    return server.app.inject({ ...request, headers, payload: JSON.stringify(body) })
  }
  const whole = (more: Record<string, unknown> = {}) => ({
    client_id: enrolled.clientId,
    client_name: 'Hall box',
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [enrolled.device.key.jwk] },
    ...more,
  })

  it('DCR-06 the address that it was given answers as registering did, kept nowhere', async () => {
    expect(enrolled.information['registration_client_uri']).toBe(`${ISSUER}/register/${enrolled.clientId}`)
    const answer = await manage('GET')
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toEqual(enrolled.information)
    expect(answer.headers['cache-control']).toBe('no-store')
  })

  it('DCR-06 a change carries everything: what is left out, or null, is gone; grants and scopes are not for it to say', async () => {
    const renamed = await manage('PUT', { body: whole({ client_name: 'Cellar\u202e box' }) })
    expect(renamed.statusCode).toBe(200)
    expect(renamed.json()).toEqual({ ...enrolled.information, client_name: 'Cellar box' })
    const wishes = { scope: 'library:write', grant_types: ['authorization_code'], dpop_bound_access_tokens: false }
    for (const client_name of [undefined, null]) {
      const bare = await manage('PUT', { body: whole({ client_name, ...wishes }) })
      expect(bare.json()).toEqual({ ...enrolled.information, client_name: enrolled.clientId })
    }
    expect((await manage('GET')).json().client_name).toBe(enrolled.clientId)
  })

  it('DCR-06 CLI-11 a new key beside the old one, then in its place', async () => {
    const { device, clientId } = enrolled
    const old = { ...device.key.jwk, kid: 'old' }
    const next = await newDeviceKey()
    const statusOf = async (key: typeof next) => (await ownToken(server, device, clientId, key)).statusCode
    expect(await statusOf(next)).toBe(401)
    const both = await manage('PUT', { body: whole({ jwks: { keys: [old, { ...next.jwk, kid: 'new' }] } }) })
    expect(both.json().jwks.keys).toEqual([old, { ...next.jwk, kid: 'new' }])
    expect([await statusOf(device.key), await statusOf(next)]).toEqual([200, 200])
    await manage('PUT', { body: whole({ jwks: { keys: [{ ...next.jwk, kid: 'new' }] } }) })
    expect([await statusOf(device.key), await statusOf(next)]).toEqual([401, 200])
  })

  it.each<[string, (() => Promise<Record<string, unknown>>) | Record<string, unknown>]>([
    ['no client_id', { client_id: undefined }],
    ['another client_id', { client_id: 'box' }],
    ['a registration_access_token', { registration_access_token: 'x' }],
    ['a registration_client_uri', { registration_client_uri: 'https://app.example.com' }],
    ['client_id_issued_at', { client_id_issued_at: 1 }],
    ['client_secret_expires_at', { client_secret_expires_at: 0 }],
    ['no keys', { jwks: undefined }],
    ['an address of keys', { jwks_uri: 'https://app.example.com/jwks' }],
    ['another method', { token_endpoint_auth_method: 'none' }],
    [
      'three keys',
      async () => ({ jwks: { keys: (await Promise.all([1, 2, 3].map(() => newDeviceKey()))).map((k) => k.jwk) } }),
    ],
    [
      'one key twice',
      async () => ({ jwks: { keys: [enrolled.device.key.jwk, { ...enrolled.device.key.jwk, kid: '2' }] } }),
    ],
  ])('DCR-06 DCR-03 a change with %s changes nothing', async (_what, changes) => {
    const body = whole({ client_name: 'New', ...(typeof changes === 'function' ? await changes() : changes) })
    expect(outcome(await manage('PUT', { body }))).toEqual([400, 'invalid_client_metadata'])
    expect((await manage('GET')).json()).toEqual(enrolled.information)
  })

  it('DCR-06 a bad redirect URI: invalid_redirect_uri', async () => {
    const body = whole({ redirect_uris: ['http://app.example.com'] })
    expect(outcome(await manage('PUT', { body }))).toEqual([400, 'invalid_redirect_uri'])
  })

  it('DCR-07 no registration token, a bad one, another client’s: 401, and nothing is touched', async () => {
    const other = await enrolledDevice(server, await signedIn(server, 'ben@example.com'))
    for (const method of METHODS) {
      const body = method === 'PUT' ? whole({ client_name: 'Mine' }) : undefined
      for (const token of ['x', other.registrationToken, `${enrolled.registrationToken}A`]) {
        const answer = await manage(method, { token, body })
        expect(outcome(answer)).toEqual([401, 'invalid_token'])
        expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="latchkey", error="invalid_token"/)
      }
      const bare = await server.app.inject({ method, url: `/register/${enrolled.clientId}` })
      if (method !== 'PUT') {
        expect(bare.statusCode).toBe(401)
        expect(bare.headers['www-authenticate']).toBe('Bearer realm="latchkey"')
      }
    }
    expect((await manage('GET')).json()).toEqual(enrolled.information)
  })

  it('DCR-07 a client that was never registered here: 401, also one of the configuration', async () => {
    for (const clientId of ['dev_nobody', 'box', 'reports']) {
      expect(outcome(await manage('GET', { clientId }))).toEqual([401, 'invalid_token'])
    }
  })

  it('DCR-06 DCR-07 ending it: 204, its tokens too; afterwards nobody is there', async () => {
    const { device, clientId } = enrolled
    const { access_token } = (await ownToken(server, device, clientId)).json()
    const active = async () => {
      const answer = await server.post('/introspect', { token: access_token }, basic('reports', SECRETS.REPORTS_SECRET))
      return answer.json().active
    }
    const now = server.host.clock.now()
    const family: TokenFamily = {
      id: 'a family of it',
      version: 0,
      expiresAt: now + 1e9,
      clientId,
      userId: server.user.id,
      device: {},
      scope: [],
      resources: [LIBRARY],
      createdAt: now,
      usedAt: now,
      generation: 0,
      origin: 'device',
      authenticatedAt: now,
      amr: ['pwd'],
    }
    await server.store.families.insert(family)
    expect(await active()).toBe(true)

    const answer = await manage('DELETE')
    expect([answer.statusCode, answer.body]).toEqual([204, ''])
    expect(await active()).toBe(false)
    expect((await server.store.families.get(family.id))?.revokedAt).toBe(now)
    expect(outcome(await ownToken(server, device, clientId))).toEqual([401, 'invalid_client'])
    for (const method of METHODS) {
      const body = method === 'PUT' ? whole() : undefined
      expect(outcome(await manage(method, { body }))).toEqual([401, 'invalid_token'])
    }
    expect(await server.store.clients.get(clientId)).toBeUndefined()
  })

  it('DCR-07 CLI-11 a device that was suspended neither gets tokens nor changes its keys', async () => {
    const record = await server.store.clients.get(enrolled.clientId)
    if (record === undefined) throw new Error('no client')
    await server.store.clients.swap({ ...record, disabledAt: server.host.clock.now() })
    expect(outcome(await ownToken(server, enrolled.device, enrolled.clientId))).toEqual([401, 'invalid_client'])
    for (const method of METHODS) {
      const body = method === 'PUT' ? whole() : undefined
      expect(outcome(await manage(method, { body }))).toEqual([401, 'invalid_token'])
    }
  })

  it('DCR-05 a device that changed its key and lost the new one is itself again with the first', async () => {
    const { device, clientId } = enrolled
    const next = await newDeviceKey()
    await manage('PUT', { body: whole({ jwks: { keys: [next.jwk] } }) })
    expect((await ownToken(server, device, clientId)).statusCode).toBe(401)
    const again = await enrolledDevice(server, undefined, device)
    expect(again.clientId).toBe(clientId)
    expect((await ownToken(server, device, clientId)).statusCode).toBe(200)
    expect((await ownToken(server, device, clientId, next)).statusCode).toBe(401)
  })

  it('other methods are 405', async () => {
    for (const method of ['POST', 'PATCH'] as const) {
      const answer = await server.app.inject({ method, url: `/register/${enrolled.clientId}` })
      expect([answer.statusCode, answer.headers['allow']]).toEqual([405, 'GET, PUT, DELETE'])
    }
  })
})

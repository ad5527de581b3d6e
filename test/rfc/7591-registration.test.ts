import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import type { LightMyRequestResponse } from 'fastify'
import { decodeJwt, exportJWK, generateKeyPair } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Table } from '../../server/src/oauth/store.ts'
import { type DeviceKey, type DpopClient, dpopClient, linkWithKey, newDeviceKey } from '../support/dpop-client.ts'
import { ENROL, enrolmentConfig, metadataFor, ownToken, register } from '../support/enrolment.ts'
import { fakeHost } from '../support/fake-host.ts'
import { keptLog } from '../support/kept-log.ts'
import { sendRaw } from '../support/raw-http.ts'
import { signedIn } from '../support/signed-in.ts'
import { basic, ISSUER, LIBRARY, SECRETS, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const MINUTE = 60_000
const outcome = (answer: LightMyRequestResponse) => [answer.statusCode, answer.json().error]

describe('RFC 7591: a device registers itself', () => {
  const log = keptLog()
  let server: TestServer
  let device: DpopClient
  let permit: string
  beforeEach(async () => {
    server = await testServer({ config: enrolmentConfig(), logger: log.logger })
    device = await dpopClient(server)
    permit = (await linkWithKey(server, device, ENROL)).access_token
  })
  afterEach(() => server.close())

  it('DCR-02 DCR-04 answers with all that is registered, kept nowhere; scopes and grants are the server’s', async () => {
    const wishes = {
      scope: 'library:write reports:read openid',
      grant_types: ['authorization_code', DEVICE_CODE_GRANT],
      response_types: ['code'],
      redirect_uris: ['https://app.example.com/back'],
      dpop_bound_access_tokens: false,
      contacts: ['ana@example.com'],
      'client_name#fr': 'Boîte',
      software_statement: 'x.y.z',
    }
    const answer = await register(device, permit, metadataFor(device.key, wishes))
    expect(answer.statusCode).toBe(201)
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' })
    expect(answer.headers['content-type']).toMatch(/^application\/json/)
    const body = answer.json()
    expect(body).toEqual({
      client_id: expect.stringMatching(/^dev_[\w-]{22}$/),
      client_id_issued_at: Math.floor(server.host.clock.now() / 1000),
      client_name: 'Hall box',
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: ['client_credentials'],
      response_types: [],
      scope: 'library:read',
      jwks: { keys: [device.key.jwk] },
      dpop_bound_access_tokens: true,
      registration_client_uri: `${ISSUER}/register/${body.client_id}`,
      registration_access_token: expect.stringMatching(/^lk_reg_[\w-]{43}$/),
    })
    const record = await server.store.clients.get(body.client_id)
    expect(record?.redirectUris).toEqual([])
    expect(JSON.stringify(record)).not.toContain(body.registration_access_token)
  })

  it('DCR-04 the client gets tokens as itself, bound to its key, for what the server fixed and no more', async () => {
    const { client_id } = (await register(device, permit)).json()
    const answer = await ownToken(server, device, client_id)
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({ token_type: 'DPoP', scope: 'library:read' })
    expect(answer.json()).not.toHaveProperty('refresh_token')
    expect(decodeJwt(answer.json().access_token)).toMatchObject({
      sub: client_id,
      client_id,
      aud: LIBRARY,
      cnf: { jkt: device.key.jkt },
    })
  })

  it('DCR-01 without a token: 401, and how to bring one', async () => {
    const answer = await device.send({
      method: 'POST',
      path: '/register',
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify(metadataFor(device.key)),
    })
    expect(answer.statusCode).toBe(401)
    expect(answer.headers['www-authenticate']).toMatch(/^DPoP algs="/)
  })

  it('DCR-01 a token that nobody made, or that ended: 401', async () => {
    const expectRefused = async (token: string) => {
      const answer = await register(device, token)
      expect(outcome(answer)).toEqual([401, 'invalid_token'])
      expect(answer.headers['www-authenticate']).toMatch(/^DPoP error="invalid_token"/)
    }
    await expectRefused('nonsense')
    await expectRefused(`${permit.slice(0, -4)}AAAA`)
    const family = await server.store.families.get(String(decodeJwt(permit)['link']))
    if (family === undefined) throw new Error('no link')
    await server.store.families.swap({ ...family, revokedAt: server.host.clock.now() })
    await expectRefused(permit)
    const other = (await linkWithKey(server, device, ENROL)).access_token
    await server.host.advance(11 * MINUTE)
    await expectRefused(other)
  })

  it('DCR-01 a token for something else: 403', async () => {
    const { access_token } = await linkWithKey(server, device, { client_id: 'box', scope: 'library:read' })
    const answer = await register(device, access_token)
    expect(outcome(answer)).toEqual([403, 'insufficient_scope'])
    expect(answer.headers['www-authenticate']).toContain('scope="device:enroll"')
  })

  it('DCR-01 DCR-05 a client that gave itself the scope is no person', async () => {
    const answer = await device.post(
      '/token',
      { grant_type: 'client_credentials', scope: 'device:enroll' },
      basic('reports', SECRETS.REPORTS_SECRET),
    )
    expect(answer.json()).toMatchObject({ token_type: 'DPoP', scope: 'device:enroll' })
    expect(outcome(await register(device, answer.json().access_token))).toEqual([401, 'invalid_token'])
  })

  it('DCR-05 a token that is bound to no key registers none', async () => {
    const started = await server.start({ client_id: 'loose' })
    await server.decide(started.user_code, 'approve')
    const { access_token } = (await server.poll(started.device_code, { client_id: 'loose' })).json()
    const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' }
    const payload = JSON.stringify(metadataFor(device.key))
    const answer = await server.app.inject({ method: 'POST', url: '/register', headers, payload })
    expect(outcome(answer)).toEqual([401, 'invalid_token'])
    expect(outcome(await register(device, access_token))).toEqual([401, 'invalid_token'])
  })

  it('DCR-05 the proof: none, a used one, another address, another key, without the token’s hash', async () => {
    const payload = JSON.stringify(metadataFor(device.key))
    const send = (dpop: string | undefined) =>
      server.app.inject({
        method: 'POST',
        url: '/register',
        headers: {
          authorization: `DPoP ${permit}`,
          'content-type': 'application/json',
          ...(dpop === undefined ? {} : { dpop }),
        },
        payload,
      })
    const here = { htm: 'POST', htu: `${ISSUER}/register` }
    const thief = await dpopClient(server)
    await thief.post('/token', { grant_type: 'client_credentials' })
    const refused = [401, 'invalid_dpop_proof']
    expect(outcome(await send(undefined))).toEqual(refused)
    expect(outcome(await send(await device.proof(here)))).toEqual(refused)
    expect(outcome(await send(await device.proof({ ...here, htu: `${ISSUER}/token`, accessToken: permit })))).toEqual(
      refused,
    )
    expect(outcome(await register(thief, permit))).toEqual([401, 'invalid_token'])
    const good = await device.proof({ ...here, accessToken: permit })
    const answer = await send(good)
    expect(answer.statusCode).toBe(201)
    expect(answer.headers['dpop-nonce']).toEqual(expect.any(String))
    expect(outcome(await send(good))).toEqual(refused)
    const late = await send(await device.proof({ ...here, accessToken: permit, nonce: 'stale' }))
    expect(outcome(late)).toEqual([401, 'use_dpop_nonce'])
    expect(late.headers['dpop-nonce']).toEqual(expect.any(String))
    expect(late.headers['www-authenticate']).toMatch(/^DPoP error="use_dpop_nonce"/)
  })

  it('DCR-05 the key in jwks is the one that the proof is by', async () => {
    const other = await newDeviceKey()
    expect(outcome(await register(device, permit, metadataFor(other)))).toEqual([400, 'invalid_client_metadata'])
  })

  describe('DCR-03 metadata that is refused, and costs nothing', () => {
    const refused: readonly (readonly [string, (key: DeviceKey) => Promise<Record<string, unknown>>])[] = [
      ['another method', async () => ({ token_endpoint_auth_method: 'client_secret_basic' })],
      ['no method at all', async () => ({ token_endpoint_auth_method: 'none' })],
      ['no keys', async () => ({ jwks: undefined })],
      ['an empty set', async () => ({ jwks: { keys: [] } })],
      ['no set', async (key) => ({ jwks: [key.jwk] })],
      ['no key in the set', async () => ({ jwks: { keys: ['x'] } })],
      ['two keys', async (key) => ({ jwks: { keys: [key.jwk, (await newDeviceKey()).jwk] } })],
      ['a private key', async (key) => ({ jwks: { keys: [await exportJWK(key.privateKey)] } })],
      [
        'a symmetric key',
        async () => ({ jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0' }] } }),
      ],
      [
        'a public key with a symmetric one inside',
        async (key) => ({ jwks: { keys: [{ ...key.jwk, k: 'c2VjcmV0' }] } }),
      ],
      ['a key for encryption', async (key) => ({ jwks: { keys: [{ ...key.jwk, use: 'enc' }] } })],
      ['an address of keys', async () => ({ jwks: undefined, jwks_uri: 'https://app.example.com/jwks' })],
      ['an address beside keys', async () => ({ jwks_uri: 'https://app.example.com/jwks' })],
      ['a name that is none', async () => ({ client_name: 7 })],
    ]
    it.each(refused)('DCR-03 %s: invalid_client_metadata', async (_what, changes) => {
      const body = metadataFor(device.key, await changes(device.key))
      expect(outcome(await register(device, permit, body))).toEqual([400, 'invalid_client_metadata'])
      expect((await register(device, permit)).statusCode).toBe(201)
    })

    it.each([
      [['http://app.example.com/back']],
      [['https://app.example.com/*']],
      [['https://app.example.com/back#x']],
      [['javascript:alert(1)']],
      [['https://good.example.com/back', '/back']],
      ['https://app.example.com/back'],
      [[7]],
    ])('DCR-03 redirect_uris %j: invalid_redirect_uri', async (redirect_uris) => {
      const body = metadataFor(device.key, { redirect_uris })
      expect(outcome(await register(device, permit, body))).toEqual([400, 'invalid_redirect_uri'])
    })

    it('DCR-03 null is as good as absent, and the method need not be said', async () => {
      const body = { jwks: { keys: [device.key.jwk] }, jwks_uri: null, redirect_uris: null, client_name: null }
      const answer = await register(device, permit, body)
      expect(answer.statusCode).toBe(201)
      expect(answer.json()).toMatchObject({ token_endpoint_auth_method: 'private_key_jwt' })
      expect(answer.json().client_name).toBe(answer.json().client_id)
    })

    it('DCR-03 what a browser exports is taken, and only its public members are kept', async () => {
      const exported = { ...device.key.jwk, kid: 'one', alg: 'ES256', use: 'sig', key_ops: ['verify'], ext: true }
      const answer = await register(device, permit, metadataFor(device.key, { jwks: { keys: [exported] } }))
      expect(answer.json().jwks.keys).toEqual([{ ...device.key.jwk, kid: 'one', alg: 'ES256', use: 'sig' }])
    })
  })

  describe('NEG-06 keys that are traps', () => {
    const big = async (modulusLength: number) =>
      exportJWK((await generateKeyPair('RS256', { modulusLength, extractable: true })).publicKey)
    it.each<[string, () => Promise<object>]>([
      [
        'RSA of more than 4096 bits',
        async () => ({ kty: 'RSA', e: 'AQAB', n: Buffer.alloc(640, 0xff).toString('base64url') }),
      ],
      ['RSA with the exponent 1', async () => ({ ...(await big(2048)), e: 'AQ' })],
      [
        'RSA with a huge exponent',
        async () => ({ ...(await big(2048)), e: Buffer.alloc(256, 0xff).toString('base64url') }),
      ],
      ['a point that is not on its curve', async () => ({ ...device.key.jwk, y: device.key.jwk.x })],
      ['a key whose members are objects', async () => ({ kty: 'EC', crv: 'P-256', x: { a: 1 }, y: [] })],
    ])('NEG-06 %s', async (_what, jwk) => {
      const body = metadataFor(device.key, { jwks: { keys: [await jwk()] } })
      expect(outcome(await register(device, permit, body))).toEqual([400, 'invalid_client_metadata'])
    })

    it('NEG-06 deep JSON and a token of more than 8 KiB', async () => {
      const deep = `{"client_name":${'['.repeat(30_000)}${']'.repeat(30_000)}}`
      expect(outcome(await register(device, permit, deep))).toEqual([400, 'invalid_request'])
      expect(outcome(await register(device, `${permit}${'A'.repeat(8192)}`))).toEqual([401, 'invalid_token'])
    })
  })

  describe('requests that nobody should send', () => {
    const send = (payload: string | Buffer, headers: Record<string, string> = {}) =>
      server.app.inject({
        method: 'POST',
        url: '/register',
        headers: { 'content-type': 'application/json', ...headers },
        payload,
      })

    it('NEG-01 a body of more than 64 KiB is 413, closed unread; a compressed one 415', async () => {
      const body = (size: number) => JSON.stringify({ x: '' }).replace('""', `"${'x'.repeat(size - 8)}"`)
      expect(body(65_536)).toHaveLength(65_536)
      expect((await send(body(65_536))).statusCode).toBe(401)
      expect(outcome(await send(body(65_537)))).toEqual([413, 'invalid_request'])
      expect(outcome(await send('{}', { 'content-encoding': 'gzip' }))).toEqual([415, 'invalid_request'])
      const head =
        'POST /register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n'
      const answer = await sendRaw(server.app, head, '{')
      expect(answer).toMatch(/^HTTP\/1\.1 413 /)
      expect(answer.toLowerCase()).toContain('connection: close')
    })

    it.each<[string, string | Buffer]>([
      ['a NUL', '{"client_name":"a\\u0000b"}'],
      ['a line break', '{"client_name":"a\\r\\nb"}'],
      ['a line break in a name', '{"a\\nb":1}'],
      ['one deep inside', '{"jwks":{"keys":[{"kid":"a\\nb"}]}}'],
      ['a lone surrogate', '{"client_name":"\\ud83d"}'],
      ['bad UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
      ['no object', '[]'],
      ['no JSON', 'client_name=x'],
      ['nothing', ''],
    ])('NEG-04 %s: invalid_request, and the log keeps its lines', async (_what, payload) => {
      const before = log.events().length
      expect(outcome(await send(payload))).toEqual([400, 'invalid_request'])
      expect(log.events().slice(before)).toEqual([])
    })

    it('NEG-04 a form is no JSON, whatever it says', async () => {
      for (const type of [
        'application/x-www-form-urlencoded',
        'text/plain',
        'application/jsonp',
        'application/json5',
      ]) {
        expect(outcome(await send('{}', { 'content-type': type }))).toEqual([400, 'invalid_request'])
      }
    })

    it('other methods are 405', async () => {
      for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'] as const) {
        const answer = await server.app.inject({ method, url: '/register' })
        expect([answer.statusCode, answer.headers['allow']]).toEqual([405, 'POST'])
      }
    })
  })

  describe('one permit, one device', () => {
    it('DCR-05 the same key again is the same client, with a new registration token in place of the old', async () => {
      const first = (await register(device, permit)).json()
      const second = await register(device, permit, metadataFor(device.key, { client_name: 'Another name' }))
      expect(second.statusCode).toBe(201)
      const { registration_access_token: newToken, ...again } = second.json()
      const { registration_access_token: oldToken, ...before } = first
      expect(again).toEqual(before)
      const read = (token: string) =>
        server.app.inject({ url: `/register/${first.client_id}`, headers: { authorization: `Bearer ${token}` } })
      expect((await read(oldToken)).statusCode).toBe(401)
      expect((await read(newToken)).statusCode).toBe(200)
      expect(await server.store.clients.byOwner(server.user.id)).toHaveLength(1)
    })

    it('DCR-05 a box that forgot everything but its key gets its client back with a new permit', async () => {
      const { client_id } = (await register(device, permit)).json()
      const another = (await linkWithKey(server, device, ENROL)).access_token
      expect((await register(device, another)).json().client_id).toBe(client_id)
    })

    it('DCR-05 a crash after the permit was consumed costs one more try', async () => {
      const { clients } = server.store
      const insert = clients.insert
      const failing: { insert: Table<never>['insert'] } = clients
      failing.insert = async () => {
        throw new Error('the plug was pulled')
      }
      expect((await register(device, permit)).statusCode).toBe(500)
      failing.insert = insert as typeof failing.insert
      expect((await register(device, permit)).statusCode).toBe(201)
      expect(await clients.byOwner(server.user.id)).toHaveLength(1)
    })

    it('DCR-05 twice at once: one client, and the token that came last works', async () => {
      await device.post('/token', { grant_type: 'client_credentials' })
      const answers = await Promise.all([1, 2, 3, 4].map(() => register(device, permit)))
      const ids = new Set(answers.map((answer) => answer.json().client_id))
      expect(answers.map((answer) => answer.statusCode)).toEqual([201, 201, 201, 201])
      expect(ids.size).toBe(1)
      const good = await Promise.all(
        answers.map(async (answer) => {
          const { registration_client_uri, registration_access_token } = answer.json()
          const url = registration_client_uri.slice(ISSUER.length)
          const headers = { authorization: `Bearer ${registration_access_token}` }
          return (await server.app.inject({ url, headers })).statusCode
        }),
      )
      expect(good.filter((status) => status === 200)).toHaveLength(1)
    })

    it('DCR-05 a device that was removed does not come back with the permit it had, but with a new one', async () => {
      const first = (await register(device, permit)).json()
      const headers = { authorization: `Bearer ${first.registration_access_token}` }
      const url = `/register/${first.client_id}`
      expect((await server.app.inject({ method: 'DELETE', url, headers })).statusCode).toBe(204)
      expect(outcome(await register(device, permit))).toEqual([401, 'invalid_token'])
      const another = (await linkWithKey(server, device, ENROL)).access_token
      const second = (await register(device, another)).json()
      expect(second.client_id).not.toBe(first.client_id)
      expect(outcome(await register(device, permit))).toEqual([201, undefined])
    })

    it('DCR-05 the link earns no further permit: not by refreshing, not by the key', async () => {
      const key = await newDeviceKey()
      const tool = await dpopClient(server, { key })
      const linked = await linkWithKey(server, tool, ENROL)
      expect((await register(tool, linked.access_token)).statusCode).toBe(201)
      const refreshed = await tool.post('/token', {
        grant_type: 'refresh_token',
        client_id: 'box',
        refresh_token: linked.refresh_token ?? '',
      })
      expect(outcome(refreshed)).toEqual([400, 'invalid_grant'])
    })

    it('DCR-05 a link for more than that goes on without it', async () => {
      const key = await newDeviceKey()
      const tool = await dpopClient(server, { key })
      const both = { client_id: 'box', scope: 'device:enroll library:read', resource: [ISSUER, LIBRARY] }
      const linked = await linkWithKey(server, tool, both)
      expect((await register(tool, linked.access_token)).statusCode).toBe(201)
      const refresh = { grant_type: 'refresh_token', client_id: 'box', refresh_token: linked.refresh_token ?? '' }
      expect(outcome(await tool.post('/token', { ...refresh, scope: 'device:enroll' }))).toEqual([400, 'invalid_scope'])
      const refreshed = await tool.post('/token', { ...refresh, resource: LIBRARY })
      expect([refreshed.statusCode, refreshed.json().scope]).toEqual([200, 'library:read'])
    })

    it('DCR-05 the owner is who allowed it; somebody else cannot take the key over', async () => {
      const { client_id } = (await register(device, permit)).json()
      expect((await server.store.clients.get(client_id))?.registration?.ownerId).toBe(server.user.id)
      const ben = await signedIn(server, 'ben@example.com')
      const theirs = (await linkWithKey(server, device, ENROL, ben)).access_token
      expect(outcome(await register(device, theirs))).toEqual([400, 'invalid_client_metadata'])
      expect((await server.store.clients.get(client_id))?.registration?.ownerId).toBe(server.user.id)
    })

    it('NEG-09 while its owner’s account is closed, a device gets nothing', async () => {
      const { client_id } = (await register(device, permit)).json()
      const close = async (changes: { readonly disabledAt?: number }) => {
        const { disabledAt: _before, ...user } = (await server.store.users.get(server.user.id)) ?? server.user
        await server.store.users.swap({ ...user, ...changes })
      }
      await close({ disabledAt: server.host.clock.now() })
      expect(outcome(await ownToken(server, device, client_id))).toEqual([400, 'unauthorized_client'])
      expect(outcome(await register(device, permit))).toEqual([401, 'invalid_token'])
      await close({})
      expect((await ownToken(server, device, client_id)).statusCode).toBe(200)
    })

    it('DCR-05 a device that was suspended does not let itself in again', async () => {
      const { client_id } = (await register(device, permit)).json()
      const record = await server.store.clients.get(client_id)
      if (record === undefined) throw new Error('no client')
      await server.store.clients.swap({ ...record, disabledAt: server.host.clock.now() })
      const another = (await linkWithKey(server, device, ENROL)).access_token
      expect(outcome(await register(device, another))).toEqual([400, 'invalid_client_metadata'])
      expect((await server.store.clients.get(client_id))?.disabledAt).toBeDefined()
    })
  })

  describe('DCR-08 names', () => {
    it.each([
      [' Hall\u202e   box\u0007\u200b ', 'Hall box'],
      ['x'.repeat(80), 'x'.repeat(64)],
      ['𠮷'.repeat(70), '𠮷'.repeat(64)],
      ['✅ Verified 🔒 box', 'Verified box'],
    ])('DCR-08 %j is shown as one short line', async (client_name, shown) => {
      expect((await register(device, permit, metadataFor(device.key, { client_name }))).json().client_name).toBe(shown)
    })
  })
})

describe('DCR-08 how many, and how fast', () => {
  it('DCR-08 a person owns so many devices; the next is 429 until one is gone', async () => {
    const server = await testServer({ config: enrolmentConfig({ devices_per_user: 2 }) })
    const enrol = async (email?: string) => {
      const device = await dpopClient(server)
      const browser = email === undefined ? undefined : await signedIn(server, email)
      const { access_token } = await linkWithKey(server, device, ENROL, browser)
      return { device, access_token, answer: await register(device, access_token) }
    }
    const first = await enrol()
    expect(first.answer.statusCode).toBe(201)
    expect((await enrol()).answer.statusCode).toBe(201)
    const { device, access_token, answer } = await enrol()
    expect([answer.statusCode, answer.json().error]).toEqual([429, 'temporarily_unavailable'])
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    // Neither those that are there nor other people suffer.
    expect((await register(first.device, first.access_token)).statusCode).toBe(201)
    expect((await enrol('ben@example.com')).answer.statusCode).toBe(201)
    const { client_id, registration_access_token } = (await register(first.device, first.access_token)).json()
    const headers = { authorization: `Bearer ${registration_access_token}` }
    await server.app.inject({ method: 'DELETE', url: `/register/${client_id}`, headers })
    expect((await register(device, access_token)).statusCode).toBe(201)
    await server.close()
  })

  it('DCR-08 twenty tries in ten minutes for one account', async () => {
    const host = fakeHost()
    const server = await testServer({ config: enrolmentConfig(), host })
    const device = await dpopClient(server)
    const permit = (await linkWithKey(server, device, ENROL)).access_token
    for (let tries = 0; tries < 20; tries++) {
      expect((await register(device, permit, '{}')).statusCode).toBe(400)
    }
    const answer = await register(device, permit)
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([429, '600'])
    const other = await dpopClient(server)
    const theirs = await linkWithKey(server, other, ENROL, await signedIn(server, 'ben@example.com'))
    expect((await register(other, theirs.access_token)).statusCode).toBe(201)
    await host.advance(10 * MINUTE)
    const again = (await linkWithKey(server, device, ENROL)).access_token
    expect((await register(device, again)).statusCode).toBe(201)
    await server.close()
  })
})

describe('whether devices may register at all', () => {
  const endpointOf = async (server: TestServer) =>
    (await server.app.inject('/.well-known/oauth-authorization-server')).json().registration_endpoint

  it.each([[undefined], [{ enabled: false }]])(
    'DCR-01 MET-07 registration %j: neither there nor told of',
    async (registration) => {
      const server = await testServer({ config: testConfig(registration === undefined ? {} : { registration }) })
      expect(await endpointOf(server)).toBeUndefined()
      const headers = { 'content-type': 'application/json' }
      for (const url of ['/register', '/register/dev_x']) {
        expect((await server.app.inject({ method: 'POST', url, headers, payload: '{}' })).statusCode).toBe(404)
        expect((await server.app.inject({ url })).statusCode).toBe(404)
      }
      await server.close()
    },
  )

  it('DCR-01 MET-07 told of in the metadata, its scope too', async () => {
    const server = await testServer({ config: enrolmentConfig() })
    expect(await endpointOf(server)).toBe(`${ISSUER}/register`)
    const metadata = (await server.app.inject('/.well-known/openid-configuration')).json()
    expect(metadata.scopes_supported).toContain('device:enroll')
    await server.close()
  })

  it('DCR-01 a person reads what they allow', async () => {
    const server = await testServer({ config: enrolmentConfig() })
    const device = await dpopClient(server)
    const { user_code } = (await device.post('/device_authorization', ENROL)).json()
    const browser = await signedIn(server, 'ana@example.com')
    const page = await browser.open(`/link?user_code=${user_code}`)
    expect(page.body).toContain('Set itself up as a device of yours')
    await server.close()
  })

  it('DCR-04 the configuration says so when an enrolled device would get what there is not', () => {
    expect(() => enrolmentConfig({ scope: 'library:read nothing:else' })).toThrow(
      'registration.scope: "nothing:else" is a scope of no API',
    )
    expect(() => enrolmentConfig({ scope: 'openid' })).toThrow('registration.scope: "openid" is a scope of no API')
    expect(() =>
      testConfig({ clients: [{ client_id: 'box', token_endpoint_auth_method: 'none', scope: 'device:enroll' }] }),
    ).toThrow('clients[0].scope: "device:enroll" is a scope of no API')
    expect(() => testConfig({ apis: [{ resource: LIBRARY, scopes: { 'device:enroll': 'x' } }] })).toThrow('reserved')
  })
})

import { createHash } from 'node:crypto'
import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import type { LightMyRequestResponse } from 'fastify'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createStoredClient } from '../support/stored-client.ts'
import {
  basic,
  ISSUER,
  LIBRARY,
  REPORTS,
  SECRETS,
  type TestServer,
  testConfig,
  testServer,
} from '../support/test-server.ts'

const REPORTS_BASIC = basic('reports', SECRETS.REPORTS_SECRET)
const ENDPOINTS = ['/token', '/device_authorization'] as const
const FORM = 'application/x-www-form-urlencoded'

const errorOf = (answer: LightMyRequestResponse) => [answer.statusCode, answer.json().error]

/** What every refusal of these endpoints must look like (RFC 6749 §5.1, §5.2). */
function expectProtocolError(answer: LightMyRequestResponse, status: number, error: string): void {
  expect(errorOf(answer)).toEqual([status, error])
  expect(answer.headers['content-type']).toMatch(/^application\/json/)
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(answer.headers['pragma']).toBe('no-cache')
  const { error_description: description } = answer.json()
  if (description !== undefined) expect(description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
}

describe('RFC 6749: the token endpoint', () => {
  let server: TestServer
  const credentials = (fields = {}, headers: Record<string, string> = REPORTS_BASIC) =>
    server.token({ grant_type: 'client_credentials', ...fields }, headers)
  const raw = (payload: string | Buffer, headers: Record<string, string> = {}, url = '/token') =>
    server.app.inject({ method: 'POST', url, payload, headers: { ...REPORTS_BASIC, ...headers } })

  beforeAll(async () => {
    server = await testServer()
  })
  afterAll(() => server.close())

  describe('the request', () => {
    it.each(ENDPOINTS)('TOK-01 DEV-01 %s takes POST alone', async (url) => {
      for (const method of ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'] as const) {
        const answer = await server.app.inject({
          method,
          url,
          ...(method === 'GET' || method === 'HEAD' ? {} : { payload: '{"grant_type":' }),
          headers: { 'content-type': 'application/json' },
        })
        expect([method, answer.statusCode, answer.headers.allow]).toEqual([method, 405, 'POST'])
      }
    })

    it('TOK-02 the body is a form, whatever the charset suffix', async () => {
      const body = 'grant_type=client_credentials'
      for (const type of [FORM, `${FORM}; charset=UTF-8`, `${FORM};charset=utf-8`]) {
        expect((await raw(body, { 'content-type': type })).statusCode).toBe(200)
      }
    })

    it.each([
      ['JSON', 'application/json', '{"grant_type":"client_credentials"}'],
      ['multipart', 'multipart/form-data; boundary=x', '--x--'],
      ['text', 'text/plain', 'grant_type=client_credentials'],
      ['a type that only begins like it', `${FORM}x`, 'grant_type=client_credentials'],
      ['a type that cannot be read', 'form', 'grant_type=client_credentials'],
    ])('TOK-02 DEV-01 %s is refused', async (_name, type, body) => {
      for (const url of ENDPOINTS) {
        expectProtocolError(await raw(body, { 'content-type': type }, url), 400, 'invalid_request')
      }
    })

    it('TOK-02 no Content-Type and no body are refused', async () => {
      expectProtocolError(await raw('grant_type=client_credentials'), 400, 'invalid_request')
      expectProtocolError(await server.app.inject({ method: 'POST', url: '/token' }), 400, 'invalid_request')
      expectProtocolError(await raw('', { 'content-type': FORM }), 400, 'invalid_request')
    })

    it.each(['grant_type', 'client_id', 'client_secret', 'scope', 'device_code', 'refresh_token'])(
      'TOK-03 %s sent twice is refused, the same value too',
      async (name) => {
        const fields = { grant_type: 'client_credentials', client_id: 'posted', client_secret: SECRETS.POSTED_SECRET }
        const value = { ...fields, scope: 'library:read' }[name] ?? 'x'
        const answer = await server.token({ ...fields, [name]: [value, value] })
        expectProtocolError(answer, 400, 'invalid_request')
      },
    )

    it.each(['client_id', 'scope', 'device_name'])(
      'TOK-03 DEV-01 %s twice is refused for a device too',
      async (name) => {
        const answer = await server.post('/device_authorization', { client_id: 'tv', [name]: ['tv', 'tv'] })
        expectProtocolError(answer, 400, 'invalid_request')
      },
    )

    it('TOK-03 an empty value counts as absent, an unknown parameter as nothing', async () => {
      const answer = await credentials({ scope: '', client_secret: '', resource: '', nonsense: ['1', '2'] })
      expect(answer.statusCode).toBe(200)
      expect(answer.json().scope).toBe('library:read')
      expectProtocolError(await server.token({ grant_type: '' }, REPORTS_BASIC), 400, 'invalid_request')
    })

    it.each(['client_secret', 'client_id', 'refresh_token', 'device_code', 'code', 'access_token'])(
      'TOK-04 %s in the query is refused',
      async (name) => {
        for (const url of ENDPOINTS) {
          const answer = await raw('grant_type=client_credentials', { 'content-type': FORM }, `${url}?${name}=x`)
          expectProtocolError(answer, 400, 'invalid_request')
        }
      },
    )

    it('TOK-04 nothing else is read from the query', async () => {
      const answer = await raw('', { 'content-type': FORM }, '/token?grant_type=client_credentials')
      expectProtocolError(answer, 400, 'invalid_request')
      const wide = await raw('grant_type=client_credentials', { 'content-type': FORM }, '/token?scope=reports:read')
      expect(wide.json().scope).toBe('library:read')
    })
  })

  describe('the answer', () => {
    it('TOK-05 TOK-06 success is JSON with an integer life and the scope, kept nowhere', async () => {
      for (const fields of [{}, { scope: 'library:read' }]) {
        const answer = await credentials(fields)
        expect(answer.statusCode).toBe(200)
        expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' })
        expect(answer.headers['content-type']).toMatch(/^application\/json/)
        expect(answer.json()).toEqual({
          access_token: expect.any(String),
          token_type: 'Bearer',
          expires_in: 3600,
          scope: 'library:read',
        })
      }
    })

    it('TOK-06 TOK-07 each error is JSON, kept nowhere, and echoes nothing', async () => {
      const hostile = '<script>alert("é\\")</script>'
      const answers = [
        await server.token({ grant_type: hostile }, REPORTS_BASIC),
        await server.token({ grant_type: 'client_credentials', scope: hostile }, REPORTS_BASIC),
        await server.token({ grant_type: 'client_credentials', resource: hostile }, REPORTS_BASIC),
        await server.token({ grant_type: 'client_credentials', client_id: hostile }),
        await server.token({ grant_type: DEVICE_CODE_GRANT, client_id: 'tv', device_code: hostile }),
        await server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token: hostile }),
        await server.post('/device_authorization', { client_id: 'tv', scope: hostile }),
      ]
      for (const answer of answers) {
        expectProtocolError(answer, answer.statusCode, answer.json().error)
        expect(answer.body).not.toMatch(/<|alert|é|\n/)
        expect(Object.keys(answer.json()).sort()).toEqual(['error', 'error_description'])
      }
    })

    it('TOK-07 what breaks inside is server_error, its text kept from the client', async () => {
      const broken = await testServer()
      broken.store.users.get = () => Promise.reject(new Error('secret table missing'))
      const { device_code: code, user_code: userCode } = await broken.start()
      const request = await broken.store.deviceRequests.get(createHash('sha256').update(code).digest('base64url'))
      if (request === undefined) throw new Error(`no request for ${userCode}`)
      const decision = { userId: broken.user.id, decidedAt: 0, authenticatedAt: 0, amr: ['pwd'] }
      await broken.store.deviceRequests.swap({ ...request, state: 'approved', decision })
      const answer = await broken.poll(code)
      expectProtocolError(answer, 500, 'server_error')
      expect(answer.body).not.toContain('table')
      await broken.close()
    })

    it('TOK-08 grant types: missing, unknown, forbidden for this client', async () => {
      expectProtocolError(await server.token({}, REPORTS_BASIC), 400, 'invalid_request')
      for (const grant_type of ['password', 'implicit', 'urn:example:nothing', 'constructor', '__proto__']) {
        const answer = await server.token({ grant_type, username: 'a', password: 'b' }, REPORTS_BASIC)
        expectProtocolError(answer, 400, 'unsupported_grant_type')
      }
      const refresh = await server.token({ grant_type: 'refresh_token', refresh_token: 'x' }, REPORTS_BASIC)
      expectProtocolError(refresh, 400, 'unauthorized_client')
    })

    it.each([
      ['unknown', 'library:burn'],
      ['malformed', 'library:read "x"'],
      ['outside ASCII', 'bibliothèque'],
      ["outside the client's list", 'library:write'],
      ['nothing but spaces', '  '],
    ])('TOK-09 DEV-01 a scope that is %s is invalid_scope', async (_name, scope) => {
      expectProtocolError(await credentials({ scope }), 400, 'invalid_scope')
      const device = { client_id: 'other-tv', scope }
      expectProtocolError(await server.post('/device_authorization', device), 400, 'invalid_scope')
    })

    it('TOK-09 without scope a client gets what it may have at its API', async () => {
      const { user_code, device_code } = await server.start()
      await server.decide(user_code, 'approve')
      const { scope } = (await server.poll(device_code)).json()
      expect(scope.split(' ').sort()).toEqual(
        ['openid', 'profile', 'email', 'offline_access', 'library:read', 'library:write'].sort(),
      )
    })

    it('TOK-10 who cannot prove who they are learns nothing of grants and scopes', async () => {
      const { device_code } = await server.start()
      const wrong = basic('reports', 'wrong')
      const device = { grant_type: DEVICE_CODE_GRANT, device_code }
      const bodies = [
        await server.token(device, wrong),
        await server.token({ ...device, device_code: 'unknown' }, wrong),
        await server.token({ grant_type: 'client_credentials', scope: 'unknown' }, wrong),
        await server.token({ grant_type: 'client_credentials', resource: 'unknown' }, wrong),
      ]
      expect(new Set(bodies.map((answer) => `${answer.statusCode} ${answer.body}`)).size).toBe(1)
      expectProtocolError(bodies[0] as LightMyRequestResponse, 401, 'invalid_client')
      // Parameters come before the client, the right to a grant before what was granted.
      expectProtocolError(await server.token({ grant_type: DEVICE_CODE_GRANT }, wrong), 400, 'invalid_request')
      expectProtocolError(await server.token(device, REPORTS_BASIC), 400, 'unauthorized_client')
    })
  })

  describe('client_credentials', () => {
    it('TOK-11 a public client may not, even if its entry says so', async () => {
      await createStoredClient(server, { id: 'public-robot', grantTypes: ['client_credentials'] })
      const answer = await server.token({ grant_type: 'client_credentials', client_id: 'public-robot' })
      expectProtocolError(answer, 400, 'unauthorized_client')
    })

    it('TOK-11 no refresh_token, no id_token, and no scope about a person', async () => {
      expect(Object.keys((await credentials()).json())).not.toContain('refresh_token')
      for (const scope of ['openid', 'library:read openid', 'profile', 'offline_access']) {
        expectProtocolError(await credentials({ scope }), 400, 'invalid_scope')
      }
    })
  })

  describe('client authentication', () => {
    const asBasic = (pair: string, scheme = 'Basic') => ({
      authorization: `${scheme} ${Buffer.from(pair).toString('base64')}`,
    })

    it('CLI-01 Basic splits at the first colon and decodes both halves as a form does', async () => {
      const secret = 'p:a+b c%é/0123456789012345678901234567890'
      await createStoredClient(server, { id: 'robot:1 +', secret, grantTypes: ['client_credentials'] })
      const encoded = new URLSearchParams([[`robot:1 +`, secret]]).toString().replace('=', ':')
      expect(encoded).toContain('robot%3A1+%2B:p%3Aa%2Bb+c%25')
      expect((await credentials({}, asBasic(encoded))).statusCode).toBe(200)
      // Percent signs for spaces do as well; a second colon is the secret's.
      expect(
        (await credentials({}, asBasic(`robot%3A1%20%2B:${secret.replace('+', '%2B').replace('%é', '%25%C3%A9')}`)))
          .statusCode,
      ).toBe(200)
      expectProtocolError(await credentials({}, asBasic(`robot:1 +:${secret}`)), 401, 'invalid_client')
    })

    it.each(['basic', 'BASIC', 'bAsIc'])('CLI-01 the scheme may be written %s', async (scheme) => {
      expect((await credentials({}, asBasic(`reports:${SECRETS.REPORTS_SECRET}`, scheme))).statusCode).toBe(200)
    })

    it('CLI-02 each client by its registered way only', async () => {
      const posted = { client_id: 'posted', client_secret: SECRETS.POSTED_SECRET }
      expect((await credentials(posted, {})).statusCode).toBe(200)
      const refused = [
        await credentials({}, basic('posted', SECRETS.POSTED_SECRET)),
        await credentials({ client_id: 'reports', client_secret: SECRETS.REPORTS_SECRET }, {}),
        await credentials({ client_id: 'reports' }, {}),
        await credentials({ client_id: 'posted' }, {}),
        await server.poll('x', { client_secret: 'anything' }),
        await server.token({ grant_type: DEVICE_CODE_GRANT, device_code: 'x' }, basic('tv', '')),
      ]
      for (const answer of refused) expectProtocolError(answer, 401, 'invalid_client')
    })

    it('CLI-02 DEV-01 device_authorization asks for the same proof', async () => {
      const posted = { client_id: 'posted', client_secret: SECRETS.POSTED_SECRET }
      expect((await server.post('/device_authorization', posted)).statusCode).toBe(200)
      for (const fields of [{ client_id: 'posted' }, { ...posted, client_secret: 'x' }, { client_id: 'nobody' }, {}]) {
        expectProtocolError(await server.post('/device_authorization', fields), 401, 'invalid_client')
      }
      const grantless = await server.post('/device_authorization', {}, REPORTS_BASIC)
      expectProtocolError(grantless, 400, 'unauthorized_client')
    })

    it('CLI-03 two ways at once are invalid_request; the same bare client_id beside Basic is fine', async () => {
      const both = await credentials({ client_id: 'reports', client_secret: SECRETS.REPORTS_SECRET })
      expectProtocolError(both, 400, 'invalid_request')
      expectProtocolError(await credentials({ client_id: 'posted' }), 400, 'invalid_request')
      expect((await credentials({ client_id: 'reports' })).statusCode).toBe(200)
    })

    it('CLI-04 unknown, disabled, wrong secret, wrong way: one answer, with a challenge', async () => {
      const secret = 'disabled-secret-disabled-secret-disabled'
      await createStoredClient(server, { id: 'closed', secret, grantTypes: ['client_credentials'], disabledAt: 1 })
      const answers = [
        await credentials({}, basic('nobody', secret)),
        await credentials({}, basic('closed', secret)),
        await credentials({}, basic('reports', 'wrong')),
        await credentials({}, basic('reports', '')),
        await credentials({}, basic('posted', SECRETS.POSTED_SECRET)),
        await credentials({}, {}),
      ]
      for (const answer of answers) {
        expectProtocolError(answer, 401, 'invalid_client')
        expect(answer.headers['www-authenticate']).toMatch(/^Basic realm="[^"]+"$/)
      }
      expect(new Set(answers.map(({ body }) => body)).size).toBe(1)
    })

    it('CLI-05 only a digest of a secret is kept', async () => {
      const everything = JSON.stringify(server.config.clients) + JSON.stringify(await server.store.clients.all())
      expect(everything).toContain('secretDigest')
      for (const secret of Object.values(SECRETS)) expect(everything).not.toContain(secret)
    })
  })

  describe('access tokens', () => {
    const keys = async () => (await server.app.inject('/jwks')).json() as JSONWebKeySet
    const verified = async (token: string, audience: string, typ: string) =>
      jwtVerify(token, createLocalJWKSet(await keys()), {
        issuer: ISSUER,
        audience,
        typ,
        currentDate: new Date(server.host.clock.now()),
      })

    it('JWT-01 JWT-05 a token of a client: header, claims, and the client as its subject', async () => {
      const { access_token } = (await credentials()).json()
      const { protectedHeader, payload } = await verified(access_token, LIBRARY, 'at+jwt')
      expect(protectedHeader).toEqual({ typ: 'at+jwt', alg: 'ES256', kid: expect.any(String) })
      const now = Math.floor(server.host.clock.now() / 1000)
      expect(payload).toEqual({
        iss: ISSUER,
        sub: 'reports',
        aud: LIBRARY,
        client_id: 'reports',
        iat: now,
        exp: now + 3600,
        jti: expect.stringMatching(/^[\w-]{22}$/),
        scope: 'library:read',
      })
    })

    it('JWT-01 no two tokens have the same jti', async () => {
      const ids = await Promise.all([1, 2, 3].map(async () => decodeJwt((await credentials()).json().access_token).jti))
      expect(new Set(ids).size).toBe(3)
    })

    it('JWT-02 JWT-04 JWT-05 a token of a person: ten minutes, how and when they signed in, also after a refresh', async () => {
      const signedInAt = Math.floor(server.host.clock.now() / 1000)
      const tokens = await server.link()
      await server.host.advance(90_000)
      const again = await server.token({
        grant_type: 'refresh_token',
        client_id: 'tv',
        refresh_token: tokens.refresh_token,
      })
      for (const token of [tokens.access_token, again.json().access_token]) {
        const { payload } = await verified(token, LIBRARY, 'at+jwt')
        expect(payload).toMatchObject({ sub: server.user.id, auth_time: signedInAt, amr: ['pwd'] })
        expect(Number(payload.exp) - Number(payload.iat)).toBe(600)
      }
      expect(server.user.id).toMatch(/^usr_/)
      expect(decodeJwt(again.json().access_token).iat).toBe(signedInAt + 90)
    })

    it('JWT-03 the audience is the API of the scopes; scopes of two APIs need two requests', async () => {
      expect(decodeJwt((await credentials({ scope: 'reports:read' })).json().access_token).aud).toBe(REPORTS)
      expect(decodeJwt((await credentials({ scope: 'library:read' })).json().access_token).aud).toBe(LIBRARY)
      expectProtocolError(await credentials({ scope: 'library:read reports:read' }), 400, 'invalid_scope')
      expectProtocolError(await credentials({ scope: 'reports:read', resource: LIBRARY }), 400, 'invalid_scope')
    })

    it('JWT-03 without any API the audience is the issuer, never empty and never the client', async () => {
      const open = { token_endpoint_auth_method: 'none', dpop_bound_access_tokens: false }
      const clients = [{ client_id: 'tv', scope: 'openid', ...open }]
      const bare = await testServer({ config: await testConfig({ apis: [], clients }) })
      expect(decodeJwt((await bare.link()).access_token).aud).toBe(ISSUER)
      await bare.close()
    })

    it('JWT-07 resource names the API; unknown, relative or with a fragment: invalid_target', async () => {
      const named = await credentials({ resource: REPORTS })
      expect(decodeJwt(named.json().access_token)).toMatchObject({ aud: REPORTS, scope: 'reports:read' })
      for (const resource of ['https://unknown.example.com', '/library', `${LIBRARY}#x`, 'reports']) {
        expectProtocolError(await credentials({ resource }), 400, 'invalid_target')
        const device = { client_id: 'tv', resource }
        expectProtocolError(await server.post('/device_authorization', device), 400, 'invalid_target')
      }
      expectProtocolError(await credentials({ resource: [LIBRARY, REPORTS] }), 400, 'invalid_target')
    })

    it('JWT-07 a device may ask for several; each token is for one of them, and no request widens the grant', async () => {
      const scope = 'library:read reports:read offline_access'
      const tokens = await server.link({ resource: [LIBRARY, REPORTS], scope })
      expect(decodeJwt(tokens.access_token)).toMatchObject({ aud: LIBRARY, scope: 'library:read offline_access' })
      const refresh = (refresh_token: string, fields = {}) =>
        server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token, ...fields })
      const other = await refresh(tokens.refresh_token, { resource: REPORTS })
      expect(decodeJwt(other.json().access_token)).toMatchObject({ aud: REPORTS, scope: 'reports:read offline_access' })

      const narrow = await server.link({ scope: 'library:read' })
      expectProtocolError(await refresh(narrow.refresh_token, { resource: REPORTS }), 400, 'invalid_target')
    })

    it('KEY-01 the key set holds public members only, each key with a kid, use and alg', async () => {
      const answer = await server.app.inject('/jwks')
      expect(answer.headers['cache-control']).toMatch(/max-age=\d+/)
      const { keys: listed } = answer.json() as JSONWebKeySet
      expect(listed.map((key) => [key.alg, key.kty, key.use]).sort()).toEqual([
        ['ES256', 'EC', 'sig'],
        ['EdDSA', 'OKP', 'sig'],
        ['RS256', 'RSA', 'sig'],
      ])
      for (const key of listed) {
        const extra = { EC: ['crv', 'x', 'y'], OKP: ['crv', 'x'], RSA: ['n', 'e'] }[String(key.kty)] ?? []
        expect(Object.keys(key).sort()).toEqual(['kty', ...extra, 'kid', 'use', 'alg'].sort())
      }
      expect(new Set(listed.map((key) => key.kid)).size).toBe(listed.length)
    })

    it('OI-01 OI-02 OI-03 an id_token comes with openid, and says who, for whom, since when', async () => {
      const tokens = await server.link({ scope: 'openid library:read' })
      const { payload, protectedHeader } = await verified(tokens.id_token ?? '', 'tv', 'JWT')
      const now = Math.floor(server.host.clock.now() / 1000)
      expect(protectedHeader.alg).toBe('RS256')
      const half = createHash('sha256').update(tokens.access_token).digest().subarray(0, 16)
      expect(payload).toEqual({
        iss: ISSUER,
        sub: server.user.id,
        aud: 'tv',
        iat: now,
        exp: expect.any(Number),
        auth_time: now,
        amr: ['pwd'],
        at_hash: half.toString('base64url'),
      })
      expect(Number(payload.exp)).toBeGreaterThan(now)
      expect(decodeProtectedHeader(tokens.access_token).typ).toBe('at+jwt')
    })

    it('OI-01 no openid, no id_token, at the device and at the refresh', async () => {
      const tokens = await server.link({ scope: 'library:read' })
      expect(tokens.id_token).toBeUndefined()
      const fields = { grant_type: 'refresh_token', client_id: 'tv', refresh_token: tokens.refresh_token }
      const again = (await server.token(fields)).json()
      expect(again.id_token).toBeUndefined()
      // A refresh that asks for less of an openid grant gets less, too.
      const full = await server.link({ scope: 'openid library:read' })
      const less = await server.token({ ...fields, refresh_token: full.refresh_token, scope: 'library:read' })
      expect(less.json().id_token).toBeUndefined()
    })
  })
})

import { generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { StoreUnavailable } from '../../server/src/oauth/store.ts'
import { familyOf, revoke } from '../../server/src/oauth/tokens/token-family.ts'
import { dpopClient } from '../support/dpop-client.ts'
import { createStoredClient } from '../support/stored-client.ts'
import { basic, ISSUER, LIBRARY, REPORTS, SECRETS, type TestServer, testServer } from '../support/test-server.ts'
import { approve, as, linkFor, setDisabled, tokenConfig } from '../support/token-clients.ts'

const INACTIVE = '{"active":false}'
const DAY = 24 * 60 * 60 * 1000

describe('RFC 7662: introspection', () => {
  let server: TestServer
  const ask = (token: string, caller: Readonly<Record<string, string>> = as('library-api'), fields = {}) =>
    server.post('/introspect', { token, ...fields }, caller)
  const about = async (token: string, caller?: Readonly<Record<string, string>>) => (await ask(token, caller)).json()
  const robotToken = async (scope = 'library:read') =>
    (await server.token({ grant_type: 'client_credentials', scope }, as('robot'))).json().access_token
  const now = () => Math.floor(server.host.clock.now() / 1000)
  const refresh = (refresh_token: string, fields = {}) =>
    server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token, ...fields })

  beforeAll(async () => {
    server = await testServer({ config: tokenConfig() })
  })
  afterAll(() => server.close())

  describe('who asks', () => {
    it('INT-01 takes POST alone, and a form with a token', async () => {
      for (const method of ['GET', 'PUT', 'DELETE'] as const) {
        const answer = await server.app.inject({ method, url: '/introspect', headers: as('library-api') })
        expect([answer.statusCode, answer.headers.allow]).toEqual([405, 'POST'])
      }
      const empty = await server.post('/introspect', {}, as('library-api'))
      expect([empty.statusCode, empty.json().error]).toEqual([400, 'invalid_request'])
      const twice = await server.post('/introspect', { token: ['a', 'b'] }, as('library-api'))
      expect([twice.statusCode, twice.json().error]).toEqual([400, 'invalid_request'])
    })

    it('INT-01 who cannot prove to be anybody learns nothing: 401, public clients as well', async () => {
      const { access_token } = await linkFor(server, { client_id: 'tv' })
      const secret = SECRETS.REPORTS_SECRET
      await createStoredClient(server, { id: 'closed-api', secret, grantTypes: ['client_credentials'], disabledAt: 1 })
      const answers = [
        await ask(access_token, {}),
        await ask(access_token, basic('library-api', 'wrong')),
        await ask(access_token, basic('nobody', secret)),
        await ask(access_token, basic('closed-api', secret)),
        await ask(access_token, {}, { client_id: 'tv' }),
        await ask(access_token, { authorization: `Bearer ${access_token}` }),
      ]
      for (const answer of answers) {
        expect([answer.statusCode, answer.json().error]).toEqual([401, 'invalid_client'])
        expect(answer.headers['www-authenticate']).toMatch(/^Basic /)
        expect(answer.body).not.toContain('active')
      }
    })

    it.each(['refresh_token', 'access_token', 'nonsense', ''])(
      'INT-01 the hint "%s" leads nowhere wrong',
      async (token_type_hint) => {
        const tokens = await linkFor(server, {}, { headers: as('kiosk') })
        const opaque = await robotToken('reports:read')
        expect((await ask(tokens.access_token, as('kiosk'), { token_type_hint })).json().active).toBe(true)
        expect((await ask(tokens.refresh_token, as('kiosk'), { token_type_hint })).json().active).toBe(true)
        expect((await ask(opaque, as('reports-api'), { token_type_hint })).json().active).toBe(true)
      },
    )
  })

  describe('what is told', () => {
    it('INT-02 of a person’s token, to the API that it is for', async () => {
      const { access_token } = await linkFor(server, { client_id: 'tv', scope: 'openid library:read' })
      const answer = await ask(access_token)
      expect(answer.headers['cache-control']).toBe('no-store')
      expect(answer.headers['content-type']).toMatch(/^application\/json/)
      expect(answer.json()).toEqual({
        active: true,
        token_type: 'Bearer',
        scope: 'openid library:read',
        client_id: 'tv',
        sub: server.user.id,
        aud: LIBRARY,
        iss: ISSUER,
        jti: expect.any(String),
        iat: now(),
        exp: now() + 600,
        auth_time: now(),
        amr: ['pwd'],
      })
    })

    it('INT-02 of a client’s own token', async () => {
      expect(await about(await robotToken())).toEqual({
        active: true,
        token_type: 'Bearer',
        scope: 'library:read',
        client_id: 'robot',
        sub: 'robot',
        aud: LIBRARY,
        iss: ISSUER,
        jti: expect.any(String),
        iat: now(),
        exp: now() + 3600,
      })
    })

    it('INT-02 an opaque token means what a JWT would have said, and is kept as a digest alone', async () => {
      const fields = { client_id: 'tv', scope: 'openid offline_access reports:read' }
      const { access_token } = await linkFor(server, fields)
      expect(access_token).toMatch(/^lk_at_[\w-]{43}$/)
      expect(await about(access_token, as('reports-api'))).toEqual({
        active: true,
        token_type: 'Bearer',
        scope: 'openid offline_access reports:read',
        client_id: 'tv',
        sub: server.user.id,
        aud: REPORTS,
        iss: ISSUER,
        jti: expect.any(String),
        iat: now(),
        exp: now() + 600,
        auth_time: now(),
        amr: ['pwd'],
      })
      expect(await server.store.opaqueTokens.get(access_token)).toBeUndefined()
    })

    it('DP-05 INT-02 of a bound token: its key, and the type DPoP, from the first one on', async () => {
      const client = await dpopClient(server)
      for (const [scope, api] of [
        ['library:read', 'library-api'],
        ['reports:read', 'reports-api'],
      ] as const) {
        const tokens = await linkFor(server, { client_id: 'bound-tv', scope }, { post: client.post })
        const again = await client.post('/token', {
          grant_type: 'refresh_token',
          client_id: 'bound-tv',
          refresh_token: tokens.refresh_token,
        })
        for (const { access_token, token_type } of [tokens, again.json()]) {
          expect(token_type).toBe('DPoP')
          expect(await about(access_token, as(api))).toMatchObject({ token_type: 'DPoP', cnf: { jkt: client.key.jkt } })
        }
      }
    })

    it('INT-02 a client hears of its own tokens; another API of none', async () => {
      const tokens = await linkFor(server, { scope: 'library:read offline_access' }, { headers: as('kiosk') })
      expect(await about(tokens.access_token, as('kiosk'))).toMatchObject({ active: true, client_id: 'kiosk' })
      expect((await ask(tokens.access_token, as('reports-api'))).body).toBe(INACTIVE)
      expect((await ask(await robotToken('reports:read'), as('library-api'))).body).toBe(INACTIVE)
      expect((await ask(await robotToken(), as('kiosk'))).body).toBe(INACTIVE)
    })

    it('INT-02 of a refresh token its client alone hears, and nothing that an API would take it for', async () => {
      const { refresh_token } = await linkFor(server, { scope: 'library:read' }, { headers: as('kiosk') })
      expect(await about(refresh_token, as('kiosk'))).toEqual({
        active: true,
        scope: 'library:read',
        client_id: 'kiosk',
        sub: server.user.id,
        iss: ISSUER,
        iat: now(),
        exp: now() + 90 * 24 * 60 * 60,
        auth_time: now(),
      })
      for (const other of ['library-api', 'robot']) expect((await ask(refresh_token, as(other))).body).toBe(INACTIVE)
    })

    it('INT-02 a refresh token that was used is good no more; its successor is', async () => {
      const { refresh_token } = await linkFor(server, {}, { headers: as('kiosk') })
      const next = await server.token({ grant_type: 'refresh_token', refresh_token }, as('kiosk'))
      expect((await ask(refresh_token, as('kiosk'))).body).toBe(INACTIVE)
      expect(await about(next.json().refresh_token, as('kiosk'))).toMatchObject({ active: true })
      const handleAlone = refresh_token.slice(0, 22) + 'a'.repeat(47)
      expect((await ask(handleAlone, as('kiosk'))).body).toBe(INACTIVE)
    })

    it('INT-02 a device_code is nobody’s to ask about, waiting or approved', async () => {
      const { device_code } = (await server.post('/device_authorization', {}, as('kiosk'))).json()
      expect((await ask(device_code, as('kiosk'))).body).toBe(INACTIVE)
      await approve(server, device_code)
      for (const caller of ['kiosk', 'library-api']) expect((await ask(device_code, as(caller))).body).toBe(INACTIVE)
    })
  })

  describe('what is not active', () => {
    it('INT-03 unknown, malformed, changed, or signed by others', async () => {
      const { access_token, id_token = '' } = await linkFor(server, {
        client_id: 'other-tv',
        scope: 'openid library:read',
      })
      const [header, payload, signature] = access_token.split('.')
      const { privateKey } = await generateKeyPair('ES256')
      const claims = {
        iss: ISSUER,
        sub: 'robot',
        aud: LIBRARY,
        client_id: 'robot',
        iat: now(),
        exp: now() + 60,
        jti: 'x',
      }
      const kid = JSON.parse(Buffer.from(header ?? '', 'base64url').toString()).kid
      const forged = (head: object) =>
        new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...head }).sign(privateKey)
      const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt', kid })).toString('base64url')
      const wrong = [
        'x',
        'lk_at_',
        `lk_at_${'a'.repeat(43)}`,
        'a'.repeat(69),
        '..',
        'é',
        'a'.repeat(8192),
        `${none}.${payload}.`,
        `${none}.${payload}.${signature}`,
        `${header}.${payload}`,
        `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`,
        await forged({ kid }),
        await forged({ kid: 'unknown' }),
        await forged({}),
        await forged({ kid: '__proto__' }),
        id_token,
      ]
      for (const token of wrong) {
        const answer = await ask(token)
        expect([token, answer.statusCode, answer.body]).toEqual([token, 200, INACTIVE])
      }
      expect(await about(access_token)).toMatchObject({ active: true })
    })

    it('INT-03 run out, to the second, also when it was asked about before', async () => {
      const [jwt, opaque] = [await robotToken(), await robotToken('reports:read')]
      const both = async () => [(await about(jwt)).active, (await about(opaque, as('reports-api'))).active]
      await server.host.advance(3_599_000)
      expect(await both()).toEqual([true, true])
      await server.host.advance(1_000)
      expect(await both()).toEqual([false, false])
      expect((await ask(jwt)).body).toBe(INACTIVE)
    })

    it('INT-03 revoked by itself: at once, and the link goes on', async () => {
      for (const [scope, api] of [
        ['library:read', 'library-api'],
        ['reports:read', 'reports-api'],
      ] as const) {
        const tokens = await linkFor(server, { client_id: 'tv', scope })
        expect(await about(tokens.access_token, as(api))).toMatchObject({ active: true })
        await server.post('/revoke', { client_id: 'tv', token: tokens.access_token })
        expect((await ask(tokens.access_token, as(api))).body).toBe(INACTIVE)
        const next = (await refresh(tokens.refresh_token)).json()
        expect(await about(next.access_token, as(api))).toMatchObject({ active: true })
      }
    })

    it('INT-03 REV-03 whose link was ended: with every token that it ever gave', async () => {
      const tokens = await linkFor(server, { client_id: 'tv', resource: [LIBRARY, REPORTS] })
      const other = (await refresh(tokens.refresh_token, { resource: REPORTS })).json()
      expect(await about(other.access_token, as('reports-api'))).toMatchObject({ active: true })
      const family = await server.store.families.get(familyOf(tokens.refresh_token) ?? '')
      if (family === undefined) throw new Error('no family')
      await server.store.families.swap(revoke(family, server.host.clock.now()))
      expect((await ask(tokens.access_token)).body).toBe(INACTIVE)
      expect((await ask(other.access_token, as('reports-api'))).body).toBe(INACTIVE)
    })

    it('INT-03 NEG-09 whose account or client was closed, for as long as it is', async () => {
      const tokens = await linkFor(server, {}, { headers: as('kiosk') })
      await setDisabled(server, true)
      expect((await ask(tokens.access_token)).body).toBe(INACTIVE)
      expect((await ask(tokens.refresh_token, as('kiosk'))).body).toBe(INACTIVE)
      await setDisabled(server, false)
      expect(await about(tokens.access_token)).toMatchObject({ active: true })

      const client = await createStoredClient(server, {
        id: 'hired-robot',
        secret: SECRETS.REPORTS_SECRET,
        grantTypes: ['client_credentials'],
      })
      const credentials = await server.token({ grant_type: 'client_credentials' }, as('hired-robot'))
      const { access_token } = credentials.json()
      expect(await about(access_token)).toMatchObject({ active: true })
      await server.store.clients.swap({ ...client, disabledAt: server.host.clock.now() })
      expect((await ask(access_token)).body).toBe(INACTIVE)
    })

    it('INT-03 whose link has reached its end, though the token itself has not', async () => {
      const limits = { user_token_seconds: 86_400, refresh_absolute_days: 1 }
      const short = await testServer({ config: tokenConfig({ limits }) })
      const { refresh_token } = await linkFor(short, { client_id: 'tv' })
      await short.host.advance(DAY - 1000)
      const fields = { grant_type: 'refresh_token', client_id: 'tv', refresh_token }
      const { access_token } = (await short.token(fields)).json()
      const seen = async () => (await short.post('/introspect', { token: access_token }, as('library-api'))).json()
      expect(await seen()).toMatchObject({ active: true })
      await short.host.advance(1000)
      expect(await seen()).toEqual({ active: false })
      await short.close()
    })

    it('INT-03 nobody can tell while the database is away: 503, never a guess, also for a token seen before', async () => {
      const { access_token } = await linkFor(server, { client_id: 'tv' })
      expect(await about(access_token)).toMatchObject({ active: true })
      const { get } = server.store.families
      server.store.families.get = () => Promise.reject(new StoreUnavailable())
      const answer = await ask(access_token)
      server.store.families.get = get
      expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1'])
      expect(answer.body).not.toContain('active')
    })
  })
})

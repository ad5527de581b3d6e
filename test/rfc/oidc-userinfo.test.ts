import type { LightMyRequestResponse } from 'fastify'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { StoreUnavailable } from '../../server/src/oauth/store.ts'
import { dpopClient } from '../support/dpop-client.ts'
import { EMAIL, ISSUER, type TestServer, testServer } from '../support/test-server.ts'
import { as, linkFor, setDisabled, tokenConfig } from '../support/token-clients.ts'

const URL_OF = `${ISSUER}/userinfo`

describe('OpenID Connect Core §5.3: userinfo', () => {
  let server: TestServer
  const inject = (authorization: string | undefined, options: Record<string, unknown> = {}) =>
    server.app.inject({
      method: 'GET',
      url: '/userinfo',
      ...options,
      headers: { ...(authorization === undefined ? {} : { authorization }), ...(options['headers'] ?? {}) },
    })
  const get = (token: string) => inject(`Bearer ${token}`)
  /** Status, then what stands in the challenge: the scheme of the first, and its error. */
  const refusal = ({ statusCode, headers }: LightMyRequestResponse) => {
    const challenge = String(headers['www-authenticate'])
    return [statusCode, challenge.split(' ')[0], /error="([^"]*)"/.exec(challenge)?.[1]]
  }

  beforeAll(async () => {
    server = await testServer({ config: tokenConfig() })
  })
  afterAll(() => server.close())

  describe('claims', () => {
    it.each([
      ['openid', {}],
      ['openid profile', { name: 'Ana' }],
      ['openid email', { email: EMAIL, email_verified: false }],
      ['openid profile email library:read', { name: 'Ana', email: EMAIL, email_verified: false }],
    ])('OI-05 for "%s"', async (scope, claims) => {
      const { access_token, id_token = '' } = await linkFor(server, { client_id: 'tv', scope })
      const answer = await get(access_token)
      expect(answer.statusCode).toBe(200)
      expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' })
      expect(answer.headers['content-type']).toMatch(/^application\/json/)
      expect(answer.json()).toEqual({ sub: server.user.id, ...claims })
      expect(decodeJwt(id_token)).toMatchObject(answer.json())
    })

    it('OI-05 by POST as well, with an empty form or with none', async () => {
      const { access_token } = await linkFor(server, { client_id: 'tv', scope: 'openid profile' })
      const type = { 'content-type': 'application/x-www-form-urlencoded' }
      for (const more of [{}, { headers: type }, { headers: type, payload: 'nothing=here' }]) {
        const answer = await inject(`Bearer ${access_token}`, { method: 'POST', ...more })
        expect([answer.statusCode, answer.json()]).toEqual([200, { sub: server.user.id, name: 'Ana' }])
      }
      const other = await inject(`Bearer ${access_token}`, { method: 'DELETE' })
      expect([other.statusCode, other.headers.allow]).toEqual([405, 'GET, POST'])
    })

    it('OI-05 with an opaque token, after a refresh, and as people are called now', async () => {
      const { refresh_token } = await linkFor(server, { client_id: 'tv', scope: 'openid profile reports:read' })
      const again = await server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token })
      const user = await server.store.users.get(server.user.id)
      if (user === undefined) throw new Error('no user')
      await server.store.users.swap({ ...user, name: 'Ana María' })
      expect(again.json().access_token).toMatch(/^lk_at_/)
      expect((await get(again.json().access_token)).json()).toEqual({ sub: server.user.id, name: 'Ana María' })
      await server.store.users.swap({ ...user, version: user.version + 1 })
    })
  })

  describe('refusals', () => {
    it('OI-05 API-02 no credentials, or of no kind that is known here: a challenge without error', async () => {
      for (const header of [undefined, 'Basic dHY6', 'Bearing x', 'token']) {
        const answer = await inject(header)
        expect(refusal(answer)).toEqual([401, 'Bearer', undefined])
        expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="latchkey", DPoP algs="ES256 [^"]*"$/)
        expect(answer.body).toBe('')
      }
    })

    it('OI-05 API-03 unknown, run out, revoked, or no access token at all: invalid_token', async () => {
      const old = await linkFor(server, { client_id: 'tv', scope: 'openid' })
      await server.host.advance(600_000)
      const tokens = await linkFor(server, { client_id: 'tv', scope: 'openid offline_access' })
      const revoked = await linkFor(server, { client_id: 'tv', scope: 'openid' })
      await server.post('/revoke', { client_id: 'tv', token: revoked.access_token })
      const ended = await linkFor(server, { client_id: 'tv', scope: 'openid' })
      await server.post('/revoke', { client_id: 'tv', token: ended.refresh_token })
      const wrong = [
        ...['x', `lk_at_${'a'.repeat(43)}`, 'a'.repeat(8193), tokens.refresh_token, tokens.id_token ?? ''],
        ...[old.access_token, revoked.access_token, ended.access_token],
      ]
      for (const token of wrong) {
        const answer = await get(token)
        expect([token.slice(0, 20), ...refusal(answer)]).toEqual([token.slice(0, 20), 401, 'Bearer', 'invalid_token'])
        expect(answer.json().error).toBe('invalid_token')
      }
      expect((await get(tokens.access_token)).statusCode).toBe(200)
    })

    it('OI-05 NEG-09 the account was closed', async () => {
      const { access_token } = await linkFor(server, { client_id: 'tv', scope: 'openid' })
      await setDisabled(server, true)
      expect(refusal(await get(access_token))).toEqual([401, 'Bearer', 'invalid_token'])
      await setDisabled(server, false)
      expect((await get(access_token)).statusCode).toBe(200)
    })

    it('OI-05 API-03 without openid, and of a client without a person: insufficient_scope, with the scope', async () => {
      const { access_token } = await linkFor(server, { client_id: 'tv', scope: 'profile library:read' })
      const robot = (
        await server.token({ grant_type: 'client_credentials', scope: 'library:read' }, as('robot'))
      ).json()
      for (const token of [access_token, robot.access_token]) {
        const answer = await get(token)
        expect(refusal(answer)).toEqual([403, 'Bearer', 'insufficient_scope'])
        expect(answer.headers['www-authenticate']).toContain('scope="openid"')
      }
    })

    it('OI-05 API-01 API-03 a token in query or form, or a header that cannot be read: invalid_request', async () => {
      const { access_token } = await linkFor(server, { client_id: 'tv', scope: 'openid' })
      const form = { 'content-type': 'application/x-www-form-urlencoded' }
      const payload = `access_token=${access_token}`
      const header = `Bearer ${access_token}`
      const answers = [
        await inject(header, { url: `/userinfo?access_token=${access_token}` }),
        await inject(header, { method: 'POST', headers: form, payload }),
        await inject(header, { method: 'POST', url: `/userinfo?access_token=x` }),
        await inject('Bearer'),
        await inject('Bearer '),
        await inject(`Bearer ${access_token} x`),
        await inject('Bearer "x"'),
      ]
      for (const answer of answers) expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_request'])
      // Without a header these are no credentials at all.
      const alone = [
        await inject(undefined, { url: `/userinfo?access_token=${access_token}` }),
        await inject(undefined, { method: 'POST', headers: form, payload }),
      ]
      for (const answer of alone) expect(refusal(answer)).toEqual([401, 'Bearer', undefined])
    })

    it('OI-05 nobody can tell while the database is away: 503, and no challenge that would make a client drop its token', async () => {
      const { access_token } = await linkFor(server, { client_id: 'tv', scope: 'openid' })
      const { get: find } = server.store.users
      server.store.users.get = () => Promise.reject(new StoreUnavailable())
      const answer = await get(access_token)
      server.store.users.get = find
      expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1'])
      expect(answer.headers['www-authenticate']).toBeUndefined()
    })
  })

  describe('with a key', () => {
    const bound = async () => {
      const client = await dpopClient(server)
      const { access_token } = await linkFor(server, { client_id: 'bound-tv', scope: 'openid' }, { post: client.post })
      return { client, token: access_token }
    }

    it('OI-05 API-07 a bound token and a proof of its key, by GET and by POST', async () => {
      const { client, token } = await bound()
      for (const method of ['GET', 'POST'] as const) {
        const answer = await client.send({ method, path: '/userinfo', accessToken: token })
        expect([answer.statusCode, answer.json()]).toEqual([200, { sub: server.user.id }])
        expect(answer.headers['dpop-nonce']).toMatch(/^[\w-]{43}$/)
      }
    })

    it('OI-05 API-06 a bound token as Bearer is refused, and told of DPoP; an unbound one as DPoP too', async () => {
      const { client, token } = await bound()
      const stolen = await get(token)
      expect(refusal(stolen)).toEqual([401, 'Bearer', 'invalid_token'])
      expect(stolen.headers['www-authenticate']).toMatch(/, DPoP algs="/)
      const proven = await inject(`Bearer ${token}`, {
        headers: { dpop: await client.proof({ htm: 'GET', htu: URL_OF, accessToken: token }) },
      })
      expect(refusal(proven)).toEqual([401, 'Bearer', 'invalid_token'])

      const { access_token: unbound } = await linkFor(server, { client_id: 'tv', scope: 'openid' })
      const answer = await client.send({ method: 'GET', path: '/userinfo', accessToken: unbound })
      expect(refusal(answer)).toEqual([401, 'DPoP', 'invalid_token'])
    })

    it('OI-05 API-07 no proof, one by another key, for another token, method or address, or for a second time', async () => {
      const { client, token } = await bound()
      const thief = await dpopClient(server)
      // Both have a nonce that is good.
      for (const someone of [client, thief])
        await someone.post('/token', { grant_type: 'refresh_token', refresh_token: 'x', client_id: 'tv' })
      const proof = { htm: 'GET', htu: URL_OF, accessToken: token }
      const send = (dpop: string) => inject(`DPoP ${token}`, { headers: { dpop } })
      const none = await inject(`DPoP ${token}`)
      expect(refusal(none)).toEqual([401, 'DPoP', 'invalid_dpop_proof'])
      expect(none.headers['www-authenticate']).toMatch(/algs="ES256 /)

      expect(refusal(await send(await thief.proof(proof)))).toEqual([401, 'DPoP', 'invalid_token'])
      const wrong = [{ accessToken: 'x' }, { htm: 'POST' }, { htu: `${ISSUER}/token` }]
      for (const change of wrong) {
        const answer = await send(await client.proof({ ...proof, ...change }))
        expect(refusal(answer)).toEqual([401, 'DPoP', 'invalid_dpop_proof'])
      }
      const good = await client.proof(proof)
      expect((await send(good)).statusCode).toBe(200)
      expect(refusal(await send(good))).toEqual([401, 'DPoP', 'invalid_dpop_proof'])
    })

    it('OI-05 API-07 a nonce that is missing or old: 401, and the one to use', async () => {
      const { client, token } = await bound()
      const answer = await inject(`DPoP ${token}`, {
        headers: { dpop: await client.proof({ htm: 'GET', htu: URL_OF, accessToken: token, nonce: 'old' }) },
      })
      expect(refusal(answer)).toEqual([401, 'DPoP', 'use_dpop_nonce'])
      expect(answer.headers['dpop-nonce']).toMatch(/^[\w-]{43}$/)
      expect(answer.json().error).toBe('use_dpop_nonce')
    })
  })

  describe('pairwise subjects', () => {
    const subjectsOf = async (clientId: string, headers?: Readonly<Record<string, string>>) => {
      const fields =
        headers === undefined ? { client_id: clientId, scope: 'openid library:read' } : { scope: 'openid library:read' }
      const tokens = await linkFor(server, fields, headers === undefined ? {} : { headers })
      const { access_token, id_token = '' } = tokens
      const told = (await server.post('/introspect', { token: access_token }, as('library-api'))).json()
      return [decodeJwt(id_token).sub, (await get(access_token)).json().sub, decodeJwt(access_token).sub, told.sub]
    }

    it('OI-04 OI-05 one subject in id_token, userinfo, access token and introspection: the same at every link', async () => {
      const subjects = new Set([...(await subjectsOf('shop-tv')), ...(await subjectsOf('shop-tv'))])
      expect(subjects.size).toBe(1)
      const [subject = ''] = subjects
      expect(subject).toMatch(/^usr_[\w-]{43}$/)
      expect(subject).not.toContain(server.user.id.slice(4))
    })

    it('OI-04 clients of one sector share it, those of others have another, public ones the account’s id', async () => {
      const [shop] = await subjectsOf('shop-tv')
      expect(await subjectsOf('shop-kiosk', as('shop-kiosk'))).toEqual([shop, shop, shop, shop])
      const [bank] = await subjectsOf('bank-tv')
      expect(new Set([shop, bank, server.user.id]).size).toBe(3)
      expect((await subjectsOf('tv'))[0]).toBe(server.user.id)
    })

    it('OI-04 it depends on the person and on what the server alone knows', async () => {
      const [before] = await subjectsOf('bank-tv')
      const elsewhere = await testServer({ config: tokenConfig() })
      const { id_token = '' } = await linkFor(elsewhere, { client_id: 'bank-tv', scope: 'openid' })
      // The same secret and another account.
      expect(elsewhere.user.id).not.toBe(server.user.id)
      expect(decodeJwt(id_token).sub).not.toBe(before)
      await elsewhere.close()
    })

    it('OI-04 INT-02 a refresh token’s introspection says it, too, and the server still finds the person', async () => {
      const [shop] = await subjectsOf('shop-tv')
      const { refresh_token, access_token } = await linkFor(
        server,
        { scope: 'openid email' },
        { headers: as('shop-kiosk') },
      )
      const told = (await server.post('/introspect', { token: refresh_token }, as('shop-kiosk'))).json()
      expect(told.sub).toBe(shop)
      expect((await get(access_token)).json()).toMatchObject({ sub: shop, email: EMAIL })
      await setDisabled(server, true)
      expect((await get(access_token)).statusCode).toBe(401)
      await setDisabled(server, false)
    })
  })

  it('MET-02 MET-03 MET-04 metadata names the three endpoints, how to authenticate there, subjects and algorithms', async () => {
    const metadata = (await server.app.inject('/.well-known/openid-configuration')).json()
    const algorithms = metadata.token_endpoint_auth_signing_alg_values_supported
    expect(algorithms).toContain('ES256')
    expect(metadata).toMatchObject({
      introspection_endpoint: `${ISSUER}/introspect`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      introspection_endpoint_auth_signing_alg_values_supported: algorithms,
      revocation_endpoint: `${ISSUER}/revoke`,
      revocation_endpoint_auth_methods_supported: [
        'none',
        'client_secret_basic',
        'client_secret_post',
        'private_key_jwt',
      ],
      revocation_endpoint_auth_signing_alg_values_supported: algorithms,
      userinfo_endpoint: URL_OF,
      subject_types_supported: ['public', 'pairwise'],
      id_token_signing_alg_values_supported: expect.arrayContaining(['RS256', 'ES256', 'EdDSA']),
    })
    for (const list of Object.values(metadata).filter(Array.isArray)) {
      expect(list.length).toBeGreaterThan(0)
    }
    expect(JSON.stringify(algorithms)).not.toMatch(/none|HS/)
    // Every claim that comes is one that is listed.
    const { access_token, id_token = '' } = await linkFor(server, { client_id: 'tv', scope: 'openid profile email' })
    const claims = [...Object.keys(decodeJwt(id_token)), ...Object.keys((await get(access_token)).json())]
    expect(metadata.claims_supported).toEqual(expect.arrayContaining(claims))
  })
})

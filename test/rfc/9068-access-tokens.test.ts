import { createHash } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { StoreUnavailable } from '../../server/src/oauth/store.ts'
import { authorize, CODE_CLIENTS, exchangeCode } from '../support/code-flow.ts'
import { ISSUER, LIBRARY, REPORTS, type TestServer, testConfig, testServer } from '../support/test-server.ts'
import { as, linkFor, tokenConfig } from '../support/token-clients.ts'

describe('RFC 9068: access tokens and what stands beside them', () => {
  let server: TestServer
  const refresh = (clientId: string, refresh_token: string, fields = {}) =>
    server.token({ grant_type: 'refresh_token', client_id: clientId, refresh_token, ...fields })
  const about = async (token: string, api: string) => (await server.post('/introspect', { token }, as(api))).json()
  const userinfo = (token: string) =>
    server.app.inject({ url: '/userinfo', headers: { authorization: `Bearer ${token}` } })
  const leftHalf = (token: string, hash: string) => {
    const digest = createHash(hash).update(token).digest()
    return digest.subarray(0, digest.length / 2).toString('base64url')
  }

  beforeAll(async () => {
    server = await testServer({ config: tokenConfig() })
  })
  afterAll(() => server.close())

  it('JWT-01 JWT-02 JWT-03 a JWT by default, opaque where the API asks: the same claims, for that API alone', async () => {
    const resource = [LIBRARY, REPORTS]
    const scope = 'openid library:read reports:read offline_access'
    const tokens = await linkFor(server, { client_id: 'tv', scope, resource })
    const signedInAt = Math.floor(server.host.clock.now() / 1000)
    await server.host.advance(60_000)
    const other = (await refresh('tv', tokens.refresh_token, { resource: REPORTS })).json()
    const { link: _link, ...jwt } = decodeJwt(tokens.access_token)
    const opaque = await about(other.access_token, 'reports-api')
    expect(decodeProtectedHeader(tokens.access_token)).toMatchObject({ typ: 'at+jwt', alg: 'ES256' })
    expect(opaque).toEqual({
      ...jwt,
      active: true,
      token_type: 'Bearer',
      aud: REPORTS,
      scope: 'openid reports:read offline_access',
      iat: signedInAt + 60,
      exp: signedInAt + 660,
      jti: expect.any(String),
    })
    expect(opaque).toMatchObject({ auth_time: signedInAt, amr: ['pwd'] })
    expect(opaque.jti).not.toBe(jwt.jti)
  })

  it('JWT-04 ten minutes for a person, an hour for a client, opaque or not', async () => {
    for (const scope of ['library:read', 'reports:read']) {
      expect((await linkFor(server, { client_id: 'tv', scope })).expires_in).toBe(600)
      const own = await server.token({ grant_type: 'client_credentials', scope }, as('robot'))
      expect(own.json().expires_in).toBe(3600)
    }
  })

  it('JWT-01 an opaque token and the mark of a revoked one are kept no longer than they matter', async () => {
    const { access_token: opaque } = await linkFor(server, { client_id: 'tv', scope: 'reports:read' })
    const { access_token: jwt } = await linkFor(server, { client_id: 'tv', scope: 'library:read' })
    await server.post('/revoke', { client_id: 'tv', token: jwt })
    const mark = digestOf(`access token ${decodeJwt(jwt).jti}`)
    const kept = async () => {
      await server.store.purge(server.host.clock.now())
      const records = [await server.store.opaqueTokens.get(digestOf(opaque)), await server.store.spent.get(mark)]
      return records.map((record) => record !== undefined)
    }
    await server.host.advance(599_000)
    expect(await kept()).toEqual([true, true])
    await server.host.advance(1_000)
    expect(await kept()).toEqual([false, false])
  })

  it('JWT-05 OI-04 people and clients never share a name: a subject is a client’s exactly when it is client_id', async () => {
    for (const id of ['usr_robot', 'usr_']) {
      const clients = [{ client_id: id, token_endpoint_auth_method: 'none', dpop_bound_access_tokens: false }]
      expect(() => testConfig({ clients })).toThrow(/usr_/)
    }
    for (const client_id of ['tv', 'shop-tv']) {
      const { access_token } = await linkFor(server, { client_id, scope: 'library:read' })
      expect(decodeJwt(access_token).sub).toMatch(/^usr_/)
    }
    const own = await server.token({ grant_type: 'client_credentials', scope: 'library:read' }, as('robot'))
    expect(decodeJwt(own.json().access_token)).toMatchObject({ sub: 'robot', client_id: 'robot' })
  })

  it('JWT-06 an id_token of the very key that signs access tokens is none, nor is a refresh token', async () => {
    const tokens = await linkFor(server, { client_id: 'other-tv', scope: 'openid library:read' })
    const { access_token, id_token = '', refresh_token } = tokens
    expect(decodeProtectedHeader(id_token).kid).toBe(decodeProtectedHeader(access_token).kid)
    for (const token of [id_token, refresh_token]) {
      expect((await userinfo(token)).statusCode).toBe(401)
      expect(await about(token, 'library-api')).toEqual({ active: false })
      expect(
        (await server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token: token })).statusCode,
      ).toBe(400)
    }
    expect((await refresh('other-tv', access_token)).json().error).toBe('invalid_grant')
    expect((await refresh('other-tv', id_token)).json().error).toBe('invalid_grant')
    expect((await userinfo(access_token)).statusCode).toBe(200)
  })

  it.each(['tv', 'shop-tv'])(
    'RT-12 OI-02 OI-03 OI-04 the id_token of a refresh, for %s: the same person and sign-in, issued now',
    async (client_id) => {
      const tokens = await linkFor(server, { client_id, scope: 'openid offline_access' })
      await server.host.advance(3_600_000)
      const again = (await refresh(client_id, tokens.refresh_token)).json()
      const [first, second] = [decodeJwt(tokens.id_token ?? ''), decodeJwt(again.id_token)]
      for (const claim of ['iss', 'sub', 'aud', 'auth_time', 'amr']) {
        expect([claim, second[claim]]).toEqual([claim, first[claim]])
      }
      expect(first).toMatchObject({ iss: ISSUER, aud: client_id, auth_time: first.iat })
      expect(second.iat).toBe(Number(first.iat) + 3600)
      for (const claims of [first, second]) expect(claims).not.toHaveProperty('nonce')
      expect(second['at_hash']).toBe(leftHalf(again.access_token, 'sha256'))
    },
  )

  it('OI-02 RT-12 a nonce comes back in the id_token of its code, and in none that a refresh brings', async () => {
    const web = await testServer({ config: testConfig({ clients: CODE_CLIENTS }) })
    const { code = '' } = await authorize(web.browser(), { scope: 'openid offline_access', nonce: 'n-0S6_WzA2Mj' })
    const tokens = (await exchangeCode(web, code, {}, as('web'))).json()
    expect(decodeJwt(tokens.id_token)).toMatchObject({ nonce: 'n-0S6_WzA2Mj', aud: 'web', sub: web.user.id })
    const { refresh_token } = tokens
    await web.host.advance(1000)
    const again = (await web.token({ grant_type: 'refresh_token', refresh_token }, as('web'))).json()
    const { nonce, ...rest } = decodeJwt(again.id_token)
    expect(nonce).toBeUndefined()
    expect(rest).toMatchObject({ aud: 'web', sub: web.user.id, auth_time: decodeJwt(tokens.id_token)['auth_time'] })
    await web.close()
  })

  it('OI-03 at_hash is right for an opaque token, and by the hash of each algorithm', async () => {
    const algorithms = { ES256: 'sha256', RS256: 'sha256', EdDSA: 'sha512' }
    const tv = { token_endpoint_auth_method: 'none', dpop_bound_access_tokens: false, scope: 'openid reports:read' }
    const clients = Object.keys(algorithms).map((alg) => ({
      ...tv,
      client_id: alg,
      id_token_signed_response_alg: alg,
    }))
    const several = await testServer({ config: tokenConfig({ clients }) })
    for (const [client_id, hash] of Object.entries(algorithms)) {
      const { access_token, id_token = '' } = await linkFor(several, { client_id, scope: 'openid reports:read' })
      expect(access_token).toMatch(/^lk_at_/)
      expect(decodeProtectedHeader(id_token).alg).toBe(client_id)
      expect(decodeJwt(id_token)['at_hash']).toBe(leftHalf(access_token, hash))
    }
    await several.close()
  })

  it('JWT-01 opaque tokens: no two alike, and a database that cannot write gives none', async () => {
    const form = { grant_type: 'client_credentials', scope: 'reports:read' }
    const tokens = await Promise.all(
      [1, 2, 3].map(async () => (await server.token(form, as('robot'))).json().access_token),
    )
    expect(new Set(tokens).size).toBe(3)
    const { insert } = server.store.opaqueTokens
    server.store.opaqueTokens.insert = () => Promise.reject(new StoreUnavailable())
    const answer = await server.token(form, as('robot'))
    server.store.opaqueTokens.insert = insert
    expect(answer.statusCode).toBe(503)
    expect(answer.body).not.toContain('lk_at_')
  })
})

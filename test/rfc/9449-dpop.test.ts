import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NONCE_PERIOD_MS } from '../../server/src/oauth/tokens/dpop-nonces.ts'
import { authorize, CODE_CLIENTS, exchangeCode } from '../support/code-flow.ts'
import { type DpopClient, dpopClient, newDeviceKey } from '../support/dpop-client.ts'
import { basic, ISSUER, SECRETS, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
const BOUND = {
  client_id: 'bound-tv',
  client_name: 'Northwind TV app',
  token_endpoint_auth_method: 'none',
  scope: 'openid offline_access library:read',
}
const PLAIN = { ...BOUND, client_id: 'tv', dpop_bound_access_tokens: false }

describe('RFC 9449: proof of possession at the server', () => {
  let server: TestServer
  beforeAll(async () => {
    const reports = {
      client_id: 'reports',
      client_secret: { env: 'REPORTS_SECRET' },
      grant_types: ['client_credentials'],
      scope: 'library:read',
    }
    server = await testServer({ config: testConfig({ clients: [BOUND, PLAIN, reports, ...CODE_CLIENTS] }) })
  })
  afterAll(() => server.close())

  const start = async (device: DpopClient, client_id = 'bound-tv') =>
    (await device.post('/device_authorization', { client_id })).json()
  const poll = (device: DpopClient, device_code: string, client_id = 'bound-tv') =>
    device.post('/token', { grant_type: DEVICE_GRANT, client_id, device_code })
  const refresh = (device: DpopClient, refresh_token: string, client_id = 'bound-tv') =>
    device.post('/token', { grant_type: 'refresh_token', client_id, refresh_token })

  /** A linked device with its key and tokens. */
  async function linked() {
    const device = await dpopClient(server)
    const { device_code, user_code } = await start(device)
    await server.decide(user_code, 'approve')
    const tokens = (await poll(device, device_code)).json()
    return { device, device_code, tokens }
  }

  /** A proof as `bad` has it, at the token endpoint, with the nonce of the server. */
  async function withProof(proof: string | readonly string[]) {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', ...basic('reports', SECRETS.REPORTS_SECRET) }
    return server.app.inject({
      method: 'POST',
      url: '/token',
      headers: { ...headers, dpop: proof as string },
      payload: 'grant_type=client_credentials',
    })
  }
  const nonceNow = async () =>
    String(
      (await withProof(await (await dpopClient(server)).proof({ htm: 'POST', htu: `${ISSUER}/token` }))).headers[
        'dpop-nonce'
      ],
    )

  it('DP-05 DP-04 tokens of a proven key carry it, and a fresh nonce comes with them', async () => {
    const { device, tokens } = await linked()
    expect(tokens.token_type).toBe('DPoP')
    expect(decodeJwt(tokens.access_token)['cnf']).toEqual({ jkt: device.key.jkt })
    const again = await refresh(device, tokens.refresh_token)
    expect(again.headers['dpop-nonce']).toMatch(/^[\w-]{43}$/)
    expect(decodeJwt(again.json().access_token)['cnf']).toEqual({ jkt: device.key.jkt })
  })

  it('DP-06 DEV-20 a client bound to keys gets nothing without a proof; public device clients are, unless they say otherwise', async () => {
    const { device_code, user_code } = (await server.post('/device_authorization', { client_id: 'bound-tv' })).json()
    await server.decide(user_code, 'approve')
    const bare = await server.poll(device_code, { client_id: 'bound-tv' })
    expect(bare.json().error).toBe('invalid_dpop_proof')
    const tokens = await poll(await dpopClient(server), device_code)
    expect(tokens.json().token_type).toBe('DPoP')
    expect((await server.link()).access_token).toMatch(/^ey/)
  })

  it('DP-01 every part of a proof is looked at', async () => {
    const nonce = await nonceNow()
    const device = await dpopClient(server)
    const wrong = {
      method: await device.proof({ htm: 'GET', htu: `${ISSUER}/token`, nonce }),
      address: await device.proof({ htm: 'POST', htu: `${ISSUER}/device_authorization`, nonce }),
      host: await device.proof({ htm: 'POST', htu: 'http://localhost:9999/token', nonce }),
      garbage: 'not.a.proof',
      signature: (await device.proof({ htm: 'POST', htu: `${ISSUER}/token`, nonce })).slice(0, -6).concat('AAAAAA'),
    }
    for (const [name, proof] of Object.entries(wrong)) {
      const answer = await withProof(proof)
      expect([name, answer.statusCode, answer.json().error]).toEqual([name, 400, 'invalid_dpop_proof'])
    }
    const spelt = await device.proof({ htm: 'POST', htu: 'HTTP://LOCALHOST:8080/./token', nonce })
    expect((await withProof(spelt)).statusCode).toBe(200)
  })

  it('DP-01 the address is the configured one, whatever Host says', async () => {
    const device = await dpopClient(server)
    const proof = await device.proof({ htm: 'POST', htu: 'http://evil.example.com/token', nonce: await nonceNow() })
    const answer = await server.app.inject({
      method: 'POST',
      url: '/token',
      headers: {
        host: 'evil.example.com',
        'x-forwarded-host': 'evil.example.com',
        'content-type': 'application/x-www-form-urlencoded',
        dpop: proof,
        ...basic('reports', SECRETS.REPORTS_SECRET),
      },
      payload: 'grant_type=client_credentials',
    })
    expect(answer.json().error).toBe('invalid_dpop_proof')
  })

  it('DP-03 a proof is good once', async () => {
    const device = await dpopClient(server)
    const proof = await device.proof({ htm: 'POST', htu: `${ISSUER}/token`, nonce: await nonceNow() })
    expect((await withProof(proof)).statusCode).toBe(200)
    expect((await withProof(proof)).json().error).toBe('invalid_dpop_proof')
  })

  it('DP-04 a nonce is demanded, the one before still taken, an older one not', async () => {
    const device = await dpopClient(server)
    const target = { htm: 'POST', htu: `${ISSUER}/token` }
    const without = await withProof(await device.proof(target))
    expect(without.statusCode).toBe(400)
    expect(without.json().error).toBe('use_dpop_nonce')
    const nonce = String(without.headers['dpop-nonce'])
    expect((await withProof(await device.proof({ ...target, nonce: 'made-up' }))).json().error).toBe('use_dpop_nonce')
    await server.host.advance(NONCE_PERIOD_MS)
    expect((await withProof(await device.proof({ ...target, nonce }))).statusCode).toBe(200)
    await server.host.advance(NONCE_PERIOD_MS)
    expect((await withProof(await device.proof({ ...target, nonce }))).json().error).toBe('use_dpop_nonce')
    expect(await nonceNow()).not.toBe(nonce)
  })

  it('DP-02 with a nonce the server’s time decides: a device of 1970 signs in', async () => {
    const nonce = await nonceNow()
    const device = await dpopClient({
      app: server.app,
      host: { ...server.host, clock: { ...server.host.clock, now: () => 0 } },
    })
    const proof = await device.proof({ htm: 'POST', htu: `${ISSUER}/token`, nonce })
    expect(decodeJwt(proof).iat).toBe(0)
    expect((await withProof(proof)).statusCode).toBe(200)
  })

  it('DP-07 DEV-16 the code belongs to the key that asked for it; another key consumes nothing', async () => {
    const owner = await dpopClient(server)
    const thief = await dpopClient(server)
    const { device_code, user_code } = await start(owner)
    await server.decide(user_code, 'approve')
    expect((await poll(thief, device_code)).json().error).toBe('invalid_grant')
    expect((await poll(owner, device_code)).statusCode).toBe(200)
  })

  it('DP-07 a plain client that proved a key when it asked is held to it', async () => {
    const owner = await dpopClient(server)
    const { device_code, user_code } = await start(owner, 'tv')
    await server.decide(user_code, 'approve')
    expect((await server.poll(device_code)).json().error).toBe('invalid_dpop_proof')
    expect((await poll(owner, device_code, 'tv')).json().token_type).toBe('DPoP')
  })

  it('DP-08 being told to use a nonce is no poll: the next one is not too early', async () => {
    const device = await dpopClient(server)
    const { device_code } = await start(device)
    expect((await poll(device, device_code)).json().error).toBe('authorization_pending')
    await server.host.advance(5_000)
    const stale = await device.proof({ htm: 'POST', htu: `${ISSUER}/token`, nonce: 'stale' })
    const form = { grant_type: DEVICE_GRANT, client_id: 'bound-tv', device_code }
    expect((await server.token(form, { dpop: stale })).json().error).toBe('use_dpop_nonce')
    expect((await poll(device, device_code)).json().error).toBe('authorization_pending')
  })

  it('RT-11 a refresh token is worth nothing without its key, and neither attempt consumes it', async () => {
    const { device, tokens } = await linked()
    const form = { grant_type: 'refresh_token', client_id: 'bound-tv', refresh_token: tokens.refresh_token }
    expect((await server.token(form)).json().error).toBe('invalid_dpop_proof')
    expect((await refresh(await dpopClient(server), tokens.refresh_token)).json().error).toBe('invalid_grant')
    expect((await refresh(device, tokens.refresh_token)).statusCode).toBe(200)
  })

  it('RT-06 with a key the grace lasts until the successor is used, thirty days at most', async () => {
    const { device, tokens } = await linked()
    const first = (await refresh(device, tokens.refresh_token)).json()
    await server.host.advance(29 * 86_400_000)
    const repeated = (await refresh(device, tokens.refresh_token)).json()
    expect(repeated.refresh_token).toBe(first.refresh_token)
    expect((await refresh(device, first.refresh_token)).statusCode).toBe(200)
    expect((await refresh(device, tokens.refresh_token)).json().error).toBe('invalid_grant')
    expect((await refresh(device, first.refresh_token)).json().error).toBe('invalid_grant')

    const late = await linked()
    await refresh(late.device, late.tokens.refresh_token)
    await server.host.advance(31 * 86_400_000)
    expect((await refresh(late.device, late.tokens.refresh_token)).json().error).toBe('invalid_grant')
  })

  it('DP-06 dpop_jkt at the authorization endpoint binds the code', async () => {
    const device = await dpopClient(server)
    const web = basic('web', SECRETS.REPORTS_SECRET)
    const { code = '' } = await authorize(server.browser(), { dpop_jkt: device.key.jkt })
    expect((await exchangeCode(server, code, {}, web)).json().error).toBe('invalid_dpop_proof')
    const form = {
      grant_type: 'authorization_code',
      code,
      code_verifier: 'a-code-verifier-that-is-long-enough-for-the-rules',
    }
    const other = await dpopClient(server)
    expect((await other.post('/token', form, web)).json().error).toBe('invalid_grant')
    const tokens = await device.post('/token', form, web)
    expect(tokens.json()).toMatchObject({ token_type: 'DPoP' })
  })

  it('DP-06 a pushed request is bound by its proof, and dpop_jkt must agree with it', async () => {
    const device = await dpopClient(server)
    const web = basic('web', SECRETS.REPORTS_SECRET)
    const asked = {
      client_id: 'web',
      response_type: 'code',
      redirect_uri: 'https://app.example.com/cb',
      scope: 'openid',
      code_challenge: 'a'.repeat(43),
      code_challenge_method: 'S256',
    }
    const other = await newDeviceKey()
    expect((await device.post('/par', { ...asked, dpop_jkt: other.jkt }, web)).json().error).toBe('invalid_dpop_proof')
    expect((await device.post('/par', { ...asked, dpop_jkt: device.key.jkt }, web)).statusCode).toBe(201)
  })

  it('DP-05 PKCE on the device grant: who polls is who asked', async () => {
    const { createHash } = await import('node:crypto')
    const verifier = 'v'.repeat(50)
    const code_challenge = createHash('sha256').update(verifier).digest('base64url')
    const { device_code, user_code } = await server.start({ code_challenge, code_challenge_method: 'S256' })
    await server.decide(user_code, 'approve')
    expect((await server.poll(device_code)).json().error).toBe('invalid_grant')
    expect((await server.poll(device_code, { code_verifier: `${verifier}x` })).json().error).toBe('invalid_grant')
    expect((await server.poll(device_code, { code_verifier: verifier })).statusCode).toBe(200)
    const plain = await server.start()
    await server.decide(plain.user_code, 'approve')
    expect((await server.poll(plain.device_code, { code_verifier: verifier })).json().error).toBe('invalid_grant')
    const bad = await server.post('/device_authorization', {
      client_id: 'tv',
      code_challenge,
      code_challenge_method: 'plain',
    })
    expect(bad.json().error).toBe('invalid_request')
  })

  it('DP-01 the proof of a known algorithm is read by its own key, and its jwk is public', async () => {
    for (const alg of ['ES256', 'EdDSA', 'RS256', 'PS256'] as const) {
      const key = await newDeviceKey(alg)
      const device = await dpopClient(server, { key })
      const proof = await device.proof({ htm: 'POST', htu: `${ISSUER}/token`, nonce: await nonceNow() })
      expect(decodeProtectedHeader(proof).jwk).not.toHaveProperty('d')
      expect((await withProof(proof)).statusCode).toBe(200)
    }
  })
})

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answerOf, authorize, authorizeUrl, CODE_CLIENTS, exchangeCode } from '../support/code-flow.ts'
import { basic, ISSUER, SECRETS, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const WEB = basic('web', SECRETS.REPORTS_SECRET)
const TV = {
  client_id: 'tv',
  token_endpoint_auth_method: 'none',
  dpop_bound_access_tokens: false,
  scope: 'openid library:read',
}

describe('RFC 8414 and OpenID Connect Discovery: what the server says of itself', () => {
  let server: TestServer
  let metadata: Record<string, unknown>
  beforeAll(async () => {
    server = await testServer({ config: testConfig({ clients: [...CODE_CLIENTS, TV] }) })
    metadata = (await server.app.inject('/.well-known/oauth-authorization-server')).json()
  })
  afterAll(() => server.close())
  const list = (name: string) => (metadata[name] ?? []) as readonly string[]

  it('MET-01 both documents are one, and the issuer is the one in every token', async () => {
    const openid = await server.app.inject('/.well-known/openid-configuration')
    expect(openid.json()).toEqual(metadata)
    expect(metadata['issuer']).toBe(ISSUER)
  })

  it('MET-01 an issuer with a path: inserted for OAuth, appended for OpenID, and all addresses below it', async () => {
    const issuer = 'http://localhost:8080/id'
    const below = await testServer({ config: testConfig({ issuer }) })
    const inserted = await below.app.inject('/.well-known/oauth-authorization-server/id')
    const appended = await below.app.inject('/id/.well-known/openid-configuration')
    expect(appended.json()).toEqual(inserted.json())
    expect(inserted.json()).toMatchObject({ issuer, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks` })
    expect((await below.app.inject('/id/jwks')).statusCode).toBe(200)
    expect((await below.app.inject('/.well-known/oauth-authorization-server')).statusCode).toBe(404)
    const started = await below.post('/id/device_authorization', { client_id: 'tv' })
    expect(started.json().verification_uri).toBe(`${issuer}/link`)
    const page = await below.browser().open('/id/link')
    expect(page.body).toContain('action="/id/link"')
    await below.close()
  })

  it('MET-02 every address that is named is there', async () => {
    const named = [
      ...['authorization_endpoint', 'token_endpoint', 'device_authorization_endpoint', 'userinfo_endpoint', 'jwks_uri'],
      ...['revocation_endpoint', 'introspection_endpoint', 'pushed_authorization_request_endpoint'],
      ...['end_session_endpoint', 'service_documentation'],
    ]
    for (const name of named) {
      const url = String(metadata[name])
      expect([name, url.startsWith(`${ISSUER}/`)]).toEqual([name, true])
      const { statusCode } = await server.app.inject({ method: 'GET', url: url.slice(ISSUER.length) })
      expect([name, statusCode === 404]).toEqual([name, false])
    }
    // Registration is off here, so nothing is said of it (DCR); what is said elsewhere is looked at there.
    expect(metadata).not.toHaveProperty('registration_endpoint')
    expect(list('scopes_supported')).toEqual(expect.arrayContaining(['openid', 'offline_access', 'library:read']))
  })

  it('MET-03 MET-06 what a reader would otherwise assume is said', () => {
    expect(metadata).toMatchObject({
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
      claims_parameter_supported: false,
      claim_types_supported: ['normal'],
      claims_supported: expect.arrayContaining(['sub', 'auth_time', 'amr', 'name', 'email']),
      id_token_signing_alg_values_supported: expect.arrayContaining(['RS256']),
      subject_types_supported: expect.arrayContaining(['public']),
      grant_types_supported: expect.arrayContaining(['urn:ietf:params:oauth:grant-type:device_code']),
    })
    expect(list('grant_types_supported')).not.toContain('implicit')
    expect(list('grant_types_supported')).not.toContain('password')
  })

  it('MET-04 each endpoint says how clients prove who they are, never by alg none', () => {
    for (const endpoint of ['token', 'introspection', 'revocation']) {
      const methods = list(`${endpoint}_endpoint_auth_methods_supported`)
      const algorithms = list(`${endpoint}_endpoint_auth_signing_alg_values_supported`)
      expect(methods).toEqual(expect.arrayContaining(['client_secret_basic', 'private_key_jwt']))
      expect(algorithms).toEqual(expect.arrayContaining(['ES256', 'RS256']))
      expect(algorithms.filter((alg) => alg === 'none' || alg.startsWith('HS'))).toEqual([])
    }
  })

  it('MET-05 PKCE, the issuer in answers, proof of possession', () => {
    expect(metadata).toMatchObject({
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      dpop_signing_alg_values_supported: expect.arrayContaining(['ES256', 'EdDSA']),
    })
  })

  it('MET-07 no list is empty, and nobody keeps the document for more than an hour', async () => {
    for (const [name, value] of Object.entries(metadata)) {
      if (Array.isArray(value)) expect([name, value.length > 0]).toEqual([name, true])
    }
    for (const url of ['/.well-known/openid-configuration', '/jwks']) {
      const answer = await server.app.inject(url)
      const [, maxAge] = /max-age=(\d+)/.exec(String(answer.headers['cache-control'])) ?? []
      expect(Number(maxAge)).toBeLessThanOrEqual(3600)
      const headers = { 'if-none-match': String(answer.headers.etag) }
      expect((await server.app.inject({ url, headers })).statusCode).toBe(304)
    }
  })

  it('MET-07 every grant that is named is known; one that is not named is not', async () => {
    for (const grant_type of list('grant_types_supported')) {
      const parameters = { device_code: 'x', code: 'x', refresh_token: 'x', assertion: 'x' }
      const answer = await server.token({ grant_type, ...parameters, client_id: 'nobody' })
      expect([grant_type, answer.json().error]).toEqual([grant_type, 'invalid_client'])
    }
    for (const grant_type of ['password', 'implicit', 'urn:ietf:params:oauth:grant-type:token-exchange']) {
      expect((await server.token({ grant_type })).json().error).toBe('unsupported_grant_type')
    }
  })

  it('MET-07 TX-01 OI-08 OPT what is not built is not named', () => {
    const text = JSON.stringify(metadata)
    for (const option of ['token-exchange', 'backchannel', 'frontchannel', 'refresh_token_expires', 'serial']) {
      expect(text).not.toContain(option)
    }
  })

  it('MET-07 every prompt, language, scope and response mode that is named works', async () => {
    const browser = server.browser()
    await authorize(browser, { scope: 'openid profile email offline_access library:read library:write' })
    for (const prompt of list('prompt_values_supported').filter((value) => value !== 'login')) {
      const answer = await browser.open(authorizeUrl({ prompt }))
      const members = answer.headers.location === undefined ? {} : answerOf(answer.headers.location).members
      expect([prompt, answer.statusCode === 200 || 'code' in members]).toEqual([prompt, true])
    }
    for (const locale of list('ui_locales_supported')) {
      const page = await server.browser({ 'accept-language': 'xx' }).open(authorizeUrl({ ui_locales: locale }))
      expect(page.body).toContain(`<html lang="${locale}"`)
    }
    for (const response_mode of list('response_modes_supported')) {
      const answer = await browser.open(authorizeUrl({ response_mode }))
      expect(answerOf(answer.headers.location).members['code']).toBeDefined()
    }
    const owned = ['openid', 'profile', 'email', 'offline_access', 'library:read', 'library:write']
    for (const scope of list('scopes_supported').filter((name) => owned.includes(name))) {
      const answer = await browser.open(authorizeUrl({ scope }))
      expect([scope, answerOf(answer.headers.location).members['code'] !== undefined]).toEqual([scope, true])
    }
  })

  it('KEY-02 MET-07 id_tokens are signed by any algorithm that is named, for the client that asks for it', async () => {
    for (const alg of list('id_token_signing_alg_values_supported')) {
      const client = { ...CODE_CLIENTS[0], id_token_signed_response_alg: alg }
      const other = await testServer({ config: testConfig({ clients: [client] }) })
      const { code } = await authorize(other.browser())
      const tokens = (await exchangeCode(other, code ?? '', {}, WEB)).json()
      const header = JSON.parse(Buffer.from(String(tokens.id_token).split('.')[0] ?? '', 'base64url').toString())
      expect(header.alg).toBe(alg)
      const { keys } = (await other.app.inject('/jwks')).json()
      expect(keys.find((key: { kid: string }) => key.kid === header.kid)).toMatchObject({ alg, use: 'sig' })
      await other.close()
    }
  })
})

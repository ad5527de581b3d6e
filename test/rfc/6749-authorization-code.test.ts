import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  answerOf,
  authorize,
  authorizeUrl,
  CHALLENGE,
  CODE_CLIENTS,
  exchangeCode,
  NATIVE_CALLBACK,
  VERIFIER,
  WEB_CALLBACK,
} from '../support/code-flow.ts'
import { csrfIn } from '../support/page-text.ts'
import { basic, ISSUER, SECRETS, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const WEB = basic('web', SECRETS.REPORTS_SECRET)

describe('RFC 6749 §4.1: the authorization code flow', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await testServer({ config: testConfig({ clients: CODE_CLIENTS }) })
  })
  afterAll(() => server.close())

  /** The answer to an address that needs nobody signed in. */
  const refusal = async (parameters: Record<string, string | undefined>) =>
    server.browser().open(authorizeUrl(parameters))

  describe('what may be asked', () => {
    it('AZ-02 any response_type but code is told to the redirect_uri', async () => {
      for (const type of ['token', 'id_token', 'code token', 'code id_token']) {
        const answer = await refusal({ response_type: type })
        expect(answer.statusCode).toBe(303)
        expect(answerOf(answer.headers.location)).toMatchObject({
          address: WEB_CALLBACK,
          members: { error: 'unsupported_response_type', state: 'the state', iss: ISSUER },
        })
      }
    })

    it('AZ-03 an unknown client or address is told on a page, and nothing is sent anywhere', async () => {
      const wrong = [
        { client_id: 'nobody' },
        { client_id: undefined },
        { redirect_uri: 'https://evil.example.com/cb' },
        { redirect_uri: undefined },
        { client_id: 'nobody', response_type: 'token' },
      ]
      for (const parameters of wrong) {
        const answer = await refusal(parameters)
        expect(answer.statusCode).toBe(400)
        expect(answer.headers.location).toBeUndefined()
        expect(answer.headers['content-type']).toMatch(/^text\/html/)
      }
      const twice = await server.browser().get(`${authorizeUrl()}&redirect_uri=${encodeURIComponent(WEB_CALLBACK)}`)
      expect(twice.statusCode).toBe(400)
    })

    it('AZ-04 the address must be registered to the letter; only a loopback port may vary', async () => {
      const near = ['https://app.example.com/cb/', 'https://app.example.com/cb?x=1', 'https://app.example.com/CB']
      for (const redirect_uri of [...near, 'https://app.example.com/other', 'http://app.example.com/cb']) {
        expect((await refusal({ redirect_uri })).statusCode).toBe(400)
      }
      const native = (redirect_uri: string) =>
        refusal({ client_id: 'native', redirect_uri, response_type: 'token', scope: 'openid' })
      for (const uri of ['http://127.0.0.1:49152/cb', NATIVE_CALLBACK, 'com.example.app:/cb']) {
        expect((await native(uri)).statusCode).toBe(303)
      }
      for (const uri of [
        'http://127.0.0.1:49152/other',
        'http://localhost:49152/cb',
        'http://127.0.0.2/cb',
        'http://127.0.0.1:1@evil.example.com/cb',
      ]) {
        expect((await native(uri)).statusCode).toBe(400)
      }
    })

    it('AZ-06 state comes back byte for byte, with iss, beside what the address already had', async () => {
      const state = 'a+b %20 ü & =?#/"\''
      const answer = await refusal({ state, redirect_uri: 'https://app.example.com/other?x=1', response_type: 'token' })
      const { address, members } = answerOf(answer.headers.location)
      expect(address).toBe('https://app.example.com/other')
      expect(members).toMatchObject({ x: '1', state, iss: ISSUER })
    })

    it('AZ-08 AZ-09 a challenge is needed, S256 and nothing else', async () => {
      const wrong = [
        { code_challenge: undefined, code_challenge_method: undefined },
        { code_challenge: undefined },
        { code_challenge_method: 'plain' },
        { code_challenge_method: undefined },
        { code_challenge: CHALLENGE.slice(1) },
        { code_challenge: `${CHALLENGE}=` },
      ]
      for (const parameters of wrong) {
        expect(answerOf((await refusal(parameters)).headers.location).members['error']).toBe('invalid_request')
      }
    })

    it('AZ-11 request objects are refused by name', async () => {
      const error = async (parameters: Record<string, string>) =>
        answerOf((await refusal(parameters)).headers.location).members['error']
      expect(await error({ request: 'ey.ey.ey' })).toBe('request_not_supported')
      expect(await error({ request_uri: 'https://app.example.com/request' })).toBe('request_uri_not_supported')
      expect(await error({ scope: 'openid admin' })).toBe('invalid_scope')
      expect(await error({ prompt: 'none login' })).toBe('invalid_request')
      expect(await error({ max_age: '-1' })).toBe('invalid_request')
    })

    it('AZ-01 no origin may read the endpoint, by GET or by POST', async () => {
      const headers = { origin: 'https://app.example.com' }
      for (const method of ['GET', 'POST', 'OPTIONS'] as const) {
        const answer = await server.app.inject({ method, url: authorizeUrl(), headers })
        expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
      }
    })

    const FROM_APP = { 'sec-fetch-site': 'cross-site', origin: 'https://app.example.com' }
    const fieldsOf = (url: string) => Object.fromEntries(new URLSearchParams(url.split('?')[1]))

    it.each([
      ['says where it comes from', FROM_APP],
      ['says its origin alone', { origin: FROM_APP.origin }],
    ])('AZ-01 a POST from the app’s own page starts the flow like a GET: the browser %s', async (_says, headers) => {
      const browser = server.browser()
      await browser.signIn()
      await browser.open('/logout')
      await browser.submit('/logout/confirm', { answer: 'yes' })
      const visit = browser.cookies.get('latchkey-visit')
      // SameSite=Lax: what another site posts comes without cookies, and takes none away.
      const posted = await server.post('/authorize', fieldsOf(authorizeUrl()), headers)
      expect([posted.statusCode, posted.headers['set-cookie']]).toEqual([303, undefined])
      expect(browser.cookies.get('latchkey-visit')).toBe(visit)
      const answer = await browser.get(String(posted.headers.location), FROM_APP)
      expect([answer.statusCode, answer.headers.location]).toEqual([303, '/authorize/continue'])
      expect((await browser.open('/authorize/continue')).body).toContain('Northwind web')
      // What the visit had told is still told.
      expect((await browser.get('/signed-out')).statusCode).toBe(200)
    })

    it('AZ-01 a POST that fits in no address is answered where it came', async () => {
      const long = authorizeUrl({ nonce: 'n'.repeat(2048), state: '名'.repeat(800) })
      const posted = await server.browser().submit('/authorize', fieldsOf(long), FROM_APP)
      expect([posted.statusCode, posted.headers.location]).toEqual([303, '/authorize/continue'])
      const broken = { ...fieldsOf(authorizeUrl()), client_id: 'web\n' }
      expect((await server.post('/authorize', broken, FROM_APP)).statusCode).toBe(400)
    })
  })

  describe('signing in and consent', () => {
    it('AZ-06 AZ-07 TOK-05 a person signs in, agrees once, and the app gets tokens for its code', async () => {
      const browser = server.browser()
      const page = await browser.open(authorizeUrl({ nonce: 'n-1' }))
      expect(page.body).toContain('Northwind web')
      const signedIn = await browser.signIn()
      expect(signedIn.statusCode).toBe(303)
      const consent = await browser.open('/authorize/continue')
      expect(consent.body).toContain('See your library')
      expect(consent.body).toContain('app.example.com')
      const answer = await browser.submit('/authorize/consent', { answer: 'approve' })
      expect(answer.statusCode).toBe(303)
      const { address, members } = answerOf(answer.headers.location)
      expect(address).toBe(WEB_CALLBACK)
      expect(members).toEqual({ code: expect.stringMatching(/^[\w-]{43}$/), state: 'the state', iss: ISSUER })

      const tokens = await exchangeCode(server, members['code'] ?? '', { redirect_uri: WEB_CALLBACK }, WEB)
      expect(tokens.statusCode).toBe(200)
      expect(tokens.json()).toMatchObject({ token_type: 'Bearer', scope: 'openid library:read' })
      expect(decodeJwt(tokens.json().id_token)).toMatchObject({ nonce: 'n-1', aud: 'web', iss: ISSUER })
      expect(decodeJwt(tokens.json().access_token).sub).toBe(server.user.id)
    })

    it('AZ-12 what was allowed is not asked again, but an app whose identity nobody can prove always is', async () => {
      const browser = server.browser()
      await authorize(browser)
      const again = await browser.open(authorizeUrl())
      expect(answerOf(again.headers.location).members['code']).toBeDefined()
      const more = await browser.open(authorizeUrl({ scope: 'openid library:read library:write' }))
      expect(more.body).toContain('Change your library')
      expect((await browser.open(authorizeUrl({ prompt: 'consent' }))).statusCode).toBe(200)

      const native = { client_id: 'native', redirect_uri: 'http://127.0.0.1:50000/cb' }
      await authorize(browser, native)
      const asked = await browser.open(authorizeUrl(native))
      expect(asked.statusCode).toBe(200)
      expect(asked.body).toContain('Northwind desktop')
      const silent = await browser.open(authorizeUrl({ ...native, prompt: 'none' }))
      expect(answerOf(silent.headers.location).members['error']).toBe('consent_required')
    })

    it('AZ-11 prompt=none never shows a page', async () => {
      const stranger = await refusal({ prompt: 'none' })
      expect(answerOf(stranger.headers.location).members['error']).toBe('login_required')
      const browser = server.browser()
      await browser.signIn()
      const first = await browser.open(authorizeUrl({ prompt: 'none', scope: 'openid email' }))
      expect(answerOf(first.headers.location).members['error']).toBe('consent_required')
      await authorize(browser)
      const known = await browser.open(authorizeUrl({ prompt: 'none' }))
      expect(answerOf(known.headers.location).members['code']).toBeDefined()
    })

    it('AZ-11 OI-03 prompt=login and max_age want a new sign-in, and auth_time says when it was', async () => {
      const browser = server.browser()
      await authorize(browser)
      await server.host.advance(120_000)
      for (const parameters of [{ prompt: 'login' }, { max_age: '60' }, { max_age: '0' }]) {
        const page = await browser.open(authorizeUrl(parameters))
        expect(page.body).toContain('name="password"')
        // The way around: the pages that follow do not take the old sign-in either.
        expect((await browser.open('/authorize/continue')).body).toContain('name="password"')
        const { code } = await authorize(browser, parameters)
        const tokens = await exchangeCode(server, code ?? '', {}, WEB)
        const { auth_time: authTime } = decodeJwt(tokens.json().id_token)
        expect(authTime).toBe(Math.floor(server.host.clock.now() / 1000))
        await server.host.advance(120_000)
      }
      const recent = await browser.open(authorizeUrl({ max_age: '600' }))
      expect(answerOf(recent.headers.location).members['code']).toBeDefined()
    })

    it('WEB-04 the person refuses, and the app hears access_denied', async () => {
      const browser = server.browser()
      await browser.open(authorizeUrl({ prompt: 'consent' }))
      await browser.signIn()
      await browser.open('/authorize/continue')
      const answer = await browser.submit('/authorize/consent', { answer: 'deny' })
      expect(answerOf(answer.headers.location).members).toMatchObject({
        error: 'access_denied',
        state: 'the state',
        iss: ISSUER,
      })
      expect((await browser.submit('/authorize/consent', { answer: 'approve' })).statusCode).toBe(400)
    })

    it('SES-02 NEG-16 consent is given on the very page that showed this request', async () => {
      const browser = server.browser()
      await browser.open(authorizeUrl({ prompt: 'consent', scope: 'openid' }))
      await browser.signIn()
      const first = await browser.open('/authorize/continue')
      const token = csrfIn(first.body)
      await browser.open(authorizeUrl({ prompt: 'consent', scope: 'openid library:write' }))
      expect((await browser.submit('/authorize/consent', { answer: 'approve', csrf: token })).statusCode).toBe(403)
      const cross = { 'sec-fetch-site': 'cross-site' }
      expect((await browser.submit('/authorize/consent', { answer: 'approve' }, cross)).statusCode).toBe(403)
    })

    it('SES-04 the pages on the way back to the app allow exactly its origin as the end of a form', async () => {
      const browser = server.browser()
      const page = await browser.open(authorizeUrl({ prompt: 'login' }))
      expect(page.headers['content-security-policy']).toContain("form-action 'self' https://app.example.com")
      const native = await server
        .browser()
        .open(authorizeUrl({ client_id: 'native', redirect_uri: 'com.example.app:/cb' }))
      expect(native.headers['content-security-policy']).toMatch(/form-action 'self' com\.example\.app:$/)
      expect((await server.browser().open('/link')).headers['content-security-policy']).toMatch(/form-action 'self'$/)
    })
  })

  describe('the code', () => {
    const newCode = async (parameters: Record<string, string> = {}) =>
      (await authorize(server.browser(), parameters))['code'] ?? ''

    it('TOK-12 a second use is refused and ends what the first one got', async () => {
      const code = await newCode({ scope: 'openid offline_access library:read' })
      const first = await exchangeCode(server, code, {}, WEB)
      expect(first.statusCode).toBe(200)
      const second = await exchangeCode(server, code, {}, WEB)
      expect(second.json().error).toBe('invalid_grant')
      const refresh = { grant_type: 'refresh_token', refresh_token: first.json().refresh_token }
      expect((await server.token(refresh, WEB)).json().error).toBe('invalid_grant')
    })

    it('TOK-12 it is good for a minute, for its client', async () => {
      const late = await newCode()
      await server.host.advance(60_000)
      expect((await exchangeCode(server, late, {}, WEB)).json().error).toBe('invalid_grant')
      const foreign = await newCode()
      expect((await exchangeCode(server, foreign, { client_id: 'native' })).json().error).toBe('invalid_grant')
      expect((await exchangeCode(server, foreign, {}, WEB)).statusCode).toBe(200)
    })

    it('TOK-13 a redirect_uri in the token request must be the one of the authorization', async () => {
      const code = await newCode()
      const other = { redirect_uri: 'https://app.example.com/other?x=1' }
      expect((await exchangeCode(server, code, other, WEB)).json().error).toBe('invalid_grant')
      expect((await exchangeCode(server, code, { redirect_uri: WEB_CALLBACK }, WEB)).statusCode).toBe(200)
    })

    it('AZ-10 the verifier must fit, and a wrong one consumes nothing', async () => {
      const code = await newCode()
      for (const verifier of ['', 'short', `${VERIFIER}x`, `${VERIFIER} `]) {
        expect((await exchangeCode(server, code, { code_verifier: verifier }, WEB)).json().error).toBe('invalid_grant')
      }
      expect((await exchangeCode(server, code, {}, WEB)).statusCode).toBe(200)
    })

    it('RT-12 a refresh token comes with offline_access, and only then', async () => {
      const without = await exchangeCode(server, await newCode({ scope: 'openid library:read' }), {}, WEB)
      expect(without.json().refresh_token).toBeUndefined()
      const withIt = await exchangeCode(server, await newCode({ scope: 'openid offline_access' }), {}, WEB)
      expect(withIt.json().refresh_token).toMatch(/^[\w-]{69}$/)
    })

    it('NEG-09 an account that was closed meanwhile gets nothing', async () => {
      const code = await newCode()
      const user = await server.store.users.get(server.user.id)
      if (user === undefined) throw new Error('no user')
      await server.store.users.swap({ ...user, disabledAt: 1 })
      expect((await exchangeCode(server, code, {}, WEB)).json().error).toBe('invalid_grant')
      const { disabledAt: _, ...open } = { ...user, version: user.version + 1 }
      await server.store.users.swap(open)
      expect((await exchangeCode(server, code, {}, WEB)).statusCode).toBe(200)
    })
  })

  describe('RFC 9126: pushed requests', () => {
    const push = (fields: Record<string, string> = {}, headers = WEB) =>
      server.post(
        '/par',
        { ...Object.fromEntries(new URLSearchParams(authorizeUrl().split('?')[1])), ...fields },
        headers,
      )

    it('AZ-11 a pushed request is good for one browser, once, within a minute', async () => {
      const pushed = await push()
      expect(pushed.statusCode).toBe(201)
      expect(pushed.headers['cache-control']).toBe('no-store')
      const { request_uri, expires_in } = pushed.json()
      expect(expires_in).toBe(60)
      const address = `/authorize?client_id=web&request_uri=${encodeURIComponent(request_uri)}`
      const browser = server.browser()
      expect((await browser.open(address)).body).toContain('name="password"')
      expect((await server.browser().open(address)).statusCode).toBe(400)
      await browser.signIn()
      expect(answerOf((await browser.open('/authorize/continue')).headers.location).members['code']).toBeDefined()

      const late = (await push()).json().request_uri
      await server.host.advance(60_000)
      expect((await server.browser().open(`/authorize?client_id=web&request_uri=${late}`)).statusCode).toBe(400)
      const foreign = (await push()).json().request_uri
      expect((await server.browser().open(`/authorize?client_id=native&request_uri=${foreign}`)).statusCode).toBe(400)
    })

    it('TOK-10 CLI-04 it is checked like any request, by a client that proves who it is', async () => {
      expect((await push({}, basic('web', 'wrong'))).statusCode).toBe(401)
      expect((await push({ redirect_uri: 'https://evil.example.com' })).json().error).toBe('invalid_request')
      expect((await push({ scope: 'admin' })).json().error).toBe('invalid_scope')
      expect((await push({ request_uri: 'urn:x' })).json().error).toBe('invalid_request')
      expect((await push({ code_challenge_method: 'plain' })).json().error).toBe('invalid_request')
    })
  })
})

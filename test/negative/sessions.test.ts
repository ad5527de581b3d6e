import { STYLESHEET } from '@latchkey/verifier-web'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { csrfIn } from '../support/page-text.ts'
import { sendRaw } from '../support/raw-http.ts'
import { signedIn } from '../support/signed-in.ts'
import { EMAIL, PASSWORD, type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const MINUTE = 60_000
const SESSION = 'latchkey-session'
const accountShown = async (browser: TestBrowser) => (await browser.open('/link')).body.includes(EMAIL)

describe('browser sessions over https', () => {
  let server: TestServer
  const https = { 'x-forwarded-proto': 'https' }
  beforeAll(async () => {
    const listen = { trusted_proxies: ['127.0.0.1'] }
    server = await testServer({ config: await testConfig({ issuer: 'https://id.example.com', listen }) })
  })
  afterAll(() => server.close())

  it('SES-01 each cookie is __Host-, Secure, HttpOnly, Lax, of this host alone, and gone with the browser', async () => {
    const browser = server.browser(https)
    await browser.open('/sign-in')
    const answer = await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD })
    expect(answer.cookies.map((cookie) => cookie.name).sort()).toEqual([
      '__Host-latchkey-known',
      '__Host-latchkey-session',
      '__Host-latchkey-visit',
    ])
    for (const cookie of answer.cookies) {
      expect(cookie).toMatchObject({ path: '/', secure: true, httpOnly: true, sameSite: 'Lax' })
      expect(cookie).not.toHaveProperty('domain')
      // Which browsers are known outlives the browser; who is signed in does not.
      if (cookie.name === '__Host-latchkey-known') expect(cookie.maxAge).toBe(400 * 24 * 3600)
      else for (const member of ['maxAge', 'expires']) expect(cookie).not.toHaveProperty(member)
    }
    const id = browser.cookies.get('__Host-latchkey-session') ?? ''
    expect(Buffer.from(id, 'base64url').length).toBeGreaterThanOrEqual(16)
  })

  it('SES-05 every answer over https carries HSTS of a year or more, and none over plain http (RFC 6797 §7.2)', async () => {
    const asked = ['/link', '/nowhere', '/userinfo', '/token', '/jwks', '/.well-known/openid-configuration', '/healthz']
    for (const url of [...asked, STYLESHEET.path]) {
      const safe = await server.app.inject({ url, headers: https })
      const [, seconds] = /max-age=(\d+)/.exec(String(safe.headers['strict-transport-security'])) ?? []
      expect([url, Number(seconds) >= 365 * 24 * 3600]).toEqual([url, true])
      // As the proxy says, or as nobody says whom one could believe.
      for (const plain of [
        { headers: {} },
        { headers: { 'x-forwarded-proto': 'http' } },
        { headers: https, remoteAddress: '203.0.113.9' },
      ]) {
        const { headers } = await server.app.inject({ url, ...plain })
        expect([url, headers['strict-transport-security']]).toEqual([url, undefined])
      }
    }
  })

  it.each([
    ['no forwarded scheme', {}],
    ['http in front', { 'x-forwarded-proto': 'http' }],
  ])('SES-05 with %s neither sign-in nor tokens are served', async (_name, headers) => {
    const page = await server.browser(headers).get('/sign-in')
    expect(page.statusCode).toBe(400)
    expect(page.body).not.toContain('name="password"')
    for (const path of ['/token', '/device_authorization']) {
      const answer = await server.post(path, { grant_type: 'client_credentials', client_id: 'tv' }, headers)
      expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_request'])
    }
  })

  it('SES-05 OPS-01 a stranger cannot claim https: only a listed proxy is believed', async () => {
    const answer = await server.app.inject({ url: '/sign-in', remoteAddress: '203.0.113.9', headers: https })
    expect(answer.statusCode).toBe(400)
    expect(answer.body).not.toContain('name="password"')
  })
})

describe('browser sessions', () => {
  let server: TestServer
  beforeEach(async () => {
    server = await testServer()
  })
  afterEach(() => server.close())

  it('SES-01 a new id at each sign-in; one that was planted is worth nothing', async () => {
    const browser = server.browser()
    browser.cookies.set(SESSION, 'planted')
    await browser.signIn()
    const first = browser.cookies.get(SESSION)
    expect(first).not.toBe('planted')
    expect(await accountShown(browser)).toBe(true)
    const planted = server.browser()
    planted.cookies.set(SESSION, 'planted')
    expect(await accountShown(planted)).toBe(false)
    await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD })
    expect(browser.cookies.get(SESSION)).not.toBe(first)
    // The one before is over, whoever else has its cookie.
    const older = server.browser()
    older.cookies.set(SESSION, first ?? '')
    expect(await accountShown(older)).toBe(false)
  })

  it('SES-01 the session is kept here, under a digest', async () => {
    const browser = await signedIn(server, EMAIL)
    const cookie = browser.cookies.get(SESSION) ?? ''
    expect(await server.store.sessions.byCookie(cookie)).toBeUndefined()
    expect((await server.store.sessions.byCookie(digestOf(cookie)))?.userId).toBe(server.user.id)
  })

  it.each([
    ['in use it lives', [29, 29, 29], true],
    ['thirty minutes without a look end it', [30], false],
    ['so they do after a look', [20, 30], false],
    ['twelve hours end it in any case', Array.from({ length: 25 }, () => 29), false],
  ])('SES-01 %s', async (_name, looks, alive) => {
    const browser = await signedIn(server, EMAIL)
    for (const minutes of looks.slice(0, -1)) {
      await server.host.advance(minutes * MINUTE)
      await browser.get('/link')
    }
    await server.host.advance((looks.at(-1) ?? 0) * MINUTE)
    expect(await accountShown(browser)).toBe(alive)
  })

  it('SES-01 signing out ends it here, not only in the browser', async () => {
    const browser = await signedIn(server, EMAIL)
    const cookie = browser.cookies.get(SESSION) ?? ''
    await browser.open('/link')
    expect((await browser.submit('/sign-out', {})).statusCode).toBe(303)
    expect(browser.cookies.has(SESSION)).toBe(false)
    const thief = server.browser()
    thief.cookies.set(SESSION, cookie)
    expect(await accountShown(thief)).toBe(false)
  })

  it('SES-01 NEG-09 a closed account is signed out everywhere at once', async () => {
    const browser = await signedIn(server, EMAIL)
    expect(await accountShown(browser)).toBe(true)
    await server.store.users.swap({ ...server.user, disabledAt: 1 })
    expect(await accountShown(browser)).toBe(false)
  })

  it.each(['/sign-in', '/link', '/link/device', '/sign-out'])('SES-02 %s takes no form but our own', async (path) => {
    const { user_code } = await server.start()
    const browser = path === '/sign-in' ? server.browser() : await signedIn(server, EMAIL)
    await browser.open(path === '/sign-in' ? path : `/link?user_code=${user_code}`)
    const fields = { email: EMAIL, password: PASSWORD, user_code, answer: 'approve' }
    const stranger = await server.browser().get('/link')
    const foreign = csrfIn(stranger.body)
    for (const csrf of ['', 'x', foreign]) {
      const refused = await browser.submit(path, { ...fields, csrf })
      expect([refused.statusCode, refused.headers.location]).toEqual([403, undefined])
    }
    const headless = server.browser()
    expect((await headless.submit(path, { ...fields, csrf: foreign })).statusCode).not.toBe(200)
    expect(headless.cookies.has(SESSION)).toBe(false)
  })

  it('SES-02 the token is of one session: what was good before signing in is not after', async () => {
    const browser = server.browser()
    const page = await browser.open('/sign-in')
    const csrf = csrfIn(page.body)
    await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD })
    expect((await browser.submit('/sign-out', { csrf })).statusCode).toBe(403)
    expect(await accountShown(browser)).toBe(true)
  })

  it.each([
    ['Sec-Fetch-Site: cross-site', { 'sec-fetch-site': 'cross-site' }],
    ['Sec-Fetch-Site: same-site', { 'sec-fetch-site': 'same-site' }],
    ['another Origin', { origin: 'https://evil.example' }],
    ['our name on another port', { origin: 'http://localhost:9999' }],
  ])('NEG-16 SES-02 an approval with %s is refused, though its token is right', async (_name, headers) => {
    const { user_code, device_code } = await server.start()
    const browser = await signedIn(server, EMAIL)
    await browser.open(`/link?user_code=${user_code}`)
    const refused = await browser.submit('/link/device', { answer: 'approve' }, headers)
    expect(refused.statusCode).toBe(403)
    expect((await server.store.deviceRequests.get(digestOf(device_code)))?.state).toBe('pending')
    // The same form of the same page, sent by the page itself.
    await browser.open(`/link?user_code=${user_code}`)
    const taken = await browser.submit('/link/device', { answer: 'approve' }, { 'sec-fetch-site': 'same-origin' })
    expect(taken.statusCode).toBe(303)
    expect((await server.store.deviceRequests.get(digestOf(device_code)))?.state).toBe('approved')
  })

  it('NEG-16 SES-03 SES-05 no page may be framed, scripted from elsewhere, sniffed or kept', async () => {
    const { user_code } = await server.start()
    const browser = await signedIn(server, EMAIL)
    const pages = [
      await server.browser().open('/sign-in'),
      await browser.open('/link'),
      await browser.open(`/link?user_code=${user_code}`),
      await browser.get('/nowhere'),
      await browser.submit('/link', { csrf: 'x' }),
    ]
    for (const page of pages) {
      expect(page.headers).toMatchObject({
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cache-control': 'no-store',
        'permissions-policy': expect.stringContaining('camera=()'),
      })
      const policy = new Map(
        String(page.headers['content-security-policy'])
          .split(';')
          .map((part) => part.trim().split(/\s+(.*)/s) as [string, string]),
      )
      expect(policy.get('default-src')).toBe("'none'")
      expect(policy.get('base-uri')).toBe("'none'")
      expect(policy.get('frame-ancestors')).toBe("'none'")
      expect(policy.get('style-src')).toBe("'self'")
      expect(policy.get('script-src') ?? "'self'").toBe("'self'")
      expect(policy.get('connect-src')).toBe("'self' ws://localhost:8080")
      expect([...policy.values()].join(' ')).not.toMatch(/unsafe|\*|data:|https?:/)
      expect(page.body).not.toMatch(/<script(?![^>]* src="\/)|<style|\son\w+=|\sstyle=|javascript:/i)
    }
  })

  it('NEG-16 a spoofed Host changes no address that we give out', async () => {
    const spoofed = { host: 'evil.example', 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' }
    const device = await server.post('/device_authorization', { client_id: 'tv' }, spoofed)
    expect(device.json().verification_uri).toBe('http://localhost:8080/link')
    expect(
      (await server.app.inject({ url: '/.well-known/openid-configuration', headers: spoofed })).body,
    ).not.toContain('evil')
    const browser = server.browser(spoofed)
    for (const answer of [await browser.get('/link?user_code=BCDF-GHJK'), await browser.get('/link/device')]) {
      expect(String(answer.headers.location)).toMatch(/^\/[^/]/)
    }
    expect((await browser.open('/sign-in')).body).not.toContain('evil')
  })

  it.each([
    'next=https://evil.example',
    'return_to=//evil.example',
    'redirect=%2f%2fevil.example',
    'continue=%5c%5cevil.example',
    'next=/%09/evil.example',
  ])('SES-06 after /sign-in?%s a person is at home', async (query) => {
    const browser = server.browser()
    await browser.get(`/sign-in?${query}`)
    const answer = await browser.submit(`/sign-in?${query}`, {
      email: EMAIL,
      password: PASSWORD,
      next: '//evil.example',
    })
    expect([answer.statusCode, answer.headers.location]).toEqual([303, '/link'])
  })

  it.each(['//evil.example', '//evil.example/%2e%2e', '/\\evil.example', '/%5cevil.example', '/link//evil.example'])(
    'SES-06 the path %s leads nowhere',
    async (url) => {
      const answer = await sendRaw(server.app, `GET ${url} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
      expect(answer).not.toMatch(/^location:/im)
    },
  )

  it('SES-06 after signing in a person is where the code led, and the code is not asked for twice', async () => {
    const { user_code } = await server.start()
    const browser = server.browser()
    await browser.open(`/link?user_code=${user_code}`)
    const answer = await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD })
    expect(answer.headers.location).toBe('/link/device')
    expect((await browser.open('/link/device')).body).toContain('name="answer"')
  })
})

describe('what strangers write', () => {
  const SCRIPT = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
  let server: TestServer
  beforeAll(async () => {
    const config = await testConfig()
    const clients = config.clients.map((client) => (client.id === 'tv' ? { ...client, name: SCRIPT } : client))
    const apis = config.apis.map((api) => ({ ...api, scopes: { ...api.scopes, 'library:read': SCRIPT } }))
    server = await testServer({ config: { ...config, name: SCRIPT, clients, apis } })
  })
  afterAll(() => server.close())
  const expectHarmless = (body: string) => {
    expect(body).toContain('&lt;script')
    for (const live of [SCRIPT, '<script>', '<img']) expect(body).not.toContain(live)
  }

  it('NEG-15 in labels, names and scopes it stays text, before and after the answer', async () => {
    const claims = { device_name: SCRIPT, device_model: SCRIPT, device_software: SCRIPT }
    const { user_code } = await server.start(claims)
    const browser = await signedIn(server, EMAIL)
    expectHarmless((await browser.open(`/link?user_code=${user_code}`)).body)
    await browser.submit('/link/device', { answer: 'approve' })
    expectHarmless((await browser.open('/link/device')).body)
  })

  it('NEG-15 in fields and addresses it stays text', async () => {
    const browser = server.browser()
    await browser.open('/link')
    expectHarmless((await browser.submit('/link', { user_code: SCRIPT })).body)
    await browser.open(`/link?user_code=${encodeURIComponent(SCRIPT)}`)
    expectHarmless((await browser.signIn(SCRIPT, SCRIPT)).body)
    expectHarmless((await browser.get(`/${encodeURIComponent(SCRIPT)}?error=${encodeURIComponent(SCRIPT)}`)).body)
  })
})

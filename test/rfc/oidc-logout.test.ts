import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answerOf, authorize, authorizeUrl, CODE_CLIENTS, exchangeCode } from '../support/code-flow.ts'
import { textOf } from '../support/page-text.ts'
import { basic, SECRETS, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const BYE = 'https://app.example.com/bye'

describe('OpenID Connect RP-Initiated Logout', () => {
  let server: TestServer
  beforeAll(async () => {
    const clients = [...CODE_CLIENTS, ...PLAIN_TV]
    server = await testServer({ config: testConfig({ clients }) })
  })
  afterAll(() => server.close())

  /** A browser that signed in for `web`, and the id_token it got. */
  async function signedIn() {
    const browser = server.browser()
    const { code } = await authorize(browser)
    const tokens = await exchangeCode(server, code ?? '', {}, basic('web', SECRETS.REPORTS_SECRET))
    return { browser, tokens: tokens.json() }
  }
  const logoutUrl = (parameters: Record<string, string>) => `/logout?${new URLSearchParams(parameters)}`
  const isSignedIn = async (browser: ReturnType<TestServer['browser']>) =>
    (await browser.open(authorizeUrl({ prompt: 'none' }))).headers.location?.includes('code=')

  it('OI-07 a page asks first; yes signs out and goes back with the state', async () => {
    const { browser, tokens } = await signedIn()
    const request = { id_token_hint: tokens.id_token, post_logout_redirect_uri: BYE, state: 's &1' }
    const page = await browser.open(logoutUrl(request))
    expect(page.statusCode).toBe(200)
    expect(page.body).toContain('Northwind web')
    expect(page.headers['content-security-policy']).toContain("form-action 'self' https://app.example.com")
    expect(await isSignedIn(browser)).toBe(true)
    await browser.open(logoutUrl(request))
    const done = await browser.submit('/logout/confirm', { answer: 'yes' })
    expect(done.statusCode).toBe(303)
    expect(answerOf(done.headers.location)).toEqual({ address: BYE, members: { state: 's &1' } })
    expect(await isSignedIn(browser)).toBe(false)
  })

  it('OI-07 no changes nothing', async () => {
    const { browser } = await signedIn()
    await browser.open(logoutUrl({ client_id: 'web', post_logout_redirect_uri: BYE }))
    expect((await browser.submit('/logout/confirm', { answer: 'no' })).headers.location).toBe('/link')
    expect(await isSignedIn(browser)).toBe(true)
  })

  it('OI-07 JWT-06 an unregistered address, a contradiction or a token that is no id_token of ours: a page, no redirect', async () => {
    const { browser, tokens } = await signedIn()
    const wrong = [
      { client_id: 'web', post_logout_redirect_uri: 'https://app.example.com/bye/' },
      { client_id: 'web', post_logout_redirect_uri: 'https://evil.example.com/' },
      { post_logout_redirect_uri: BYE },
      { client_id: 'native', id_token_hint: tokens.id_token, post_logout_redirect_uri: BYE },
      { id_token_hint: tokens.access_token, post_logout_redirect_uri: BYE },
      { id_token_hint: `${tokens.id_token.slice(0, -4)}AAAA`, post_logout_redirect_uri: BYE },
    ]
    for (const parameters of wrong) {
      const answer = await browser.open(logoutUrl(parameters))
      expect(answer.statusCode).toBe(400)
      expect(answer.headers.location).toBeUndefined()
    }
    expect(await isSignedIn(browser)).toBe(true)
  })

  it('OI-07 devices stay linked unless the person says otherwise', async () => {
    const refresh = (token: string) =>
      server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token: token })
    const kept = await server.link()
    const first = await signedIn()
    await first.browser.open('/logout')
    await first.browser.submit('/logout/confirm', { answer: 'yes' })
    const rotated = await refresh(kept.refresh_token)
    expect(rotated.statusCode).toBe(200)

    const second = await signedIn()
    await second.browser.open('/logout')
    const done = await second.browser.submit('/logout/confirm', { answer: 'yes', devices: 'yes' })
    expect([done.statusCode, done.headers.location]).toEqual([303, '/signed-out'])
    expect((await refresh(rotated.json().refresh_token)).json().error).toBe('invalid_grant')
  })

  it('OI-07 WEB-03 that it is done is said again when it is loaded again, pressed twice or come back to; and by nobody signed in', async () => {
    const { browser } = await signedIn()
    await browser.open('/logout')
    await browser.submit('/logout/confirm', { answer: 'yes', devices: 'yes' })
    for (const path of ['/signed-out', '/signed-out', '/logout/confirm', '/signed-out']) {
      const page = await browser.open(path)
      expect([page.statusCode, textOf(page.body)]).toEqual([
        200,
        expect.stringContaining('You’re signed out Your devices are signed out too.'),
      ])
    }
    expect((await browser.submit('/logout/confirm', { answer: 'yes' })).headers.location).toBe('/signed-out')
    await server.host.advance(31 * 60 * 1000)
    expect((await browser.get('/signed-out')).headers.location).toBe('/link')
    expect((await (await signedIn()).browser.get('/signed-out')).headers.location).toBe('/account')
    const none = server.browser()
    expect(textOf((await none.open('/logout')).body)).toContain('Devices that you linked stay signed in.')
  })

  it('OI-07 a forged form signs nobody out', async () => {
    const { browser } = await signedIn()
    await browser.open('/logout')
    expect((await browser.submit('/logout/confirm', { answer: 'yes', csrf: 'forged' })).statusCode).toBe(403)
    expect(
      (await browser.submit('/logout/confirm', { answer: 'yes' }, { 'sec-fetch-site': 'cross-site' })).statusCode,
    ).toBe(403)
    expect(await isSignedIn(browser)).toBe(true)
  })
})

const PLAIN_TV = [
  {
    client_id: 'tv',
    token_endpoint_auth_method: 'none',
    dpop_bound_access_tokens: false,
    scope: 'openid offline_access library:read',
  },
]

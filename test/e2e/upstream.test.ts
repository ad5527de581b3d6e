// From the code on a screen to a linked device by way of the company's own sign-in, clicked through in a real browser
// with scripts off: policies, cookies and redirects from site to site show only there.
import { systemHost } from '@latchkey/shared'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { launchBrowser } from '../support/browser.ts'
import { fakeHost } from '../support/fake-host.ts'
import { upstreamEntry } from '../support/fake-upstream.ts'
import { freePort } from '../support/free-port.ts'
import { EMAIL, PASSWORD, type TestServer, testConfig, testServer } from '../support/test-server.ts'
import { startUpstream, UPSTREAM_SECRET, type UpstreamProvider } from '../support/upstream-provider.ts'

describe('the company’s own sign-in, in a real browser', () => {
  let chromium: Browser
  let issuer: string
  let upstream: UpstreamProvider
  let server: TestServer
  let page: Page
  const complaints: string[] = []

  beforeAll(async () => {
    chromium = await launchBrowser()
    const port = await freePort()
    // Two sites to the browser: 127.0.0.1 here, localhost there.
    issuer = `http://127.0.0.1:${port}`
    upstream = await startUpstream(`${issuer}/sign-in/with/acme/callback`)
    upstream.people.set('ben', { name: 'Ben', email: 'ben@acme.example', email_verified: true })
    const acme = upstreamEntry(upstream.issuer, { client_secret: { env: 'ACME' } })
    server = await testServer({
      config: testConfig({ issuer, upstreams: [acme] }, { ACME: UPSTREAM_SECRET }),
      host: { ...fakeHost(), clock: { ...systemHost.clock, jump: () => undefined } },
    })
    await server.app.listen({ host: '127.0.0.1', port })
  })
  afterAll(async () => {
    await chromium?.close()
    await server?.close()
    await upstream?.close()
  })
  beforeEach(async () => {
    page = await (await chromium.newContext({ javaScriptEnabled: false })).newPage()
    complaints.length = 0
    page.on('console', (message) => complaints.push(message.text()))
  })
  afterEach(() => page.context().close())

  async function signInThere(subject: string) {
    await page.click('text=Continue with Acme SSO')
    expect(await page.textContent('h1')).toBe('Acme sign-in')
    await page.fill('input[name=subject]', subject)
    await page.click('text=Sign in')
  }

  it('SES-04 from the code to the device and back, over two sites, with scripts off', async () => {
    const started = await server.start({ scope: 'openid' })
    await page.goto(`${issuer}/link?user_code=${started.user_code}`)
    await signInThere('ben')
    expect(page.url()).toBe(`${issuer}/link/device`)
    expect(await page.textContent('main')).toContain('ben@acme.example')
    await page.click('button[value=approve]')
    expect((await server.poll(started.device_code)).statusCode).toBe(200)
    expect(complaints).toEqual([])
  })

  it('SES-04 refused there: told here, and the password still leads on', async () => {
    const started = await server.start({ scope: 'openid' })
    await page.goto(`${issuer}/link?user_code=${started.user_code}`)
    await page.click('text=Continue with Acme SSO')
    await page.click('text=Cancel')
    expect(page.url()).toBe(`${issuer}/sign-in`)
    expect(await page.textContent('main')).toContain('You did not sign in with Acme SSO.')
    await page.fill('input[name=email]', EMAIL)
    await page.fill('input[name=password]', PASSWORD)
    await page.click('form[action="/sign-in"] button')
    expect(page.url()).toBe(`${issuer}/link/device`)
    expect(complaints).toEqual([])
  })

  it('SES-04 WEB-09 added to an account: a form, a page, a link, and back', async () => {
    await page.goto(`${issuer}/account/identities`)
    await page.fill('input[name=email]', EMAIL)
    await page.fill('input[name=password]', PASSWORD)
    await page.click('form[action="/sign-in"] button')
    await page.click('text=Add Acme SSO')
    await page.click('text=Continue to Acme SSO')
    await page.fill('input[name=subject]', 'ana-there')
    await page.click('text=Sign in')
    expect(page.url()).toBe(`${issuer}/account/identities`)
    expect(await page.textContent('main')).toContain('From now on Acme SSO signs you in here.')
    expect(complaints).toEqual([])
  })
})

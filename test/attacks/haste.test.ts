// A limit that is looked at first and counted later lets a hundred at once through. Here everything comes at once. Codes of
// devices are in guessing.test.ts; passwords, and codes of an app, in ../negative and ../accounts.
import { afterEach, expect, it } from 'vitest'
import { appFrom } from '../support/authenticator-app.ts'
import { fakeHost } from '../support/fake-host.ts'
import { fakeUpstream, upstreamEntry } from '../support/fake-upstream.ts'
import { fieldIn } from '../support/page-text.ts'
import { type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

let server: TestServer
afterEach(() => server.close())

it('LOG-04 a hundred and fifty made-up answers of another provider at once: it is asked a hundred times in our name', async () => {
  const acme = await fakeUpstream()
  server = await testServer({
    config: testConfig({ upstreams: [upstreamEntry()], listen: { trusted_proxies: ['127.0.0.1'] } }),
    host: fakeHost({ startAt: Date.now() }),
    fetch: acme.fetch,
  })
  /** As far as the way back, with a code that the provider never gave out. */
  async function wayBack(address: string): Promise<[TestBrowser, string]> {
    const browser = server.browser({ 'x-forwarded-for': address })
    const away = String((await browser.get('/sign-in/with/acme')).headers.location)
    return [browser, acme.authorize(away, { code: 'made-up' })]
  }
  const honest = await wayBack('192.0.2.1')
  const made = await Promise.all(Array.from({ length: 150 }, () => wayBack('198.51.100.1')))
  await Promise.all(made.map(([browser, path]) => browser.get(path)))
  expect(acme.asked.filter((path) => path === '/token')).toHaveLength(100)
  // Whoever comes from elsewhere is not made to wait.
  await honest[0].get(honest[1])
  expect(acme.asked.filter((path) => path === '/token')).toHaveLength(101)
})

it('LOG-05 one code of an app, and one recovery code, in five browsers at once: each signs in one of them', async () => {
  server = await testServer({ config: testConfig({ listen: { trusted_proxies: ['127.0.0.1'] } }) })
  const owner = server.browser()
  await owner.signIn()
  await owner.open('/account/second-factor')
  const page = await owner.submit('/account/second-factor', {})
  const app = appFrom(page.body)
  const key = fieldIn(page.body, 'key')
  await owner.submit('/account/second-factor/on', { key, code: app.code(server.host.clock.now()) })
  const shown = await owner.open('/account/second-factor/recovery-codes')
  const recovery = /<li>(\d{4} \d{4} \d{4})<\/li>/.exec(shown.body)?.[1] ?? ''
  for (const code of [() => app.code(server.host.clock.now()), () => recovery]) {
    await server.host.advance(600_000)
    // As many as are let through at all.
    const browsers = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const browser = server.browser()
        await browser.signIn()
        await browser.open('/sign-in/code')
        return browser
      }),
    )
    const right = code()
    const answers = await Promise.all(browsers.map((browser) => browser.submit('/sign-in/code', { code: right })))
    expect(answers.filter(({ headers }) => headers.location === '/link')).toHaveLength(1)
    const inside = await Promise.all(browsers.map((browser) => browser.get('/account')))
    expect(inside.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1)
  }
})

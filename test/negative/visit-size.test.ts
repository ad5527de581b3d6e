// A browser drops a cookie of more than 4096 bytes without a word, and with it what its person came for. What a client can
// have a visit carry fits, or its person is told so; never is a cookie sent that nobody keeps.
import type { LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authorizeUrl, CODE_CLIENTS } from '../support/code-flow.ts'
import { textOf } from '../support/page-text.ts'
import { type TestServer, testConfig, testServer } from '../support/test-server.ts'

const LONG = `https://app.example.com/${'r'.repeat(3500)}`
const OUT = 'https://app.example.com/out'
const ATTRIBUTES = '; Path=/; HttpOnly; Secure; SameSite=Lax'

let server: TestServer
beforeAll(async () => {
  const [web] = CODE_CLIENTS
  const wide = {
    ...web,
    client_id: 'w'.repeat(128),
    client_name: '名'.repeat(64),
    redirect_uris: [LONG],
    post_logout_redirect_uris: [OUT, LONG],
  }
  server = await testServer({ config: testConfig({ clients: [wide] }) })
})
afterAll(() => server.close())

const clientId = 'w'.repeat(128)
const logoutUrl = (state: string, to = OUT) =>
  `/logout?${new URLSearchParams({ client_id: clientId, post_logout_redirect_uri: to, state })}`

/** All cookies of an answer, as long as they would be under https. */
function sizes({ cookies }: LightMyRequestResponse): readonly number[] {
  return cookies.map(({ name, value }) => `__Host-${name}=${value}${ATTRIBUTES}`.length)
}
function expectKept(answer: LightMyRequestResponse): void {
  expect(sizes(answer)).not.toEqual([])
  expect(Math.max(...sizes(answer))).toBeLessThanOrEqual(4096)
}
function expectTold(answer: LightMyRequestResponse): void {
  expect([answer.statusCode, answer.cookies]).toEqual([400, []])
  expect(textOf(answer.body)).toContain('The app sent too much What the app that led you here sent along is too long')
}

describe('the visit of an authorization', () => {
  it.each([
    ['languages of nowhere', '名'.repeat(2048)],
    ['quotes', '"'.repeat(2048)],
    ['languages, the last of which is ours', `${'x-y '.repeat(500)}de`],
  ])(
    'AZ-01 the longest address to return to, client and name, %s, and the longest address of mail',
    async (_what, ui) => {
      const browser = server.browser()
      const url = authorizeUrl({ client_id: clientId, redirect_uri: LONG, scope: 'openid', ui_locales: ui })
      const started = await browser.get(url)
      expect([started.statusCode, started.headers.location]).toEqual([303, '/authorize/continue'])
      expectKept(started)
      expectKept(await browser.get('/authorize/continue'))
      await browser.open('/sign-in')
      const email = `${'名'.repeat(240)}@example.com`
      const wrong = await browser.submit('/sign-in', { email, password: 'a wrong password' })
      expect(wrong.statusCode).toBe(403)
      expectKept(wrong)
      await browser.signIn()
      const page = await browser.open('/authorize/continue')
      expect(page.statusCode).toBe(200)
      expect(page.body).toContain('名'.repeat(64))
      expect(page.headers['content-security-policy']).toMatch(/form-action 'self' https:\/\/app\.example\.com$/)
    },
  )

  it('UX-08 keeps the language that the client asked for', async () => {
    const browser = server.browser()
    const url = authorizeUrl({ client_id: clientId, redirect_uri: LONG, scope: 'openid', ui_locales: 'xx de-AT fr' })
    expect((await browser.open(url)).body).toContain('<html lang="de"')
  })
})

describe('the visit of a sign-out', () => {
  it.each(['s', '"', '名'])('OI-07 512 characters of state come back: %s', async (character) => {
    const browser = server.browser()
    await browser.signIn()
    const state = character.repeat(512)
    const asked = await browser.get(logoutUrl(state))
    expect([asked.statusCode, asked.headers.location]).toEqual([303, '/logout/confirm'])
    expectKept(asked)
    await browser.open('/logout/confirm')
    const done = await browser.submit('/logout/confirm', { answer: 'yes' })
    expect(done.headers.location).toBe(`${OUT}?state=${encodeURIComponent(state)}`)
  })

  it('OI-07 UX-03 more is told to the person, who stays signed in and keeps what they came for', async () => {
    const browser = server.browser()
    await browser.signIn()
    const visit = browser.cookies.get('latchkey-visit')
    for (const length of [513, 3000, 8000]) expectTold(await browser.get(logoutUrl('s'.repeat(length))))
    expect(browser.cookies.get('latchkey-visit')).toBe(visit)
    expect((await browser.get('/account')).statusCode).toBe(200)
  })

  it('OI-07 UX-03 so is an address that is too long to carry', async () => {
    const browser = server.browser()
    await browser.signIn()
    expectTold(await browser.get(logoutUrl('s', LONG)))
  })
})

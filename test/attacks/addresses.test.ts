// Addresses that a stranger makes up: a Host that is not ours, and places to be sent to afterwards. Every route of the
// router is tried with every one of them, signed in, with every name that such a parameter ever had.
import type { LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSession } from '../../server/src/accounts/sessions.ts'
import { ACME, fakeUpstream } from '../support/fake-upstream.ts'
import { type Route, routesOf } from '../support/routes.ts'
import { EMAIL, ISSUER, PASSWORD, type TestBrowser, type TestServer, testServer } from '../support/test-server.ts'
import { type WholeAccount, wholeAccount, wholeConfig } from '../support/whole-account.ts'

const SPOOFED = {
  host: 'evil.example:1337',
  'x-forwarded-host': 'evil.example:1337',
  'x-forwarded-server': 'evil.example',
  'x-forwarded-port': '1337',
  'x-forwarded-prefix': '//evil.example',
  'x-forwarded-for': '203.0.113.66',
  'x-original-host': 'evil.example',
  'x-original-url': '//evil.example/',
  'x-rewrite-url': '//evil.example/',
  'x-host': 'evil.example',
  forwarded: 'for=203.0.113.66;host=evil.example;proto=https',
  referer: 'https://evil.example/',
}
const TARGETS = [
  '//evil.example',
  '/\\evil.example',
  '\\\\evil.example',
  'https://evil.example/',
  'https:evil.example',
  '%2f%2fevil.example',
  '%5c%5cevil.example',
  '/\t/evil.example',
  '/./\n//evil.example',
  '/..//evil.example',
  `${ISSUER}@evil.example`,
  `//localhost:8080.evil.example`,
  '/account/..//evil.example',
  'javascript:alert(1)',
  'data:text/html,evil.example',
]
/** What such a parameter is called, here or elsewhere. */
const PLACES = [
  ...['from', 'next', 'return_to', 'returnTo', 'redirect', 'redirect_to', 'redirect_uri', 'redirect_url', 'continue'],
  ...['url', 'uri', 'target', 'dest', 'goto', 'back', 'callback', 'RelayState', 'post_logout_redirect_uri', 'state'],
]
/** All the others, with what is right for them. */
const RIGHT = {
  ...{ email: EMAIL, code: '000000', key: 'x', credential: '{}', name: 'TV', devices: 'yes', answer: 'yes' },
  ...{ user_code: 'BCDF-GHJK', language: 'de', upstream: 'acme', identity: 'identity', session: 'others' },
}
const NAMES = [
  ...[...PLACES, ...Object.keys(RIGHT), 'ui_locales', 'lang', 'id', 'token', 'iss', 'error', 'error_description'],
  ...['request_uri', 'id_token_hint', 'login_hint'],
]
const FORM = 'application/x-www-form-urlencoded'

let server: TestServer
let account: WholeAccount
let routes: readonly Route[]
const sent: string[] = []

beforeAll(async () => {
  const acme = await fakeUpstream()
  const webhook = { url: 'https://hooks.example.com/', secret: { env: 'HOOK' } }
  const config = wholeConfig(
    { listen: { trusted_proxies: ['127.0.0.1'] }, notices: { webhook } },
    { HOOK: `whsec_${Buffer.alloc(32, 7).toString('base64')}` },
  )
  server = await testServer({
    config,
    fetch: async (url, init) => {
      if (!url.startsWith('https://hooks.example.com/')) return acme.fetch(url, init)
      sent.push(String(init.body))
      return new Response(null, { status: 204 })
    },
  })
  account = await wholeAccount(server)
  routes = routesOf(server.app).filter(({ url }) => !/\*|^\/assets/.test(url))
})
afterAll(() => server.close())

/** The owner, signed in anew: some routes sign people out. */
async function signedIn(headers: Readonly<Record<string, string>> = {}): Promise<TestBrowser> {
  const browser = server.browser(headers)
  browser.cookies.set('latchkey-session', await startSession(server.store, server.host, server.user, ['pwd']))
  return browser
}
const cookiesOf = (browser: TestBrowser) => [...browser.cookies].map((pair) => pair.join('=')).join('; ')
const addressOf = (url: string, id?: string) => url.replace(/:\w+/g, () => id ?? account.idFor(url))
const whole = ({ headers, body }: LightMyRequestResponse) => JSON.stringify(headers) + body

describe('a Host that is not ours', () => {
  it('NEG-16 stands in no header and in no page, whichever route is asked, and however', async () => {
    const browser = await signedIn()
    for (const { method, url } of routes) {
      if (method !== 'GET' && method !== 'POST') continue
      const answer = await server.app.inject({
        method,
        url: addressOf(url),
        headers: { ...SPOOFED, cookie: cookiesOf(browser), ...(method === 'POST' && { 'content-type': FORM }) },
        ...(method === 'POST' && { payload: 'csrf=x&client_id=tv' }),
      })
      expect(whole(answer), `${method} ${url}`).not.toMatch(/evil|1337/)
      for (const { name, domain } of answer.cookies as { name: string; domain?: string }[]) {
        expect([name, domain]).toEqual([name, undefined])
      }
    }
  })

  it('NEG-16 WEB-10 nor anywhere on the way from a code to a linked device, nor in the notice about it', async () => {
    const started = await server.post('/device_authorization', { client_id: 'tv' }, SPOOFED)
    const { user_code, device_code } = started.json()
    const browser = server.browser(SPOOFED)
    const seen = [
      started,
      await browser.get(`/link?user_code=${user_code}`),
      await browser.open('/sign-in'),
      await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD }),
      await browser.open('/link/device'),
      await browser.submit('/link/device', { answer: 'approve', letters: user_code }),
      await browser.open('/link/device'),
    ]
    const token = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: 'tv', device_code }
    const told = sent.length
    seen.push(await server.token(token, SPOOFED))
    expect(seen.at(-1)?.statusCode).toBe(200)
    for (const answer of seen) expect(whole(answer)).not.toMatch(/evil|1337/)
    await server.host.until(() => sent.length > told)
    expect(sent.at(-1)).toContain(`${ISSUER}/undo/`)
    expect(sent.join('')).not.toMatch(/evil|1337/)
  })
})

describe('a place to be sent to', () => {
  /** Where a browser that asked for `url` goes by this answer; undefined when it stays. */
  function expectAtHome(url: string, answer: LightMyRequestResponse): void {
    const { location, refresh } = answer.headers
    expect(refresh, url).toBeUndefined()
    // As browsers read it: backslashes, tabs and line breaks included.
    const { origin } = new URL(String(location ?? '/'), new URL(addressOf(url, 'x'), ISSUER))
    expect([url, origin]).toEqual([url, url === '/sign-in/with/:id' && location ? new URL(ACME).origin : ISSUER])
    const followed = [...answer.body.matchAll(/ (?:href|src|action|formaction)="([^"]*)"/g)].map(([, to]) => to)
    for (const to of followed) expect(to, url).not.toMatch(/evil|^(javascript|data):/)
  }

  it('SES-06 in the address of any page leads nowhere else', async () => {
    for (const target of TARGETS) await tryEverywhere(target)
  })

  async function tryEverywhere(target: string): Promise<void> {
    const cookie = cookiesOf(await signedIn())
    for (const client_id of [target, 'web']) {
      const query = new URLSearchParams(NAMES.map((name) => [name, target]))
      query.append('client_id', client_id)
      for (const { method, url } of routes) {
        if (method !== 'GET') continue
        expectAtHome(url, await server.app.inject({ url: `${addressOf(url)}?${query}`, headers: { cookie } }))
      }
    }
    for (const { method, url } of routes) {
      if (method !== 'GET') continue
      const inPath = [
        `${addressOf(url, encodeURIComponent(target))}`,
        `${addressOf(url)}/${encodeURIComponent(target)}`,
      ]
      for (const path of inPath) expectAtHome(url, await server.app.inject({ url: path, headers: { cookie } }))
    }
  }

  it('SES-06 nor in the fields of any form', async () => {
    for (const { method, url } of routes) {
      if (method !== 'POST') continue
      for (const target of TARGETS) {
        const browser = await signedIn()
        await browser.open('/account/password')
        const fields = Object.fromEntries(NAMES.map((name) => [name, target]))
        expectAtHome(url, await browser.submit(addressOf(url), { ...fields, client_id: 'web' }))
      }
    }
  })

  it('SES-06 nor where everything else in the form is right', async () => {
    const statuses = new Map<string, number>()
    for (const target of ['//evil.example', '/\\evil.example', 'https://evil.example/']) {
      for (const { method, url } of routes) {
        if (method !== 'POST') continue
        const browser = await signedIn()
        await browser.open('/account/password')
        const fields = { ...RIGHT, ...Object.fromEntries(PLACES.map((name) => [name, target])) }
        // Taken for a new password, it would be one.
        const answer = await browser.submit(
          addressOf(url),
          url === '/sign-in' ? { ...fields, password: PASSWORD } : fields,
        )
        expectAtHome(url, answer)
        if (!statuses.has(url)) statuses.set(url, answer.statusCode)
      }
    }
    for (const url of ['/language', '/link', '/sign-in', '/sign-out', '/account/sessions']) {
      expect([url, statuses.get(url)]).toEqual([url, 303])
    }
  })

  it('SES-06 nor when it is in the address at the moment of signing in', async () => {
    for (const target of TARGETS) {
      const query = new URLSearchParams(NAMES.map((name) => [name, target]))
      const browser = server.browser()
      await browser.get(`/link?${query}`)
      await browser.get(`/language?${query}`)
      await browser.open(`/sign-in?${query}`)
      const fields = Object.fromEntries(NAMES.map((name) => [name, target]))
      const answer = await browser.submit(`/sign-in?${query}`, { ...fields, email: EMAIL, password: PASSWORD })
      expect([answer.statusCode, answer.headers.location]).toEqual([303, '/link'])
    }
  })
})

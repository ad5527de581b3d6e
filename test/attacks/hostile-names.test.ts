// Words that a stranger chose, in every place where they can say some: what a device is called and calls itself, names and
// addresses from another provider, User-Agent, X-Forwarded-For, what is typed and what stands in an address. On every page
// that shows them, as a real browser sees it under the real policy, and in the mail. The same for pages with canned data:
// ../pages/gallery.test.ts.
import type { LightMyRequestResponse } from 'fastify'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchBrowser } from '../support/browser.ts'
import { authorizeUrl } from '../support/code-flow.ts'
import { dpopClient, linkWithKey } from '../support/dpop-client.ts'
import { ENROL, metadataFor, register } from '../support/enrolment.ts'
import { fakeHost } from '../support/fake-host.ts'
import { type FakeUpstream, fakeUpstream } from '../support/fake-upstream.ts'
import { startMailServer } from '../support/mail-server.ts'
import { addPasskey } from '../support/passkey-pages.ts'
import { softwarePasskey } from '../support/software-passkey.ts'
import { ISSUER, type TestBrowser, type TestServer, testServer } from '../support/test-server.ts'
import { wholeConfig } from '../support/whole-account.ts'

/** In each kind of text; `header` is what of it fits into a header. */
const NAMES = {
  markup: {
    text: `"'--></title><script>pwned=1</script><img src=x onerror=pwned=1>`,
    email: `"'/onmouseover=pwned=1/&lt;script&gt;'"@evil.example`,
    header: `<script>pwned=1</script><img src=x onerror=pwned=1>`,
  },
  directions: {
    text: '\u202Egnp.evil\u202C\u2067 \u05E9\u05DC\u05D5\u05DD\u2069 \u200F\u061C12 \u05E9',
    email: '\u05E9\u05DC\u05D5\u05DD@evil.example',
    header: '\u00A0\u00ADevil',
  },
  lengths: {
    text: 'W'.repeat(200) + 'e\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308'.repeat(20),
    email: `${'w'.repeat(230)}@evil.example`,
    header: 'W'.repeat(1500),
  },
} as const
type Kind = keyof typeof NAMES
const KINDS = Object.keys(NAMES) as readonly Kind[]

// What a string could have made, were it markup: nothing of ours looks like it.
const FOREIGN = `[...document.querySelectorAll('*')].filter((element) =>
  /^(script|style|iframe|object|embed|base|audio|video|math)$/.test(element.localName) && !/^\\/assets\\//.test(element.getAttribute('src') ?? '') ||
  element.matches('img:not(.logo), meta[http-equiv]') ||
  [...element.attributes].some(({ name, value }) => name.startsWith('on') || name === 'style' ||
    /^(href|src|action|formaction)$/.test(name) && !/^(\\/|otpauth:|https:\\/\\/app\\.example\\.com)/.test(value))
).map((element) => element.outerHTML)`
const DIRECTING = '/[\\u202A-\\u202E\\u2066-\\u2069\\u200E\\u200F\\u061C]/'
/** Where the direction of a stranger's words could turn ours: marks that direct, and words that stand beside ours unwrapped. */
const TURNED = `(() => {
  const texts = document.createTreeWalker(document, NodeFilter.SHOW_TEXT)
  const found = []
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    if (${DIRECTING}.test(text.data)) found.push('a mark in: ' + text.data)
    if (/[\\u0590-\\u05FF]/.test(text.data) && !text.parentElement.closest('bdi, title')) found.push('beside ours: ' + text.data)
  }
  for (const element of document.querySelectorAll('*'))
    for (const { name, value } of element.attributes)
      if (${DIRECTING}.test(value) && name !== 'value') found.push('a mark in ' + name + ': ' + value)
  return found
})()`
const SIDEWAYS = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
const SEEN = `({ foreign: ${FOREIGN}, turned: ${TURNED}, sideways: ${SIDEWAYS}, ran: typeof pwned,
  title: document.title, text: document.body.innerText })`
interface Seen {
  readonly title: string
  readonly text: string
}

let chromium: Browser
let page: Page
const complaints: string[] = []
let shown: Pick<LightMyRequestResponse, 'headers' | 'rawPayload'> | undefined
let server: TestServer

beforeAll(async () => {
  chromium = await launchBrowser()
  page = await chromium.newPage({ viewport: { width: 320, height: 640 } })
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('dialog', (dialog) => complaints.push(`a dialog: ${dialog.message()}`))
  await page.routeWebSocket(/./, () => undefined)
  await page.route('**/*', async (route) => {
    const url = new URL(route.request().url())
    if (url.origin !== ISSUER) {
      complaints.push(`asked for ${url}`)
      return route.abort()
    }
    const answer = url.pathname === '/shown' ? shown : await server.app.inject(url.pathname)
    if (answer === undefined) return route.abort()
    const headers = Object.entries(answer.headers).map(([name, value]) => [name, String(value)])
    // Browsers complain about any other status, of pages that are as they should be.
    return route.fulfill({ status: 200, headers: Object.fromEntries(headers), body: answer.rawPayload })
  })
})
afterAll(() => chromium?.close())

async function look(what: string, answer: LightMyRequestResponse): Promise<string> {
  expect(String(answer.headers['content-type']), what).toContain('text/html')
  shown = answer
  complaints.length = 0
  await page.goto(`${ISSUER}/shown`)
  const { text, title, ...found } = await page.evaluate<Seen>(SEEN)
  expect(found, what).toEqual({ foreign: [], turned: [], sideways: 0, ran: 'undefined' })
  expect(title, what).not.toMatch(/evil|W{9}|script/)
  expect(complaints, what).toEqual([])
  return text
}

describe.each(KINDS)('hostile %s', (kind) => {
  const { text, email, header } = NAMES[kind]
  const mark = { markup: 'pwned=1', directions: 'שלום', lengths: 'WWWW' }[kind]
  let browser: TestBrowser
  let acme: FakeUpstream
  let mails: Awaited<ReturnType<typeof startMailServer>>

  beforeAll(async () => {
    mails = await startMailServer()
    acme = await fakeUpstream()
    acme.claims = { sub: text, name: text, email, email_verified: true, preferred_username: text }
    const notices = { smtp: { url: { env: 'SMTP' }, from: 'Northwind <no-reply@example.com>' } }
    server = await testServer({
      config: wholeConfig({ notices, listen: { trusted_proxies: ['127.0.0.1'] } }, { SMTP: mails.url }),
      host: fakeHost({ startAt: Date.now() }),
      fetch: acme.fetch,
    })
    browser = server.browser({
      'user-agent': `${header}/1.0 (x)`,
      'x-forwarded-for': header,
      'accept-language': header,
    })
    const away = String((await browser.get('/sign-in/with/acme')).headers.location)
    await browser.open(acme.authorize(away))
  })
  afterAll(async () => {
    await server.host.run(server.close())
    await mails.close()
  })

  const claims = { device_name: text, device_model: text, device_software: text }
  const find = (body: string, pattern: RegExp) => pattern.exec(body)?.[1] ?? ''

  it('NEG-15 UX-04 UX-08 on the way of a device, from the code to its end', async () => {
    const started = await server.post(
      '/device_authorization',
      { client_id: 'tv', ...claims },
      { 'x-forwarded-for': header },
    )
    const { user_code, device_code } = started.json()
    expect(await look('the device', await browser.open(`/link?user_code=${user_code}`))).toContain(mark)
    await browser.submit('/link/device', { answer: 'approve', letters: user_code })
    await look('its outcome', await browser.open('/link/device'))
    const token = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: 'tv', device_code }
    expect((await server.token(token)).statusCode).toBe(200)
    expect(await look('that it is linked', await browser.open('/link/device'))).toContain(mark)

    const undoIn = () => find(mails.mails.map((mail) => mail.text).join(''), /(\/undo\/[\w-]+)/)
    await server.host.until(() => undoIn() !== '')
    const undo = undoIn()
    const holder = server.browser({ 'user-agent': header })
    expect(await look('the notice’s page', await holder.open(undo))).toContain(mark)

    const account = await browser.open('/account')
    expect(await look('the account', account)).toContain(mark)
    const device = find(account.body, /href="(\/account\/devices\/[^"]+)"/)
    expect(await look('the device’s own page', await browser.open(device))).toContain(mark)
    await browser.submit(device, { name: text.replace(/[\r\n]/g, '') })
    await look('renamed', await browser.open(device))
    expect(await look('whether to remove it', await browser.open(`${device}/remove`))).toContain(mark)
    await browser.submit(`${device}/remove`, { answer: 'yes' })
    expect(await look('that it is removed', await browser.open('/account'))).toContain(mark)
    await look('what happened lately', await browser.open('/account/activity'))
    await look('nothing to undo', await holder.open(undo))
  })

  it('NEG-15 UX-04 UX-08 on the pages of the account, of passkeys, browsers and accounts elsewhere', async () => {
    expect(await look('where codes are typed', await browser.open('/link'))).toContain(
      kind === 'lengths' ? 'wwww' : mark,
    )
    await addPasskey(browser, softwarePasskey())
    const passkeys = await browser.open('/account/passkeys')
    await look('passkeys', passkeys)
    const passkey = find(passkeys.body, /href="(\/account\/passkeys\/[^"]+)"/)
    await browser.submit(passkey, { name: text })
    expect(await look('a passkey', await browser.open(passkey))).toContain(mark)
    expect(await look('passkeys by name', await browser.open('/account/passkeys'))).toContain(mark)
    expect(await look('accounts elsewhere', await browser.open('/account/identities'))).toMatch(/evil|WWWW|wwww/)
    await look('browsers', await browser.open('/account/sessions'))
    await look('the password', await browser.open('/account/password'))
    await look('the second factor', await browser.open('/account/second-factor'))
    await look('its key', await browser.submit('/account/second-factor', {}))
    await look('signing out', await browser.open('/account/sign-out'))
    await look('a client’s wish to sign out', await browser.open('/logout'))
    await look('consent', await browser.open(authorizeUrl()))
  })

  it('NEG-15 UX-04 UX-08 of a device that set itself up', async () => {
    const device = await dpopClient(server)
    // In the network of the device, which says nothing of where it is.
    const near = server.browser()
    for (const [name, value] of browser.cookies) near.cookies.set(name, value)
    const { access_token } = await linkWithKey(server, device, { ...ENROL, ...claims }, near)
    const answer = await register(device, access_token, metadataFor(device.key, { client_name: text }))
    expect(answer.statusCode).toBe(201)
    const account = await browser.open('/account')
    expect(await look('the account', account)).toContain(mark)
    const own = find(account.body, /href="(\/account\/enrolled\/[^"]+)"/)
    expect(await look('its page', await browser.open(own))).toContain(mark)
    await look('whether to remove it', await browser.open(`${own}/remove`))
    await browser.submit(`${own}/remove`, { answer: 'yes' })
    expect(await look('that it is removed', await browser.open('/account'))).toContain(mark)
  })

  it('NEG-15 UX-04 UX-08 typed by hand, or in an address', async () => {
    const stranger = server.browser({ 'user-agent': header, 'accept-language': header })
    await look('no code', await stranger.open(`/link?user_code=${encodeURIComponent(text)}`))
    await look('a code', await stranger.submit('/link', { user_code: text }))
    await look('a wrong address', await stranger.signIn(email, text))
    await look('languages', await stranger.open(`/language?from=${encodeURIComponent(text)}`))
    await look('no such page', await stranger.get(`/${encodeURIComponent(text)}?error=${encodeURIComponent(text)}`))
    await look('no such app', await stranger.get(`/authorize?client_id=${encodeURIComponent(text)}`))
    await look('no such form', await stranger.submit('/link', { csrf: text }))
    await look('no such notice', await stranger.open(`/undo/${encodeURIComponent(text.slice(0, 60))}`))
    await look('no such device', await browser.get(`/account/devices/${encodeURIComponent(text.slice(0, 60))}`))
  })

  it('WEB-10 NEG-15 in each mail that all this has caused: for one person, and nothing in it but our own words and theirs', async () => {
    await server.host.until(() => mails.mails.length >= 4)
    for (const { headers, html, raw, recipients } of mails.mails) {
      expect(recipients).toHaveLength(1)
      for (const name of ['to', 'from', 'subject']) expect(headers.get(name), name).toHaveLength(1)
      for (const name of ['bcc', 'cc', 'reply-to', 'sender']) expect(headers.get(name), name).toBeUndefined()
      expect(headers.get('subject')?.[0]).not.toMatch(/evil|pwned|W{9}|[\u0590-\u05FF]/)
      expect(raw).not.toMatch(/^(bcc|x-\w+):/im)
      // As a careless mail program would show it: without any policy.
      shown = { headers: { 'content-type': 'text/html; charset=utf-8' }, rawPayload: Buffer.from(html) }
      await page.goto(`${ISSUER}/shown`)
      expect(await page.evaluate(SEEN)).toMatchObject({ turned: [], sideways: 0, ran: 'undefined' })
      const loaded = await page.evaluate("document.querySelectorAll('script, img, iframe, form, link, object').length")
      expect(loaded).toBe(0)
      const links = await page.evaluate<string[]>("[...document.querySelectorAll('a')].map((a) => a.href)")
      for (const link of links) expect(link).toMatch(/^http:\/\/localhost:8080\/(account|undo\/[\w-]+)$/)
    }
  })
})

it('NEG-15 LOG-03 an address that no mail program would take, or that nobody could read, is none and makes no account', async () => {
  const acme = await fakeUpstream()
  server = await testServer({ config: wholeConfig(), host: fakeHost({ startAt: Date.now() }), fetch: acme.fetch })
  for (const unfit of ['a<b>@evil.example', 'a\u202Eb@evil.example', 'a\u200Bb@evil.example', 'a\u0000@evil.example']) {
    acme.claims = { ...acme.claims, sub: unfit, email: unfit }
    const stranger = server.browser()
    const away = String((await stranger.get('/sign-in/with/acme')).headers.location)
    expect((await stranger.open(acme.authorize(away))).body).toContain('so no account was made')
  }
  expect(await server.store.users.all()).toHaveLength(1)
  await server.close()
})

// The browsers in which somebody is signed in, as they see them, and what happened lately.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { textOf } from '../support/page-text.ts'
import { signedIn } from '../support/signed-in.ts'
import { EMAIL, PASSWORD, type TestBrowser, type TestServer, testServer } from '../support/test-server.ts'

const MINUTE = 60_000
const PATH = '/account/sessions'
const FIREFOX = 'Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0'
const SAFARI =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15'
const ids = (html: string): readonly string[] =>
  [...html.matchAll(/name="session" value="([^"]+)"/g)].flatMap(([, id = '']) => (id === 'others' ? [] : [id]))

describe('/account/sessions', () => {
  let server: TestServer
  beforeEach(async () => {
    server = await testServer()
  })
  afterEach(() => server.close())

  const browserOf = async (agent: string): Promise<TestBrowser> => {
    const browser = server.browser({ 'user-agent': agent })
    await browser.signIn()
    return browser
  }
  const isSignedIn = async (browser: TestBrowser) => (await browser.get('/account')).statusCode === 200

  it('SES-01 shows each by name, since when, from where and when it was used last; this one first', async () => {
    const mac = await browserOf(SAFARI)
    await server.host.advance(5 * MINUTE)
    const phone = await browserOf(FIREFOX)
    await server.host.advance(3 * MINUTE)
    await mac.open('/account')
    const page = await phone.open(PATH)
    expect(textOf(page.body)).toMatch(
      /Firefox on Android This browser Signed in 3 minutes ago 127\.0\.0\.1 Safari on macOS Signed in 8 minutes ago Last used just now 127\.0\.0\.1/,
    )
    expect(textOf(page.body)).toContain('after 30 minutes without use, and after 12 hours in any case')
    expect(textOf((await phone.open('/account')).body)).toContain('Signed-in browsers 2')
    // One that has run out is not signed in any more.
    await server.host.advance(29 * MINUTE)
    await mac.open('/account')
    await server.host.advance(2 * MINUTE)
    expect(ids((await mac.open(PATH)).body)).toEqual([])
  })

  it('SES-01 ending one ends it with that very answer, and no other', async () => {
    const [mac, phone, tablet] = [await browserOf(SAFARI), await browserOf(FIREFOX), await browserOf(FIREFOX)]
    const [macSession] = (await server.store.sessions.byUser(server.user.id)).filter(({ browser }) =>
      browser?.startsWith('Safari'),
    )
    const page = await phone.open(PATH)
    expect(ids(page.body)).toContain(macSession?.id)
    const answer = await phone.submit(PATH, { session: macSession?.id ?? '' })
    expect(answer.headers.location).toBe(PATH)
    expect(textOf((await phone.open(PATH)).body)).toContain('That browser is signed out.')
    expect(await isSignedIn(mac)).toBe(false)
    expect(await isSignedIn(tablet)).toBe(true)
    await phone.open(PATH)
    await phone.submit(PATH, { session: 'others' })
    expect(await isSignedIn(tablet)).toBe(false)
    expect(await isSignedIn(phone)).toBe(true)
  })

  it('SES-01 nobody ends another person’s, this browser’s own, or anything without a form of ours', async () => {
    const ana = await browserOf(FIREFOX)
    const bo = await signedIn(server, 'bo@example.com')
    const [mine] = await server.store.sessions.byUser(server.user.id)
    await bo.open('/account')
    for (const session of [mine?.id ?? '', 'others', '', 'unknown']) {
      expect((await bo.submit(PATH, { session })).headers.location).toBe(PATH)
    }
    await ana.open('/account')
    await ana.submit(PATH, { session: mine?.id ?? '' })
    expect(await isSignedIn(ana)).toBe(true)
    const mac = await browserOf(SAFARI)
    expect((await ana.submit(PATH, { session: 'others', csrf: 'forged' })).statusCode).toBe(403)
    expect(await isSignedIn(mac)).toBe(true)
  })

  it('WEB-09 OPS-03 recent activity says what happened, the newest first, and nothing of anybody else', async () => {
    await server.link({ device_name: 'Living room TV' })
    const bo = await signedIn(server, 'bo@example.com')
    const ana = await signedIn(server, EMAIL)
    const { body } = await ana.open('/account')
    const path = /href="(\/account\/devices\/[^"]+)"/.exec(body)?.[1] ?? ''
    await ana.open(`${path}/remove`)
    await ana.submit(`${path}/remove`, { answer: 'yes' })
    const refused = await server.start()
    await server.decide(refused.user_code, 'deny')
    await ana.open('/account/sign-out')
    await ana.submit('/account/sign-out', { answer: 'yes' })
    await server.host.advance(2 * MINUTE)

    const again = await signedIn(server, EMAIL)
    const page = textOf((await again.open('/account/activity')).body)
    expect(page).toMatch(
      /Signed out everywhere 2 minutes ago .*Device or app removed Living room TV 2 minutes ago .*Device linked Living room TV 2 minutes ago/,
    )
    expect(textOf((await bo.open('/account/activity')).body)).toContain('Nothing yet.')
    expect(page).not.toContain(PASSWORD)
  })

  it('WEB-09 is reached from where a device was linked, and from where codes are typed', async () => {
    const { user_code } = await server.start()
    const ana = await signedIn(server, EMAIL)
    await ana.open(`/link?user_code=${user_code}`)
    await ana.submit('/link/device', { answer: 'approve' })
    for (const path of ['/link/device', '/link']) expect((await ana.open(path)).body).toContain('href="/account"')
  })
})

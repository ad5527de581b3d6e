// When, and by how many factors, somebody signed in at another provider: no more is recorded than it shows.
import { afterEach, describe, expect, it } from 'vitest'
import { signedInAt } from '../../server/src/accounts/upstreams.ts'
import { authorizeUrl, CODE_CLIENTS } from '../support/code-flow.ts'
import { fakeHost } from '../support/fake-host.ts'
import { ACME, type FakeUpstream, fakeUpstream, fetchOf } from '../support/fake-upstream.ts'
import { EMAIL, type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const NOW = Date.UTC(2030, 0, 15, 12)
const SINCE = NOW - MINUTE

describe('the time of a sign-in elsewhere', () => {
  it.each<[string, number | undefined, boolean, number | undefined]>([
    ['told', NOW - 3 * HOUR, false, NOW - 3 * HOUR],
    ['not told: as long ago as was asked for', undefined, false, NOW - 12 * HOUR],
    ['in the future: now', NOW + HOUR, false, NOW],
    ['anew, and shown', NOW - 10 * SECOND, true, NOW - 10 * SECOND],
    ['anew, by a clock that is a little behind', SINCE - 30 * SECOND, true, SINCE],
    ['anew, by a clock that is ahead', NOW + HOUR, true, NOW],
    ['anew, and not done', SINCE - 31 * SECOND, true, undefined],
    ['anew, and not told', undefined, true, undefined],
  ])('OI-03 JWT-02 %s', (_what, authTime, anew, expected) => {
    expect(signedInAt(authTime, { anew, since: SINCE, now: NOW })).toBe(expected)
  })
})

describe('at a provider that', () => {
  const GOOGLE = 'https://accounts.google.com'
  let acme: FakeUpstream
  let server: TestServer
  afterEach(() => server.close())

  async function setUp(issuer = ACME, entry: Record<string, unknown> = {}) {
    acme = await fakeUpstream(issuer)
    acme.claims = { sub: 'ana-there', email: EMAIL, email_verified: true, hd: 'example.com' }
    const own = {
      id: 'acme',
      name: 'Acme SSO',
      issuer,
      client_id: 'latchkey',
      email_domains: ['example.com'],
      ...entry,
    }
    server = await testServer({
      config: testConfig({ upstreams: [own], clients: CODE_CLIENTS }),
      host: fakeHost({ startAt: Date.now() }),
      fetch: fetchOf(acme),
    })
  }
  const without = (member: string) => {
    acme.claims = { ...acme.claims, [member]: undefined }
  }
  async function come(browser: TestBrowser) {
    const address = new URL(String((await browser.get('/sign-in/with/acme')).headers.location))
    const back = await browser.get(acme.authorize(address.href))
    return { address, location: back.headers.location }
  }
  const latest = async () => {
    const sessions = await server.store.sessions.byUser(server.user.id)
    return sessions.reduce((one, other) => (other.expiresAt > one.expiresAt ? other : one))
  }

  it('tells no time, a demand for a new sign-in is not met', async () => {
    await setUp()
    without('auth_time')
    const browser = server.browser()
    await come(browser)
    const { authenticatedAt } = await latest()
    expect(authenticatedAt).toBe(server.host.clock.now() - 12 * HOUR)
    await browser.open(authorizeUrl({ prompt: 'login' }))
    expect((await come(browser)).location).toBe('/sign-in')
    expect((await browser.open('/sign-in')).body).toContain('this needs a new sign-in')
    // Nor is one of long ago recent.
    await browser.open(authorizeUrl({ max_age: '60' }))
    expect((await come(browser)).location).toBe('/sign-in')
  })

  it('tells no time, our own pages are content with being signed in to anew', async () => {
    await setUp()
    without('auth_time')
    const browser = server.browser()
    await come(browser)
    await server.host.advance(11 * MINUTE)
    await browser.open('/account/identities')
    expect((await browser.submit('/account/identities/add', { upstream: 'acme' })).headers.location).toBe('/sign-in')
    expect((await come(browser)).location).toBe('/account/identities')
    await browser.open('/account/identities')
    expect((await browser.submit('/account/identities/add', { upstream: 'acme' })).body).toContain('Continue to')
    expect((await latest()).authenticatedAt).toBe(server.host.clock.now() - 12 * HOUR)
  })

  it('is Google is not asked for what it does not offer, and may tell a time of long ago', async () => {
    await setUp(GOOGLE)
    const browser = server.browser()
    acme.claims = { ...acme.claims, auth_time: Math.floor(Date.now() / 1000) - 86_400 }
    await come(browser)
    await server.host.advance(11 * MINUTE)
    await browser.open('/account/identities')
    await browser.submit('/account/identities/add', { upstream: 'acme' })
    const { address, location } = await come(browser)
    expect(address.searchParams.get('prompt')).toBeNull()
    expect(JSON.parse(address.searchParams.get('claims') ?? '')).toEqual({
      id_token: { auth_time: { essential: true } },
    })
    expect(location).toBe('/account/identities')
    expect((await latest()).authenticatedAt).toBeLessThan(Date.now() - 86_000 * SECOND)
    await browser.open(authorizeUrl({ prompt: 'login' }))
    expect((await come(browser)).location).toBe('/sign-in')
  })

  it('says that it takes no prompt=login is asked by max_age alone', async () => {
    await setUp()
    acme.metadata = { prompt_values_supported: ['none', 'consent'] }
    const browser = server.browser()
    await come(browser)
    // A sign-in of this very moment would be new enough.
    await server.host.advance(2000)
    await browser.open(authorizeUrl({ prompt: 'login' }))
    const { address, location } = await come(browser)
    expect([address.searchParams.get('prompt'), address.searchParams.get('max_age')]).toEqual([null, '0'])
    expect(location).toBe('/authorize/continue')
  })

  it('LOG-05 knows nothing of the second factor here does not stand in for it, unless it is believed to ask for two', async () => {
    for (const [trust, location] of [
      [false, '/sign-in/code'],
      [true, '/link'],
    ] as const) {
      await setUp(ACME, { trust_amr: trust })
      acme.claims = { ...acme.claims, amr: ['pwd', 'mfa'] }
      const secondFactor = { sealedSecret: 'x', lastStep: 0, recoveryDigests: [], addedAt: 0 }
      expect(await server.store.users.swap({ ...server.user, secondFactor })).toBe(true)
      const browser = server.browser()
      expect((await come(browser)).location).toBe(location)
      expect(browser.cookies.has('latchkey-session')).toBe(trust)
      if (!trust) await server.close()
    }
  })
})

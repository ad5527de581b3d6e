// /account/identities: accounts elsewhere that are added to one's own, and taken away.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fakeHost } from '../support/fake-host.ts'
import { ACME, type FakeUpstream, fakeUpstream, fetchOf, upstreamEntry } from '../support/fake-upstream.ts'
import { type KeptLog, keptLog } from '../support/kept-log.ts'
import { signedIn } from '../support/signed-in.ts'
import { EMAIL, type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const PAGE = '/account/identities'
const START = '/sign-in/with/acme'
const MINUTE = 60_000

let acme: FakeUpstream
let server: TestServer
let browser: TestBrowser
let log: KeptLog

beforeEach(async () => {
  acme = await fakeUpstream()
  acme.claims = { sub: 'ana-there', email: 'ana@acme.example', email_verified: true }
  log = keptLog()
  server = await testServer({
    config: testConfig({ upstreams: [upstreamEntry()] }),
    host: fakeHost({ startAt: Date.now() }),
    fetch: fetchOf(acme),
    logger: log.logger,
  })
  browser = await signedIn(server, EMAIL)
})
afterEach(() => server.close())

const identities = (userId = server.user.id) => server.store.upstreamIdentities.byUser(userId)

/** From the page of the account to the provider and back, as whoever `acme.claims` says. */
async function add(by: TestBrowser = browser) {
  await by.open(PAGE)
  await by.submit(`${PAGE}/add`, { upstream: 'acme' })
  const away = await by.get(START)
  return by.get(acme.authorize(String(away.headers.location)))
}

async function remove(id: string, by: TestBrowser = browser) {
  await by.open(PAGE)
  return by.submit(`${PAGE}/remove`, { identity: id })
}

describe('adding an account elsewhere', () => {
  it('WEB-09 says what that means, goes there, and comes back with it', async () => {
    expect((await browser.open(PAGE)).body).toContain('None yet.')
    const asked = await browser.submit(`${PAGE}/add`, { upstream: 'acme' })
    expect(asked.body).toContain('Add <bdi>Acme SSO</bdi>?')
    expect(asked.body).toContain('can then sign in here, as <bdi>ana@example.com</bdi>')
    expect(asked.body).toContain('href="/sign-in/with/acme"')
    const away = await browser.get(START)
    const back = await browser.get(acme.authorize(String(away.headers.location)))
    expect([back.statusCode, back.headers.location]).toEqual([303, PAGE])
    const { body } = await browser.open(PAGE)
    expect(body).toContain('Added. From now on <bdi>Acme SSO</bdi> signs you in here.')
    expect(body).toContain('<bdi>ana@acme.example</bdi>')
    expect(await identities()).toMatchObject([{ subject: 'ana-there', issuer: ACME }])
    expect(log.events('identity_linked')).toMatchObject([{ userId: server.user.id }])
    // Said once.
    expect((await browser.open(PAGE)).body).not.toContain('From now on')
  })

  it('signs in to the account afterwards, whatever address it has there', async () => {
    await add()
    const phone = server.browser()
    const away = await phone.get(START)
    await phone.get(acme.authorize(String(away.headers.location)))
    expect((await phone.open(PAGE)).body).toContain('<bdi>ana@acme.example</bdi>')
    expect(await server.store.users.all()).toHaveLength(1)
  })

  it('LOG-05 WEB-08 wants a sign-in of the last ten minutes, and leads back here after it', async () => {
    await browser.open(PAGE)
    await server.host.advance(10 * MINUTE)
    expect((await browser.submit(`${PAGE}/add`, { upstream: 'acme' })).headers.location).toBe('/sign-in')
    expect((await browser.signIn()).headers.location).toBe(PAGE)
    expect((await add()).headers.location).toBe(PAGE)
    expect(await identities()).toHaveLength(1)
  })

  it('SES-06 nobody who is not signed in gets here; they come back after signing in', async () => {
    const stranger = server.browser()
    expect((await stranger.get(PAGE)).headers.location).toBe('/sign-in')
    expect((await stranger.signIn()).headers.location).toBe(PAGE)
  })

  it('leaves an account elsewhere with whom it signs in already', async () => {
    const eve = await signedIn(server, 'eve@example.com')
    await add(eve)
    expect((await add()).headers.location).toBe(PAGE)
    expect((await browser.open(PAGE)).body).toContain('belongs to someone else here. Nothing was changed.')
    expect(await identities()).toEqual([])
    expect(await identities('usr_eve@example.com')).toHaveLength(1)
    // Nor is anybody signed in as anybody else by it.
    expect((await browser.open(PAGE)).body).toContain('None yet.')
  })

  it('says so when it was added before', async () => {
    await add()
    await add()
    expect((await browser.open(PAGE)).body).toContain('was added before')
    expect(await identities()).toHaveLength(1)
    expect(log.events('identity_linked')).toHaveLength(1)
  })

  it('SES-02 NEG-16 cannot be begun by another site, nor without the form of the page', async () => {
    await browser.open(PAGE)
    const forged = await browser.submit(`${PAGE}/add`, { upstream: 'acme', csrf: 'forged' })
    expect(forged.statusCode).toBe(403)
    const cross = await browser.submit(`${PAGE}/add`, { upstream: 'acme' }, { 'sec-fetch-site': 'cross-site' })
    expect(cross.statusCode).toBe(403)
    const away = await browser.get(START)
    await browser.get(acme.authorize(String(away.headers.location)))
    expect(await identities()).toEqual([])
  })

  it.each([
    ['another account', () => signedIn(server, 'eve@example.com')],
    ['nobody', async () => server.browser()],
  ])('comes to nothing when by then %s is signed in', async (_who, other) => {
    await browser.open(PAGE)
    await browser.submit(`${PAGE}/add`, { upstream: 'acme' })
    const away = await browser.get(START)
    const session = (await other()).cookies.get('latchkey-session')
    if (session === undefined) browser.cookies.delete('latchkey-session')
    else browser.cookies.set('latchkey-session', session)
    await browser.get(acme.authorize(String(away.headers.location)))
    expect(await identities()).toEqual([])
    expect(await identities('usr_eve@example.com')).toEqual([])
    expect(await server.store.users.byEmail('ana@acme.example')).toBeUndefined()
  })

  it('is given up by going back to the page', async () => {
    await browser.open(PAGE)
    await browser.submit(`${PAGE}/add`, { upstream: 'acme' })
    await browser.open(PAGE)
    const away = await browser.get(START)
    await browser.get(acme.authorize(String(away.headers.location)))
    expect(await identities()).toEqual([])
  })

  it('a provider that is down is told here', async () => {
    acme.instead = () => new Response('', { status: 502 })
    await browser.open(PAGE)
    await browser.submit(`${PAGE}/add`, { upstream: 'acme' })
    expect((await browser.get(START)).headers.location).toBe(PAGE)
    expect((await browser.open(PAGE)).body).toContain('<bdi>Acme SSO</bdi> does not answer right now.')
  })

  it('one that nobody configured is a mistake', async () => {
    await browser.open(PAGE)
    expect((await browser.submit(`${PAGE}/add`, { upstream: 'other' })).statusCode).toBe(400)
    expect((await browser.submit(`${PAGE}/add`, {})).statusCode).toBe(400)
  })
})

describe('removing one', () => {
  it('WEB-09 it signs nobody in any more', async () => {
    await add()
    const [identity] = await identities()
    expect((await remove(identity?.id ?? '')).headers.location).toBe(PAGE)
    expect((await browser.open(PAGE)).body).toContain('Removed. <bdi>Acme SSO</bdi> no longer signs you in here.')
    expect(await identities()).toEqual([])
    expect(log.events('identity_unlinked')).toMatchObject([{ userId: server.user.id }])
    acme.claims = { ...acme.claims, email: EMAIL }
    const phone = server.browser()
    const away = await phone.get(START)
    await phone.get(acme.authorize(String(away.headers.location)))
    expect(phone.cookies.has('latchkey-session')).toBe(false)
  })

  it('LOG-05 WEB-08 wants a sign-in of the last ten minutes', async () => {
    await add()
    const [identity] = await identities()
    await server.host.advance(10 * MINUTE)
    expect((await remove(identity?.id ?? '')).headers.location).toBe('/sign-in')
    expect(await identities()).toHaveLength(1)
  })

  it('nobody removes somebody else’s', async () => {
    await add()
    const [identity] = await identities()
    const eve = await signedIn(server, 'eve@example.com')
    expect((await remove(identity?.id ?? '', eve)).headers.location).toBe(PAGE)
    expect((await remove('made up', eve)).headers.location).toBe(PAGE)
    expect(await identities()).toHaveLength(1)
  })

  it('keeps the last way to sign in; two windows cannot take the last two', async () => {
    const phone = server.browser()
    const away = await phone.get(START)
    await phone.get(acme.authorize(String(away.headers.location)))
    const user = await server.store.users.byEmail('ana@acme.example')
    const [first] = await identities(user?.id)
    await remove(first?.id ?? '', phone)
    expect((await phone.open(PAGE)).body).toContain('This is your only way to sign in. Add another one, then remove')
    expect(await identities(user?.id)).toHaveLength(1)
    acme.claims = { sub: 'ana-there-too', email: 'other@acme.example', email_verified: true }
    await add(phone)
    const both = await identities(user?.id)
    expect(both).toHaveLength(2)
    await phone.open(PAGE)
    await Promise.all(both.map(({ id }) => phone.submit(`${PAGE}/remove`, { identity: id })))
    expect((await identities(user?.id)).length).toBeGreaterThan(0)
  })

  it('one of a provider that is not offered any more can go, and is no way in that could be the last', async () => {
    const gone = {
      id: 'gone',
      version: 0,
      expiresAt: Number.MAX_SAFE_INTEGER,
      userId: server.user.id,
      upstreamId: 'acme',
      issuer: 'https://old.acme.example/login',
      subject: 'ana-there',
      createdAt: 0,
      usedAt: 0,
    }
    await server.store.upstreamIdentities.insert(gone)
    await add()
    const { passwordHash: _, ...user } = server.user
    expect(await server.store.users.swap(user)).toBe(true)
    browser = await signedIn(server, EMAIL)
    const { body } = await browser.open(PAGE)
    expect(body).toContain('<bdi>old.acme.example</bdi>')
    expect(body).toContain('Not offered here any more')
    const left = (await identities()).find(({ id }) => id !== 'gone')
    await remove(left?.id ?? '')
    expect((await browser.open(PAGE)).body).toContain('This is your only way to sign in.')
    await remove('gone')
    expect((await identities()).map(({ id }) => id)).toEqual([left?.id])
  })
})

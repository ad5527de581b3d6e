// What another provider may say and this server must not believe; and what becomes of a provider that is down.
import { CompactSign, generateKeyPair, importJWK, type JWTPayload } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fakeHost } from '../support/fake-host.ts'
import { ACME, type FakeUpstream, fakeUpstream, fetchOf, upstreamEntry } from '../support/fake-upstream.ts'
import { type KeptLog, keptLog } from '../support/kept-log.ts'
import { type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const BETA = 'https://beta.example/tenant'
const START = '/sign-in/with/acme'
const MINUTE = 60_000

let acme: FakeUpstream
let beta: FakeUpstream
let server: TestServer
let browser: TestBrowser
let log: KeptLog

beforeEach(async () => {
  acme = await fakeUpstream()
  beta = await fakeUpstream(BETA)
  log = keptLog()
  server = await testServer({
    config: testConfig({ upstreams: [upstreamEntry(), upstreamEntry(BETA, { id: 'beta', name: 'Beta' })] }),
    host: fakeHost({ startAt: Date.now() }),
    fetch: fetchOf(acme, beta),
    logger: log.logger,
  })
  browser = server.browser()
})
afterEach(() => server.close())

const leave = async (path = START) => String((await browser.get(path)).headers.location)

/** Where it ends: the page that the callback leads to. */
async function come(answer: Parameters<FakeUpstream['authorize']>[1] = {}) {
  const back = await browser.get(acme.authorize(await leave(), answer))
  return { location: back.headers.location, page: (await browser.open('/sign-in')).body }
}

async function expectNobody(said: string, came = come()) {
  const { location, page } = await came
  expect(location).toBe('/sign-in')
  expect(page).toContain(said)
  expect(browser.cookies.has('latchkey-session')).toBe(false)
  expect(await server.store.users.all()).toHaveLength(1)
  // Good for nothing any more, but not to be kept by anybody either.
  expect(log.text()).not.toMatch(/code-\d|"at"|eyJ/)
}

const UNUSABLE = 'gave an answer that we could not use'

describe('an ID token', () => {
  it('is believed when everything in it fits', async () => {
    expect((await come()).location).toBe('/link')
    expect(acme.asked).toEqual(['/.well-known/openid-configuration', '/token', '/jwks'])
    expect(await server.store.users.byEmail('ben@acme.example')).toMatchObject({ name: 'Ben' })
  })

  it.each<[string, JWTPayload]>([
    ['the nonce of another sign-in', { nonce: 'another' }],
    ['no nonce', { nonce: undefined as never }],
    ['another audience', { aud: 'somebody-else' }],
    ['a second audience and no authorized party', { aud: ['latchkey', 'somebody-else'] }],
    ['another issuer', { iss: BETA }],
    ['a time that is over', { exp: Math.floor(Date.now() / 1000) - 60 }],
    ['no subject', { sub: undefined as never }],
    ['a subject that is no text', { sub: 7 as never }],
    ['a time of sign-in that is no time', { auth_time: 'today' }],
  ])('with %s signs nobody in', async (_what, claims) => {
    acme.claims = { ...acme.claims, ...claims }
    await expectNobody(UNUSABLE)
  })

  it('signed with a key that the provider does not publish signs nobody in', async () => {
    acme.key = (await generateKeyPair('ES256')).privateKey
    await expectNobody(UNUSABLE)
  })

  it.each(['none', 'HS256'])('that is "signed" by %s signs nobody in', async (alg) => {
    // The secret that HS256 would be checked with is one that the provider's other clients may know.
    acme.metadata = { id_token_signing_alg_values_supported: ['ES256', alg] }
    const address = await leave()
    const now = Math.floor(Date.now() / 1000)
    const nonce = new URL(address).searchParams.get('nonce')
    const claims = { ...acme.claims, iss: ACME, aud: 'latchkey', iat: now, exp: now + 60, nonce }
    const payload = new TextEncoder().encode(JSON.stringify(claims))
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(payload).toString('base64url')}.`
    const key = await importJWK({ kty: 'oct', k: Buffer.from('latchkey'.repeat(8)).toString('base64url') }, 'HS256')
    const signed = await new CompactSign(payload).setProtectedHeader({ alg: 'HS256' }).sign(key)
    acme.tokens = { id_token: alg === 'none' ? unsigned : signed }
    const back = await browser.get(acme.authorize(address))
    await expectNobody(
      UNUSABLE,
      Promise.resolve({ location: back.headers.location, page: (await browser.open('/sign-in')).body }),
    )
  })

  it('that is missing signs nobody in', async () => {
    acme.tokens = { id_token: undefined }
    await expectNobody(UNUSABLE)
  })
})

describe('an answer to the browser', () => {
  it.each([
    ['with the iss of another provider', { iss: BETA }],
    ['without iss, though its metadata promises it', { iss: undefined }],
    ['with iss twice over', { iss: `${ACME}/` }],
  ])('%s goes no further (RFC 9207)', async (_what, answer) => {
    await expectNobody(UNUSABLE, come(answer))
    expect(acme.asked).not.toContain('/token')
  })

  it('of one provider at the address of another goes no further (mix-up)', async () => {
    const back = acme.authorize(await leave())
    const elsewhere = await browser.get(back.replace('/with/acme/', '/with/beta/'))
    expect(elsewhere.headers.location).toBe('/sign-in')
    // The code of one was never shown to the other.
    expect([...acme.asked, ...beta.asked].filter((path) => path === '/token')).toEqual([])
    expect((await browser.get(back)).headers.location).toBe('/link')
  })

  it('is good once, at a provider too that takes a code as often as it comes', async () => {
    acme.careless = true
    const back = acme.authorize(await leave())
    const cookies = new Map(browser.cookies)
    const twice = await Promise.all([browser.get(back), browser.get(back)])
    const again = server.browser()
    for (const [name, value] of cookies) again.cookies.set(name, value)
    const answers = [...twice, await again.get(back)]
    expect(answers.filter((answer) => answer.cookies.some(({ name }) => name === 'latchkey-session'))).toHaveLength(1)
    expect(acme.asked.filter((path) => path === '/token')).toHaveLength(1)
  })

  it.each([
    ['access_denied', 'You did not sign in with'],
    ['temporarily_unavailable', 'does not answer right now'],
    ['login_required', UNUSABLE],
    ['<script>alert(1)</script>', UNUSABLE],
  ])('NEG-15 that says %s is told in our own words', async (error, said) => {
    const more = { code: undefined, error, error_description: '<b>call 555 0100</b>' }
    await expectNobody(said, come(more))
    expect((await browser.open('/sign-in')).body).not.toMatch(/555|alert\(/)
    expect(log.text()).not.toMatch(/555|alert\(/)
  })

  it.each([
    ['a control character', 'code=%00x', 400],
    ['bad percent signs', 'code=%zz', 400],
    ['a value without end', `code=${'x'.repeat(9000)}`, 400],
    ['two codes', 'code=a&code=b', 303],
    ['no code', 'code', 303],
  ])('NEG-04 with %s signs nobody in', async (_what, query, status) => {
    const back = acme.authorize(await leave())
    const state = new URLSearchParams(back.slice(back.indexOf('?'))).get('state')
    const garbled = await browser.get(`${START}/callback?${query}&state=${state}`)
    expect(garbled.statusCode).toBe(status)
    expect(browser.cookies.has('latchkey-session')).toBe(false)
    expect(acme.asked).not.toContain('/token')
  })
})

describe('a provider that is down', () => {
  it('stops nobody else: the page says so, and the next try finds it up again', async () => {
    acme.instead = () => Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') }))
    const started = await server.start()
    await browser.get(`/link?user_code=${started.user_code}`)
    expect(await leave()).toBe('/sign-in')
    const { body } = await browser.open('/sign-in')
    expect(body).toContain('<bdi>Acme SSO</bdi> does not answer right now. Use another way, or try again in a moment.')
    expect(log.text()).toContain('connect ECONNREFUSED')
    expect(await leave('/sign-in/with/beta')).toContain(BETA)
    // For two seconds it is not asked again.
    const { length } = acme.asked
    expect(await leave()).toBe('/sign-in')
    expect(acme.asked).toHaveLength(length)
    delete acme.instead
    await server.host.advance(2000)
    expect(await leave()).toContain(ACME)
  })

  it('that never answers is waited for eight seconds', async () => {
    acme.instead = () => new Promise(() => undefined)
    const leaving = leave()
    await server.host.until(() => server.host.asleep().includes(8000))
    await server.host.advance(8000)
    expect(await leaving).toBe('/sign-in')
    expect((await browser.open('/sign-in')).body).toContain('does not answer right now')
    expect(server.host.asleep()).toEqual([])
  })

  it('that begins an answer and never ends it is not waited for either', async () => {
    acme.instead = (path) =>
      path === '/token' ? new Response(new ReadableStream({ pull: () => new Promise(() => undefined) })) : undefined
    const back = acme.authorize(await leave())
    const coming = browser.get(back)
    await server.host.until(() => server.host.asleep().includes(8000))
    await server.host.advance(8000)
    expect((await coming).headers.location).toBe('/sign-in')
    expect((await browser.open('/sign-in')).body).toContain('does not answer right now')
  })

  it.each([
    ['an error of its own', () => new Response('oops', { status: 503 }), 'does not answer right now'],
    ['a page', () => new Response('<html>', { headers: { 'content-type': 'text/html' } }), UNUSABLE],
    ['a redirect', () => Response.redirect('https://elsewhere.example/token', 307), UNUSABLE],
    [
      'a refusal',
      () => Response.json({ error: 'invalid_client', error_description: 'wrong secret' }, { status: 401 }),
      UNUSABLE,
    ],
  ])('and answers the code with %s signs nobody in', async (_what, answer, said) => {
    acme.instead = (path) => (path === '/token' ? answer() : undefined)
    await expectNobody(said)
    expect(acme.asked.filter((path) => path === '/token')).toHaveLength(1)
  })

  it('tells the operator what it says of this server', async () => {
    acme.instead = (path) =>
      path === '/token'
        ? Response.json({ error: 'invalid_client', error_description: 'the secret has run out' }, { status: 401 })
        : undefined
    await come()
    expect(log.text()).toContain('its token endpoint says invalid_client: the secret has run out')
  })

  it('that is sent made-up codes is left alone after a hundred; being down counts for nothing', async () => {
    acme.instead = (path) => (path === '/token' ? new Response('', { status: 500 }) : undefined)
    await browser.get(acme.authorize(await leave()))
    delete acme.instead
    for (let tries = 0; tries < 100; tries++) await browser.get(acme.authorize(await leave(), { code: 'made-up' }))
    const { length } = acme.asked
    const { page } = await come()
    expect(page).toContain('Too many tries with <bdi>Acme SSO</bdi>')
    expect(acme.asked).toHaveLength(length)
    await server.host.advance(10 * MINUTE)
    expect((await come()).location).toBe('/link')
  })
})

describe('its metadata', () => {
  it('is read once for all who come first at the same time', async () => {
    await Promise.all(Array.from({ length: 5 }, () => server.browser().get(START)))
    expect(acme.asked).toEqual(['/.well-known/openid-configuration'])
  })

  it('is read anew after an hour, and stays good when that fails', async () => {
    await leave()
    await server.host.advance(59 * MINUTE)
    await leave()
    expect(acme.asked).toHaveLength(1)
    await server.host.advance(MINUTE)
    acme.metadata = { authorization_endpoint: `${ACME}/moved` }
    expect(await leave()).toContain(`${ACME}/moved?`)
    await server.host.advance(60 * MINUTE)
    acme.instead = () => new Response('', { status: 500 })
    const { length } = acme.asked
    for (let tries = 0; tries < 3; tries++) expect(await leave()).toContain(`${ACME}/moved?`)
    expect(acme.asked).toHaveLength(length + 1)
    delete acme.instead
    acme.metadata = {}
    await server.host.advance(MINUTE)
    expect(await leave()).toContain(`${ACME}/auth?`)
  })

  it.each([
    ['of another issuer', { issuer: BETA }],
    ['of many tenants', { issuer: `${ACME}/{tenantid}` }],
    ['without a token endpoint', { token_endpoint: undefined }],
    ['larger than anybody needs', { padding: 'x'.repeat(600 * 1024) }],
    ['with a token endpoint that anybody can listen to', { token_endpoint: 'http://login.acme.example/token' }],
  ])('%s signs nobody in', async (_what, metadata) => {
    acme.metadata = metadata
    const address = await leave()
    if (address !== '/sign-in') await browser.get(acme.authorize(address))
    expect((await browser.open('/sign-in')).body).toContain(UNUSABLE)
    expect(acme.asked).not.toContain('/token')
  })

  it('of a provider that is everybody’s under each tenant’s name signs nobody in', async () => {
    const tenant = await fakeUpstream('https://login.microsoftonline.com/72f988bf/v2.0')
    tenant.metadata = { issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0' }
    const other = await testServer({
      config: testConfig({ upstreams: [upstreamEntry(tenant.issuer)] }),
      host: fakeHost({ startAt: Date.now() }),
      fetch: fetchOf(tenant),
    })
    expect((await other.browser().get(START)).headers.location).toBe('/sign-in')
    await other.close()
  })
})

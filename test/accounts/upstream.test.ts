// Signing in with the identity system that a company already has: a real one, npm's oidc-provider.
import { afterEach, describe, expect, it } from 'vitest'
import { answerOf, authorizeUrl, CODE_CLIENTS, exchangeCode } from '../support/code-flow.ts'
import { fakeHost } from '../support/fake-host.ts'
import { upstreamEntry } from '../support/fake-upstream.ts'
import { textOf } from '../support/page-text.ts'
import {
  basic,
  ISSUER,
  SECRETS,
  type TestBrowser,
  type TestServer,
  testConfig,
  testServer,
} from '../support/test-server.ts'
import {
  startUpstream,
  UPSTREAM_SECRET,
  type UpstreamOptions,
  type UpstreamProvider,
  type UpstreamVisitor,
} from '../support/upstream-provider.ts'

const START = '/sign-in/with/acme'
const BEN = { name: 'Ben', email: 'ben@acme.example', email_verified: true }

let upstream: UpstreamProvider
let server: TestServer

afterEach(async () => {
  await server.close()
  await upstream.close()
})

/** `entry`: members of the provider's entry besides the ordinary ones. */
async function setUp(entry: Record<string, unknown> = {}, options: UpstreamOptions = {}, config = {}) {
  upstream = await startUpstream(`${ISSUER}${START}/callback`, options)
  upstream.people.set('ben', BEN)
  const acme = upstreamEntry(upstream.issuer, { client_secret: { env: 'ACME_SECRET' }, ...entry })
  server = await testServer({
    config: testConfig({ upstreams: [acme], ...config }, { ACME_SECRET: UPSTREAM_SECRET }),
    // Two real clocks have to agree.
    host: fakeHost({ startAt: Date.now() }),
  })
}

/** Presses the button and goes off; returns the address there. */
async function leave(browser: TestBrowser): Promise<string> {
  const answer = await browser.get(START)
  expect(answer.statusCode).toBe(303)
  expect(String(answer.headers.location)).toMatch(new RegExp(`^${upstream.issuer}/auth\\?`))
  return String(answer.headers.location)
}

/** From our sign-in page to the provider and back, as `subject`; returns our answer to the callback. */
async function signIn(browser: TestBrowser, there: UpstreamVisitor, subject: string | undefined) {
  const back = await there.go(await leave(browser), subject)
  expect(back).toMatch(new RegExp(`^${ISSUER}${START}/callback\\?`))
  return browser.get(back.slice(ISSUER.length))
}

describe('signing in with another provider', () => {
  it('SES-06 from the code on the screen to tokens: the account is made, and the errand goes on', async () => {
    await setUp()
    const started = await server.start({ scope: 'openid' })
    const browser = server.browser()
    const page = await browser.open(`/link?user_code=${started.user_code}`)
    expect(page.body).toContain('href="/sign-in/with/acme"')
    expect(page.body).toContain('Continue with <bdi>Acme SSO</bdi>')
    const back = await signIn(browser, upstream.visitor(), 'ben')
    expect(back.statusCode).toBe(303)
    expect(back.headers.location).toBe('/link/device')
    expect((await browser.open('/link/device')).body).toContain('ben@acme.example')
    await browser.submit('/link/device', { answer: 'approve' })
    const tokens = await server.poll(started.device_code)
    expect(tokens.statusCode).toBe(200)
    const user = await server.store.users.byEmail('ben@acme.example')
    const claims = JSON.parse(Buffer.from(tokens.json().id_token.split('.')[1], 'base64url').toString())
    expect(claims).toMatchObject({ sub: user?.id, amr: [] })
    expect(user).toMatchObject({ name: 'Ben', admin: false })
    expect(user?.passwordHash).toBeUndefined()
    const [identity] = await server.store.upstreamIdentities.byUser(user?.id ?? '')
    expect(identity).toMatchObject({ subject: 'ben', issuer: upstream.issuer, name: 'ben@acme.example' })
  })

  it('SES-01 next time it is the same account, under a new session; what it is called there stays as it was', async () => {
    await setUp()
    const browser = server.browser()
    const there = upstream.visitor()
    expect((await signIn(browser, there, 'ben')).headers.location).toBe('/link')
    const before = browser.cookies.get('latchkey-session')
    await browser.open('/sign-out')
    upstream.people.set('ben', { ...BEN, name: 'Somebody else', email: 'other@acme.example' })
    await signIn(browser, there, 'ben')
    expect(browser.cookies.get('latchkey-session')).not.toBe(before)
    expect(await server.store.users.all()).toHaveLength(2)
    expect(await server.store.users.byEmail('ben@acme.example')).toMatchObject({ name: 'Ben' })
  })

  it('asks for a code with PKCE, state, nonce, and for the time of the sign-in', async () => {
    await setUp()
    const { searchParams } = new URL(await leave(server.browser()))
    expect(Object.fromEntries(searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'latchkey',
      redirect_uri: `${ISSUER}${START}/callback`,
      scope: 'openid profile email',
      code_challenge_method: 'S256',
      max_age: '43200',
      claims: '{"id_token":{"auth_time":{"essential":true}}}',
      ui_locales: 'en',
    })
    expect(searchParams.get('prompt')).toBeNull()
    for (const name of ['state', 'nonce', 'code_challenge']) expect(searchParams.get(name)).toMatch(/^[\w-]{43}$/)
  })

  it.each([
    ['client_secret_post', { token_endpoint_auth_method: 'client_secret_post' }, {}],
    ['client_secret_post, the only one offered', {}, { clientAuthMethods: ['client_secret_post', 'none'] }],
  ])('sends the secret as the provider wants it: %s', async (_name, entry, settings) => {
    await setUp(entry, { client: { token_endpoint_auth_method: 'client_secret_post' }, settings })
    expect((await signIn(server.browser(), upstream.visitor(), 'ben')).headers.location).toBe('/link')
  })

  it('needs no secret where the provider gave none: PKCE stands alone', async () => {
    await setUp({ client_secret: undefined }, { client: { token_endpoint_auth_method: 'none' } })
    expect((await signIn(server.browser(), upstream.visitor(), 'ben')).headers.location).toBe('/link')
  })
})

describe('an answer that is not this browser’s own', () => {
  it('SES-02 of another browser signs nobody in, and ends nothing that runs (login CSRF)', async () => {
    await setUp()
    upstream.people.set('eve', { name: 'Eve', email: 'eve@acme.example', email_verified: true })
    const eve = server.browser()
    const hers = (await upstream.visitor().go(await leave(eve), 'eve')).slice(ISSUER.length)
    const browser = server.browser()
    const there = upstream.visitor()
    const mine = (await there.go(await leave(browser), 'ben')).slice(ISSUER.length)
    expect((await browser.get(hers)).headers.location).toBe('/sign-in')
    expect((await browser.open('/sign-in')).body).toContain('it began somewhere else')
    expect(browser.cookies.has('latchkey-session')).toBe(false)
    expect((await browser.get(mine)).headers.location).toBe('/link')
    expect((await browser.open('/link')).body).toContain('You are signed in')
    expect(await server.store.users.byEmail('eve@acme.example')).toBeUndefined()
  })

  it('is good once: not again from the history, nor with the cookies of before', async () => {
    await setUp()
    const browser = server.browser()
    const back = (await upstream.visitor().go(await leave(browser), 'ben')).slice(ISSUER.length)
    const before = new Map(browser.cookies)
    await browser.get(back)
    expect((await browser.get(back)).headers.location).toBe('/link')
    const thief = server.browser()
    for (const [name, value] of before) thief.cookies.set(name, value)
    expect((await thief.get(back)).headers.location).toBe('/sign-in')
    expect(thief.cookies.has('latchkey-session')).toBe(false)
  })

  it('NEG-16 delivered twice at once signs in once, and makes one account', async () => {
    await setUp()
    const browser = server.browser()
    const back = (await upstream.visitor().go(await leave(browser), 'ben')).slice(ISSUER.length)
    const answers = await Promise.all([browser.get(back), browser.get(back), browser.get(back)])
    const set = answers.filter(({ cookies }) => cookies.some(({ name }) => name === 'latchkey-session'))
    expect(set).toHaveLength(1)
    expect((await browser.open('/sign-in')).body).toContain('You are signed in')
    expect(await server.store.users.all()).toHaveLength(2)
  })

  it('after ten minutes is too late', async () => {
    await setUp()
    const browser = server.browser()
    const back = (await upstream.visitor().go(await leave(browser), 'ben')).slice(ISSUER.length)
    server.host.clock.jump(10 * 60 * 1000)
    expect((await browser.get(back)).headers.location).toBe('/sign-in')
    expect((await browser.open('/sign-in')).body).toContain('took too long')
    expect(await server.store.upstreamIdentities.byUser(server.user.id)).toEqual([])
  })

  it('SES-02 another site that sends somebody off gets our sign-in page instead', async () => {
    await setUp()
    for (const site of ['cross-site', 'same-site']) {
      const answer = await server.browser({ 'sec-fetch-site': site }).get(START)
      expect([answer.statusCode, answer.headers.location]).toEqual([303, '/sign-in'])
    }
    const answer = await server.browser({ 'sec-fetch-site': 'same-origin' }).get(START)
    expect(answer.headers.location).toContain(upstream.issuer)
  })

  it('a provider that nobody configured is not there', async () => {
    await setUp()
    for (const path of ['/sign-in/with/other', '/sign-in/with/other/callback?code=x&state=y']) {
      expect((await server.browser().get(path)).statusCode).toBe(404)
    }
  })
})

describe('when it comes to nothing', () => {
  it('NEG-15 who refuses there is told so in our words, and goes on another way with what they came for', async () => {
    await setUp()
    const started = await server.start()
    const browser = server.browser()
    await browser.open(`/link?user_code=${started.user_code}`)
    const back = await signIn(browser, upstream.visitor(), undefined)
    expect(back.headers.location).toBe('/sign-in')
    const page = await browser.open('/sign-in')
    expect(page.body).toContain('You did not sign in with <bdi>Acme SSO</bdi>.')
    expect(page.body).toContain(started.user_code.slice(0, 4))
    expect(page.body).not.toMatch(/today|access_denied/)
    // Said once.
    expect((await browser.open('/sign-in')).body).not.toContain('You did not sign in')
    expect((await browser.signIn()).headers.location).toBe('/link/device')
  })
})

describe('how and when somebody signed in there', () => {
  const sessionOf = async (email: string) => {
    const user = await server.store.users.byEmail(email)
    const sessions = await server.store.sessions.byUser(user?.id ?? '')
    return sessions.reduce((one, other) => (other.expiresAt > one.expiresAt ? other : one))
  }

  it('JWT-02 OI-03 is recorded as the provider tells it: a sign-in of before stays one of before', async () => {
    await setUp()
    const browser = server.browser()
    const there = upstream.visitor()
    await signIn(browser, there, 'ben')
    const first = await sessionOf(BEN.email)
    await browser.open('/sign-out')
    server.host.clock.jump(5 * 60 * 1000)
    await signIn(browser, there, 'ben')
    expect(there.asked).toBe(1)
    const second = await sessionOf(BEN.email)
    expect(second.expiresAt).toBeGreaterThanOrEqual(first.expiresAt + 5 * 60 * 1000)
    expect(Math.abs(second.authenticatedAt - first.authenticatedAt)).toBeLessThan(30_000)
  })

  it.each([
    [true, ['pwd', 'mfa']],
    [false, []],
  ])('OI-03 LOG-05 its methods count only where the operator believes them: %s', async (trust, amr) => {
    await setUp({ trust_amr: trust }, { amr: ['pwd', 'mfa', 'made up', 'sso'] })
    const browser = server.browser()
    await signIn(browser, upstream.visitor(), 'ben')
    expect((await sessionOf(BEN.email)).amr).toEqual(amr)
  })
})

describe('an account that came from another provider', () => {
  it('is told nothing of a password or a passkey that it does not have', async () => {
    await setUp()
    const browser = server.browser()
    await signIn(browser, upstream.visitor(), 'ben')
    const page = textOf((await browser.open('/account/second-factor')).body)
    expect(page).toContain('asked for after you sign in with another account.')
    expect(page).not.toMatch(/your password/i)
    // Not asked of the provider just now: its page asks for that first.
    const user = await server.store.users.byEmail(BEN.email)
    const [session] = await server.store.sessions.byUser(user?.id ?? '')
    if (session === undefined) throw new Error('no session')
    await server.store.sessions.swap({ ...session, authenticatedAt: server.host.clock.now() })
    const password = textOf((await browser.open('/account/password')).body)
    expect(password).toContain('Set a password One more way to sign in, for when yours is not at hand.')
    expect(password).not.toContain('passkey')
  })
})

describe('a sign-in that must be new', () => {
  const setUpApp = (entry = {}) => setUp(entry, {}, { clients: CODE_CLIENTS, acr: { phr: ['mfa'] } })

  it('WEB-08 OI-06 is asked of the provider, and shown in the token', async () => {
    await setUpApp()
    const browser = server.browser()
    const there = upstream.visitor()
    await signIn(browser, there, 'ben')
    // A sign-in of this very moment would be new enough.
    await server.host.advance(2000)
    const page = await browser.open(authorizeUrl({ prompt: 'login', scope: 'openid' }))
    // Whoever is signed in is offered what is linked to their account.
    expect(page.body).toContain('href="/sign-in/with/acme"')
    const begun = Date.now()
    const address = await leave(browser)
    expect(new URL(address).searchParams.get('max_age')).toBe('0')
    expect(new URL(address).searchParams.get('prompt')).toBe('login')
    const back = await browser.get((await there.go(address, 'ben')).slice(ISSUER.length))
    expect(there.asked).toBe(2)
    expect(back.headers.location).toBe('/authorize/continue')
    await browser.open('/authorize/continue')
    const answer = await browser.submit('/authorize/consent', { answer: 'approve' })
    const { code = '' } = answerOf(answer.headers.location).members
    const tokens = await exchangeCode(server, code, {}, basic('web', SECRETS.REPORTS_SECRET))
    const claims = JSON.parse(Buffer.from(tokens.json().id_token.split('.')[1], 'base64url').toString())
    expect(claims.auth_time).toBeGreaterThanOrEqual(Math.floor(begun / 1000))
  })

  it('OI-06 is asked of the provider the first time, too, where the app wants one', async () => {
    await setUpApp()
    const there = upstream.visitor()
    await signIn(server.browser(), there, 'ben')
    const browser = server.browser()
    await browser.open(authorizeUrl({ prompt: 'login', scope: 'openid' }))
    const back = await signIn(browser, there, 'ben')
    expect(there.asked).toBe(2)
    expect(back.headers.location).toBe('/authorize/continue')
    expect((await browser.open('/authorize/continue')).body).toContain('name="answer"')
  })

  it('WEB-08 is not one because somebody takes the demand out of the address', async () => {
    await setUpApp()
    const browser = server.browser()
    const there = upstream.visitor()
    await signIn(browser, there, 'ben')
    await server.host.advance(60_000)
    await browser.open(authorizeUrl({ prompt: 'login', scope: 'openid' }))
    const address = new URL(await leave(browser))
    address.searchParams.delete('prompt')
    address.searchParams.set('max_age', '3600')
    const back = await browser.get((await there.go(address.href, 'ben')).slice(ISSUER.length))
    expect(there.asked).toBe(1)
    expect(back.headers.location).toBe('/sign-in')
    const { body } = await browser.open('/sign-in')
    expect(body).toContain('<bdi>Acme SSO</bdi> did not ask you who you are, and this needs a new sign-in.')
    expect((await browser.open('/authorize/continue')).body).not.toContain('name="answer"')
  })

  it('WEB-08 LOG-05 is wanted by our own pages too, before ways to sign in are changed', async () => {
    await setUpApp()
    const browser = server.browser()
    const there = upstream.visitor()
    await signIn(browser, there, 'ben')
    await server.host.advance(11 * 60_000)
    await browser.open('/account/identities')
    await browser.submit('/account/identities/add', { upstream: 'acme' })
    const stale = new URL(await leave(browser))
    expect(stale.searchParams.get('prompt')).toBe('login')
    stale.searchParams.delete('prompt')
    stale.searchParams.set('max_age', '3600')
    expect((await browser.get((await there.go(stale.href, 'ben')).slice(ISSUER.length))).headers.location).toBe(
      '/sign-in',
    )
    expect((await browser.open('/sign-in')).body).toContain('this needs a new sign-in')
  })
})

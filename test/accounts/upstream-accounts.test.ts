// Whose account another provider's word opens: by issuer and subject, and by an address only where the operator says
// that the provider alone gives it out.
import { afterEach, describe, expect, it } from 'vitest'
import type { Store } from '../../server/src/oauth/store.ts'
import { fakeHost } from '../support/fake-host.ts'
import { ACME, type FakeUpstream, fakeUpstream, fetchOf, upstreamEntry } from '../support/fake-upstream.ts'
import { EMAIL, type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const GOOGLE = 'https://accounts.google.com'
const VOUCHES = { email_domains: ['example.com'] }

let acme: FakeUpstream
let server: TestServer
const closing: TestServer[] = []
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close()
})

async function setUp(
  entry: Record<string, unknown> = {},
  more: readonly Record<string, unknown>[] = [],
  issuer = ACME,
) {
  acme = await fakeUpstream(issuer)
  server = await testServer({
    config: testConfig({ upstreams: [upstreamEntry(issuer, entry), ...more] }),
    host: fakeHost({ startAt: Date.now() }),
    fetch: fetchOf(acme),
  })
  closing.push(server)
}

/** Signs in there as whoever `acme.claims` says, in a new browser. */
async function come(browser: TestBrowser = server.browser()) {
  const away = await browser.get('/sign-in/with/acme')
  const back = await browser.get(acme.authorize(String(away.headers.location)))
  const session = browser.cookies.has('latchkey-session')
  return { browser, session, location: back.headers.location, page: (await browser.open('/sign-in')).body }
}

const identitiesOf = (userId: string) => server.store.upstreamIdentities.byUser(userId)
const ana = (claims: Record<string, unknown> = {}) => {
  acme.claims = { sub: 'ana-there', name: 'Ana', email: EMAIL, email_verified: true, ...claims }
}

describe('an address alone opens no account', () => {
  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['confirmed, in a domain that nobody vouches for', {}, {}],
    ['confirmed, in another domain than the provider’s', { email_domains: ['acme.example'] }, {}],
    ['in a domain of the provider’s, not confirmed', VOUCHES, { email_verified: false }],
    ['in a domain of the provider’s, and nothing said of it', VOUCHES, { email_verified: undefined }],
    ['confirmed as text, not as true', VOUCHES, { email_verified: 'true' }],
    ['in a domain below the provider’s', { email_domains: ['le.com', 'mail.example.com'] }, {}],
  ])('%s', async (_what, entry, claims) => {
    await setUp(entry)
    ana(claims)
    const { session, page } = await come()
    expect(session).toBe(false)
    const confirmed = !('email_verified' in claims)
    expect(page).toContain(
      confirmed ? 'There is an account with your email address already' : 'did not confirm your email address',
    )
    expect(await identitiesOf(server.user.id)).toEqual([])
    expect(await server.store.users.all()).toHaveLength(1)
  })

  it.each([
    ['a Kelvin sign', 'an\u212A@example.com', 'ank@example.com'],
    ['a full stop of another script', 'ana@example\u3002com', EMAIL],
    ['a space before it', ` ${EMAIL}`, EMAIL],
    ['letters of full width', 'ａna@example.com', EMAIL],
  ])('NEG-05 nor one that only looks like it: %s', async (_what, email, other) => {
    await setUp(VOUCHES)
    const users = await server.store.users.all()
    ana({ email })
    await come()
    const owner = await server.store.users.byEmail(other)
    expect(owner === undefined || (await identitiesOf(owner.id)).length === 0).toBe(true)
    expect((await server.store.users.byEmail(EMAIL))?.id).toBe(users[0]?.id)
    expect(await identitiesOf(server.user.id)).toEqual([])
  })

  it('an address that was given out again: the account stays with who had it first', async () => {
    await setUp(VOUCHES)
    ana()
    expect((await come()).session).toBe(true)
    ana({ sub: 'another-ana' })
    const second = await come()
    expect(second.session).toBe(false)
    expect(second.page).toContain('There is an account with your email address already')
    expect(await identitiesOf(server.user.id)).toHaveLength(1)
  })

  it('an administrator’s: they add it themselves', async () => {
    await setUp(VOUCHES)
    expect(await server.store.users.swap({ ...server.user, admin: true })).toBe(true)
    ana()
    expect((await come()).session).toBe(false)
    expect(await identitiesOf(server.user.id)).toEqual([])
  })

  it('Google vouches for a domain only by its hosted-domain claim', async () => {
    await setUp(VOUCHES, [], GOOGLE)
    ana()
    expect((await come()).session).toBe(false)
    ana({ hd: 'other.example' })
    expect((await come()).session).toBe(false)
    ana({ hd: 'example.com' })
    expect((await come()).session).toBe(true)
    expect(await identitiesOf(server.user.id)).toHaveLength(1)
  })
})

describe('an address that the provider alone gives out', () => {
  it('opens the account that has it, whatever its case, and is linked to it from then on', async () => {
    await setUp({ accounts: 'known', email_domains: ['EXAMPLE.com'] })
    ana({ email: 'ANA@Example.COM' })
    const { session, location } = await come()
    expect([session, location]).toEqual([true, '/link'])
    expect(await identitiesOf(server.user.id)).toMatchObject([
      { subject: 'ana-there', issuer: ACME, upstreamId: 'acme' },
    ])
    // The subject counts now; the address may change.
    ana({ email: 'ana.new@elsewhere.example', email_verified: false })
    expect((await come()).session).toBe(true)
    expect(await server.store.users.all()).toHaveLength(1)
  })

  it('counts as confirmed without a word where the operator says that its administrators alone set it', async () => {
    await setUp({ ...VOUCHES, trust_email: true })
    ana({ email_verified: undefined })
    expect((await come()).session).toBe(true)
    ana({ sub: 'other', email_verified: false })
    expect((await come()).session).toBe(false)
  })

  it('comes from userinfo where the ID token is small, and never half from each', async () => {
    await setUp(VOUCHES)
    acme.claims = { sub: 'ana-there' }
    acme.userinfo = { sub: 'ana-there', email: EMAIL, email_verified: true }
    expect((await come()).session).toBe(true)
    const { length } = acme.asked
    // Known by now: nothing more is asked about them.
    expect((await come()).session).toBe(true)
    expect(acme.asked.slice(length)).toEqual(['/token'])
    acme.claims = { sub: 'other', email: EMAIL }
    acme.userinfo = { sub: 'other', email: 'other@example.com', email_verified: true }
    expect((await come()).session).toBe(false)
  })

  it('does not come from somebody else’s userinfo', async () => {
    await setUp(VOUCHES)
    acme.claims = { sub: 'eve' }
    acme.userinfo = { sub: 'ana-there', email: EMAIL, email_verified: true }
    const { session, page } = await come()
    expect(session).toBe(false)
    expect(page).toContain('an answer that we could not use')
  })

  it('is not to be had at another provider meanwhile', async () => {
    const beta = {
      id: 'beta',
      name: 'Beta',
      issuer: 'https://beta.example',
      client_id: 'x',
      email_domains: ['beta.example'],
    }
    await setUp({}, [beta])
    ana({ email: 'ana@beta.example' })
    const { session, page } = await come()
    expect(session).toBe(false)
    expect(page).toContain('With an email address like yours, people sign in another way here.')
    expect(await server.store.users.byEmail('ana@beta.example')).toBeUndefined()
  })
})

describe('somebody new', () => {
  it('gets an account under a confirmed address, and none without', async () => {
    await setUp()
    ana({ email: 'new@elsewhere.example', name: undefined })
    expect((await come()).location).toBe('/link')
    expect(await server.store.users.byEmail('new@elsewhere.example')).toMatchObject({ name: 'new', admin: false })
    for (const email of [undefined, 'no address', 7, `${'a'.repeat(250)}@example.org`]) {
      ana({ sub: `sub-${email}`, email })
      expect((await come()).page).toContain('did not confirm your email address, so no account was made')
    }
    expect(await server.store.users.all()).toHaveLength(2)
  })

  it('is told to add it to their account where none are made, and may after signing in another way', async () => {
    await setUp({ accounts: 'known' })
    ana({ email: 'new@elsewhere.example' })
    const { session, page } = await come()
    expect(session).toBe(false)
    expect(page).toContain('Your account at <bdi>Acme SSO</bdi> is not known here yet. Sign in another way, then add')
    expect(await server.store.users.all()).toHaveLength(1)
  })

  it('NEG-15 and hostile: a name is one short line wherever it goes', async () => {
    await setUp()
    const name = `\u202E<script>alert(1)</script>\u0000\r\nx-header: 1 ${'long '.repeat(100)}`
    ana({ sub: '<b>sub</b>\u0000', email: 'new@elsewhere.example', name, preferred_username: name })
    const { browser, session } = await come()
    expect(session).toBe(true)
    const user = await server.store.users.byEmail('new@elsewhere.example')
    expect(user?.name).toMatch(/^<script>alert\(1\)<\/script> x-header: 1 long/)
    expect(user?.name.length).toBeLessThanOrEqual(64)
    expect(user?.name).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
    for (const path of ['/link', '/account/identities']) {
      expect((await browser.open(path)).body).not.toMatch(/<script>alert|\u202E|\u0000/)
    }
  })
})

describe('an account that is closed', () => {
  it('opens to nobody, known or new', async () => {
    await setUp(VOUCHES)
    const { id } = server.user
    const close = async (disabledAt: number | undefined) => {
      const user = await server.store.users.get(id)
      if (user === undefined) throw new Error('gone')
      const { disabledAt: _, ...open } = user
      expect(await server.store.users.swap(disabledAt === undefined ? open : { ...open, disabledAt })).toBe(true)
    }
    ana()
    await close(1)
    expect((await come()).page).toContain('Your account here is closed.')
    expect(await identitiesOf(id)).toEqual([])
    await close(undefined)
    expect((await come()).session).toBe(true)
    await close(1)
    const { session, page } = await come()
    expect(session).toBe(false)
    expect(page).toContain('Your account here is closed.')
  })
})

describe('several at once', () => {
  it('NEG-16 ten browsers of one new person make one account, and all are signed in to it', async () => {
    await setUp()
    ana({ email: 'new@elsewhere.example' })
    const all = await Promise.all(Array.from({ length: 10 }, () => come()))
    expect(all.map(({ session }) => session)).toEqual(Array(10).fill(true))
    expect(await server.store.users.all()).toHaveLength(2)
    const user = await server.store.users.byEmail('new@elsewhere.example')
    expect(await identitiesOf(user?.id ?? '')).toHaveLength(1)
    expect(await server.store.sessions.byUser(user?.id ?? '')).toHaveLength(10)
  })

  it('two people with one address: one gets the account, the other is told, and nothing is left over', async () => {
    await setUp()
    const arrivals = ['one', 'two'].map(async (sub) => {
      const browser = server.browser()
      const away = await browser.get('/sign-in/with/acme')
      return { browser, address: String(away.headers.location), sub }
    })
    const results: boolean[] = []
    for (const { browser, address, sub } of await Promise.all(arrivals)) {
      ana({ sub, email: 'new@elsewhere.example' })
      await browser.get(acme.authorize(address))
      results.push(browser.cookies.has('latchkey-session'))
    }
    expect(results).toEqual([true, false])
    const user = await server.store.users.byEmail('new@elsewhere.example')
    expect(await identitiesOf(user?.id ?? '')).toMatchObject([{ subject: 'one' }])
  })

  it('who comes second by a hair finds the account that the first has just made', async () => {
    await setUp()
    ana({ email: 'new@elsewhere.example' })
    const { users } = server.store
    const byEmail = users.byEmail.bind(users)
    const sessions: boolean[] = []
    let asked = 0
    Object.assign(users, {
      byEmail: async (email: string) => {
        asked++
        if (asked === 1) sessions.push((await come()).session)
        return byEmail(email)
      },
    })
    sessions.push((await come()).session)
    expect(sessions).toEqual([true, true])
    expect(await users.all()).toHaveLength(2)
  })

  /** Another hand in the store, right before something is written to `users`. */
  const before = (store: Store, act: () => Promise<unknown>) => {
    const insert = store.users.insert.bind(store.users)
    let done = false
    Object.assign(store.users, {
      insert: async (user: Parameters<typeof insert>[0]) => {
        if (!done) {
          done = true
          await act()
        }
        return insert(user)
      },
    })
  }

  it('the address goes to somebody else in between: told so, and the identity names no account that is not there', async () => {
    await setUp()
    ana({ email: 'new@elsewhere.example' })
    const owner = { ...server.user, id: 'usr_other', email: 'new@elsewhere.example' }
    before(server.store, () => server.store.users.insert(owner))
    const { session, page } = await come()
    expect(session).toBe(false)
    expect(page).toContain('There is an account with your email address already')
    const left = await server.store.upstreamIdentities.byUser('usr_other')
    expect(left).toEqual([])
    // The next try comes to the same end: nothing was left over that leads elsewhere.
    expect((await come()).page).toContain('There is an account with your email address already')
  })

  it('NEG-11 a server that stops between its two writes: the next try finishes what was begun', async () => {
    await setUp()
    ana({ email: 'new@elsewhere.example' })
    before(server.store, () => Promise.reject(new Error('killed')))
    expect((await come()).session).toBe(false)
    expect(await server.store.users.byEmail('new@elsewhere.example')).toBeUndefined()
    expect((await come()).session).toBe(true)
    const user = await server.store.users.byEmail('new@elsewhere.example')
    expect(await identitiesOf(user?.id ?? '')).toHaveLength(1)
  })

  it('and when the address was given to another account meanwhile, what was begun is dropped', async () => {
    await setUp(VOUCHES)
    ana({ email: 'new@example.com' })
    before(server.store, () => Promise.reject(new Error('killed')))
    await come()
    await server.store.users.insert({ ...server.user, id: 'usr_new', email: 'new@example.com' })
    expect((await come()).session).toBe(true)
    expect(await identitiesOf('usr_new')).toMatchObject([{ subject: 'ana-there' }])
  })
})

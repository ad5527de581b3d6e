// Somebody has a part of an account (its old password, a browser left open, a cookie of before) and wants to keep it, or
// to make more of it. What each way in asks for by itself is in ../accounts.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hashPassword } from '../../server/src/accounts/passwords.ts'
import { addUser } from '../../server/src/accounts/users.ts'
import type { User } from '../../server/src/oauth/records.ts'
import { type AuthenticatorApp, appFrom } from '../support/authenticator-app.ts'
import { fakeHost } from '../support/fake-host.ts'
import { type FakeUpstream, fakeUpstream, upstreamEntry } from '../support/fake-upstream.ts'
import { csrfIn, fieldIn } from '../support/page-text.ts'
import { addPasskey } from '../support/passkey-pages.ts'
import { softwarePasskey } from '../support/software-passkey.ts'
import { EMAIL, PASSWORD, type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const MINUTE = 60_000
const NEW_PASSWORD = 'a wholly different sentence'

let server: TestServer
afterEach(() => server.close())

const isSignedIn = async (browser: TestBrowser) => (await browser.get('/account')).statusCode === 200
const changePassword = async (owner: TestBrowser) => {
  await owner.open('/account/password')
  const answer = await owner.submit('/account/password', { password: NEW_PASSWORD })
  expect([answer.statusCode, answer.headers.location]).toEqual([303, '/account/password'])
}

/** Does `meanwhile` in the middle of the next call of a table's method, right before it takes effect. */
function interrupt<T extends object, K extends keyof T>(table: T, method: K, meanwhile: () => Promise<unknown>): void {
  const real = table[method] as (...given: unknown[]) => Promise<unknown>
  table[method] = (async (...given: unknown[]) => {
    table[method] = real as T[K]
    await meanwhile()
    return real(...given)
  }) as T[K]
}

describe('who knows the old password', () => {
  let owner: TestBrowser
  beforeEach(async () => {
    server = await testServer()
    owner = server.browser()
    await owner.signIn()
  })

  it('LOG-02 SES-01 is not signed in by it when it is changed at that very moment', async () => {
    const thief = server.browser()
    await thief.open('/sign-in')
    interrupt(server.store.sessions, 'insert', () => changePassword(owner))
    await thief.submit('/sign-in', { email: EMAIL, password: PASSWORD })
    expect(await isSignedIn(thief)).toBe(false)
    expect(await isSignedIn(owner)).toBe(true)
  })

  it('LOG-02 LOG-01 does not get it back by an older hash that is made anew at that very moment', async () => {
    const { hash } = await import('@node-rs/argon2')
    const old = await hash(PASSWORD, { algorithm: 2, memoryCost: 8192, timeCost: 1, parallelism: 1 })
    const user = await stored()
    await server.store.users.swap({ ...user, passwordHash: old })
    const thief = server.browser()
    await thief.open('/sign-in')
    interrupt(server.store.users, 'swap', async () => {
      const now = await stored()
      await server.store.users.swap({ ...now, passwordHash: await hashPassword(NEW_PASSWORD) })
    })
    expect((await thief.submit('/sign-in', { email: EMAIL, password: PASSWORD })).statusCode).toBe(403)
    expect(await isSignedIn(thief)).toBe(false)
    expect((await server.browser().signIn(EMAIL, PASSWORD)).statusCode).toBe(403)
    expect((await server.browser().signIn(EMAIL, NEW_PASSWORD)).statusCode).toBe(303)
  })

  const stored = async (): Promise<User> => {
    const user = await server.store.users.get(server.user.id)
    if (user === undefined) throw new Error('no account')
    return user
  }

  describe('and has a second factor before them', () => {
    let app: AuthenticatorApp
    beforeEach(async () => {
      await owner.open('/account/second-factor')
      const page = await owner.submit('/account/second-factor', {})
      app = appFrom(page.body)
      const key = fieldIn(page.body, 'key')
      await owner.submit('/account/second-factor/on', { key, code: app.code(server.host.clock.now()) })
      await server.host.advance(MINUTE)
    })
    const half = async () => {
      const thief = server.browser()
      expect((await thief.signIn()).headers.location).toBe('/sign-in/code')
      await thief.open('/sign-in/code')
      return thief
    }
    const code = () => app.code(server.host.clock.now())

    it('LOG-05 LOG-02 is asked for no code any more once the password is another', async () => {
      const thief = await half()
      await changePassword(owner)
      const answer = await thief.submit('/sign-in/code', { code: code() })
      expect([answer.statusCode, answer.headers.location]).toEqual([303, '/sign-in'])
      expect((await thief.get('/sign-in/code')).headers.location).toBe('/sign-in')
      expect(await isSignedIn(thief)).toBe(false)
    })

    it('LOG-05 nor lets a code through that comes while it is changed', async () => {
      const thief = await half()
      interrupt(server.store.users, 'swap', () => changePassword(owner))
      await thief.submit('/sign-in/code', { code: code() })
      expect(await isSignedIn(thief)).toBe(false)
    })

    it('LOG-04 LOG-05 gets no more tries by going back to a cookie of before, or by asking for the password again', async () => {
      const thief = await half()
      const kept = new Map(thief.cookies)
      const refused: number[] = []
      for (let tries = 0; tries < 8; tries++) {
        if (tries % 2 === 0) for (const [name, value] of kept) thief.cookies.set(name, value)
        else {
          await thief.signIn()
          await thief.open('/sign-in/code')
        }
        await thief.get('/sign-in/code')
        refused.push((await thief.submit('/sign-in/code', { code: '000000' })).statusCode)
      }
      expect(refused).toEqual([403, 403, 403, 403, 403, 429, 429, 429])
    })

    it('SES-01 LOG-05 a cookie of before the code is worth nothing ten minutes later, nor after it was used by its owner', async () => {
      const thief = await half()
      const taken = code()
      const other = await half()
      expect((await other.submit('/sign-in/code', { code: taken })).headers.location).toBe('/link')
      expect((await thief.submit('/sign-in/code', { code: taken })).statusCode).toBe(403)
      await server.host.advance(10 * MINUTE)
      expect((await thief.submit('/sign-in/code', { code: code() })).headers.location).toBe('/sign-in')
    })
  })
})

describe('who has a browser of the owner', () => {
  beforeEach(async () => {
    server = await testServer()
  })

  it('SES-01 does not survive “sign out everywhere” by getting a new cookie at that very moment', async () => {
    const [owner, thief] = [server.browser(), server.browser()]
    await owner.signIn()
    await thief.signIn()
    await thief.open('/account/password')
    await owner.open('/account/sign-out')
    const { sessions } = server.store
    const { byUser } = sessions
    Object.assign(sessions, {
      async byUser(userId: string) {
        sessions.byUser = byUser
        const seen = await byUser(userId)
        // The one way to a new cookie that ends nobody else.
        await renewed(thief)
        return seen
      },
    })
    await owner.submit('/account/sign-out', { answer: 'yes' })
    expect(await isSignedIn(thief)).toBe(false)
    expect(await sessions.byUser(server.user.id)).toEqual([])
  })

  it('SES-01 nor by getting it while the password is changed', async () => {
    const [owner, thief] = [server.browser(), server.browser()]
    await owner.signIn()
    await thief.signIn()
    interrupt(server.store.sessions, 'swap', () => changePassword(owner))
    await renewed(thief)
    expect(await isSignedIn(thief)).toBe(false)
    expect(await isSignedIn(owner)).toBe(true)
  })

  it.each<[string, (thief: TestBrowser, end: () => Promise<unknown>) => Promise<unknown>]>([
    ['while the page that lists it is looked at', async (thief, end) => [await renewed(thief), await end()]],
    [
      'right before it is ended',
      async (thief, end) => {
        interrupt(server.store.sessions, 'delete', () => renewed(thief))
        await end()
      },
    ],
    [
      'and is ended right before that',
      async (thief, end) => {
        interrupt(server.store.sessions, 'swap', end)
        await renewed(thief)
      },
    ],
  ])('SES-01 nor, where its owner ends that one browser, by getting it %s', async (_when, meanwhile) => {
    const [owner, thief] = [server.browser(), server.browser()]
    await thief.signIn()
    const [theirs] = await server.store.sessions.byUser(server.user.id)
    await owner.signIn()
    await owner.open('/account/sessions')
    await meanwhile(thief, () => owner.submit('/account/sessions', { session: theirs?.id ?? '' }))
    expect(await isSignedIn(thief)).toBe(false)
    expect(await isSignedIn(owner)).toBe(true)
    expect(await server.store.sessions.byUser(server.user.id)).toHaveLength(1)
  })

  it('SES-01 nor with a copy of the very cookie, by changing it while the password is changed', async () => {
    const [owner, thief] = [server.browser(), server.browser()]
    await owner.signIn()
    thief.cookies.set('latchkey-session', owner.cookies.get('latchkey-session') ?? '')
    interrupt(server.store.users, 'swap', () => renewed(thief))
    await changePassword(owner)
    // Nobody can tell which of both is the owner, but for the password.
    expect(await isSignedIn(thief)).toBe(false)
    expect(await server.store.sessions.byUser(server.user.id)).toEqual([])
  })

  it('SES-01 nor is that copy good for anything once the password is written, the owner’s new cookie or not', async () => {
    const [owner, thief] = [server.browser(), server.browser()]
    await owner.signIn()
    thief.cookies.set('latchkey-session', owner.cookies.get('latchkey-session') ?? '')
    const seen: boolean[] = []
    interrupt(server.store.sessions, 'swap', async () => seen.push(await isSignedIn(thief)))
    await changePassword(owner)
    expect([...seen, await isSignedIn(thief), await isSignedIn(owner)]).toEqual([false, false, true])
  })

  it('LOG-02 does not set another password over the owner’s, by a request that was let in right before', async () => {
    const [owner, thief] = [server.browser(), server.browser()]
    await owner.signIn()
    await thief.signIn()
    await thief.open('/account/password')
    interrupt(server.store.users, 'swap', () => changePassword(owner))
    const late = await thief.submit('/account/password', { password: 'what the thief would rather have' })
    expect([late.statusCode, late.headers.location]).toEqual([303, '/sign-in'])
    expect(await isSignedIn(thief)).toBe(false)
    expect((await server.browser().signIn(EMAIL, NEW_PASSWORD)).statusCode).toBe(303)
  })

  /** Turns on a second factor, which gives the session a new cookie. */
  async function renewed(browser: TestBrowser): Promise<void> {
    await browser.open('/account/second-factor')
    const page = await browser.submit('/account/second-factor', {})
    const key = fieldIn(page.body, 'key')
    const code = appFrom(page.body).code(server.host.clock.now())
    const on = await browser.submit('/account/second-factor/on', { key, code })
    expect(on.headers.location).toBe('/account/second-factor/recovery-codes')
  }
})

describe('who finds a browser that is signed in with another provider', () => {
  let acme: FakeUpstream
  beforeEach(async () => {
    acme = await fakeUpstream()
    server = await testServer({
      config: testConfig({ upstreams: [upstreamEntry()] }),
      host: fakeHost({ startAt: Date.now() }),
      fetch: acme.fetch,
    })
  })
  const hoursAgo = (hours: number) => Math.floor(server.host.clock.now() / 1000) - hours * 3600

  /** Goes there and comes back; whoever is signed in there is not asked. Returns what was asked of the provider. */
  async function pass(browser: TestBrowser): Promise<URLSearchParams> {
    const away = String((await browser.get('/sign-in/with/acme')).headers.location)
    await browser.open(acme.authorize(away))
    return new URL(away).searchParams
  }
  const CHANGES = [
    ['/account/passkeys', {}],
    ['/account/password', { password: NEW_PASSWORD }],
    ['/account/second-factor', {}],
    ['/account/identities/add', { upstream: 'acme' }],
  ] as const

  it('LOG-05 WEB-08 changes no way to sign in by signing in again without being asked there', async () => {
    acme.claims = { ...acme.claims, auth_time: hoursAgo(3) }
    const browser = server.browser()
    await pass(browser)
    expect(await isSignedIn(browser)).toBe(true)
    await browser.open('/link')
    await browser.submit('/sign-out', {})
    for (const [path, fields] of CHANGES) {
      // By the way of the page itself, and by a plain sign-in before it.
      await browser.get('/link')
      await pass(browser)
      await browser.open('/link')
      const answer = await browser.submit(path, fields)
      expect([path, answer.statusCode, answer.headers.location]).toEqual([path, 303, '/sign-in'])
      expect((await browser.open('/sign-in')).body).toContain('/sign-in/with/acme')
      expect((await pass(browser)).get('prompt')).toBe('login')
    }
    expect((await server.store.users.byEmail('ben@acme.example'))?.passwordHash).toBeUndefined()
  })

  it('LOG-05 WEB-08 the owner, who is asked there, does', async () => {
    acme.claims = { ...acme.claims, auth_time: hoursAgo(3) }
    const browser = server.browser()
    await pass(browser)
    expect((await browser.open('/account/password')).body).toContain('Confirm that it’s you')
    acme.claims = { ...acme.claims, auth_time: hoursAgo(0) }
    expect((await pass(browser)).get('prompt')).toBe('login')
    const page = await browser.open('/account/password')
    expect(page.body).toContain('action="/account/password"')
    expect((await browser.submit('/account/password', { password: NEW_PASSWORD })).headers.location).toBe(
      '/account/password',
    )
  })
})

describe('who comes next to a shared browser', () => {
  const BO = 'bo@example.com'
  beforeEach(async () => {
    server = await testServer()
    await addUser(server.store, server.host, { email: BO, password: PASSWORD })
  })

  it.each([
    ['somebody signed out', true],
    ['another signed in over them', false],
  ])('SES-01 NEG-15 is told nothing of what was done there before %s', async (_how, signsOut) => {
    await server.link({ device_name: 'Bedroom of Ana' })
    const [family] = await server.store.families.byUser(server.user.id)
    const browser = server.browser()
    await browser.signIn()
    await addPasskey(browser, softwarePasskey())
    const device = `/account/devices/${family?.id}/remove`
    await browser.open(device)
    // The pages that would say what was done are never looked at.
    expect((await browser.submit(device, { answer: 'yes' })).headers.location).toBe('/account')
    if (signsOut) {
      await browser.submit('/sign-out', {})
      await browser.open('/sign-in')
    }
    expect((await browser.submit('/sign-in', { email: BO, password: PASSWORD })).statusCode).toBe(303)
    expect((await browser.get('/account')).body).not.toMatch(/Bedroom of Ana|is removed/)
    expect((await browser.open('/link')).body).toContain(BO)
    expect((await browser.get('/account/passkeys')).body).not.toContain('Your passkey is ready')
  })

  it.each([
    ['/sign-out', {}],
    ['/account/sign-out', { answer: 'yes' }],
    ['/logout/confirm', { answer: 'yes' }],
  ])(
    'SES-01 %s: the visit of before ends with the session, so that no form of it is good any more',
    async (path, fields) => {
      const browser = server.browser()
      await browser.open('/sign-in')
      const before = browser.cookies.get('latchkey-visit') ?? ''
      const anonymous = csrfIn((await browser.open('/sign-in')).body)
      await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD })
      browser.cookies.set('latchkey-visit', before)
      await browser.open(path === '/sign-out' ? '/link' : path === '/logout/confirm' ? '/logout' : path)
      await browser.submit(path, fields)
      await browser.open('/sign-in')
      const again = await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD, csrf: anonymous })
      expect(again.statusCode).toBe(403)
    },
  )
})

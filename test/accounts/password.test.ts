// /account/password, against the whole server.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type KeptLog, keptLog } from '../support/kept-log.ts'
import { addPasskey, questionIn, signInWith } from '../support/passkey-pages.ts'
import { softwarePasskey } from '../support/software-passkey.ts'
import { EMAIL, PASSWORD, type TestBrowser, type TestServer, testServer } from '../support/test-server.ts'

const MINUTE = 60_000
const PATH = '/account/password'
const NEW = 'vexing jumpers of wool'
const SESSION = 'latchkey-session'

let server: TestServer
let log: KeptLog
let owner: TestBrowser

beforeEach(async () => {
  log = keptLog()
  server = await testServer({ logger: log.logger })
  owner = server.browser()
  await owner.signIn()
})
afterEach(() => server.close())

async function change(password: string, browser = owner) {
  await browser.open(PATH)
  return browser.submit(PATH, { password })
}

describe('changing a password', () => {
  it('LOG-02 UX-05 one field, ready for password managers; what was changed is said once', async () => {
    const page = await owner.open(PATH)
    expect(page.body.match(/<input (?!type="hidden")[^>]*type="password"/g)).toHaveLength(1)
    for (const attribute of [
      'autocomplete="new-password"',
      'minlength="15"',
      'autocomplete="username"',
      `value="${EMAIL}"`,
    ]) {
      expect(page.body).toContain(attribute)
    }
    expect((await owner.submit(PATH, { password: NEW })).headers.location).toBe(PATH)
    expect((await owner.open(PATH)).body).toContain('Your password is changed.')
    expect((await owner.open(PATH)).body).not.toContain('Your password is changed.')
    expect((await server.browser().signIn(EMAIL, PASSWORD)).statusCode).toBe(403)
    expect((await server.browser().signIn(EMAIL, NEW)).statusCode).toBe(303)
    expect(log.events()).toContainEqual(expect.objectContaining({ event: 'password_changed', userId: server.user.id }))
    expect(log.text()).not.toContain(NEW)
  })

  it('LOG-02 UX-03 to the very same is none: nothing is changed, and the page says so', async () => {
    const same = await change(PASSWORD)
    expect([same.statusCode, same.body.includes('That is the password you have.')]).toEqual([400, true])
    expect(log.events()).not.toContainEqual(expect.objectContaining({ event: 'password_changed' }))
    // Of nothing that is old enough to be somebody else's.
    await server.host.advance(11 * 60_000)
    await owner.open('/account')
    expect((await owner.submit(PATH, { password: PASSWORD })).headers.location).toBe('/sign-in')
  })

  it.each([
    ['short', 'Use 15 characters or more.'],
    ['Password12345678', 'one of the first that anyone would try'],
    [`${EMAIL}-northwind-tv`, 'made of names that anyone can see here'],
    [`${'long '.repeat(300)}`, 'longer than we can keep'],
  ])('LOG-02 UX-03 %s: refused, and the page says why', async (password, why) => {
    const refused = await change(password)
    expect(refused.statusCode).toBe(400)
    expect(refused.body).toContain(why)
    expect(refused.body).toContain('aria-describedby="problem hint"')
    expect(refused.body).not.toContain(`value="${password}"`)
    expect((await server.browser().signIn()).statusCode).toBe(303)
  })

  it('LOG-02 SES-01 all other browsers are signed out, this one goes on under a new id, devices stay linked', async () => {
    const other = server.browser()
    await other.signIn()
    const tokens = await server.link({ scope: 'openid offline_access library:read' })
    const before = owner.cookies.get(SESSION)
    await change(NEW)
    expect(owner.cookies.get(SESSION)).not.toBe(before)
    expect((await owner.open('/link')).body).toContain(EMAIL)
    expect((await other.open('/link')).body).not.toContain(EMAIL)
    const thief = server.browser()
    thief.cookies.set(SESSION, before ?? '')
    expect((await thief.open('/link')).body).not.toContain(EMAIL)
    const refreshed = await server.token({
      grant_type: 'refresh_token',
      client_id: 'tv',
      refresh_token: tokens.refresh_token,
    })
    expect(refreshed.statusCode).toBe(200)
  })

  it('RT-10 ticked, devices and apps are signed out with the old password', async () => {
    const tokens = await server.link({ scope: 'openid offline_access library:read' })
    expect((await owner.open(PATH)).body).toContain('Unless you tick this, they stay signed in.')
    await owner.submit(PATH, { password: NEW, devices: 'yes' })
    const refreshed = await server.token({
      grant_type: 'refresh_token',
      client_id: 'tv',
      refresh_token: tokens.refresh_token,
    })
    expect(refreshed.json()).toMatchObject({ error: 'invalid_grant' })
  })

  it('WEB-08 needs a sign-in of just now, and the way leads back here', async () => {
    await owner.open(PATH)
    await server.host.advance(11 * MINUTE)
    expect((await owner.submit(PATH, { password: NEW })).headers.location).toBe('/sign-in')
    expect((await owner.open(PATH)).body).toContain('Confirm that it’s you')
    const again = await owner.submit('/sign-in', { email: EMAIL, password: PASSWORD })
    expect(again.headers.location).toBe(PATH)
    expect((await change(NEW)).statusCode).toBe(303)
  })

  it('LOG-05 a passkey may bring the first password, and is asked for where there is nothing else', async () => {
    const passkey = softwarePasskey()
    await addPasskey(owner, passkey)
    const { passwordHash: _, ...user } = (await server.store.users.get(server.user.id)) ?? server.user
    await server.store.users.swap(user)
    const phone = server.browser()
    await signInWith(phone, passkey)
    await server.host.advance(11 * MINUTE)
    const asked = await phone.open(PATH)
    expect(asked.body).toContain('Confirm that it’s you')
    expect(asked.body).not.toContain('name="password"')
    expect(asked.body).toMatch(/<noscript>.*This browser does not offer passkeys here, or scripts are off/s)
    const answer = await phone.submit('/sign-in/passkey', { credential: passkey.answer(questionIn(asked.body)) })
    expect(answer.headers.location).toBe(PATH)
    expect((await phone.open(PATH)).body).toContain('Set a password')
    await phone.submit(PATH, { password: NEW })
    expect((await server.browser().signIn(EMAIL, NEW)).statusCode).toBe(303)
  })

  it('SES-02 a form of another page changes nothing', async () => {
    await owner.open(PATH)
    expect((await owner.submit(PATH, { csrf: 'x', password: NEW })).statusCode).toBe(403)
    expect((await server.browser().signIn()).statusCode).toBe(303)
  })
})

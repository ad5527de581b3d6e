// A new telephone in one's own living room, and nothing but a password: strangers who guess elsewhere do not keep its
// owner waiting there. What somebody in the same network can see of it (nothing): ../negative/passwords.test.ts.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HOME_DAYS, MOST_HOMES } from '../../server/src/accounts/home-networks.ts'
import { setPassword } from '../../server/src/accounts/users.ts'
import { appFrom } from '../support/authenticator-app.ts'
import { fieldIn } from '../support/page-text.ts'
import { addPasskey, questionIn } from '../support/passkey-pages.ts'
import { softwarePasskey } from '../support/software-passkey.ts'
import { EMAIL, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const HOME = '203.0.113.7'
const AWAY = '198.51.100.9'
const STRANGERS = Array.from({ length: 40 }, (_, index) => (index % 2 ? `192.0.2.${index}` : `2001:db8:${index}::1`))
const DAY_MS = 24 * 3600 * 1000
const NEW_PASSWORD = 'our red kettle sings in the morning'

let server: TestServer
beforeEach(async () => {
  server = await testServer({ config: testConfig({ listen: { trusted_proxies: ['127.0.0.1'] } }) })
})
afterEach(() => server.close())

const newBrowser = (address: string) => server.browser({ 'x-forwarded-for': address })
const signsInFrom = async (address: string, password?: string) =>
  (await newBrowser(address).signIn(EMAIL, password)).statusCode
const stored = async () => (await server.store.users.get(server.user.id)) ?? server.user

let tried = 0
/** One try a second, from one network after the other; none of the tries is the owner's. */
async function attack(seconds: number, attempt: (address: string) => Promise<unknown>): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await server.host.advance(1000)
    await attempt(STRANGERS[tried++ % STRANGERS.length] ?? '')
  }
}
const guess = (address: string) => newBrowser(address).signIn(EMAIL, 'a wrong password')

describe('while strangers guess from several networks, a try a second', () => {
  it('LOG-04 the owner gets in with the password in a new browser at home, each time and at once, and waits elsewhere', async () => {
    await newBrowser(HOME).signIn()
    await attack(30, guess)
    const seen = []
    for (let times = 0; times < 20; times++) {
      await attack(10, guess)
      seen.push([await signsInFrom(HOME), await signsInFrom(AWAY)])
    }
    expect(seen).toEqual(seen.map(() => [303, 429]))
    // A slip of the finger is not the end of it.
    const owner = newBrowser(HOME)
    expect((await owner.signIn(EMAIL, 'a wrong password')).statusCode).toBe(429)
    expect((await owner.signIn()).statusCode).toBe(303)
  })

  it('LOG-04 a house with IPv6 is one network, the house next door is another', async () => {
    await newBrowser('2001:db8:1:2::17').signIn()
    await attack(30, guess)
    expect(await signsInFrom('2001:db8:1:2:aaaa::1')).toBe(303)
    expect(await signsInFrom('2001:db8:1:3::17')).toBe(429)
  })

  it('LOG-04 a sign-in by passkey makes a network known too', async () => {
    const owner = newBrowser(AWAY)
    await owner.signIn()
    const passkey = softwarePasskey()
    await addPasskey(owner, passkey)
    const atHome = newBrowser(HOME)
    const question = questionIn((await atHome.open('/sign-in')).body)
    const userHandle = Buffer.from(server.user.id).toString('base64url')
    const credential = passkey.answer(question, { userHandle })
    expect((await atHome.submit('/sign-in/passkey', { credential })).statusCode).toBe(303)
    await attack(30, guess)
    expect(await signsInFrom(HOME)).toBe(303)
  })

  it('LOG-04 whoever knows the password and guesses codes elsewhere does not keep the owner from typing theirs at home', async () => {
    const owner = newBrowser(HOME)
    await owner.signIn()
    await owner.open('/account/second-factor')
    const { body } = await owner.submit('/account/second-factor', {})
    const app = appFrom(body)
    const code = () => app.code(server.host.clock.now())
    const key = fieldIn(body, 'key')
    await owner.submit('/account/second-factor/on', { key, code: code() })
    const thief = newBrowser(STRANGERS[0] ?? '')
    await thief.signIn()
    await attack(30, () => thief.submit('/sign-in/code', { code: '000000' }))
    const enter = async (address: string) => {
      const browser = newBrowser(address)
      await browser.signIn()
      return (await browser.submit('/sign-in/code', { code: code() })).statusCode
    }
    expect([await enter(AWAY), await enter(HOME)]).toEqual([429, 303])
    // A password without its code makes no home.
    expect((await stored()).homes).toHaveLength(1)
  })
})

describe('what is kept of it', () => {
  it('LOG-04 keyed digests, of one network another for each account; the eight that were used last', async () => {
    const all = Array.from({ length: MOST_HOMES + 1 }, (_, index) => `192.0.2.${100 + index}`)
    for (const address of all) await newBrowser(address).signIn()
    const { homes = [] } = await stored()
    expect(new Set(homes.map(({ digest }) => digest)).size).toBe(MOST_HOMES)
    expect(JSON.stringify(homes)).not.toContain('192.0.2')
    await server.store.users.insert({ ...server.user, id: 'usr_ben', version: 0, email: 'ben@example.com' })
    await newBrowser(all.at(-1) ?? '').signIn('ben@example.com')
    const [bens] = (await server.store.users.get('usr_ben'))?.homes ?? []
    expect(homes.map(({ digest }) => digest)).not.toContain(bens?.digest)
    await attack(30, guess)
    const seen = []
    for (const address of all) seen.push(await signsInFrom(address))
    expect(seen).toEqual([429, ...all.slice(1).map(() => 303)])
  })

  it('written once a day at most', async () => {
    await newBrowser(HOME).signIn()
    const { version } = await stored()
    await server.host.advance(DAY_MS - 1000)
    await newBrowser(HOME).signIn()
    expect((await stored()).version).toBe(version)
    await server.host.advance(1000)
    await newBrowser(HOME).signIn()
    expect((await stored()).version).toBe(version + 1)
  })

  it('LOG-04 until 90 days after the last sign-in there', async () => {
    await newBrowser(HOME).signIn()
    for (const [days, status] of [
      [HOME_DAYS - 1, 303],
      [HOME_DAYS, 429],
    ] as const) {
      await server.host.advance(days * DAY_MS)
      await attack(30, guess)
      expect(await signsInFrom(HOME), `${days} days`).toBe(status)
    }
  })

  it('LOG-04 until there is another password, but for where it was chosen', async () => {
    await newBrowser(AWAY).signIn()
    const owner = newBrowser(HOME)
    await owner.signIn()
    await owner.open('/account/password')
    await owner.submit('/account/password', { password: NEW_PASSWORD })
    await attack(30, guess)
    expect([await signsInFrom(HOME, NEW_PASSWORD), await signsInFrom(AWAY, NEW_PASSWORD)]).toEqual([303, 429])
  })

  it('LOG-04 a sign-in under the password of before, at the moment of the new one, makes no home', async () => {
    const { swap } = server.store.users
    server.store.users.swap = async (next) => {
      server.store.users.swap = swap
      await setPassword(server.store, server.user.id, { password: NEW_PASSWORD })
      return swap(next)
    }
    await newBrowser(AWAY).signIn()
    expect((await stored()).homes).toBeUndefined()
  })
})

// Somebody makes "Forgot your password?" work for them: to learn who has an account, to fill a mailbox, or to get in by a
// token that they guess, find, keep, or have sent to a place of theirs. How it is meant to go:
// ../accounts/password-reset.test.ts.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RESET_ASKS, readReset } from '../../server/src/accounts/password-reset.ts'
import { setPassword } from '../../server/src/accounts/users.ts'
import type { StoredRecord, User } from '../../server/src/oauth/records.ts'
import type { Table } from '../../server/src/oauth/store.ts'
import { ANSWER_AFTER_MS } from '../../server/src/ops/notices.ts'
import { type MailServer, startMailServer } from '../support/mail-server.ts'
import { csrfIn, withoutTokens } from '../support/page-text.ts'
import { askForReset, resetConfig, resetPath, tokenIn, vaultOf } from '../support/reset-mail.ts'
import { EMAIL, ISSUER, PASSWORD, type TestBrowser, type TestServer, testServer } from '../support/test-server.ts'
import { told } from '../support/told.ts'

const MINUTE = 60_000
const NOBODY = 'nobody@example.com'
const NEW_PASSWORD = 'a wholly different sentence'

let mail: MailServer
let server: TestServer
beforeEach(async () => {
  mail = await startMailServer()
  server = await testServer({ config: resetConfig(mail.url, { listen: { trusted_proxies: ['127.0.0.1'] } }) })
})
afterEach(async () => {
  await server.host.run(server.close())
  await mail.close()
})

let networks = 0
const stranger = () => server.browser({ 'x-forwarded-for': `198.51.100.${++networks % 250}` })
const arrived = async (count: number) => {
  await server.host.advance(ANSWER_AFTER_MS.most)
  await server.host.until(() => mail.mails.length >= count)
  return mail.mails.slice(0, count)
}
const stored = async (): Promise<User> => {
  const user = await server.store.users.get(server.user.id)
  if (user === undefined) throw new Error('no account')
  return user
}
/** Ana asks; the path that she is sent. */
async function sentPath(): Promise<string> {
  const before = mail.mails.length
  await askForReset(stranger(), EMAIL)
  const [last] = (await arrived(before + 1)).slice(-1)
  return resetPath(last ?? { text: '' })
}
async function opened(path: string, person: TestBrowser = stranger()): Promise<TestBrowser> {
  await person.open(path)
  return person
}
const choose = (person: TestBrowser, password = NEW_PASSWORD, more: Record<string, string> = {}) =>
  person.submit('/reset-password/new', { password, ...more })

describe('nobody learns who has an account', () => {
  /** Accounts of every kind, and an address that nobody has. */
  async function addresses(): Promise<readonly string[]> {
    const kinds: Record<string, Partial<User>> = {
      closed: { disabledAt: 1 },
      admin: { admin: true },
      passkeys: { passwordHash: undefined as never },
      factor: { secondFactor: { sealedSecret: 'x', lastStep: 0, recoveryDigests: [], addedAt: 0 } },
    }
    for (const [name, more] of Object.entries(kinds)) {
      const { passwordHash, ...rest } = { ...server.user, id: `usr_${name}`, email: `${name}@example.com`, ...more }
      await server.store.users.insert(passwordHash === undefined ? rest : { ...rest, passwordHash })
    }
    return [NOBODY, EMAIL, ...Object.keys(kinds).map((name) => `${name}@example.com`)]
  }
  it('LOG-03 LOG-04 by the answer, by how often it may be asked, nor by the waiting that follows', async () => {
    const seen = []
    for (const email of await addresses()) {
      const answers: unknown[] = []
      for (let asked = 0; asked <= RESET_ASKS.perAddress.most; asked++) {
        const person = stranger()
        answers.push(
          told(await askForReset(person, email), email),
          told(await person.get('/reset-password/sent'), email),
        )
      }
      seen.push(answers)
    }
    for (const answers of seen) expect(answers).toEqual(seen[0])
    expect(seen[0]?.at(-2)).toMatchObject({ statusCode: 429, headers: { 'retry-after': '1800' } })
  })

  it('LOG-03 by how long the answer takes, or the next one: nothing is looked up or written for seconds', async () => {
    const { least, most } = ANSWER_AFTER_MS
    const watched = watchStore()
    for (const email of [EMAIL, NOBODY]) expect((await askForReset(stranger(), email)).statusCode).toBe(303)
    await server.host.advance(least - 1)
    expect(watched).toEqual({ looked: [], written: [] })
    await server.host.advance(most - least)
    await server.host.until(() => watched.looked.length === 2)
    await arrived(1)
  })

  it('LOG-03 by when the work begins: each time another moment of these seconds', async () => {
    const { least, most } = ANSWER_AFTER_MS
    for (let asked = 0; asked < 8; asked++) await askForReset(stranger(), `nobody${asked}@example.com`)
    const moments = server.host.asleep().map(Math.round)
    expect(new Set(moments).size).toBe(8)
    expect(Math.min(...moments)).toBeGreaterThanOrEqual(least)
    expect(Math.max(...moments)).toBeLessThanOrEqual(most)
  })

  it('LOG-03 by how much is written: two records, whatever the account and whether there is one', async () => {
    const all = await addresses()
    for (const email of all) {
      const watched = watchStore()
      await askForReset(stranger(), email)
      await server.host.advance(ANSWER_AFTER_MS.most)
      await server.host.until(() => watched.written.length >= 2)
      await server.host.advance(MINUTE)
      expect([email, watched.written.length]).toEqual([email, 2])
    }
    // What only stood for a write is gone with the next purge.
    const kept = (await server.store.auditEntries.newest({ most: 100 })).filter(
      ({ event }) => event === 'password_reset_asked',
    )
    expect(kept.map(({ userId }) => userId).sort()).toEqual(
      [server.user.id, 'usr_admin', 'usr_factor', 'usr_passkeys'].sort(),
    )
    expect(await server.store.purge(server.host.clock.now())).toBe(2 * 2 + 2)
  })

  /** From now on, which addresses are looked up and which tables are written. */
  function watchStore() {
    const looked: string[] = []
    const written: string[] = []
    const { store } = server
    const { byEmail } = store.users
    store.users.byEmail = (email) => {
      looked.push(email)
      return byEmail(email)
    }
    const { purge: _, close: _close, ...tables } = store
    for (const [name, table] of Object.entries<Table<StoredRecord>>(tables)) {
      const { insert, swap } = table
      table.insert = (record) => {
        written.push(`${name} insert`)
        return insert(record)
      }
      table.swap = (next) => {
        written.push(`${name} swap`)
        return swap(next)
      }
    }
    return { looked, written }
  }

  it('LOG-03 nor does mail go to whoever has no account, or a closed one', async () => {
    for (const email of await addresses()) await askForReset(stranger(), email)
    const recipients = (await arrived(4)).flatMap((one) => one.recipients)
    await server.host.advance(MINUTE)
    expect(mail.mails).toHaveLength(4)
    expect(recipients.sort()).toEqual([EMAIL, 'admin@example.com', 'factor@example.com', 'passkeys@example.com'].sort())
  })
})

describe('nobody fills a mailbox', () => {
  it('LOG-04 from all networks of the world: three messages in half an hour, after six one in 144 minutes, however it is written', async () => {
    const spellings = [EMAIL, EMAIL.toUpperCase(), ` ${EMAIL} `, EMAIL]
    const { perAddress, perAddressForLong } = RESET_ASKS
    const seen: number[] = []
    let asked = 0
    for (let minutes = 0; minutes < 2 * 24 * 60; minutes += 36) {
      const before = asked
      for (const email of spellings) if ((await askForReset(stranger(), email)).statusCode === 303) asked++
      seen.push(asked - before)
      await arrived(asked)
      await server.host.advance(36 * MINUTE)
    }
    // So whoever keeps the owner from asking brings them a message: the wait never begins anew.
    expect(seen.slice(0, 12)).toEqual([perAddress.most, perAddress.most, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0])
    expect(mail.mails).toHaveLength(perAddressForLong.atOnce + 19)
    // Somebody else is not kept waiting by that.
    expect((await askForReset(stranger(), NOBODY)).statusCode).toBe(303)
  })

  it('LOG-04 from one network: twenty addresses in an hour, also with forty at once', async () => {
    const people = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const person = server.browser({ 'x-forwarded-for': '2001:db8::17' })
        await person.open('/reset-password')
        return person
      }),
    )
    const answers = await Promise.all(
      people.map((person, index) => person.submit('/reset-password', { email: `person${index}@example.com` })),
    )
    expect(answers.filter(({ statusCode }) => statusCode === 303)).toHaveLength(RESET_ASKS.perNetwork.most)
    const neighbour = server.browser({ 'x-forwarded-for': '2001:db8::99' })
    expect((await askForReset(neighbour, EMAIL)).statusCode).toBe(429)
    expect((await askForReset(stranger(), EMAIL)).statusCode).toBe(303)
  })

  it('nor sends mail anywhere else: what is no single address is refused', async () => {
    for (const email of [
      '',
      'ana',
      'ana@example.com evil@evil.example',
      `${EMAIL}\r\nBcc: evil@evil.example`,
      '<ana@example.com>',
    ]) {
      const answer = await askForReset(stranger(), email)
      expect([email, answer.statusCode]).toEqual([email, 400])
    }
    expect((await askForReset(stranger(), `${EMAIL},evil@evil.example`)).statusCode).toBe(400)
    await server.host.advance(MINUTE)
    expect(mail.attempts()).toBe(0)
  })

  it('SES-02 nor has another site ask for it', async () => {
    const person = stranger()
    await person.open('/reset-password')
    const foreign = await person.submit('/reset-password', { email: EMAIL }, { 'sec-fetch-site': 'cross-site' })
    expect(foreign.statusCode).toBe(403)
    expect((await stranger().submit('/reset-password', { email: EMAIL, csrf: '' })).statusCode).toBe(403)
    await server.host.advance(MINUTE)
    expect(mail.attempts()).toBe(0)
  })
})

describe('a token', () => {
  it('NEG-16 goes to the address of the configuration, whatever Host the request names', async () => {
    const spoofed = { host: 'evil.example', 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' }
    await askForReset(server.browser(spoofed), EMAIL)
    const [message] = await arrived(1)
    expect(message?.raw).not.toContain('evil')
    const addresses = `${message?.text}${message?.html}`.match(/https?:\/\/[^\s"<]+/g) ?? []
    for (const address of addresses) expect(address.startsWith(`${ISSUER}/reset-password/`), address).toBe(true)
    expect(addresses).toHaveLength(2)
  })

  it('LOG-03 that is guessed, cut, changed, or made for another account opens nothing, and says nothing', async () => {
    const path = await sentPath()
    const other = { ...server.user, id: 'usr_other', email: 'other@example.com', version: 0 }
    await server.store.users.insert(other)
    const secret = secretIn(path)
    const none = await stranger().open('/reset-password/new')
    const made = [
      `${path.slice(0, -2)}AA`,
      path.slice(0, -8),
      '/reset-password/x',
      `/reset-password/${'A'.repeat(200)}`,
      // Even by whoever could seal one, as a copy of the master secret lets them: the secret in it has 256 bits.
      `/reset-password/${tokenIn(server, { userId: server.user.id, secret: 'A'.repeat(43) })}`,
      // Ana's secret for another account.
      `/reset-password/${tokenIn(server, { userId: other.id, secret })}`,
    ]
    for (const one of made) {
      const person = stranger()
      const page = await person.open(one)
      expect([one, page.statusCode, withoutTokens(page.body)]).toEqual([one, 404, withoutTokens(none.body)])
      const answer = await choose(person, NEW_PASSWORD, { csrf: csrfIn((await person.open('/reset-password')).body) })
      expect([one, answer.statusCode]).toEqual([one, 404])
    }
    expect((await stored()).passwordHash).toBe(server.user.passwordHash)
  })

  /** As the server alone can read it. */
  function secretIn(path: string): string {
    const reset = readReset(vaultOf(server), path.slice('/reset-password/'.length))
    if (reset === undefined) throw new Error('no token')
    return reset.secret
  }

  it('is good once: not again, not in the page that was open, not by the back button', async () => {
    const path = await sentPath()
    const [first, second] = [await opened(path), await opened(path)]
    expect((await choose(first)).statusCode).toBe(303)
    expect((await choose(second, 'yet another long sentence')).statusCode).toBe(404)
    expect((await stranger().open(path)).statusCode).toBe(404)
    expect((await first.open('/reset-password/new')).statusCode).toBe(404)
    expect((await stranger().signIn(EMAIL, NEW_PASSWORD)).statusCode).toBe(303)
  })

  it('of two who come with it at the same moment, one wins', async () => {
    const path = await sentPath()
    const passwords = ['the first of two sentences', 'the second of both phrases']
    const people = await Promise.all(passwords.map(() => opened(path)))
    const answers = await Promise.all(people.map((person, index) => choose(person, passwords[index])))
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([303, 404])
    const winner = answers.findIndex(({ statusCode }) => statusCode === 303)
    expect((await stranger().signIn(EMAIL, passwords[winner])).statusCode).toBe(303)
    expect((await stranger().signIn(EMAIL, passwords[1 - winner])).statusCode).toBe(403)
    const signedIn = await Promise.all(people.map(async (person) => (await person.get('/account')).statusCode === 200))
    expect(signedIn).toEqual(passwords.map((_, index) => index === winner))
  })

  it.each<[string, (path: string) => Promise<unknown>]>([
    ['half an hour has passed', () => server.host.advance(29 * MINUTE)],
    ['a later message was sent', () => sentPath()],
    [
      'the password changed meanwhile',
      () => setPassword(server.store, server.user.id, { password: 'somebody set another one' }),
    ],
    ['another one came of the same message', async (path) => choose(await opened(path), 'yet another long sentence')],
    ['the account was closed', async () => server.store.users.swap({ ...(await stored()), disabledAt: 1 })],
    ['it became an administrator’s', async () => server.store.users.swap({ ...(await stored()), admin: true })],
  ])('is void once %s, also in a page that was open before', async (_name, happens) => {
    const path = await sentPath()
    await server.host.advance(MINUTE)
    const person = await opened(path)
    expect((await person.get('/reset-password/new')).statusCode).toBe(200)
    await happens(path)
    const before = await stored()
    expect((await choose(person)).statusCode).toBe(404)
    expect((await stranger().open(path)).statusCode).toBe(404)
    expect((await stored()).passwordHash).toBe(before.passwordHash)
    expect((await person.get('/account')).statusCode).toBe(303)
  })

  it('does not pass a password that is changed at that very moment', async () => {
    const person = await opened(await sentPath())
    const { users } = server.store
    const { swap } = users
    users.swap = async (next) => {
      users.swap = swap
      await setPassword(server.store, server.user.id, { password: 'somebody set another one' })
      return swap(next)
    }
    expect((await choose(person)).statusCode).toBe(404)
    expect((await stranger().signIn(EMAIL, 'somebody set another one')).statusCode).toBe(303)
  })

  it('SES-02 that is opened ends no sign-in, and its form comes from its own page alone', async () => {
    const bo = server.browser()
    await bo.signIn(EMAIL, PASSWORD)
    const session = bo.cookies.get('latchkey-session')
    const page = await bo.open(await sentPath())
    expect(page.body).toContain(`value="${EMAIL}"`)
    expect(bo.cookies.get('latchkey-session')).toBe(session)
    const foreign = { 'sec-fetch-site': 'same-site' }
    const fields = { csrf: csrfIn(page.body), password: NEW_PASSWORD }
    expect((await bo.submit('/reset-password/new', fields, foreign)).statusCode).toBe(403)
    expect((await bo.get('/account')).statusCode).toBe(200)
  })

  it('WEB-03 is not opened by a browser that looks ahead', async () => {
    const path = await sentPath()
    const ahead = await server.app.inject({ url: path, headers: { 'sec-purpose': 'prefetch' } })
    expect([ahead.statusCode, ahead.headers['set-cookie']]).toEqual([503, undefined])
  })
})

// What a new password ends is ended by its one write: also where the storage fails right after it, or the server dies.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { type Store, StoreUnavailable, update } from '../../server/src/oauth/store.ts'
import { type KeptLog, keptLog } from '../support/kept-log.ts'
import { type MailServer, startMailServer } from '../support/mail-server.ts'
import { resetConfig, tokenIn } from '../support/reset-mail.ts'
import { EMAIL, type TestBrowser, type TestServer, testServer } from '../support/test-server.ts'

const NEW_PASSWORD = 'a wholly different sentence'

let mail: MailServer
let server: TestServer
let log: KeptLog
let thief: TestBrowser
let refresh: () => Promise<number>
let look: () => Promise<number>
let fetchApproved: () => Promise<number>

beforeEach(async () => {
  mail = await startMailServer()
  log = keptLog()
  server = await testServer({ config: resetConfig(mail.url), logger: log.logger })
  thief = server.browser()
  await thief.signIn()
  const { access_token, refresh_token } = await server.link({ scope: 'openid offline_access' })
  const { device_code, user_code } = await server.start()
  await server.decide(user_code, 'approve')
  refresh = async () => (await server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token })).statusCode
  const headers = { authorization: `Bearer ${access_token}` }
  look = async () => (await server.app.inject({ url: '/userinfo', headers })).statusCode
  fetchApproved = async () => (await server.poll(device_code)).statusCode
  await server.host.advance(1000)
})
afterEach(async () => {
  await server.host.run(server.close())
  await mail.close()
})

/** The page with the form that sets it, and its path. */
const FORMS: readonly (readonly [string, (owner: TestBrowser) => Promise<string>])[] = [
  [
    'on the page of the account',
    async (owner) => {
      await owner.signIn()
      await owner.open('/account/password')
      return '/account/password'
    },
  ],
  [
    'with the message for a forgotten one',
    async (owner) => {
      const secret = 'z'.repeat(43)
      const until = server.host.clock.now() + 60_000
      await update(server.store.users, server.user.id, (user) => ({
        ...(user && { next: { ...user, passwordReset: { digest: digestOf(secret), until } } }),
        outcome: undefined,
      }))
      await owner.open(`/reset-password/${tokenIn(server, { userId: server.user.id, secret })}`)
      return '/reset-password/new'
    },
  ],
]
const FAILURES: readonly (readonly [table: 'sessions' | 'families' | 'deviceRequests', method: string])[] = [
  ['sessions', 'byUser'],
  ['sessions', 'insert'],
  ['sessions', 'swap'],
  ['sessions', 'delete'],
  ['deviceRequests', 'all'],
  ['deviceRequests', 'swap'],
  ['families', 'byUser'],
  ['families', 'swap'],
]

/** Calls `then` as soon as another password is written. */
function onNewPassword({ users }: Store, then: () => void): void {
  const { swap } = users
  users.swap = async (next) => {
    const before = await users.get(next.id)
    const done = await swap(next)
    if (!done || before?.passwordHash === next.passwordHash) return done
    users.swap = swap
    then()
    return done
  }
}

/** Fails the next call, unless it is mended before. */
function failOnce(table: object, method: string): () => void {
  const real: unknown = Reflect.get(table, method)
  const mend = () => void Reflect.set(table, method, real)
  Reflect.set(table, method, async () => {
    mend()
    throw new StoreUnavailable('locked')
  })
  return mend
}

const isSignedIn = async (browser: TestBrowser) => (await browser.get('/account')).statusCode === 200
const expectAllEnded = async () => {
  expect(await isSignedIn(thief)).toBe(false)
  expect([await look(), await refresh(), await fetchApproved()]).toEqual([401, 400, 400])
}

describe.each(FORMS)('a new password that is set %s', (_where, formFor) => {
  it.each(FAILURES)('SES-01 RT-10 NEG-12 ends everything though %s.%s fails right after it', async (table, method) => {
    const owner = server.browser()
    const path = await formFor(owner)
    let mend = () => {}
    onNewPassword(server.store, () => {
      mend = failOnce(server.store[table], method)
    })
    const answer = await owner.submit(path, { password: NEW_PASSWORD, devices: 'yes' })
    mend()
    // Where its own session cannot be written either, its person signs in.
    const own = table === 'sessions' && ['insert', 'swap'].includes(method)
    expect([303, ...(own ? [503] : [])]).toContain(answer.statusCode)
    await expectAllEnded()
    expect(log.events('password_changed').filter(({ msg }) => msg === 'password_changed')).toHaveLength(1)
    if (answer.statusCode === 303) expect(await isSignedIn(owner)).toBe(true)
    expect((await server.browser().signIn(EMAIL, NEW_PASSWORD)).statusCode).toBe(303)
    expect((await server.store.users.get(server.user.id))?.linksEndedAt).toBeUndefined()
  })

  it('SES-01 RT-10 NEG-12 ends everything though the server dies right after it, and nothing that begins later', async () => {
    const owner = server.browser()
    const path = await formFor(owner)
    const { store } = server
    const tables = [store.sessions, store.families, store.deviceRequests, store.users, store.auditEntries]
    const before = tables.map((table) => ({ ...table }))
    onNewPassword(store, () => {
      for (const table of tables) {
        for (const method of Object.keys(table))
          Reflect.set(table, method, () => Promise.reject(new StoreUnavailable('gone')))
      }
    })
    expect((await owner.submit(path, { password: NEW_PASSWORD, devices: 'yes' })).statusCode).toBe(503)
    const { close } = store
    store.close = async () => undefined
    await server.host.run(server.close())
    for (const [index, table] of tables.entries()) Object.assign(table, before[index])
    store.close = close
    server = await testServer({ config: server.config, host: server.host, store })
    const kept = thief.cookies
    thief = server.browser()
    for (const [name, value] of kept) thief.cookies.set(name, value)
    expect(await isSignedIn(thief)).toBe(false)
    expect(await look()).toBe(401)
    await server.host.advance(1000)
    const later = server.browser()
    expect((await later.signIn(EMAIL, NEW_PASSWORD)).statusCode).toBe(303)
    const { device_code, user_code } = await server.start()
    await later.open(`/link?user_code=${user_code}`)
    await later.submit('/link/device', { answer: 'approve' })
    expect((await server.poll(device_code)).statusCode).toBe(200)
    await expectAllEnded()
  })
})

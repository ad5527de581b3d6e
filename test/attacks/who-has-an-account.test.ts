// Somebody goes through addresses to learn which of them have an account here, and of what kind. Everything that an answer
// says is held against what it says for an address that nobody has: status, page, headers, cookies and their size. That
// the work is the same, and the waiting over days, is in ../negative/passwords.test.ts.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { User } from '../../server/src/oauth/records.ts'
import { appFrom } from '../support/authenticator-app.ts'
import { fieldIn } from '../support/page-text.ts'
import { addPasskey, questionIn } from '../support/passkey-pages.ts'
import { softwarePasskey } from '../support/software-passkey.ts'
import { EMAIL, PASSWORD, type TestServer, testConfig, testServer } from '../support/test-server.ts'
import { told } from '../support/told.ts'

const NOBODY = 'nobody@example.com'
/** An address without an account, as long as this one: what was typed is in the visit, whose size is looked at. */
const nobodyLike = (email: string) => `${'n'.repeat(email.indexOf('@'))}@example.com`

let server: TestServer
let users: readonly string[]
beforeEach(async () => {
  server = await testServer({ config: testConfig({ listen: { trusted_proxies: ['127.0.0.1'] } }) })
  const like = server.user
  const kinds: Record<string, Partial<User>> = {
    closed: { disabledAt: 1 },
    passkeys: { passwordHash: undefined as never },
    admin: { admin: true },
    short: { shortPassword: true },
  }
  for (const [name, more] of Object.entries(kinds)) {
    const { passwordHash, ...rest } = { ...like, id: `usr_${name}`, version: 0, email: `${name}@example.com`, ...more }
    await server.store.users.insert(passwordHash === undefined ? rest : { ...rest, passwordHash })
  }
  users = [EMAIL, ...Object.keys(kinds).map((name) => `${name}@example.com`)]
})
afterEach(() => server.close())

let networks = 0
const stranger = () => server.browser({ 'x-forwarded-for': `198.51.100.${++networks % 250}` })

describe('an address that has an account is answered like one that has none', () => {
  it('LOG-03 with a wrong password, once and again, and by the pages that are looked at afterwards', async () => {
    const seen = new Map<string, unknown>()
    for (const email of [...users.map(nobodyLike), ...users]) {
      const browser = stranger()
      await browser.open('/sign-in')
      const answers: unknown[] = []
      for (let tries = 0; tries < 12; tries++) {
        answers.push(told(await browser.submit('/sign-in', { email, password: 'a wrong password' }), email))
      }
      for (const path of ['/sign-in', '/sign-in/code', '/account', '/link', '/link/device']) {
        answers.push(told(await browser.get(path), email))
      }
      seen.set(email, { answers, kept: [...browser.cookies.keys()] })
    }
    for (const email of users) expect(seen.get(email), email).toEqual(seen.get(nobodyLike(email)))
  })

  it('LOG-03 with the right password of an account that is closed', async () => {
    const answers = []
    for (const email of [nobodyLike('closed@example.com'), 'closed@example.com'])
      answers.push(told(await stranger().signIn(email, PASSWORD), email))
    expect(answers[1]).toEqual(answers[0])
  })

  it('LOG-03 LOG-05 whether it has a second factor: only to whoever knows the password', async () => {
    const owner = server.browser()
    await owner.signIn()
    await owner.open('/account/second-factor')
    const { body } = await owner.submit('/account/second-factor', {})
    const key = fieldIn(body, 'key')
    await owner.submit('/account/second-factor/on', { key, code: appFrom(body).code(server.host.clock.now()) })
    const answers = []
    for (const email of [nobodyLike(EMAIL), EMAIL]) {
      answers.push(told(await stranger().signIn(email, 'a wrong password'), email))
    }
    expect(answers[1]).toEqual(answers[0])
    const half = await stranger().signIn()
    expect(half.headers.location).toBe('/sign-in/code')
    expect(half.cookies.map(({ name }) => name)).toEqual(['latchkey-visit'])
  })

  it('LOG-03 LOG-05 by a passkey that somebody has, one that was removed, and one that never was: one answer', async () => {
    const owner = server.browser()
    await owner.signIn()
    const [kept, removed, never] = [softwarePasskey(), softwarePasskey(), softwarePasskey()]
    await addPasskey(owner, kept)
    const added = await addPasskey(owner, removed)
    await owner.open(String(added.headers.location))
    await owner.submit(`${added.headers.location}/remove`, {})
    const answers = []
    for (const passkey of [never, removed, kept]) {
      const browser = stranger()
      const question = questionIn((await browser.open('/sign-in')).body)
      const known = passkey === never ? {} : { userHandle: Buffer.from(server.user.id).toString('base64url') }
      const credential = passkey.answer(question, { ...known, stranger: true })
      answers.push(told(await browser.submit('/sign-in/passkey', { credential }), NOBODY))
    }
    expect(answers[0]?.statusCode).toBe(403)
    expect(answers.slice(1)).toEqual([answers[0], answers[0]])
  })

  it('LOG-03 the question for a passkey names nobody’s, whatever was typed before', async () => {
    const owner = server.browser()
    await owner.signIn()
    await addPasskey(owner, softwarePasskey())
    const browser = stranger()
    const { body } = await browser.signIn(EMAIL, 'a wrong password')
    expect(questionIn(body).allowCredentials ?? []).toEqual([])
    const asked = (await browser.get('/sign-in/passkey')).json()
    expect(asked.options.allowCredentials ?? []).toEqual([])
  })
})

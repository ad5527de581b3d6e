// A form that gives the session a new cookie is pressed twice. Its person stays signed in and sees what came of it, also
// where the browser threw the first answer away; whoever has a copy of the cookie, but not the form, gets nothing.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AuthenticatorApp, appFrom } from '../support/authenticator-app.ts'
import { type KeptLog, keptLog } from '../support/kept-log.ts'
import { csrfIn, fieldIn, textOf } from '../support/page-text.ts'
import { EMAIL, PASSWORD, type TestBrowser, type TestServer, testServer } from '../support/test-server.ts'

const SESSION = 'latchkey-session'
const NEW_PASSWORD = 'a wholly different sentence'
const FACTOR = '/account/second-factor'
const CODES = `${FACTOR}/recovery-codes`

let server: TestServer
let log: KeptLog
let owner: TestBrowser
let app: AuthenticatorApp

beforeEach(async () => {
  log = keptLog()
  server = await testServer({ logger: log.logger })
  owner = server.browser()
  await owner.signIn()
})
afterEach(() => server.close())

interface Press {
  readonly path: string
  readonly fields: Readonly<Record<string, string>>
}

const FORMS: readonly (readonly [what: string, event: string, press: () => Promise<Press>])[] = [
  [
    'a new password',
    'password_changed',
    async () => {
      const { body } = await owner.open('/account/password')
      return { path: '/account/password', fields: { password: NEW_PASSWORD, csrf: csrfIn(body) } }
    },
  ],
  [
    'a second factor',
    'second_factor_on',
    async () => {
      await owner.open(FACTOR)
      const { body } = await owner.submit(FACTOR, {})
      app = appFrom(body)
      const code = app.code(server.host.clock.now())
      return { path: `${FACTOR}/on`, fields: { key: fieldIn(body, 'key'), code, csrf: csrfIn(body) } }
    },
  ],
  [
    'new recovery codes',
    'recovery_codes_made',
    async () => {
      const { path, fields } = await pressOf('second_factor_on')
      await owner.submit(path, fields)
      await owner.open(CODES)
      await owner.submit(`${CODES}/kept`, {})
      const { body } = await owner.open(FACTOR)
      return { path: CODES, fields: { csrf: csrfIn(body) } }
    },
  ],
]
const pressOf = async (event: string): Promise<Press> => {
  const press = FORMS.find(([, name]) => name === event)?.[2]
  if (press === undefined) throw new Error(event)
  return press()
}

/** Another browser with the cookies that the owner's has now. */
function copy(): TestBrowser {
  const browser = server.browser()
  for (const [name, value] of owner.cookies) browser.cookies.set(name, value)
  return browser
}
const isSignedIn = async (browser: TestBrowser) => (await browser.get('/account')).statusCode === 200

describe.each(FORMS)('%s, pressed twice', (_what, event, pressed) => {
  it.each([
    ['at once', true],
    ['and the first answer was made already', false],
  ])('SES-01 UX-03 %s: done once, both answered alike, signed in with either', async (_when, together) => {
    const { path, fields } = await pressed()
    const [first, second] = [copy(), copy()]
    const one = first.submit(path, fields)
    if (!together) await one
    const answers = [await second.submit(path, fields), await one]
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([303, 303])
    expect(answers[0]?.headers.location).toBe(answers[1]?.headers.location)
    expect(answers[0]?.headers['set-cookie']).toEqual(answers[1]?.headers['set-cookie'])
    expect(second.cookies).toEqual(first.cookies)
    expect([await isSignedIn(first), await isSignedIn(second), await isSignedIn(owner)]).toEqual([true, true, false])
    expect(log.events(event)).toHaveLength(1)
    expect(await server.store.sessions.byUser(server.user.id)).toHaveLength(1)
    if (path !== '/account/password')
      expect(textOf((await second.open(CODES)).body).match(/\b\d{4} ?\d{4} ?\d{4}\b/g)).toHaveLength(10)
  })

  it('SES-01 a copy of the cookie gets nothing by the same form of another page, or by this one later', async () => {
    const { path, fields } = await pressed()
    const [thief, late] = [copy(), copy()]
    const page = await thief.open(path === '/account/password' ? path : FACTOR)
    const { csrf } = fields
    expect(csrfIn(page.body)).not.toBe(csrf)
    await owner.submit(path, fields)
    const answer = await thief.submit(path, { ...fields, csrf: csrfIn(page.body) })
    expect([answer.statusCode, answer.headers['set-cookie']]).toEqual([403, undefined])
    await server.host.advance(11_000)
    expect((await late.submit(path, fields)).statusCode).toBe(403)
    expect([await isSignedIn(owner), await isSignedIn(thief), await isSignedIn(late)]).toEqual([true, false, false])
  })

  it('a refusal is none: what is sent again is looked at again', async () => {
    const { path, fields } = await pressed()
    if (path === CODES) return expect((await owner.submit(path, { ...fields, csrf: 'x' })).statusCode).toBe(403)
    const wrong = { ...fields, ...('code' in fields ? { code: '000000' } : { password: PASSWORD }) }
    const both = await Promise.all([copy().submit(path, wrong), copy().submit(path, wrong)])
    expect(both.map(({ statusCode }) => statusCode)).toEqual([400, 400])
    expect((await owner.submit(path, fields)).statusCode).toBe(303)
  })
})

it('LOG-05 a code at the sign-in, pressed twice, signs in, and is not told to be wrong', async () => {
  const { path, fields } = await pressOf('second_factor_on')
  await owner.submit(path, fields)
  await server.host.advance(60_000)
  owner = server.browser()
  await owner.signIn(EMAIL, PASSWORD)
  const { body } = await owner.open('/sign-in/code')
  const typed = { code: app.code(server.host.clock.now()), csrf: csrfIn(body) }
  const [first, second] = [copy(), copy()]
  const both = await Promise.all([first, second].map((browser) => browser.submit('/sign-in/code', typed)))
  expect(both.map(({ statusCode }) => statusCode)).toEqual([303, 303])
  expect(second.cookies.get(SESSION)).toBe(first.cookies.get(SESSION))
  expect(await isSignedIn(second)).toBe(true)
})

// Codes of an app and recovery codes, against the whole server.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { digitsIn, newRecoveryCodes, stepOf } from '../../server/src/accounts/second-factor.ts'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { type AuthenticatorApp, appFrom } from '../support/authenticator-app.ts'
import { type KeptLog, keptLog } from '../support/kept-log.ts'
import { fieldIn, textOf } from '../support/page-text.ts'
import { addPasskey, signInWith } from '../support/passkey-pages.ts'
import { signedIn } from '../support/signed-in.ts'
import { softwarePasskey } from '../support/software-passkey.ts'
import { EMAIL, PASSWORD, type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const PATH = '/account/second-factor'
const CODES = `${PATH}/recovery-codes`
const SESSION = 'latchkey-session'
const VISIT = 'latchkey-visit'

let server: TestServer
let log: KeptLog
let owner: TestBrowser

beforeEach(async () => {
  log = keptLog()
  server = await testServer({
    logger: log.logger,
    config: testConfig({ listen: { trusted_proxies: ['127.0.0.1'] }, acr: { pwd: ['pwd'], two: ['mfa'] } }),
  })
  owner = server.browser()
  await owner.signIn()
})
afterEach(() => server.close())

const now = () => server.host.clock.now()
const events = (name: string) => log.events().filter(({ event }) => event === name)
const codesIn = (html: string) =>
  [...html.matchAll(/<li>(\d{4}) (\d{4}) (\d{4})<\/li>/g)].map(([, ...parts]) => parts.join(''))
const factorNow = async () => (await server.store.users.get(server.user.id))?.secondFactor

async function setUp(browser = owner): Promise<{ readonly app: AuthenticatorApp; readonly codes: readonly string[] }> {
  await browser.open(PATH)
  const page = await browser.submit(PATH, {})
  const app = appFrom(page.body)
  await browser.submit(`${PATH}/on`, { key: fieldIn(page.body, 'key'), code: app.code(now()) })
  const shown = await browser.open(CODES)
  await browser.submit(`${CODES}/kept`, {})
  // The next code is a new one.
  await server.host.advance(MINUTE)
  return { app, codes: codesIn(shown.body) }
}

/** As far as the question for a code. */
async function withPassword(browser = server.browser()): Promise<TestBrowser> {
  const answer = await browser.signIn()
  expect(answer.headers.location).toBe('/sign-in/code')
  await browser.open('/sign-in/code')
  return browser
}

describe('setting it up', () => {
  it('LOG-01 a key for the app, in the square and in letters; nothing is kept before a code of it fits', async () => {
    await owner.open(PATH)
    const page = await owner.submit(PATH, {})
    const app = appFrom(page.body)
    expect([app.issuer, app.label]).toEqual(['Northwind TV', `Northwind TV:${EMAIL}`])
    const letters = /<bdi dir="ltr">((?:<span>[A-Z2-7]{4}<\/span>)+)<\/bdi>/.exec(page.body)?.[1] ?? ''
    const key = letters.replace(/<\/?span>/g, '')
    // 160 bits, as RFC 4226 §4 recommends.
    expect(key).toMatch(/^[A-Z2-7]{32}$/)
    expect(page.body).toContain(`secret=${key}&amp;`)
    expect(page.body).toMatch(/<svg class="square" viewBox="-4 -4 \d+ \d+" role="img"/)
    const wrong = await owner.submit(`${PATH}/on`, { key: fieldIn(page.body, 'key'), code: '000000' })
    expect(wrong.statusCode).toBe(400)
    // The same key again: the app has it already.
    expect(appFrom(wrong.body).code(0)).toBe(app.code(0))
    expect(await factorNow()).toBeUndefined()
    const on = await owner.submit(`${PATH}/on`, { key: fieldIn(wrong.body, 'key'), code: ` ${app.code(now())} ` })
    expect([on.statusCode, on.headers.location]).toEqual([303, CODES])
    expect(codesIn((await owner.open(CODES)).body)).toHaveLength(10)
    expect(events('second_factor_on')).toHaveLength(1)
  })

  it('LOG-01 a copy of the database has neither the key nor a recovery code', async () => {
    const { codes } = await setUp()
    const stored = JSON.stringify(await server.store.users.get(server.user.id))
    for (const code of codes) {
      expect(stored).not.toContain(code)
      expect(stored).not.toContain(digestOf(code))
    }
    expect(new Set(codes).size).toBe(10)
    expect(log.text()).not.toMatch(new RegExp(codes.join('|')))
  })

  it('WEB-03 recovery codes are shown again until their person has kept them, and to nobody else', async () => {
    await owner.open(PATH)
    const page = await owner.submit(PATH, {})
    await owner.submit(`${PATH}/on`, { key: fieldIn(page.body, 'key'), code: appFrom(page.body).code(now()) })
    const codes = codesIn((await owner.open(CODES)).body)
    expect(codes).toHaveLength(10)
    // Loaded again, come back to, after a look at another page, in another language.
    for (const path of [CODES, PATH, '/link', CODES, '/language', CODES]) {
      const again = codesIn((await owner.open(path)).body)
      expect(again).toEqual(path.startsWith(PATH) ? codes : [])
    }
    const cookie = owner.cookies.get(VISIT) ?? ''
    expect(codes.some((code) => cookie.includes(code) || Buffer.from(cookie, 'base64url').includes(code))).toBe(false)
    // The same visit under another sign-in of the same account, of another account, of nobody.
    for (const email of [EMAIL, 'bo@example.com', undefined]) {
      const other = email === undefined ? server.browser() : await signedIn(server, email)
      other.cookies.set(VISIT, cookie)
      expect(codesIn((await other.open(CODES)).body)).toEqual([])
    }
    await owner.open(CODES)
    expect((await owner.submit(`${CODES}/kept`, { csrf: 'forged' })).statusCode).toBe(403)
    await owner.open(CODES)
    expect((await owner.submit(`${CODES}/kept`, {})).headers.location).toBe('/account')
    expect((await owner.get(CODES)).headers.location).toBe(PATH)
    expect(textOf((await owner.open(PATH)).body)).toContain('10 recovery codes left')
    expect(log.text()).not.toMatch(new RegExp(codes.join('|')))
  })

  it('SES-01 recovery codes that nobody has kept are forgotten with the visit, whose time begins with them', async () => {
    await server.host.advance(9 * MINUTE)
    await owner.open(PATH)
    const page = await owner.submit(PATH, {})
    await owner.submit(`${PATH}/on`, { key: fieldIn(page.body, 'key'), code: appFrom(page.body).code(now()) })
    await server.host.advance(29 * MINUTE)
    expect(codesIn((await owner.open(CODES)).body)).toHaveLength(10)
    await server.host.advance(2 * MINUTE)
    expect((await owner.get(CODES)).headers.location).toBe(PATH)
  })

  it('recovery codes that are good no more are not shown any more', async () => {
    const { app } = await setUp()
    await owner.open(PATH)
    await owner.submit(CODES, {})
    await server.host.advance(MINUTE)
    const other = server.browser()
    await other.signIn()
    await other.submit('/sign-in/code', { code: app.code(now()) })
    await other.open(PATH)
    expect(codesIn((await owner.open(CODES)).body)).toHaveLength(10)
    await other.submit(CODES, {})
    expect((await owner.get(CODES)).headers.location).toBe(PATH)
    await other.open(CODES)
    expect((await other.submit(`${PATH}/off`, {})).headers.location).toBe(PATH)
    expect((await other.get(CODES)).headers.location).toBe(PATH)
  })

  it('SES-01 the session goes on under a new id', async () => {
    const before = owner.cookies.get(SESSION)
    await setUp()
    expect(owner.cookies.get(SESSION)).not.toBe(before)
    expect((await owner.open('/link')).body).toContain(EMAIL)
    const old = server.browser()
    old.cookies.set(SESSION, before ?? '')
    expect((await old.open('/link')).body).not.toContain(EMAIL)
  })

  it.each([
    ['of nobody', 'x'],
    ['of another account', undefined],
  ])('LOG-05 a key %s is taken from no form: there is a new one', async (_name, key) => {
    const other = server.browser()
    await other.signIn()
    await other.open(PATH)
    const page = await other.submit(PATH, {})
    const sealed = key ?? server.host.entropy(60).toString()
    const answer = await other.submit(`${PATH}/on`, { key: sealed, code: appFrom(page.body).code(now()) })
    expect(answer.body).toContain('That took too long.')
    expect(await factorNow()).toBeUndefined()
  })

  it('WEB-08 none of it without a sign-in of just now; looking is free', async () => {
    await server.host.advance(11 * MINUTE)
    expect((await owner.open(PATH)).statusCode).toBe(200)
    for (const path of ['', '/on', '/off', '/recovery-codes']) {
      await owner.open(PATH)
      expect((await owner.submit(PATH + path, {})).headers.location).toBe('/sign-in')
    }
    expect((await server.browser().get(PATH)).headers.location).toBe('/sign-in')
  })

  it('of two windows that turn it on, one does', async () => {
    await owner.open(PATH)
    const pages = [await owner.submit(PATH, {}), await owner.submit(PATH, {})]
    const answers = await Promise.all(
      pages.map(({ body }) =>
        owner.submit(`${PATH}/on`, { key: fieldIn(body, 'key'), code: appFrom(body).code(now()) }),
      ),
    )
    expect(answers.map(({ headers }) => headers.location)).toEqual([CODES, CODES])
    expect(events('second_factor_on')).toHaveLength(1)
    expect(codesIn((await owner.open(PATH)).body)).toHaveLength(10)
  })
})

describe('signing in', () => {
  it('LOG-05 OI-06 UX-05 after the password the code, and then on with the errand; amr says both', async () => {
    const { app } = await setUp()
    const { user_code } = await server.start()
    const phone = server.browser()
    await phone.open(`/link?user_code=${user_code}`)
    const asked = await phone.submit('/sign-in', { email: EMAIL, password: PASSWORD })
    expect(asked.headers.location).toBe('/sign-in/code')
    expect(phone.cookies.has(SESSION)).toBe(false)
    const page = await phone.open('/sign-in/code')
    for (const attribute of ['inputmode="numeric"', 'autocomplete="one-time-code"', 'maxlength="32"']) {
      expect(page.body).toContain(attribute)
    }
    const code = app.code(now())
    const answer = await phone.submit('/sign-in/code', { code: `${code.slice(0, 3)} ${code.slice(3)}` })
    expect(answer.headers.location).toBe('/link/device')
    const session = await server.store.sessions.byCookie(digestOf(phone.cookies.get(SESSION) ?? ''))
    expect(session?.amr).toEqual(['pwd', 'otp', 'mfa'])
    expect((await phone.open('/link/device')).body).toContain('name="answer"')
  })

  it('LOG-05 without the password there is no question for a code, and ten minutes after it none any more', async () => {
    const { app } = await setUp()
    const stranger = server.browser()
    await stranger.open('/sign-in')
    expect((await stranger.get('/sign-in/code')).headers.location).toBe('/sign-in')
    const answer = await stranger.submit('/sign-in/code', { code: app.code(now()) })
    expect(answer.headers.location).toBe('/sign-in')
    const slow = await withPassword()
    await server.host.advance(10 * MINUTE)
    expect((await slow.submit('/sign-in/code', { code: app.code(now()) })).headers.location).toBe('/sign-in')
    expect(slow.cookies.has(SESSION)).toBe(false)
  })

  it.each([
    [-60, false],
    [-30, true],
    [0, true],
    [30, true],
    [60, false],
  ])('LOG-05 a phone whose clock is %i seconds off: %s', async (seconds, fits) => {
    const { app } = await setUp()
    // Away from the edge of a step, and from the code that turned it on.
    await server.host.advance(10 * MINUTE + 15 * SECOND)
    const phone = await withPassword()
    const answer = await phone.submit('/sign-in/code', { code: app.code(now() + seconds * SECOND) })
    expect(answer.statusCode).toBe(fits ? 303 : 403)
  })

  it('LOG-05 a code is good once, and none before it any more', async () => {
    const { app } = await setUp()
    const [earlier, code] = [app.code(now() - 30 * SECOND), app.code(now())]
    const phones = [await withPassword(), await withPassword(), await withPassword()]
    const answers = await Promise.all(phones.map((phone) => phone.submit('/sign-in/code', { code })))
    expect(answers.filter(({ statusCode }) => statusCode === 303)).toHaveLength(1)
    expect((await (await withPassword()).submit('/sign-in/code', { code: earlier })).statusCode).toBe(403)
    await server.host.advance(30 * SECOND)
    expect((await (await withPassword()).submit('/sign-in/code', { code: app.code(now()) })).statusCode).toBe(303)
  })

  it('LOG-05 the code that turned it on signs nobody in', async () => {
    await owner.open(PATH)
    const page = await owner.submit(PATH, {})
    const code = appFrom(page.body).code(now())
    await owner.submit(`${PATH}/on`, { key: fieldIn(page.body, 'key'), code })
    expect((await (await withPassword()).submit('/sign-in/code', { code })).statusCode).toBe(403)
  })

  it('LOG-05 a recovery code stands in for the app, once each; its use is noted; the page tells how many are left', async () => {
    const { codes } = await setUp()
    const [first = '', ...others] = codes
    const spaced = first.replace(/(.{4})(?=.)/g, '$1-')
    const phones = [await withPassword(), await withPassword()]
    const answers = await Promise.all(phones.map((phone) => phone.submit('/sign-in/code', { code: spaced })))
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([303, 403])
    expect(events('recovery_code_used')).toHaveLength(1)
    for (const code of others.slice(0, 6)) {
      expect((await (await withPassword()).submit('/sign-in/code', { code })).statusCode).toBe(303)
    }
    const page = await owner.open(PATH)
    expect(page.body).toContain('3 recovery codes left')
    expect(page.body).toContain('Make new ones now.')
  })

  it('LOG-05 new recovery codes end the old ones', async () => {
    const { codes } = await setUp()
    await owner.open(PATH)
    await owner.submit(CODES, {})
    const fresh = codesIn((await owner.open(CODES)).body)
    expect(fresh).toHaveLength(10)
    expect(events('recovery_codes_made')).toHaveLength(1)
    expect((await (await withPassword()).submit('/sign-in/code', { code: codes[0] ?? '' })).statusCode).toBe(403)
    expect((await (await withPassword()).submit('/sign-in/code', { code: fresh[0] ?? '' })).statusCode).toBe(303)
  })

  it('LOG-04 five wrong codes in ten minutes, from wherever they come; passkeys go on', async () => {
    const passkey = softwarePasskey()
    await addPasskey(owner, passkey)
    const { app } = await setUp()
    const from = (address: string) => server.browser({ 'x-forwarded-for': address })
    for (let tries = 0; tries < 5; tries++) {
      const phone = await withPassword(from(`192.0.2.${tries}`))
      expect((await phone.submit('/sign-in/code', { code: '000000' })).statusCode).toBe(403)
    }
    expect(events('second_factor_refused')).toHaveLength(5)
    const phone = await withPassword(from('192.0.2.99'))
    const stopped = await phone.submit('/sign-in/code', { code: app.code(now()) })
    expect(stopped.statusCode).toBe(429)
    const wait = Number(stopped.headers['retry-after'])
    expect(wait).toBeGreaterThan(500)
    expect((await signInWith(from('192.0.2.98'), passkey)).statusCode).toBe(303)
    // A sign-in ends the count, and without one it ends by itself.
    const again = await withPassword(from('192.0.2.97'))
    await server.host.advance(wait * SECOND)
    expect((await (await withPassword(again)).submit('/sign-in/code', { code: app.code(now()) })).statusCode).toBe(303)
  })

  it('LOG-04 thirty wrong codes at once are five', async () => {
    await setUp()
    const phones: TestBrowser[] = []
    while (phones.length < 30) phones.push(await withPassword())
    const answers = await Promise.all(phones.map((phone) => phone.submit('/sign-in/code', { code: '000000' })))
    expect(answers.filter(({ statusCode }) => statusCode === 403)).toHaveLength(5)
  })

  it('LOG-05 OI-06 a passkey that checked who holds it needs no code; one that felt a touch does, and is no two factors', async () => {
    const [checking, touching] = [softwarePasskey(), softwarePasskey({ verified: false })]
    await addPasskey(owner, checking)
    await addPasskey(owner, touching)
    const { app } = await setUp()
    expect((await signInWith(server.browser(), checking)).headers.location).toBe('/link')
    const phone = server.browser()
    expect((await signInWith(phone, touching)).headers.location).toBe('/sign-in/code')
    await phone.open('/sign-in/code')
    await phone.submit('/sign-in/code', { code: app.code(now()) })
    const session = await server.store.sessions.byCookie(digestOf(phone.cookies.get(SESSION) ?? ''))
    expect(session?.amr).toEqual(['pop', 'hwk', 'user', 'otp'])
  })

  it('LOG-03 NEG-09 an account that is closed between password and code stays closed', async () => {
    const { app } = await setUp()
    const phone = await withPassword()
    await server.store.users.swap({ ...((await server.store.users.get(server.user.id)) ?? server.user), disabledAt: 1 })
    expect((await phone.submit('/sign-in/code', { code: app.code(now()) })).headers.location).toBe('/sign-in')
    expect(phone.cookies.has(SESSION)).toBe(false)
  })

  it('SES-01 signing out between password and code forgets the password', async () => {
    const { app } = await setUp()
    const phone = await withPassword()
    expect((await phone.submit('/sign-out', {})).statusCode).toBe(303)
    expect((await phone.get('/sign-in/code')).headers.location).toBe('/sign-in')
    await phone.open('/sign-in')
    expect((await phone.submit('/sign-in/code', { code: app.code(now()) })).headers.location).toBe('/sign-in')
  })

  it('SES-02 a form of another page takes no code', async () => {
    const { app } = await setUp()
    const phone = await withPassword()
    expect((await phone.submit('/sign-in/code', { csrf: 'x', code: app.code(now()) })).statusCode).toBe(403)
  })

  it('OI-06 WEB-08 a device that wants two factors gets them by password and code', async () => {
    const { app } = await setUp()
    const started = await server.start({ scope: 'openid', acr_values: 'two' })
    const phone = server.browser()
    await phone.open(`/link?user_code=${started.user_code}`)
    await phone.submit('/sign-in', { email: EMAIL, password: PASSWORD })
    await phone.open('/sign-in/code')
    await phone.submit('/sign-in/code', { code: app.code(now()) })
    await phone.open('/link/device')
    await phone.submit('/link/device', { answer: 'approve' })
    const { id_token } = (await server.poll(started.device_code)).json()
    const claims = JSON.parse(Buffer.from(String(id_token).split('.')[1] ?? '', 'base64url').toString())
    expect(claims).toMatchObject({ acr: 'two', amr: ['pwd', 'otp', 'mfa'] })
  })
})

describe('turning it off', () => {
  it('LOG-02 the password alone signs in again; the page says so once', async () => {
    await setUp()
    await owner.open(PATH)
    expect((await owner.submit(`${PATH}/off`, {})).headers.location).toBe(PATH)
    expect((await owner.open(PATH)).body).toContain('You sign in without a code now.')
    expect((await owner.open(PATH)).body).not.toContain('You sign in without a code now.')
    expect(events('second_factor_off')).toHaveLength(1)
    expect((await server.browser().signIn()).headers.location).toBe('/link')
  })

  it('LOG-02 not while the password is too short to stand alone', async () => {
    const { app } = await setUp()
    await owner.open('/account/password')
    expect((await owner.submit('/account/password', { password: 'jumperse' })).statusCode).toBe(303)
    const page = await owner.open(PATH)
    expect(page.body).toContain('Your password is too short to protect you on its own.')
    expect(page.body).not.toContain('Turn off')
    await owner.submit(`${PATH}/off`, {})
    expect(await factorNow()).toBeDefined()
    const phone = server.browser()
    expect((await phone.signIn(EMAIL, 'jumperse')).headers.location).toBe('/sign-in/code')
    await phone.open('/sign-in/code')
    expect((await phone.submit('/sign-in/code', { code: app.code(now()) })).statusCode).toBe(303)
    await owner.open('/account/password')
    await owner.submit('/account/password', { password: 'vexing jumpers of wool' })
    await owner.open(PATH)
    await owner.submit(`${PATH}/off`, {})
    expect(await factorNow()).toBeUndefined()
  })
})

describe('codes', () => {
  // RFC 6238 Appendix B, the last six digits; the secret is that of its SHA1 column.
  const RFC_SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
  it.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('LOG-05 RFC 6238: at %i it is %s', (seconds, code) => {
    expect(stepOf(RFC_SECRET, code, seconds * SECOND)).toBe(Math.floor(seconds / 30))
    expect(stepOf(RFC_SECRET, code, (seconds + 61) * SECOND)).toBeUndefined()
    expect(stepOf(RFC_SECRET, code, seconds * SECOND, Math.floor(seconds / 30))).toBeUndefined()
  })

  it.each([
    ['123456', '123456'],
    [' 123 456\n', '123456'],
    ['123-456', '123456'],
    ['４８１６ ２０９３ ７７５５', '481620937755'],
    ['٤٨١٦٢٠٩٣٧٧٥٥', '481620937755'],
    ['۰۹۸۷', '0987'],
    ['०९८', '098'],
    ['12345x', '12345x'],
  ])('UX-05 %j is %s, whatever the keyboard writes', (typed, digits) => {
    expect(digitsIn(typed)).toBe(digits)
  })

  it('recovery codes use each digit alike', () => {
    const codes = Array.from({ length: 200 }, () => newRecoveryCodes(server.host.entropy)).flat()
    for (const code of codes) expect(code).toMatch(/^\d{12}$/)
    const counts = Array.from('0123456789', (digit) => codes.join('').split(digit).length - 1)
    for (const count of counts) expect(Math.abs(count - 2400)).toBeLessThan(300)
  })
})

// "Forgot your password?": a message over a real SMTP server, an address that is good once, and a new password. Who tries
// to make more of it: ../attacks/password-reset.test.ts; in a real browser: ../e2e/password-reset.test.ts.
import { langOf, negotiateLocale } from '@latchkey/verifier-web'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RESET_ASKS } from '../../server/src/accounts/password-reset.ts'
import { BRAKES } from '../../server/src/accounts/tries.ts'
import { setPassword } from '../../server/src/accounts/users.ts'
import type { User } from '../../server/src/oauth/records.ts'
import { ANSWER_AFTER_MS } from '../../server/src/ops/notices.ts'
import { type AuthenticatorApp, appFrom } from '../support/authenticator-app.ts'
import { type KeptLog, keptLog } from '../support/kept-log.ts'
import { type Mail, type MailServer, startMailServer } from '../support/mail-server.ts'
import { csrfIn, fieldIn, textOf } from '../support/page-text.ts'
import { addPasskey } from '../support/passkey-pages.ts'
import { askForReset, resetConfig, resetPath, tokenIn } from '../support/reset-mail.ts'
import { softwarePasskey } from '../support/software-passkey.ts'
import { EMAIL, PASSWORD, type TestBrowser, type TestServer, testServer } from '../support/test-server.ts'

const MINUTE = 60_000
const NEW_PASSWORD = 'a wholly different sentence'
const words = negotiateLocale('en').words

let mail: MailServer
let server: TestServer
let log: KeptLog

const start = async (changes: Record<string, unknown> = {}) => {
  server = await testServer({ config: resetConfig(mail.url, changes), logger: log.logger })
}
beforeEach(async () => {
  log = keptLog()
  mail = await startMailServer()
  await start()
})
afterEach(async () => {
  await server.host.run(server.close())
  await mail.close()
})

/** All that was asked for is found out about, and leaves. */
const later = () => server.host.advance(ANSWER_AFTER_MS.most)
const arrived = async (count: number): Promise<Mail> => {
  await later()
  await server.host.until(() => mail.mails.length >= count)
  const last = mail.mails[count - 1]
  if (last === undefined) throw new Error('no mail')
  return last
}
/** The message of this subject, once it is there; behind the first `after` of all. */
const told = async (subject: string, after = 0): Promise<Mail> => {
  await later()
  const found = () => mail.mails.slice(after).filter(({ headers }) => headers.get('subject')?.[0] === subject)
  await server.host.until(() => found().length > 0)
  const [first] = found()
  if (first === undefined) throw new Error('no mail')
  return first
}
const stored = async (): Promise<User> => {
  const user = await server.store.users.get(server.user.id)
  if (user === undefined) throw new Error('no account')
  return user
}
/** Asks, and opens the address that comes. */
async function opened(person: TestBrowser = server.browser()): Promise<TestBrowser> {
  const before = mail.mails.length
  await askForReset(person, EMAIL)
  await person.open(resetPath(await told(words.notice.reset, before)))
  return person
}
const signsIn = async (password: string) => (await server.browser().signIn(EMAIL, password)).statusCode === 303
const isSignedIn = async (browser: TestBrowser) => (await browser.get('/account')).statusCode === 200

describe('the offer', () => {
  const offered = async () => (await server.browser().open('/sign-in')).body.includes('href="/reset-password"')

  it('SES-06 is one link of the sign-in page, and back from it what somebody came for is still known', async () => {
    const { user_code } = await server.start()
    const person = server.browser()
    const page = await person.open(`/link?user_code=${user_code}`)
    expect(page.body.match(/href="\/reset-password"/g)).toHaveLength(1)
    expect(textOf((await person.open('/reset-password')).body)).toContain('Forgot your password?')
    expect(textOf((await person.open('/sign-in')).body)).toMatch(/Then check the device that shows/)
  })

  it('UX-05 whoever could not sign in finds the address that they typed', async () => {
    const person = server.browser()
    await person.signIn('Nobody@Example.com', 'a wrong password')
    expect((await person.open('/reset-password')).body).toContain('value="nobody@example.com"')
  })

  it('stands nowhere without SMTP, nor where operators want none; its addresses are not there then', async () => {
    expect(await offered()).toBe(true)
    const webhook = { url: 'https://hooks.example.com/', secret: { env: 'HOOK' } }
    for (const changes of [{ passwords: { reset_by_mail: false } }, { notices: { webhook } }, { notices: undefined }]) {
      await server.host.run(server.close())
      await start(changes)
      expect(await offered()).toBe(false)
      const token = tokenIn(server, { userId: server.user.id, secret: 'x' })
      for (const path of ['/reset-password', '/reset-password/new', `/reset-password/${token}`]) {
        expect((await server.browser().get(path)).statusCode).toBe(404)
      }
    }
  })
})

describe('the message', () => {
  it('OPS-03 says when and from where it was asked for, and holds the one address, which nothing else keeps', async () => {
    await askForReset(server.browser(), ' Ana@Example.com ')
    const { headers, text, html, recipients } = await arrived(1)
    expect(recipients).toEqual([EMAIL])
    expect(headers.get('subject')).toEqual([words.notice.reset])
    expect(headers.get('auto-submitted')).toEqual(['auto-generated'])
    expect(text).toContain('\n  January 15, 2030 at 12:00 PM UTC\n')
    expect(text).toContain('\n  127.0.0.1\n')
    expect(text).toContain('It works once, for 30 minutes after it was asked for.')
    const address = `http://localhost:8080${resetPath({ text })}`
    expect([...html.matchAll(/href="([^"]+)"/g)].map(([, to]) => to)).toEqual([address])
    expect(html).not.toMatch(/<img|<script|<link|url\(|src=/)
    // The secret is nowhere else: not in the database, not in the log; nor is the address of mail in the log.
    expect(JSON.stringify(await stored())).not.toContain(address.slice(-40))
    expect(log.text()).not.toMatch(/ana@example\.com|reset-password\//i)
    expect(log.events()).toContainEqual(expect.objectContaining({ msg: 'notice sent', event: 'password_reset_asked' }))
    expect(await server.store.auditEntries.newestOfUser(server.user.id, { most: 100 })).toContainEqual(
      expect.objectContaining({ event: 'password_reset_asked' }),
    )
  })

  it('UX-08 is in the language of whoever asks', async () => {
    await askForReset(server.browser({ 'accept-language': 'de-AT' }), EMAIL)
    const locale = negotiateLocale('de-AT')
    const { headers, html } = await arrived(1)
    expect(headers.get('subject')).toEqual([locale.words.notice.reset])
    expect(html).toContain(`<html lang="${langOf(locale)}" dir="ltr">`)
  })

  it('an account without a password is told how it signs in, and gets no token', async () => {
    const ana = server.browser()
    await ana.signIn()
    await addPasskey(ana, softwarePasskey())
    const { passwordHash: _, ...rest } = await stored()
    await server.store.users.swap(rest)
    await askForReset(server.browser(), EMAIL)
    const { text, raw } = await told(words.notice.resetElsewhere)
    expect(text).toContain(`${words.notice.resetWays}\n  Passkey\n`)
    expect(raw).not.toContain('reset-password')
    expect((await stored()).passwordReset).toBeUndefined()
  })

  it.each([
    ['an administrator’s', { admin: true }],
    ['one that nothing signs in', { passwordHash: undefined }],
  ])('%s account is sent to an operator, and gets no token', async (_name, change) => {
    const { passwordHash, ...rest } = { ...(await stored()), ...change }
    await server.store.users.swap(passwordHash === undefined ? rest : { ...rest, passwordHash })
    await askForReset(server.browser(), EMAIL)
    const { headers, text, raw } = await arrived(1)
    expect(headers.get('subject')).toEqual([words.notice.resetAsk])
    expect(text).toContain(words.notice.resetAskHow)
    expect(raw).not.toContain('reset-password')
    expect((await stored()).passwordReset).toBeUndefined()
  })

  it('comes later where the mail server is away, and not at all once it would be void', async () => {
    const { port } = mail
    await mail.close()
    await askForReset(server.browser(), EMAIL)
    await askForReset(server.browser(), EMAIL)
    const failed = () => log.events().filter(({ msg }) => msg === 'notice not sent').length
    await later()
    await server.host.until(() => failed() === 2)
    mail = await startMailServer(port)
    await server.host.advance(10_000)
    const path = resetPath(await arrived(1))
    // Of the two the later one: the earlier is void, and nobody is sent what does not work.
    await server.host.advance(5 * MINUTE)
    expect(mail.mails).toHaveLength(1)
    expect((await server.browser().open(path)).statusCode).toBe(200)

    await mail.close()
    await askForReset(server.browser(), EMAIL)
    await later()
    await server.host.until(() => failed() >= 3)
    mail = await startMailServer(port)
    await setPassword(server.store, server.user.id, { password: 'somebody set another one' })
    await server.host.advance(60 * MINUTE)
    expect(mail.attempts()).toBe(0)
  })

  it('is not sent when the mail server comes back after half an hour', async () => {
    const { port } = mail
    await mail.close()
    await askForReset(server.browser(), EMAIL)
    const failed = () => log.events().filter(({ msg }) => msg === 'notice not sent').length
    await later()
    for (const [attempts, pauseSeconds] of [0, 10, 90, 900].entries()) {
      await server.host.advance(pauseSeconds * 1000)
      await server.host.until(() => failed() === attempts + 1)
    }
    mail = await startMailServer(port)
    await server.host.advance(2 * 60 * MINUTE)
    await askForReset(server.browser(), EMAIL)
    expect((await server.browser().open(resetPath(await arrived(1)))).statusCode).toBe(200)
    expect(mail.attempts()).toBe(1)
  })

  it('OPS-03 leaves when the server stops, where it still waits then', async () => {
    await askForReset(server.browser(), EMAIL)
    await server.close()
    expect(mail.mails.map(({ recipients }) => recipients)).toEqual([[EMAIL]])
    await start()
  })

  it('works in the later of two also where they leave in the other order', async () => {
    const { users } = server.store
    const { byEmail } = users
    let letGo: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    users.byEmail = async (email) => {
      users.byEmail = byEmail
      await held
      return byEmail(email)
    }
    await askForReset(server.browser(), EMAIL)
    await server.host.advance(MINUTE)
    await askForReset(server.browser(), EMAIL)
    const path = resetPath(await arrived(1))
    letGo()
    await server.host.until(() => log.events('password_reset_asked').filter(({ userId }) => userId).length === 2)
    expect((await server.browser().open(path)).statusCode).toBe(200)
    expect(mail.mails).toHaveLength(1)
  })
})

describe('the address in it', () => {
  it('WEB-03 leaves the address at once, and opening it changes nothing', async () => {
    await askForReset(server.browser(), EMAIL)
    const path = resetPath(await arrived(1))
    const before = await stored()
    // A program that looks into mail: no cookies, follows links.
    const scanner = await server.app.inject({ url: path })
    expect([scanner.statusCode, scanner.headers.location]).toEqual([303, '/reset-password/new'])
    expect([scanner.headers['cache-control'], scanner.headers['referrer-policy']]).toEqual(['no-store', 'no-referrer'])
    await server.app.inject({ method: 'HEAD', url: path })
    const person = server.browser()
    const page = await person.open(path)
    expect(page.statusCode).toBe(200)
    expect(page.body).toContain(`value="${EMAIL}"`)
    expect(page.body).not.toContain(path.slice(-20))
    expect(await stored()).toEqual(before)
    expect(await isSignedIn(person)).toBe(false)
  })

  it('SES-02 its form wants its own token, also where somebody else is signed in', async () => {
    const person = await opened()
    expect((await person.submit('/reset-password/new', { csrf: 'forged', password: NEW_PASSWORD })).statusCode).toBe(
      403,
    )
    expect((await server.browser().submit('/reset-password/new', { csrf: '' })).statusCode).toBe(403)
    // The form of one message is not sent for another, opened since in a second tab.
    const { body } = await person.get('/reset-password/new')
    const csrf = csrfIn(body)
    await opened(person)
    expect((await person.submit('/reset-password/new', { csrf, password: NEW_PASSWORD })).statusCode).toBe(403)
    expect(await signsIn(PASSWORD)).toBe(true)
  })

  it('SES-01 SES-06 a new password, then back to the television that somebody came for, signed in', async () => {
    const person = server.browser()
    await person.open('/link')
    await server.host.advance(25 * MINUTE)
    const { user_code, device_code } = await server.start()
    await person.open(`/link?user_code=${user_code}`)
    await opened(person)
    // Longer than what is left of the visit in which it was asked for.
    await server.host.advance(8 * MINUTE)
    const done = await person.submit('/reset-password/new', { password: NEW_PASSWORD })
    expect([done.statusCode, done.headers.location]).toEqual([303, '/link/device'])
    expect((await person.open('/link/device')).statusCode).toBe(200)
    await person.submit('/link/device', { answer: 'approve' })
    expect((await server.poll(device_code)).statusCode).toBe(200)
    expect([await signsIn(PASSWORD), await signsIn(NEW_PASSWORD)]).toEqual([false, true])
    const [session] = await server.store.sessions.byUser(server.user.id)
    expect(session?.amr).toEqual(['pwd'])
    const entries = await server.store.auditEntries.newestOfUser(server.user.id, { most: 100 })
    expect(entries).toContainEqual(expect.objectContaining({ event: 'password_changed', details: { by: 'mail' } }))
    await told(words.notice.password_changed)
  })

  it('LOG-02 the rules of any password hold: length, names, what everybody tries, letters that are sent in two ways', async () => {
    const person = await opened()
    const refused = [
      ['fourteen chars', words.password.problem.short.other.replace('{count}', '15')],
      ['ana@example.com!!', words.password.problem.own],
      ['northwind tv northwind', words.password.problem.own],
      ['passwordpassword1', words.password.problem.common],
      ['x'.repeat(1025), words.password.problem.long],
    ] as const
    for (const [password, said] of refused) {
      const answer = await person.submit('/reset-password/new', { password })
      expect([answer.statusCode, textOf(answer.body)]).toEqual([400, expect.stringContaining(said)])
      expect(answer.body).not.toContain(`value="${password}"`)
    }
    const verse = 'café con leche, por favor'
    expect((await person.submit('/reset-password/new', { password: verse.normalize('NFD') })).statusCode).toBe(303)
    expect(await signsIn(verse.normalize('NFC'))).toBe(true)
  })

  it('SES-01 RT-10 all other browsers are signed out and half sign-ins end; devices only where it is ticked', async () => {
    const elsewhere = server.browser()
    await elsewhere.signIn()
    const { refresh_token } = await server.link({ device_name: 'Living room TV' })
    const refresh = () => server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token })
    const person = await opened()
    await person.submit('/reset-password/new', { password: NEW_PASSWORD })
    expect([await isSignedIn(elsewhere), await isSignedIn(person)]).toEqual([false, true])
    expect(await server.store.sessions.byUser(server.user.id)).toHaveLength(1)
    const kept = await refresh()
    expect(kept.statusCode).toBe(200)

    const waiting = await server.start()
    await person.open(`/link?user_code=${waiting.user_code}`)
    await person.submit('/link/device', { answer: 'approve' })
    const again = await opened()
    await again.submit('/reset-password/new', { password: 'yet another long sentence', devices: 'yes' })
    const ended = await server.token({
      grant_type: 'refresh_token',
      client_id: 'tv',
      refresh_token: kept.json().refresh_token,
    })
    expect(ended.json().error).toBe('invalid_grant')
    expect((await server.poll(waiting.device_code)).json().error).toBe('access_denied')
  })

  it('LOG-04 strangers who failed before do not keep its owner waiting', async () => {
    await server.host.run(server.close())
    await start({ listen: { trusted_proxies: ['127.0.0.1'] } })
    const at = (address: string) => server.browser({ 'x-forwarded-for': address })
    const person = await opened(at('203.0.113.9'))
    for (let tries = 0; tries < BRAKES[0].atOnce; tries++) {
      expect((await at(`198.51.100.${tries}`).signIn(EMAIL, 'a wrong password')).statusCode).toBe(403)
    }
    expect((await person.submit('/reset-password/new', { password: NEW_PASSWORD })).statusCode).toBe(303)
    await person.submit('/sign-out', {})
    // They go on counting: a browser and a network that the account does not know wait, with the right one too.
    expect((await at('198.51.100.200').signIn(EMAIL, NEW_PASSWORD)).statusCode).toBe(429)
    expect((await person.signIn(EMAIL, NEW_PASSWORD)).statusCode).toBe(303)
  })
})

describe('beside a second factor', () => {
  let app: AuthenticatorApp
  beforeEach(async () => {
    const owner = server.browser()
    await owner.signIn()
    await owner.open('/account/second-factor')
    const { body } = await owner.submit('/account/second-factor', {})
    app = appFrom(body)
    const key = fieldIn(body, 'key')
    await owner.submit('/account/second-factor/on', { key, code: app.code(server.host.clock.now()) })
    await arrived(1)
    await server.host.advance(MINUTE)
  })
  const code = () => app.code(server.host.clock.now())

  it('LOG-05 mail alone is not enough: a code goes with it, and both together sign in', async () => {
    const person = await opened()
    for (const wrong of [{}, { code: '' }, { code: '000000' }]) {
      const answer = await person.submit('/reset-password/new', { password: NEW_PASSWORD, ...wrong })
      expect([answer.statusCode, textOf(answer.body)]).toEqual([403, expect.stringContaining(words.code.problem.wrong)])
    }
    expect(await signsIn(NEW_PASSWORD)).toBe(false)
    const done = await person.submit('/reset-password/new', { password: 'jumperse', code: code() })
    expect([done.statusCode, done.headers.location]).toEqual([303, '/link'])
    const sessions = await server.store.sessions.byUser(server.user.id)
    expect(sessions.map(({ amr }) => amr)).toEqual([['pwd', 'otp', 'mfa']])
    expect((await stored()).shortPassword).toBe(true)
    expect(log.events('second_factor_refused')).toHaveLength(3)
  })

  it('a recovery code does it too, is told of, and is used up', async () => {
    const codes = await recoveryCodes()
    const person = await opened()
    const [first = ''] = codes
    expect((await person.submit('/reset-password/new', { password: NEW_PASSWORD, code: first })).statusCode).toBe(303)
    expect((await stored()).secondFactor?.recoveryDigests).toHaveLength(9)
    await told(words.notice.recovery_code_used)
    const again = await opened()
    const answer = await again.submit('/reset-password/new', { password: 'yet another long sentence', code: first })
    expect(answer.statusCode).toBe(403)
  })

  it('SES-06 opening the address takes nothing away that the browser was told: codes that nobody has kept yet', async () => {
    const owner = server.browser()
    const [first = ''] = await recoveryCodes(owner)
    await opened(owner)
    expect(textOf((await owner.open('/account/second-factor/recovery-codes')).body)).toContain(first)
  })

  async function recoveryCodes(owner: TestBrowser = server.browser()): Promise<readonly string[]> {
    await owner.signIn()
    await owner.submit('/sign-in/code', { code: code() })
    await owner.open('/account/second-factor')
    await owner.submit('/account/second-factor/recovery-codes', {})
    const { body } = await owner.open('/account/second-factor/recovery-codes')
    const codes = textOf(body).match(/\b\d{4} ?\d{4} ?\d{4}\b/g) ?? []
    expect(codes).toHaveLength(10)
    await server.host.advance(MINUTE)
    return codes
  }

  it('LOG-04 five wrong codes: wait, without any work; what was sent still works afterwards', async () => {
    const person = await opened()
    const attempt = (typed: string) => person.submit('/reset-password/new', { password: NEW_PASSWORD, code: typed })
    for (let tries = 0; tries < 5; tries++) expect((await attempt('000000')).statusCode).toBe(403)
    const stopped = await attempt(code())
    expect(stopped.statusCode).toBe(429)
    await server.host.advance(Number(stopped.headers['retry-after']) * 1000)
    expect((await attempt(code())).statusCode).toBe(303)
    // The right one was no failure: five more are let through.
    await server.host.advance(10 * MINUTE)
    const next = await opened()
    await next.submit('/reset-password/new', { password: 'yet another long sentence', code: code() })
    const other = server.browser()
    await other.signIn(EMAIL, 'yet another long sentence')
    for (let tries = 0; tries < 5; tries++) {
      expect((await other.submit('/sign-in/code', { code: '000000' })).statusCode).toBe(403)
    }
    expect((await other.submit('/sign-in/code', { code: '000000' })).statusCode).toBe(429)
  })

  it('LOG-04 whoever knows the old password and guesses codes does not keep its owner from typing theirs with the message', async () => {
    const thief = server.browser()
    await thief.signIn()
    const guess = async () => (await thief.submit('/sign-in/code', { code: '000000' })).statusCode
    while ((await guess()) !== 429);
    const person = await opened()
    const done = await person.submit('/reset-password/new', { password: NEW_PASSWORD, code: code() })
    expect(done.statusCode).toBe(303)
    await person.submit('/sign-out', {})
    await server.host.advance(MINUTE)
    await person.signIn(EMAIL, NEW_PASSWORD)
    expect((await person.submit('/sign-in/code', { code: code() })).statusCode).toBe(303)
  })

  it('LOG-02 a password that is too short alone is refused when the factor is turned off at that very moment', async () => {
    const person = await opened()
    const { swap } = server.store.users
    server.store.users.swap = async (next) => {
      server.store.users.swap = swap
      const { secondFactor: _, ...without } = await stored()
      await swap(without)
      return swap(next)
    }
    const answer = await person.submit('/reset-password/new', { password: 'jumperse', code: code() })
    expect([answer.statusCode, textOf(answer.body)]).toEqual([400, expect.stringContaining('15 characters')])
    expect((await stored()).passwordReset).toBeDefined()
    expect((await person.submit('/reset-password/new', { password: NEW_PASSWORD })).statusCode).toBe(303)
  })
})

it('LOG-04 whoever must wait for the first of the limits has a message that still works', async () => {
  for (let asked = 0; asked < RESET_ASKS.perAddress.most; asked++) {
    await askForReset(server.browser(), EMAIL)
    await arrived(asked + 1)
    await server.host.advance(MINUTE)
  }
  const stopped = await askForReset(server.browser(), EMAIL)
  expect(stopped.statusCode).toBe(429)
  await server.host.advance((Number(stopped.headers['retry-after']) - 1) * 1000)
  expect((await askForReset(server.browser(), EMAIL)).statusCode).toBe(429)
  expect((await server.browser().open(resetPath(await arrived(3)))).statusCode).toBe(200)
  await server.host.advance(1000)
  expect((await askForReset(server.browser(), EMAIL)).statusCode).toBe(303)
})

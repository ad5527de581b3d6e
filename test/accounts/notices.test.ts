// A new device is told of on another channel, with one step to undo it. Mail goes over a real SMTP server.
import { langOf, negotiateLocale } from '@latchkey/verifier-web'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { enrolledDevice, enrolmentConfig, ownToken } from '../support/enrolment.ts'
import { type KeptLog, keptLog } from '../support/kept-log.ts'
import { type Mail, type MailServer, startMailServer } from '../support/mail-server.ts'
import { textOf } from '../support/page-text.ts'
import { signedIn } from '../support/signed-in.ts'
import { EMAIL, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const DAY = 24 * 60 * 60 * 1000
const words = negotiateLocale('en').words.notice

describe('notices by mail', () => {
  let mail: MailServer
  let server: TestServer
  let log: KeptLog

  const noticesBy = (url: string): Parameters<typeof testConfig> => [
    { notices: { smtp: { url: { env: 'SMTP' }, from: 'Northwind <no-reply@example.com>' } } },
    { SMTP: url },
  ]
  const start = () => testServer({ config: testConfig(...noticesBy(mail.url)), logger: log.logger })
  beforeEach(async () => {
    log = keptLog()
    mail = await startMailServer()
    server = await start()
  })
  afterEach(async () => {
    await server.host.run(server.close())
    await mail.close()
  })

  const arrived = async (count: number): Promise<Mail> => {
    await server.host.until(() => mail.mails.length >= count)
    const last = mail.mails.at(-1)
    if (last === undefined) throw new Error('no mail')
    return last
  }
  const undoPath = ({ text }: Mail): string => {
    const [, path] = /http:\/\/localhost:8080(\/undo\/[\w-]+)/.exec(text) ?? []
    if (path === undefined) throw new Error(`no address in: ${text}`)
    return path
  }
  const refresh = (refresh_token: string) =>
    server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token })

  it('WEB-10 a new device: its name, its app, when and from where, in text and in HTML', async () => {
    await server.link({ device_name: 'Living room TV' })
    const { headers, text, html, recipients } = await arrived(1)
    expect(recipients).toEqual([EMAIL])
    expect(headers.get('subject')).toEqual(['A device was linked to your account'])
    expect(headers.get('from')).toEqual(['Northwind <no-reply@example.com>'])
    expect(headers.get('to')).toEqual([EMAIL])
    expect(headers.get('auto-submitted')).toEqual(['auto-generated'])
    expect(headers.get('date')).toEqual(['Tue, 15 Jan 2030 12:00:00 +0000'])
    for (const said of ['“Living room TV”', 'Northwind TV app', 'January 15, 2030 at 12:00 PM UTC', '127.0.0.1']) {
      expect(text).toContain(`\n  ${said}\n`)
      expect(textOf(html)).toContain(said)
    }
    expect(text).toContain('This works until February 14, 2030.')
    expect(text).toContain('http://localhost:8080/account\n')
    const [, inHtml] = /href="(http:\/\/localhost:8080\/undo\/[\w-]+)"/.exec(html) ?? []
    expect(new URL(inHtml ?? '').pathname).toBe(undoPath({ text } as Mail))
    expect(html).not.toMatch(/<img|<script|<link|url\(|src=/)
  })

  it('WEB-10 WEB-03 opening the address changes nothing; its button ends the link, without a sign-in', async () => {
    const { access_token, refresh_token } = await server.link({ device_name: 'Living room TV' })
    const path = undoPath(await arrived(1))
    const [before] = await server.store.families.byUser(server.user.id)
    // A program that looks into mail: no cookies, follows links.
    const scanner = await server.app.inject({ url: path })
    expect([scanner.statusCode, scanner.headers.location]).toEqual([303, '/undo'])
    expect(scanner.headers['cache-control']).toBe('no-store')
    await server.app.inject({ method: 'HEAD', url: path })
    const person = server.browser()
    const page = await person.open(path)
    expect(page.headers['referrer-policy']).toBe('no-referrer')
    expect(textOf(page.body)).toMatch(
      /Was this not you\? .*Living room TV Signs in to Northwind TV app Its own words, not checked/,
    )
    expect(await server.store.families.byUser(server.user.id)).toEqual([before])

    const forged = await person.submit('/undo', { csrf: 'forged' })
    expect(forged.statusCode).toBe(403)
    expect((await server.browser().submit('/undo', { csrf: '' })).statusCode).toBe(403)
    expect(await server.store.families.byUser(server.user.id)).toEqual([before])
    await person.open(path)
    const answer = await person.submit('/undo', {})
    expect([answer.statusCode, answer.headers.location]).toEqual([303, '/undo'])
    const done = textOf((await person.open('/undo')).body)
    expect(done).toMatch(
      /It’s removed Living room TV Its own words, not checked .*Change your password .*See all your devices/,
    )
    expect((await refresh(refresh_token)).json().error).toBe('invalid_grant')
    expect(
      (await server.app.inject({ url: '/userinfo', headers: { authorization: `Bearer ${access_token}` } })).statusCode,
    ).toBe(401)
    // By the message again: told plainly.
    for (const again of [await person.open(path), await person.submit('/undo', {})]) {
      expect([again.statusCode, textOf(again.body)]).toEqual([
        404,
        expect.stringContaining('There is nothing to remove'),
      ])
    }
    expect(await server.store.auditEntries.newestOfUser(server.user.id, { most: 100 })).toContainEqual(
      expect.objectContaining({ event: 'unlinked', details: { familyId: before?.id, by: 'notice' } }),
    )
  })

  it('WEB-10 that it is done is said again when it is loaded again, pressed twice or come back to', async () => {
    await server.link({ device_name: 'Living room TV' })
    const path = undoPath(await arrived(1))
    const person = server.browser()
    await person.open(path)
    await person.submit('/undo', {})
    expect((await person.submit('/undo', {})).headers.location).toBe('/undo')
    // The page leads to a sign-in, and from there one may come back.
    for (const next of ['/undo', '/account/password', '/undo', '/link', '/undo']) {
      const page = textOf((await person.open(next)).body)
      if (next === '/undo') expect(page).toContain('It’s removed Living room TV')
    }
    // Another message says nothing of this one.
    expect(textOf((await person.open('/undo/x')).body)).toContain('There is nothing to remove')
    expect(textOf((await person.open('/undo')).body)).toContain('There is nothing to remove')
  })

  it('WEB-10 the address is good for a month, ends this one link, and nobody makes one up', async () => {
    await server.link({ device_name: 'Kitchen radio' })
    const first = undoPath(await arrived(1))
    const second = await server.link({ device_name: 'Living room TV' })
    await arrived(2)
    const person = server.browser()
    await person.open(first)
    await person.submit('/undo', {})
    expect((await refresh(second.refresh_token)).statusCode).toBe(200)

    await server.link()
    const third = undoPath(await arrived(3))
    const none = await server.browser().open('/undo')
    for (const path of [`${third.slice(0, -2)}AA`, '/undo/x', `/undo/${'A'.repeat(200)}`]) {
      const page = await server.browser().open(path)
      expect(page.statusCode).toBe(404)
      expect(textOf(page.body)).toBe(textOf(none.body))
    }
    await server.host.advance(30 * DAY)
    expect((await server.browser().open(third)).statusCode).toBe(404)
  })

  it('WEB-10 NEG-15 a device’s name stays one quoted line: no header, no second recipient, no link, no markup', async () => {
    const name = 'Bcc: evil@evil.example <b>x</b> https://evil.example/?a=1 www.evil.example'
    await server.link({ device_name: name })
    const { headers, text, html, recipients, raw } = await arrived(1)
    expect(recipients).toEqual([EMAIL])
    expect(headers.get('bcc')).toBeUndefined()
    expect(headers.get('to')).toEqual([EMAIL])
    expect(headers.get('subject')).toEqual([words.device])
    expect(raw).not.toMatch(/^bcc:/im)
    expect(text).toMatch(/^ {2}“Bcc: evil@ evil\. example <b>x<\/b> https: \/\/evil\. example.*”$/m)
    expect(html).not.toContain('<b>')
    for (const part of [text, html]) expect(part).not.toMatch(/evil\.example|https:\/\/evil/)
  })

  it('WEB-10 an address goes as it is: one with a comma in it is one person', async () => {
    const odd = 'ana,bo@example.com'
    const [user] = await server.store.users.all()
    if (user === undefined) throw new Error('no user')
    await server.store.users.swap({ ...user, email: odd })
    const { user_code, device_code } = await server.start()
    const ana = await signedIn(server, odd)
    await ana.open(`/link?user_code=${user_code}`)
    await ana.submit('/link/device', { answer: 'approve' })
    await server.poll(device_code)
    expect((await arrived(1)).recipients).toEqual(['"ana,bo"@example.com'])
  })

  it('WEB-10 UX-08 is in the language of the last sign-in', async () => {
    const german = server.browser({ 'accept-language': 'de-AT' })
    await german.signIn()
    const { user_code, device_code } = await server.start()
    await german.open(`/link?user_code=${user_code}`)
    await german.submit('/link/device', { answer: 'approve' })
    await server.poll(device_code)
    const { headers, html } = await arrived(1)
    const locale = negotiateLocale('de-AT')
    expect(headers.get('subject')).toEqual([locale.words.notice.device])
    expect(html).toContain(`<html lang="${langOf(locale)}" dir="ltr">`)
    expect((await server.store.users.get(server.user.id))?.locale).toBe(langOf(locale))
  })

  it('WEB-10 a changed way to sign in is told too, and what is no news is not', async () => {
    const ana = server.browser()
    await ana.signIn()
    await ana.open('/account/password')
    await ana.submit('/account/password', { password: 'four words of Latin verse' })
    const { headers, text } = await arrived(1)
    expect(headers.get('subject')).toEqual([words.password_changed])
    expect(text).toContain('http://localhost:8080/account\n')
    expect(text).not.toContain('undo')
    expect(mail.mails).toHaveLength(1)
  })

  it('WEB-10 without SMTP at the other end linking goes on; the message comes later, and the log holds no address', async () => {
    const { port } = mail
    await mail.close()
    const linked = await server.link({ device_name: 'Living room TV' })
    expect((await refresh(linked.refresh_token)).statusCode).toBe(200)
    const failed = () => log.events().filter(({ msg }) => msg === 'notice not sent')
    await server.host.until(() => failed().length === 1)
    expect(failed()[0]).toMatchObject({ channel: 'mail', event: 'linked', again_in_seconds: 5 })
    await server.host.advance(10_000)
    await server.host.until(() => failed().length === 2)
    mail = await startMailServer(port)
    await server.host.advance(90_000)
    await arrived(1)
    expect(log.text()).not.toContain(EMAIL)
    expect(log.text()).not.toContain('undo/')
  })

  it('WEB-10 what a mail server refuses for good is not sent again', async () => {
    mail.refuse(550)
    await server.link()
    const given = () => log.events().filter(({ msg }) => msg === 'notice not sent, given up')
    await server.host.until(() => given().length === 1)
    expect(given()[0]).toMatchObject({ response: 550, level: 50 })
    await server.host.advance(2 * 60 * 60 * 1000)
    expect(mail.attempts()).toBe(1)
  })

  it('WEB-10 gives up after five attempts', async () => {
    mail.refuse(451)
    await server.link()
    const givenUp = () => log.events().some(({ msg }) => msg === 'notice not sent, given up')
    while (!givenUp()) {
      await server.host.until(() => server.host.asleep().length > 0 || givenUp())
      await server.host.advance(60 * 60 * 1000)
    }
    expect(mail.attempts()).toBe(5)
    await server.host.advance(DAY)
    expect(mail.attempts()).toBe(5)
  })

  it('WEB-10 the server stops cleanly with mail on its way: it arrives, or is given up', async () => {
    const release = mail.hold()
    await server.link()
    await server.host.until(() => mail.attempts() === 1)
    const closed = server.close()
    release()
    await closed
    expect(mail.mails).toHaveLength(1)

    server = await start()
    mail.hold()
    await server.link()
    await server.host.until(() => mail.attempts() === 2)
    await server.host.run(server.close())
    expect(mail.mails).toHaveLength(1)
    expect(log.events()).toContainEqual(expect.objectContaining({ msg: 'notice not sent: the server stops' }))
    server = await start()
  })

  it('WEB-10 a device that set itself up as a client of its own goes with its link', async () => {
    await server.close()
    const { notices } = testConfig(...noticesBy(mail.url))
    server = await testServer({ config: { ...enrolmentConfig(), ...(notices === undefined ? {} : { notices }) } })
    const { device, clientId } = await enrolledDevice(server)
    const path = undoPath(await arrived(1))
    expect((await ownToken(server, device, clientId)).statusCode).toBe(200)
    // The link itself has done its work and is gone by now; what came of it is not.
    await server.host.advance(2 * DAY)
    await server.store.purge(server.host.clock.now())
    const person = server.browser()
    expect(textOf((await person.open(path)).body)).toContain('Hall box')
    await person.submit('/undo', {})
    expect((await ownToken(server, device, clientId)).json().error).toBe('invalid_client')
  })
})

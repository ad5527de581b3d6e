// Answers from a page that is not good any more: why it is not, what to do next, and nothing that nobody can know.
import { localeOf, UI_LOCALES } from '@latchkey/verifier-web'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { authorizeUrl, CODE_CLIENTS } from '../support/code-flow.ts'
import { csrfIn, textOf, titleOf } from '../support/page-text.ts'
import { EMAIL, type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

let server: TestServer
let person: TestBrowser

beforeEach(async () => {
  server = await testServer({
    config: testConfig(
      { notices: { smtp: { url: { env: 'SMTP' }, from: 'Northwind <no-reply@example.com>' } } },
      { SMTP: 'smtp://127.0.0.1:1' },
    ),
  })
  person = server.browser()
  await person.signIn()
})
afterEach(() => server.close())

/** What proves what the form is for, and what only shows whose it is. */
const halvesOf = (token: string) => [token.slice(0, token.length / 2), token.slice(token.length / 2)] as const
const OLD = 'This page is out of date'

describe('a page that is not good any more', () => {
  it('SES-02 WEB-04 of a code, while another was opened in a second tab: it says so, links nothing, and the first goes on', async () => {
    const [first, second] = [await server.start(), await server.start()]
    const { body } = await person.open(`/link?user_code=${first.user_code}`)
    await person.open(`/link?user_code=${second.user_code}`)
    for (const [path, fields] of [
      ['/link/device', { answer: 'approve' }],
      ['/sign-out', {}],
    ] as const) {
      const page = await person.submit(path, { ...fields, csrf: csrfIn(body) })
      expect([page.statusCode, titleOf(page.body)]).toEqual([403, 'You opened another code since'])
      expect(page.body).toContain('<a href="/link">')
    }
    for (const { device_code } of [first, second]) {
      expect((await server.poll(device_code)).json().error).toBe('authorization_pending')
    }
    expect((await person.open(`/link?user_code=${first.user_code}`)).body).toContain(first.user_code)
    expect((await person.submit('/link/device', { answer: 'approve' })).statusCode).toBe(303)
    await server.host.advance(10_000)
    expect((await server.poll(first.device_code)).statusCode).toBe(200)
  })

  it('SES-02 of a code, from another sign-in or without a token: the token says nothing of why', async () => {
    const { user_code } = await server.start()
    const { body } = await person.open(`/link?user_code=${user_code}`)
    const [proof, own] = halvesOf(csrfIn(body))
    person.cookies.clear()
    await person.signIn()
    await person.open(`/link?user_code=${(await server.start()).user_code}`)
    for (const csrf of [proof + own, '', 'forged', own, proof]) {
      const page = await person.submit('/link/device', { answer: 'approve', csrf })
      expect([page.statusCode, titleOf(page.body)]).toEqual([403, OLD])
      expect(textOf(page.body)).toContain('Start again with the code on the screen.')
    }
  })

  it('SES-02 what shows that a page is of this visitor opens no form by itself', async () => {
    const { user_code } = await server.start()
    const { body } = await person.open(`/link?user_code=${user_code}`)
    const [proof, own] = halvesOf(csrfIn(body))
    for (const csrf of [own, own + own, `x${own}`]) {
      expect((await person.submit('/link/device', { answer: 'approve', csrf })).statusCode).toBe(403)
      expect((await person.submit('/account/sign-out', { answer: 'yes', csrf })).statusCode).toBe(403)
    }
    // Nor does that of a device's page open any other.
    expect((await person.submit('/account/sign-out', { answer: 'yes', csrf: proof + own })).statusCode).toBe(403)
  })

  it.each([
    ['/account/sign-out', { answer: 'yes' }, '/account', 'Check in your account whether it was done.'],
    ['/account/second-factor', {}, '/account', 'Check in your account whether it was done.'],
    ['/account/devices/any', { name: 'x' }, '/account', 'Check in your account whether it was done.'],
    ['/sign-in', { email: EMAIL }, '/sign-in', 'Start again.'],
    ['/sign-in/code', { code: '1' }, '/sign-in', 'Start again.'],
    ['/logout/confirm', { answer: 'yes' }, '/logout/confirm', 'Start again.'],
    ['/language', { language: 'de' }, '/language', 'Start again.'],
    ['/reset-password', { email: EMAIL }, '/reset-password', 'Start again.'],
    ['/reset-password/new', { password: 'x' }, undefined, 'Open the message again.'],
    ['/undo', {}, undefined, 'Open the message again.'],
    ['/link', { user_code: 'x' }, '/link', 'Start again with the code on the screen.'],
  ])('UX-03 SES-02 %s: says what to do there, and not that nothing was done', async (path, fields, way, next) => {
    const page = await person.submit(path, { ...fields, csrf: 'of another day' })
    expect([page.statusCode, titleOf(page.body)]).toEqual([403, OLD])
    expect(textOf(page.body)).toContain(next)
    expect(textOf(page.body)).not.toMatch(/nothing was/i)
    if (!path.startsWith('/link')) expect(textOf(page.body)).not.toContain('code on the screen')
    const links = [...(page.body.split('<main')[1] ?? '').matchAll(/href="([^"]+)"/g)].map(([, href]) => href)
    expect(links).toEqual(way === undefined ? [] : [way])
  })

  it('OI-06 UX-03 of an app, pressed twice or after another was opened: it does not say that nothing was shared', async () => {
    await server.close()
    server = await testServer({ config: testConfig({ clients: CODE_CLIENTS }) })
    person = server.browser()
    await person.signIn()
    const first = await person.open(authorizeUrl())
    await person.open(authorizeUrl())
    const other = await person.submit('/authorize/consent', { answer: 'approve', csrf: csrfIn(first.body) })
    expect([other.statusCode, titleOf(other.body)]).toEqual([403, OLD])
    const before = new Map(person.cookies)
    await person.open('/authorize/continue')
    expect((await person.submit('/authorize/consent', { answer: 'approve' })).headers.location).toContain('code=')
    // The second press was on its way when the first was answered.
    for (const [name, value] of before) person.cookies.set(name, value)
    const again = await person.submit('/authorize/consent', { answer: 'approve' })
    expect([again.statusCode, titleOf(again.body)]).toEqual([400, 'This sign-in is over'])
    for (const { body } of [other, again]) {
      expect(textOf(body)).toContain('Go back to the app and start again.')
      expect(textOf(body)).not.toMatch(/nothing was|code on the screen/i)
    }
  })

  it('WEB-09 UX-03 of a device that is removed by now, or of none: back to the account', async () => {
    await server.link({ device_name: 'Living room TV' })
    const { body } = await person.open('/account')
    const path = /href="(\/account\/devices\/[^"]+)"/.exec(body)?.[1] ?? ''
    const page = await person.open(`${path}/remove`)
    await person.submit(`${path}/remove`, { answer: 'yes' })
    const answers = [
      await person.open(path),
      await person.submit(`${path}/remove`, { answer: 'yes', csrf: csrfIn(page.body) }),
      await person.submit(path, { name: 'x', csrf: csrfIn(page.body) }),
      await person.open('/account/apps/none'),
      await person.open('/account/nowhere'),
    ]
    for (const gone of answers) {
      expect(gone.statusCode).toBe(404)
      expect(textOf(gone.body)).toContain('It may have been removed. Your account shows what there is.')
      expect(gone.body).toContain('<a href="/account">Your account</a>')
      expect(gone.body).not.toContain('href="/link"')
    }
  })
})

it('UX-08 the reason is another sentence than the one about codes, in every language', () => {
  for (const locale of UI_LOCALES.map(localeOf)) {
    if (locale === undefined) throw new Error('a language without a locale')
    const { words } = locale
    const { staleForm, anotherCode, notFound } = words.problem
    const { title, ...texts } = staleForm
    expect(new Set([...Object.values(texts), anotherCode.text]).size).toBe(6)
    expect(title).not.toBe(anotherCode.title)
    expect(notFound.account).not.toBe(notFound.text)
  }
})

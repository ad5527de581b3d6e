import { USER_CODE_ALPHABET, USER_CODE_LENGTH } from '@latchkey/shared'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { TOLERABLE_YEARLY_RISK, WRONG_CODES, yearlyGuessingRisk } from '../../server/src/oauth/device/guessing.ts'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { keptLog } from '../support/kept-log.ts'
import { signedIn } from '../support/signed-in.ts'
import { type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const MINUTE = 60_000
const WRONG = ['BBBB-BBBB', 'CCCC-CCCC', 'DDDD-DDDD', 'FFFF-FFFF', 'GGGG-GGGG', 'HHHH-HHHH'] as const

/** Types a code as a person does, and returns the page it leads to. */
async function type(browser: TestBrowser, code: string) {
  await browser.open('/link')
  const answer = await browser.submit('/link', { user_code: code })
  return answer.headers.location === undefined ? answer : browser.open(String(answer.headers.location))
}

/** The page without what differs from code to code, and from visit to visit. */
const anonymous = (body: string, code: string) =>
  body
    .replaceAll(code, 'CODE')
    .replaceAll([...code.replace('-', '')].join(' '), 'LETTERS')
    .replaceAll(`${code.slice(0, 4)}-••••`, 'VEILED')
    .replaceAll([...code.slice(0, 4)].join(' '), 'LETTERS')
    .replace(/name="csrf" value="[^"]+"/g, '')
    .replace(/&quot;challenge&quot;:&quot;[^&]+/, '')

const showsDevice = (body: string) => body.includes('name="answer"')

describe('codes that people bring', () => {
  const log = keptLog()
  let server: TestServer
  let browser: TestBrowser
  beforeAll(async () => {
    server = await testServer({ logger: log.logger })
    browser = await signedIn(server, 'bo@example.com')
  })
  afterAll(() => server.close())

  it.each([
    ['lower case', (code: string) => code.toLowerCase()],
    ['a space', (code: string) => code.replace('-', ' ')],
    ['an en dash', (code: string) => code.replace('-', '–')],
    ['a no-break space', (code: string) => code.replace('-', '\u00a0')],
    ['a zero-width space', (code: string) => code.replace('-', '\u200b')],
    ['a mark for right to left', (code: string) => `\u200f${code}\u200f`],
    ['a line break at the end', (code: string) => `${code}\r\n`],
    ['line breaks within', (code: string) => code.replace('-', '\n')],
    [
      'full-width letters',
      (code: string) => code.replace(/[A-Z]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0)),
    ],
  ])('UX-02 DEV-05 pasted with %s, it works', async (_name, typed) => {
    const { user_code } = await server.start()
    const page = await type(browser, typed(user_code))
    expect(page.statusCode).toBe(200)
    expect(showsDevice(page.body)).toBe(true)
    expect(page.body).toContain(user_code)
  })

  it.each([
    ['a Cyrillic В', 'В'],
    ['a Greek Β', 'Β'],
    ['a dotless ı', 'ı'],
    ['a sharp ß', 'ß'],
    ['an emoji', '🅱️'],
    ['nothing', ''],
  ])('NEG-05 DEV-05 %s is no letter: a mistake told at once, and no guess', async (_name, letter) => {
    const { user_code } = await server.start()
    for (let tries = 0; tries < WRONG_CODES.perAccount.most + 1; tries++) {
      const page = await type(browser, letter + user_code.slice(1))
      expect(page.statusCode).toBe(400)
      expect(page.headers['retry-after']).toBeUndefined()
    }
    expect((await type(browser, user_code)).statusCode).toBe(200)
  })

  it('WEB-03 looking changes nothing: previews, prefetching, and even the open page', async () => {
    const { user_code, device_code } = await server.start()
    const record = () => server.store.deviceRequests.get(digestOf(device_code))
    const before = await record()
    const preview = server.browser()
    await preview.open(`/link?user_code=${user_code}`)
    await server.app.inject({ method: 'HEAD', url: `/link?user_code=${user_code}` })
    expect(await record()).toEqual(before)
    // A signed-in browser that only looks ahead: it may ask for every page and gets none.
    const ahead = await signedIn(server, 'cy@example.com')
    // It brings the code already: without the mark, the next page would open it.
    await ahead.get(`/link?user_code=${user_code}`)
    for (const [name, value] of [
      ['sec-purpose', 'prefetch;prerender'],
      ['purpose', 'prefetch'],
      ['x-moz', 'prefetch'],
    ] as const) {
      for (const url of [`/link?user_code=${user_code}`, '/link/device']) {
        const cookie = [...ahead.cookies].map((pair) => pair.join('=')).join('; ')
        const answer = await server.app.inject({ url, headers: { cookie, [name]: value } })
        expect([answer.statusCode, answer.headers['set-cookie']]).toEqual([503, undefined])
      }
    }
    expect(await record()).toEqual(before)
    await browser.open(`/link?user_code=${user_code}`)
    for (const url of ['/link/device?answer=approve', '/link/device?answer=deny', '/sign-out', '/link/device']) {
      await browser.get(url)
    }
    // Nothing was decided. That this account was the first to bring the code is kept; who is not signed in leaves no trace.
    expect(await record()).toEqual({ ...before, version: 1, openedBy: 'usr_bo@example.com' })
    expect((await browser.open('/link')).body).toContain('bo@example.com')
  })

  it('WEB-06 the code leaves the address at once, and stands in no title, referrer or log', async () => {
    const { user_code } = await server.start()
    const fresh = await signedIn(server, 'bo@example.com')
    const first = await fresh.get(`/link?user_code=${user_code}`)
    expect([first.statusCode, first.headers.location]).toEqual([303, '/link/device'])
    expect(first.headers['referrer-policy']).toBe('no-referrer')
    const page = await fresh.open('/link/device')
    expect(page.body).toContain(user_code)
    expect(/<title>([^<]*)<\/title>/.exec(page.body)?.[1]).not.toContain(user_code)
    expect(page.headers).toMatchObject({ 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' })
    await fresh.open('/link')
    const typed = await fresh.submit('/link', { user_code })
    expect(typed.headers.location).toBe('/link/device')
    expect(log.text()).not.toContain(user_code)
    expect(log.text()).not.toContain(user_code.replace('-', ''))
  })

  it('DEV-07 before sign-in a right code and a wrong one lead to the same page', async () => {
    const { user_code } = await server.start()
    const seen = await Promise.all(
      [user_code, WRONG[0]].map(async (code) => {
        const stranger = server.browser()
        const page = await stranger.open(`/link?user_code=${code}`)
        expect(page.body).toContain('name="password"')
        return [page.statusCode, anonymous(page.body, code)]
      }),
    )
    expect(seen[0]).toEqual(seen[1])
  })
})

describe('codes that do not work', () => {
  let server: TestServer
  beforeEach(async () => {
    server = await testServer({ config: await testConfig({ listen: { trusted_proxies: ['127.0.0.1'] } }) })
  })
  afterEach(() => server.close())
  const person = (name: string, address = '192.0.2.1') =>
    signedIn(server, `${name}@example.com`, { 'x-forwarded-for': address })

  it('WEB-07 unknown, run out, used, refused, redeemed: one page and one status', async () => {
    const [late, used, denied, redeemed] = await Promise.all([1, 2, 3, 4].map(() => server.start()))
    if (!late || !used || !denied || !redeemed) throw new Error('no codes')
    await server.decide(used.user_code, 'approve')
    await server.decide(denied.user_code, 'deny')
    await server.decide(redeemed.user_code, 'approve')
    await server.poll(redeemed.device_code)
    const seen: unknown[] = []
    const look = async (code: string) => {
      const page = await type(await person('cy'), code)
      const body = anonymous(page.body, code)
      seen.push([page.statusCode, body])
      expect(showsDevice(body)).toBe(false)
    }
    await look(WRONG[0])
    for (const { user_code } of [used, denied, redeemed]) await look(user_code)
    await server.host.advance(10 * MINUTE)
    await look(late.user_code)
    for (const page of seen) expect(page).toEqual(seen[0])
  })

  it('DEV-07 five wrong codes from one account in ten minutes, then 429, for a right one too', async () => {
    const { user_code } = await server.start()
    const browser = await person('dee')
    for (const code of WRONG.slice(0, 5)) expect((await type(browser, code)).statusCode).toBe(400)
    const stopped = await type(browser, user_code)
    expect(stopped.statusCode).toBe(429)
    expect(Number(stopped.headers['retry-after'])).toBeGreaterThan(0)
    expect(Number(stopped.headers['retry-after'])).toBeLessThanOrEqual(600)
    expect(showsDevice(stopped.body)).toBe(false)
    // A new browser, another network: the account has to wait all the same. Another account need not.
    expect((await type(await person('dee', '198.51.100.7'), user_code)).statusCode).toBe(429)
    expect((await type(await person('eve'), user_code)).statusCode).toBe(200)
    await server.host.advance(Number(stopped.headers['retry-after']) * 1000)
    const { user_code: fresh } = await server.start()
    expect((await type(browser, fresh)).statusCode).toBe(200)
  })

  it.each([
    ['an IPv4 address', '192.0.2.9', '192.0.2.9', '192.0.2.10'],
    ['an IPv6 /64', '2001:db8:1:2::1', '2001:db8:1:2:ffff::2', '2001:db8:1:3::1'],
  ])('DEV-07 twenty wrong codes an hour from %s, then 429', async (_name, one, same, other) => {
    for (let account = 0; account < 5; account++) {
      const browser = await person(`f${account}`, one)
      for (const code of WRONG.slice(0, 4)) expect((await type(browser, code)).statusCode).toBe(400)
    }
    const { user_code } = await server.start()
    expect((await type(await person('g', same), user_code)).statusCode).toBe(429)
    expect((await type(await person('h', other), user_code)).statusCode).toBe(200)
    await server.host.advance(59 * MINUTE)
    expect((await type(await person('g', same), WRONG[0])).statusCode).toBe(429)
    await server.host.advance(MINUTE)
    expect((await type(await person('g', same), WRONG[0])).statusCode).toBe(400)
  })

  it('DEV-07 fifty wrong codes in ten minutes from everybody together, then 429 for everybody', async () => {
    for (let account = 0; account < 10; account++) {
      const browser = await person(`i${account}`, `192.0.2.${account + 20}`)
      for (const code of WRONG.slice(0, 5)) expect((await type(browser, code)).statusCode).toBe(400)
    }
    const { user_code } = await server.start()
    expect((await type(await person('j', '198.51.100.1'), user_code)).statusCode).toBe(429)
    await server.host.advance(10 * MINUTE)
    expect((await type(await person('j', '198.51.100.1'), WRONG[0])).statusCode).toBe(400)
  })

  it('DEV-07 waiting is measured without the wall clock', async () => {
    const browser = await person('kim')
    for (const code of WRONG.slice(0, 5)) await type(browser, code)
    server.host.clock.jump(20 * MINUTE)
    expect((await type(await person('kim'), WRONG[0])).statusCode).toBe(429)
  })

  it('DEV-08 DEV-06 with a thousand codes alive all year, a year of guessing finds one with 10 percent, not more', () => {
    expect(52_560 * 50 * 1000).toBe(((365 * 24 * 3600) / 600) * WRONG_CODES.inAll.most * 1000)
    expect(yearlyGuessingRisk(1000)).toBeCloseTo((52_560 * 50 * 1000) / 20 ** 8, 12)
    expect(yearlyGuessingRisk(1000)).toBeLessThan(0.105)
    expect(yearlyGuessingRisk(1000)).toBeLessThan(TOLERABLE_YEARLY_RISK)
    expect(yearlyGuessingRisk(2000)).toBeGreaterThan(TOLERABLE_YEARLY_RISK)
    expect(yearlyGuessingRisk(100_000)).toBe(1)
    // Five guesses at one code: 2^-32.
    expect(Math.log2(WRONG_CODES.perAccount.most / USER_CODE_ALPHABET.length ** USER_CODE_LENGTH)).toBeLessThan(-32)
  })
})

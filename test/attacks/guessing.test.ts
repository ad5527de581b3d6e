// Codes guessed at full speed (RFC 8628 §5.1): whatever the haste, and however many accounts and networks somebody has,
// no more tries are let through than docs/security.md and oauth/device/guessing.ts reckon with. What one person meets who
// mistypes is in ../negative/codes.test.ts.
import { readFileSync } from 'node:fs'
import { USER_CODE_ALPHABET, USER_CODE_LENGTH } from '@latchkey/shared'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createGuesses,
  type GuessKeys,
  WRONG_CODES,
  yearlyGuessingRisk,
} from '../../server/src/oauth/device/guessing.ts'
import { type KeptLog, keptLog } from '../support/kept-log.ts'
import { signedIn } from '../support/signed-in.ts'
import { type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const DAY_SECONDS = 24 * 3600
const YEAR_SECONDS = 365 * DAY_SECONDS
const MINUTE = 60_000
/** More than there is use for: the limit for all is met first. */
const ACCOUNTS = 400

/** The code of a number: never the same one twice. */
function codeOf(number: number): string {
  const letters = Array.from({ length: USER_CODE_LENGTH }, (_, place) =>
    USER_CODE_ALPHABET.charAt(Math.floor(number / USER_CODE_ALPHABET.length ** place) % USER_CODE_ALPHABET.length),
  ).join('')
  return `${letters.slice(0, 4)}-${letters.slice(4)}`
}

/** Tries whenever something is let through; returns how often it was. */
function guessFor(days: number, next: (tries: number) => GuessKeys): number {
  let now = 0
  const guesses = createGuesses({ now: () => now, monotonic: () => now })
  let through = 0
  while (now < days * DAY_SECONDS * 1000) {
    const { wait } = guesses.take(next(through))
    if (wait === 0) through += 1
    now += wait * 1000
  }
  return through
}

describe('a year of guessing', () => {
  it.each([
    ['by one account, from everywhere', 365, WRONG_CODES.perAccount, (tries: number) => ['eve', `network ${tries}`]],
    ['from one network, by everybody', 365, WRONG_CODES.perNetwork, (tries: number) => [`account ${tries}`, 'home']],
    // A fifth of a year, window by window: the other four are like it, and take as long.
    [
      'by everybody, from everywhere',
      73,
      WRONG_CODES.inAll,
      (tries: number) => [`account ${tries}`, `network ${tries}`],
    ],
  ] as const)(
    'DEV-07 DEV-08 %s: the tries that are let through are those of the arithmetic',
    (_who, days, limit, who) => {
      const through = guessFor(days, (tries) => {
        const [account = '', network = ''] = who(tries % ACCOUNTS)
        return { account, network }
      })
      expect(through).toBe(((days * DAY_SECONDS) / limit.windowSeconds) * limit.most)
    },
  )

  it('DEV-08 so many tries are what the yearly risk is made of, in the code and in the documentation', () => {
    const tries = (YEAR_SECONDS / WRONG_CODES.inAll.windowSeconds) * WRONG_CODES.inAll.most
    expect(tries).toBe(52_560 * 50)
    const codes = USER_CODE_ALPHABET.length ** USER_CODE_LENGTH
    for (const live of [1, 100, 1000, 1949]) expect(yearlyGuessingRisk(live)).toBeCloseTo((tries * live) / codes, 12)
    const security = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8')
    expect(security).toContain('52,560 · 50 · N / 20^8: 0.10 at N = 1000')
    expect(security).toContain('5 in ten minutes for an account, 20 in an hour for an IPv4 address')
  })
})

describe('guessing over HTTP, all at once', () => {
  let server: TestServer
  let log: KeptLog
  beforeEach(async () => {
    log = keptLog()
    const config = testConfig({ listen: { trusted_proxies: ['127.0.0.1'] } })
    server = await testServer({ config, logger: log.logger })
  })
  afterEach(() => server.close())

  let guessed = 0
  /** A browser whose visit is about a code of its own, in a session that many such browsers share. */
  async function guesser(session: string, address: string): Promise<TestBrowser> {
    const browser = server.browser({ 'x-forwarded-for': address })
    browser.cookies.set('latchkey-session', session)
    await browser.get(`/link?user_code=${codeOf(7919 * ++guessed)}`)
    return browser
  }
  /** All of them look up their code in the same moment; returns how many were let through. */
  async function rush(browsers: readonly TestBrowser[]): Promise<number> {
    const answers = await Promise.all(browsers.map((browser) => browser.get('/link/device')))
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([400, 429]))
    return answers.filter(({ statusCode }) => statusCode === 400).length
  }
  const sessionOf = async (name: string) =>
    (await signedIn(server, `${name}@example.com`)).cookies.get('latchkey-session') ?? ''

  it('DEV-07 DEV-08 sixty tries of one account, each in a visit of its own: five are looked at, in each window', async () => {
    for (let window = 0; window < 3; window++) {
      const session = await sessionOf('eve')
      const browsers = await Promise.all(
        Array.from({ length: 60 }, (_, place) => guesser(session, `198.51.${window}.${place}`)),
      )
      expect(await rush(browsers)).toBe(5)
      await server.host.advance(10 * MINUTE)
    }
  })

  it('DEV-07 DEV-08 thirty accounts, thirty networks: fifty are looked at, and the alarm is raised once', async () => {
    const browsers: TestBrowser[] = []
    for (let account = 0; account < 30; account++) {
      const session = await sessionOf(`eve${account}`)
      for (let tries = 0; tries < 4; tries++) browsers.push(await guesser(session, `198.51.100.${account}`))
    }
    expect(await rush(browsers)).toBe(50)
    expect(log.events('many_wrong_codes')).toHaveLength(1)
  })

  it('DEV-07 a device of one’s own buys no further tries: what was right is only not counted', async () => {
    const session = await sessionOf('eve')
    const own = [await server.start(), await server.start()]
    const browsers = await Promise.all(Array.from({ length: 20 }, () => guesser(session, '198.51.100.1')))
    let looked = 0
    for (const [place, browser] of browsers.entries()) {
      await browser.get(`/link?user_code=${own[place % 2]?.user_code}`)
      await browser.get('/link/device')
      await browser.get(`/link?user_code=${codeOf(7919 * ++guessed)}`)
      if ((await browser.get('/link/device')).statusCode === 400) looked += 1
    }
    expect(looked).toBe(5)
  })
})

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { passwordProblem, SHORTEST_WITH_FACTOR } from '../../server/src/accounts/password-rules.ts'
import { hashPassword, verifyPassword } from '../../server/src/accounts/passwords.ts'
import { withoutTokens } from '../support/page-text.ts'
import { EMAIL, PASSWORD, type TestServer, testConfig, testServer } from '../support/test-server.ts'

// The real argon2, watched: how much work there is, and how much at once. Spared: no work is done, and none is right.
const work = vi.hoisted(() => ({ hashes: 0, verifies: 0, running: 0, most: 0, spared: false }))
vi.mock('@node-rs/argon2', async (original) => {
  const real = await original<typeof import('@node-rs/argon2')>()
  const watched = async <T>(run: () => Promise<T>): Promise<T> => {
    work.most = Math.max(work.most, ++work.running)
    try {
      return await run()
    } finally {
      work.running--
    }
  }
  return {
    ...real,
    hash: (...given: Parameters<typeof real.hash>) => {
      work.hashes++
      return watched(() => real.hash(...given))
    },
    verify: (...given: Parameters<typeof real.verify>) => {
      work.verifies++
      if (work.spared) return Promise.resolve(false)
      return watched(() => real.verify(...given))
    },
  }
})

const OWN = ['Northwind TV', 'id.northwind.tv', 'ana.lopez@example.com', 'Ana López']
// Nothing in it comes twice.
const PROSE = Array.from({ length: 200 }, (_, index) => `${(index * 7919).toString(36)} kettles`).join(' ')

describe('passwords', () => {
  it('LOG-01 argon2id with 19 MiB, two passes, one lane, said in the hash; salted', async () => {
    const [one, two] = [await hashPassword(PASSWORD), await hashPassword(PASSWORD)]
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(one).not.toBe(two)
    expect(await verifyPassword(one, PASSWORD)).toBe(true)
    expect(await verifyPassword(one, `${PASSWORD} `)).toBe(false)
  })

  it('LOG-01 two at once, however many come', async () => {
    work.most = 0
    const tries = Array.from({ length: 8 }, (_, index) => hashPassword(`${PASSWORD} ${index}`))
    expect(await Promise.all(tries)).toHaveLength(8)
    expect(work.most).toBe(2)
    // One that fails gives its place back.
    await expect(verifyPassword('no hash at all', PASSWORD)).rejects.toThrow()
    await expect(verifyPassword('no hash at all', PASSWORD)).rejects.toThrow()
    expect(await verifyPassword(await hashPassword(PASSWORD), PASSWORD)).toBe(true)
  })

  it.each([
    ['fourteen characters', 'vexing jumpers', 'too_short'],
    ['fifteen', 'vexing jumpers!', undefined],
    ['fifteen in small letters alone', 'vexingjumperset', undefined],
    ['fourteen emoji', '📺🎹🧀🦜🪑🚲🎈🧭🫖🪁🎻🧂🪴🛶', 'too_short'],
    ['fifteen emoji', '📺🎹🧀🦜🪑🚲🎈🧭🫖🪁🎻🧂🪴🛶🧵', undefined],
    ['a long sentence', 'our red kettle sings in the morning, the blue one never does '.repeat(2), undefined],
    ['1024 bytes', PROSE.slice(0, 1024), undefined],
    ['1025 bytes', PROSE.slice(0, 1025), 'too_long'],
    ['one letter, often', 'a'.repeat(40), 'common'],
    ['a few letters, often', 'xkcd'.repeat(5), 'common'],
    ['one emoji, often', '📺'.repeat(15), 'common'],
    ['a row of the keyboard, there and back', 'qwertyuiopoiuytrewq', 'common'],
    ['digits in a row', '1234567890123456', 'common'],
    ['a word of the list, numbered', 'Password12345678', 'common'],
    ['with digits for letters and signs between', 'P4ssw0rd-P4ssw0rd-1', 'common'],
    ['several of them', 'iloveyou football 2024', 'common'],
    ['an example that everybody has read', 'correct horse battery staple', 'common'],
    ['but three of its words', 'correct horse battery', undefined],
    ['the address', 'ana.lopez@example.com', 'own'],
    ['the address, turned round and numbered', 'example ana lopez 99', 'own'],
    ['the name of the service, decorated', 'Northwind-TV-Northwind!', 'own'],
    ['the person’s name', 'AnaLópez1987!!!!', 'own'],
    ['a name with a sentence around it', 'northwind keeps my kettle warm', undefined],
  ])('LOG-02 %s', (_name, password, problem) => {
    expect(passwordProblem(password, { own: OWN })).toBe(problem)
  })

  it('LOG-02 beside a second factor eight will do, and what everybody chooses will not', () => {
    const problem = (password: string) => passwordProblem(password, { shortest: SHORTEST_WITH_FACTOR, own: OWN })
    expect(problem('jumperse')).toBeUndefined()
    expect(problem('jumpers')).toBe('too_short')
    for (const common of ['password', 'passw0rd', '12345678', 'qwertyui', 'iloveyou', 'football1', 'letmein!']) {
      expect(problem(common), common).toBe('common')
    }
  })

  it('LOG-02 letters that keyboards send in two ways are one password', async () => {
    const composed = 'café con leche, por favor'.normalize('NFC')
    expect(await verifyPassword(await hashPassword(composed), composed.normalize('NFD'))).toBe(true)
  })
})

describe('signing in', () => {
  let server: TestServer
  beforeEach(async () => {
    server = await testServer({ config: await testConfig({ listen: { trusted_proxies: ['127.0.0.1'] } }) })
  })
  afterEach(() => server.close())

  it('LOG-03 unknown, wrong password, closed account, no address: same status, same page, same work', async () => {
    const closed = { ...server.user, id: 'usr_closed', version: 0, email: 'closed@example.com', disabledAt: 1 }
    await server.store.users.insert(closed)
    await verifyPassword(undefined, 'the dummy hash is made once')
    const tries = [
      [EMAIL, 'a wrong password'],
      ['nobody@example.com', PASSWORD],
      [closed.email, PASSWORD],
      ['no address', PASSWORD],
      ['', ''],
    ] as const
    const seen = []
    for (const [email, password] of tries) {
      const before = { ...work }
      const answer = await server.browser().signIn(email, password)
      expect(answer.cookies.map(({ name }) => name)).not.toContain('latchkey-session')
      const body = withoutTokens(answer.body.replaceAll(`value="${email}"`, 'value="EMAIL"'))
      seen.push([answer.statusCode, work.verifies - before.verifies, work.hashes - before.hashes, body])
    }
    for (const one of seen) expect(one.slice(0, 3)).toEqual([403, 1, 0])
    for (const one of seen.slice(0, 4)) expect(one).toEqual(seen[0])
  })

  it('LOG-01 an older hash is made anew at the next sign-in, a wrong password leaves it', async () => {
    const { hash } = await import('@node-rs/argon2')
    const old = await hash(PASSWORD, { algorithm: 2, memoryCost: 8192, timeCost: 1, parallelism: 1 })
    await server.store.users.swap({ ...server.user, passwordHash: old })
    const stored = async () => (await server.store.users.get(server.user.id))?.passwordHash
    expect((await server.browser().signIn(EMAIL, 'a wrong password')).statusCode).toBe(403)
    expect(await stored()).toBe(old)
    expect((await server.browser().signIn()).statusCode).toBe(303)
    expect(await stored()).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect((await server.browser().signIn()).statusCode).toBe(303)
  })

  it('LOG-03 addresses are compared as people write them', async () => {
    expect((await server.browser().signIn(' Ana@Example.COM ')).statusCode).toBe(303)
  })

  it('LOG-04 ten wrong passwords for one account from one network: wait, without any work; others sign in', async () => {
    const from = (address: string) => server.browser({ 'x-forwarded-for': address })
    for (let tries = 0; tries < 10; tries++) {
      expect((await from('192.0.2.1').signIn(EMAIL, 'a wrong password')).statusCode).toBe(403)
    }
    const before = work.verifies
    const stopped = await from('192.0.2.1').signIn()
    expect(stopped.statusCode).toBe(429)
    expect(work.verifies).toBe(before)
    const wait = Number(stopped.headers['retry-after'])
    expect(wait).toBeGreaterThan(0)
    // Nobody is locked out of their account by a stranger elsewhere.
    expect((await from('198.51.100.1').signIn()).statusCode).toBe(303)
    await server.host.advance(wait * 1000)
    expect((await from('192.0.2.1').signIn()).statusCode).toBe(303)
  })

  describe('however many strangers guess', () => {
    let clients = 0
    const stranger = () =>
      server.browser({ 'x-forwarded-for': `198.51.${Math.floor(++clients / 250)}.${clients % 250}` })
    const bare = (body: string, email: string) => withoutTokens(body.replaceAll(email, 'EMAIL'))

    // Hundreds of passwords, all wrong: they are counted, and nobody waits for their hashes.
    afterEach(() => {
      work.spared = false
    })

    /** From a new network each time, until the slowest brake is met. */
    async function guess(email: string) {
      work.spared = true
      for (let wait = 0; wait <= 60; ) {
        const answer = await stranger().signIn(email, 'a wrong password')
        wait = Number(answer.headers['retry-after'] ?? 0)
        if (wait <= 60) await server.host.advance(wait * 1000)
      }
      work.spared = false
    }

    it('LOG-04 the owner signs in with the password in a browser that did before, and anywhere soon after they stop', async () => {
      const known = stranger()
      await known.signIn()
      await server.host.advance(60_000)
      await guess(EMAIL)
      const locked = await stranger().signIn()
      expect(locked.statusCode).toBe(429)
      expect(locked.body).toContain('where you have signed in before: in the same browser, or at home')
      await known.submit('/sign-out', {})
      expect((await known.signIn(EMAIL, 'a wrong password')).statusCode).toBe(403)
      expect((await known.signIn()).statusCode).toBe(303)
      expect((await stranger().signIn()).statusCode).toBe(429)
      await server.host.advance(864_000)
      expect((await stranger().signIn()).statusCode).toBe(303)
    })

    it('LOG-03 nobody can tell from waiting that the owner signs in, or has a new password', async () => {
      const known = stranger()
      await known.signIn()
      await server.host.advance(60_000)
      const fromNewBrowser = async () => expect((await stranger().signIn()).statusCode).toBe(303)
      const fromKnownBrowser = async () => expect((await known.signIn()).statusCode).toBe(303)
      const newPassword = async () => {
        await known.open('/account/password')
        const chosen = { password: 'a wholly different sentence' }
        expect((await known.submit('/account/password', chosen)).headers.location).toBe('/account/password')
      }
      const seen = []
      for (const [email, ...life] of [
        [EMAIL, fromNewBrowser, fromKnownBrowser, newPassword],
        ['nobody@example.com', undefined, undefined, undefined],
      ] as const) {
        const waits: unknown[] = []
        work.spared = true
        for (let tries = 0; tries < 20; tries++) await stranger().signIn(email, 'a wrong password')
        work.spared = false
        for (const happens of life) {
          await server.host.advance(60_000)
          await happens?.()
          for (let tries = 0; tries < 3; tries++) {
            const { statusCode, headers } = await stranger().signIn(email, 'a wrong password')
            waits.push([statusCode, headers['retry-after']])
          }
        }
        seen.push(waits)
      }
      expect(seen[0]).toEqual(seen[1])
      expect(seen[0]).toContainEqual([429, '60'])
    })

    it('LOG-04 what makes a browser known is bound to the account and to the password of then', async () => {
      const known = stranger()
      await known.signIn()
      const cookie = known.cookies.get('latchkey-known') ?? ''
      await guess(EMAIL)
      const other = stranger()
      for (const forged of ['x', `${cookie.slice(0, -2)}xx`, server.host.entropy(64).toString()]) {
        other.cookies.set('latchkey-known', forged)
        expect((await other.signIn()).statusCode).toBe(429)
      }
      const user = (await server.store.users.get(server.user.id)) ?? server.user
      await server.store.users.swap({ ...user, passwordHash: await hashPassword('another long sentence') })
      other.cookies.set('latchkey-known', cookie)
      expect((await other.signIn(EMAIL, 'another long sentence')).statusCode).toBe(429)
    })

    it('LOG-03 LOG-04 nobody can tell from waiting whether there is such an account, nor whether the password was right', async () => {
      const closed = { ...server.user, id: 'usr_closed', version: 0, email: 'closed@example.com', disabledAt: 1 }
      const passkeysAlone = { ...closed, id: 'usr_keys', email: 'keys@example.com' }
      delete (passkeysAlone as { disabledAt?: number }).disabledAt
      delete (passkeysAlone as { passwordHash?: string }).passwordHash
      await server.store.users.insert(closed)
      await server.store.users.insert(passkeysAlone)
      const seen = []
      for (const email of [EMAIL, 'nobody@example.com', closed.email, passkeysAlone.email]) {
        const began = server.host.clock.monotonic()
        work.spared = true
        for (let tries = 0; tries < 20; tries++) await stranger().signIn(email, 'a wrong password')
        work.spared = false
        const before = { ...work }
        const slow = [await stranger().signIn(email, 'a wrong password'), await stranger().signIn(email)]
        await guess(email)
        const locked = [await stranger().signIn(email, 'a wrong password'), await stranger().signIn(email)]
        seen.push({
          slow: slow.map((one) => [one.statusCode, one.headers['retry-after'], bare(one.body, email)]),
          locked: locked.map((one) => [one.statusCode, one.headers['retry-after'], bare(one.body, email)]),
          took: server.host.clock.monotonic() - began,
          work: work.verifies - before.verifies,
        })
      }
      for (const one of seen) {
        expect(one).toEqual(seen[0])
        expect(one.locked[0]).toEqual(one.locked[1])
        expect(one.work).toBe(175)
      }
    })

    it('LOG-03 nobody can tell from waiting, nor from the work, that an account has signed in from their own network', async () => {
      const inside = () => server.browser({ 'x-forwarded-for': '203.0.113.7' })
      await inside().signIn()
      const seen = []
      for (const [email, network] of [
        [EMAIL, '203.0.113.7'],
        [EMAIL, '203.0.113.8'],
        ['nobody@example.com', '203.0.113.7'],
      ] as const) {
        await server.host.advance(10 * 24 * 3600 * 1000)
        const attempt = (address: string) => server.browser({ 'x-forwarded-for': address }).signIn(email, 'wrong')
        const told: unknown[] = []
        const before = work.verifies
        work.spared = true
        for (let round = 0; round < 3; round++) {
          for (let tries = 0; tries < 20; tries++) await stranger().signIn(email, 'wrong')
          for (let tries = 0; tries < 12; tries++) {
            const { statusCode, headers, body } = await attempt(network)
            told.push([statusCode, headers['retry-after'], bare(body, email), work.verifies - before])
          }
          await server.host.advance(3 * 60_000)
          for (let tries = 0; tries < 3; tries++) told.push((await stranger().signIn(email, 'wrong')).statusCode)
        }
        work.spared = false
        seen.push(told)
      }
      expect(seen[1]).toEqual(seen[0])
      expect(seen[2]).toEqual(seen[0])
    })

    it('LOG-04 a hundred tries at once get no more through than one after the other', async () => {
      const browsers = await Promise.all(
        Array.from({ length: 60 }, async () => {
          const browser = stranger()
          await browser.open('/sign-in')
          return browser
        }),
      )
      const answers = await Promise.all(
        browsers.map((browser) => browser.submit('/sign-in', { email: EMAIL, password: 'a wrong password' })),
      )
      expect(answers.filter(({ statusCode }) => statusCode === 403)).toHaveLength(20)
      expect(answers.filter(({ statusCode }) => statusCode === 429)).toHaveLength(40)
    })
  })
})

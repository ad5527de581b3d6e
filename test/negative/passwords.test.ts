import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { hashPassword, passwordProblem, verifyPassword } from '../../server/src/accounts/passwords.ts'
import { EMAIL, PASSWORD, type TestServer, testConfig, testServer } from '../support/test-server.ts'

// The real argon2, watched: how much work there is, and how much at once.
const work = vi.hoisted(() => ({ hashes: 0, verifies: 0, running: 0, most: 0 }))
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
      return watched(() => real.verify(...given))
    },
  }
})

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
    ['fourteen characters', 'a'.repeat(14), false],
    ['fifteen', 'a'.repeat(15), true],
    ['fifteen emoji', '📺'.repeat(15), true],
    ['fourteen emoji', '📺'.repeat(14), false],
    ['a long sentence', 'correct horse battery staple '.repeat(5), true],
    ['1024 bytes', 'x'.repeat(1024), true],
    ['1025 bytes', 'x'.repeat(1025), false],
  ])('LOG-02 %s', (_name, password, fits) => {
    expect(passwordProblem(password) === undefined).toBe(fits)
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
      const body = answer.body.replaceAll(`value="${email}"`, 'value="EMAIL"').replace(/name="csrf" value="[^"]+"/g, '')
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
})

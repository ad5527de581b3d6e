// Tries of passwords and codes over days, without a server: what a stranger can do, and what they cannot do to an owner.
import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, it } from 'vitest'
import { MOST_HOMES } from '../../server/src/accounts/home-networks.ts'
import { BRAKES, createTries, type Trier, type Tries, type Try } from '../../server/src/accounts/tries.ts'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'

const SECURITY = new URL('../../docs/security.md', import.meta.url)
const MINUTE = 60
const DAY = 24 * 3600

let host: FakeHost
let tries: Tries
let clients = 0
/** Somebody with more networks than anybody could count. */
const stranger = (): Trier => ({ account: 'ana@example.com', network: `192.0.2.${++clients}` })

beforeEach(() => {
  host = fakeHost()
  tries = createTries({ most: 10, windowSeconds: 600 }, host.clock)
})

/** How many tries somebody gets who never stops, within so many seconds. */
async function triesWithin(seconds: number, who: () => Trier): Promise<number> {
  let got = 0
  for (let left = seconds; left > 0; ) {
    const { kind, wait } = tries.take(who())
    if (kind === 'judged') got++
    await host.advance(Math.min(left, wait) * 1000)
    left -= wait
    if (got > 10_000) break
  }
  return got
}

/** What the brakes let through of somebody who never stops, within so many seconds. */
const through = (seconds: number) =>
  Math.min(...BRAKES.map(({ atOnce, everySeconds }) => atOnce + Math.floor(seconds / everySeconds)))

describe('tries', () => {
  it('LOG-04 from all the networks there are: twenty at once, then one a minute, after a hundred one in 864 seconds', async () => {
    expect(await triesWithin(1, stranger)).toBe(20)
    expect(await triesWithin(10 * MINUTE, stranger)).toBe(10)
    expect(await triesWithin(3 * 3600, stranger)).toBe(through(1 + 10 * MINUTE + 3 * 3600) - 30)
    expect(await triesWithin(864, stranger)).toBe(1)
    expect(await triesWithin(DAY, stranger)).toBe(100)
  })

  it('LOG-04 so a year of it comes to what the documentation reckons with', () => {
    let now = 0
    const counted = createTries({ most: 10, windowSeconds: 600 }, { now: () => now, monotonic: () => now })
    let got = 0
    for (let wait = 0; now <= 365 * DAY * 1000; now += wait * 1000) {
      wait = counted.take(stranger()).wait
      if (wait === 0) got++
    }
    expect(got).toBe(36_600)
    const security = readFileSync(SECURITY, 'utf8')
    for (const said of ['20 at once, then one a minute, and after 100 one in 864 seconds', '36,600 a year']) {
      expect(security).toContain(said)
    }
    expect(security).toContain(`36,600 · 3 / 10^6 = ${((got * 3) / 10 ** 6).toFixed(2)}`)
  })

  it('LOG-04 a quarter of an hour after the last of them everybody has a try again', async () => {
    await triesWithin(3 * DAY + 1, stranger)
    expect(tries.take(stranger()).kind).toBe('refused')
    await host.advance(864_000)
    expect(tries.take(stranger()).kind).toBe('judged')
  })

  it('LOG-04 from one place: ten in ten minutes', async () => {
    const here = () => ({ ...stranger(), network: '192.0.2.1' })
    expect(await triesWithin(9 * MINUTE, here)).toBe(10)
  })

  it('LOG-04 a browser that is known has an allowance of its own, however hard strangers try', async () => {
    await triesWithin(DAY / 2, stranger)
    const right = tries.take({ ...stranger(), own: 'known' })
    expect([right.kind, right.wait]).toEqual(['judged', 0])
    right.giveBack()
    // And whoever steals what makes it known gets no more than that.
    expect(await triesWithin(DAY, () => ({ ...stranger(), own: 'stolen' }))).toBeLessThanOrEqual(through(DAY))
  })

  it('LOG-04 a hundred that come at once are a hundred', () => {
    const kinds = Array.from({ length: 100 }, () => tries.take(stranger()).kind)
    expect(kinds.filter((kind) => kind === 'judged')).toHaveLength(20)
  })

  it('LOG-03 LOG-04 what was right does not count, and what came before does all the same: nothing shows that somebody is in', async () => {
    expect(await triesWithin(1, stranger)).toBe(20)
    for (let times = 0; times < 5; times++) {
      await host.advance(MINUTE * 1000)
      const right = tries.take(stranger())
      expect(right.kind).toBe('judged')
      right.giveBack()
      expect(tries.take(stranger()).wait).toBe(0)
      expect(tries.take(stranger()).wait).toBeGreaterThan(0)
    }
  })

  it('LOG-04 accounts do not pay for each other', async () => {
    await triesWithin(3 * 3600, stranger)
    expect(tries.take({ ...stranger(), account: 'ben@example.com' }).wait).toBe(0)
  })

  describe('at home', () => {
    const home = (): Trier => ({ account: 'ana@example.com', network: '203.0.113.7', home: true })
    const street = (): Trier => ({ ...home(), network: '203.0.113.8', home: false })

    it('LOG-04 what strangers use up elsewhere is not the reserve at home', async () => {
      while (tries.take(stranger()).kind === 'judged') await host.advance(1000)
      expect(tries.take(street()).kind).toBe('feigned')
      for (let times = 0; times < 20; times++) {
        const right = tries.take(home())
        expect(right.kind).toBe('judged')
        right.giveBack()
      }
    })

    it('LOG-04 somebody in there, and strangers everywhere, get twice what strangers get, and nobody more', async () => {
      let now = 0
      const counted = createTries({ most: 10, windowSeconds: 600 }, { now: () => now, monotonic: () => now })
      const judged = (who: Trier) => (counted.take(who).kind === 'judged' ? 1 : 0)
      let got = 0
      for (; now <= 365 * DAY * 1000; now += 432_000) {
        got += judged(stranger()) + judged(home())
        if (now === 0) for (let times = 0; times < 200; times++) got += judged(stranger()) + judged(home())
      }
      expect(got).toBeGreaterThan(2 * 36_500)
      expect(got).toBeLessThanOrEqual(2 * 36_600)
      const inAll = ((MOST_HOMES + 1) * 36_600).toLocaleString('en')
      expect(readFileSync(SECURITY, 'utf8')).toContain(`${MOST_HOMES + 1} · 36,600 = ${inAll}`)
    })

    it('LOG-03 LOG-04 nothing that is told differs from a network where nobody ever signed in, there and elsewhere', async () => {
      const seen = []
      for (const who of [home, street]) {
        host = fakeHost()
        tries = createTries({ most: 10, windowSeconds: 600 }, host.clock)
        const told = []
        const worth = ({ kind, wait }: Try) => [kind === 'refused', wait]
        for (let minute = 0; minute < 200; minute++) {
          for (let times = 0; times < 12; times++) told.push(worth(tries.take(who())))
          for (let times = minute % 3; times > 0; times--) told.push(tries.take(stranger()).wait)
          await host.advance(MINUTE * 1000)
        }
        seen.push(told)
      }
      expect(seen[0]).toEqual(seen[1])
    })
  })
})

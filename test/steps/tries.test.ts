// Tries of passwords and codes over days, without a server: what a stranger can do, and what they cannot do to an owner.
import { beforeEach, describe, expect, it } from 'vitest'
import { createTries, IN_A_ROW, type Trier, type Tries } from '../../server/src/accounts/tries.ts'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'

const MINUTE = 60
const DAY = 24 * 3600

let host: FakeHost
let tries: Tries
let clients = 0
/** Somebody with more networks than anybody could count. */
const stranger = (): Trier => ({ account: 'ana@example.com', network: `192.0.2.${++clients}`, guessed: 'hash' })

beforeEach(() => {
  host = fakeHost()
  tries = createTries({ most: 10, windowSeconds: 600 }, host.clock)
})

/** How many tries somebody gets who never stops, within so many seconds. */
async function triesWithin(seconds: number, who: () => Trier): Promise<number> {
  let got = 0
  for (let left = seconds; left > 0; ) {
    const wait = tries.take(who())
    if (wait === 0) got++
    await host.advance(Math.min(left, wait) * 1000)
    left -= wait
    if (got > 10_000) break
  }
  return got
}

describe('tries', () => {
  it('LOG-04 from all the networks there are: twenty at once, then one a minute, a hundred in a row, then a day', async () => {
    expect(await triesWithin(1, stranger)).toBe(IN_A_ROW.free)
    expect(await triesWithin(10 * MINUTE, stranger)).toBe(10)
    expect(await triesWithin(3 * 3600, stranger)).toBe(IN_A_ROW.most - IN_A_ROW.free - 10)
    const wait = tries.take(stranger())
    expect(wait).toBeGreaterThan(20 * 3600)
    await host.advance((wait - 1) * 1000)
    expect(tries.take(stranger())).toBe(1)
    await host.advance(1000)
    expect(tries.take(stranger())).toBe(0)
  })

  it('LOG-04 a hundred a day is all that a whole year of it comes to', async () => {
    expect(await triesWithin(10 * DAY, stranger)).toBeLessThanOrEqual(11 * IN_A_ROW.most)
  })

  it('LOG-04 from one place: ten in ten minutes', async () => {
    const here = () => ({ ...stranger(), network: '192.0.2.1' })
    expect(await triesWithin(9 * MINUTE, here)).toBe(10)
  })

  it('LOG-04 a browser that is known has an allowance of its own, however hard strangers try', async () => {
    await triesWithin(DAY / 2, stranger)
    const owner = { ...stranger(), browser: 'known' }
    expect(tries.take(owner)).toBe(0)
    tries.giveBack(owner)
    // And whoever steals what makes it known gets no more than that.
    expect(await triesWithin(DAY, () => ({ ...stranger(), browser: 'stolen' }))).toBe(IN_A_ROW.most)
  })

  it('LOG-04 a hundred that come at once are a hundred', () => {
    const waits = Array.from({ length: 100 }, () => tries.take(stranger()))
    expect(waits.filter((wait) => wait === 0)).toHaveLength(IN_A_ROW.free)
  })

  it('LOG-04 what was right does not count; what came before does, until somebody is in', async () => {
    expect(await triesWithin(1, stranger)).toBe(IN_A_ROW.free)
    expect(tries.take(stranger())).toBe(MINUTE - 1)
    await host.advance(MINUTE * 1000)
    const right = stranger()
    expect(tries.take(right)).toBe(0)
    tries.giveBack(right)
    expect(tries.take(stranger())).toBe(MINUTE)
    tries.forget({ account: 'ana@example.com' })
    expect(await triesWithin(1, stranger)).toBe(IN_A_ROW.free)
  })

  it('LOG-04 a new password has no failures yet', async () => {
    await triesWithin(3 * 3600, stranger)
    expect(tries.take(stranger())).toBeGreaterThan(0)
    expect(tries.take({ ...stranger(), guessed: 'another hash' })).toBe(0)
  })

  it('LOG-04 accounts do not pay for each other', async () => {
    await triesWithin(3 * 3600, stranger)
    expect(tries.take({ ...stranger(), account: 'ben@example.com' })).toBe(0)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPacing, type Paced, SLOW_DOWN } from '../../server/src/oauth/pacing.ts'

const LIMITS = { ...SLOW_DOWN, intervalSeconds: 5 }
type Said = 'ok' | number

/** Polls at these seconds: `ok`, or the interval that a slow_down told. */
function answers(seconds: readonly number[]): readonly Said[] {
  const pacing = createPacing(LIMITS)
  return seconds.map((second) => {
    const outcome = pacing.poll('device', second * 1000)
    return outcome.kind === 'allowed' ? 'ok' : outcome.intervalSeconds
  })
}

describe('pacing of polls (RFC 8628 §3.5)', () => {
  it.each<readonly [string, readonly number[], readonly Said[]]>([
    ['DEV-12 the first poll is free', [0], ['ok']],
    ['DEV-12 on the interval, for ever', [0, 5, 10, 15, 20], ['ok', 'ok', 'ok', 'ok', 'ok']],
    ['DEV-12 too early gets five seconds more', [0, 4], ['ok', 10]],
    ['DEV-12 each early poll gets five more', [0, 1, 2, 3], ['ok', 10, 15, 20]],
    [
      'DEV-12 never more than a minute',
      [0, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2],
      ['ok', 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 60, 60],
    ],
    ['DEV-12 a refused poll does not move the anchor', [0, 4, 10], ['ok', 10, 'ok']],
    ['DEV-12 the longer interval stays after a poll on time', [0, 1, 11, 15], ['ok', 10, 'ok', 15]],
    ['DEV-12 no wait, however long, brings it down', [0, 1, 2, 300, 305], ['ok', 10, 15, 'ok', 20]],
    ['DEV-13 half a second early is on time', [0, 4.5, 9], ['ok', 'ok', 'ok']],
    ['DEV-13 a little more than that is not', [0, 4.499], ['ok', 10]],
    ['DEV-13 one slow_down got lost: five seconds go on being enough', [0, 1, 6, 11], ['ok', 10, 'ok', 'ok']],
    ['DEV-13 two got lost: five seconds are not enough any more', [0, 1, 2, 7], ['ok', 10, 15, 20]],
  ])('%s', (_title, seconds, said) => {
    expect(answers(seconds)).toEqual(said)
  })

  it('DEV-12 each device has a pace of its own, and one that is done is forgotten', () => {
    const pacing = createPacing(LIMITS)
    expect(pacing.poll('a', 0).kind).toBe('allowed')
    expect(pacing.poll('b', 1).kind).toBe('allowed')
    expect(pacing.poll('a', 2)).toEqual({ kind: 'slow_down', intervalSeconds: 10 })
    expect([pacing.intervalSeconds('a'), pacing.intervalSeconds('b')]).toEqual([10, 5])
    pacing.forget('a')
    expect(pacing.intervalSeconds('a')).toBe(5)
    expect(pacing.poll('a', 3).kind).toBe('allowed')
  })

  it('DEV-23 DEV-12 the first poll that says the number is shown is free, once; the rhythm counts from it', () => {
    const pacing = createPacing(LIMITS)
    const poll = (second: number, shows: boolean) => pacing.poll('device', second * 1000, shows).kind
    expect([poll(0, false), poll(2, true), poll(3, true), poll(7, true), poll(8, false)]).toEqual([
      'allowed',
      'allowed',
      'slow_down',
      'allowed',
      'slow_down',
    ])
  })

  it('DEV-13 DEV-16 a device that waits what it was told is always answered, whatever came before', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 70_000 }), { maxLength: 40 })
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 60 }), (impatient, intervalSeconds) => {
        const pacing = createPacing({ ...SLOW_DOWN, intervalSeconds })
        let now = 0
        let told = intervalSeconds
        const poll = (): Paced => {
          const outcome = pacing.poll('device', now)
          if (outcome.kind === 'slow_down') told = outcome.intervalSeconds
          return outcome
        }
        for (const gap of impatient) {
          poll()
          now += gap
        }
        // From here on it behaves: one poll at any moment, then only such as it was told.
        poll()
        for (let polls = 0; polls < 3; polls++) {
          now += told * 1000
          expect(poll().kind).toBe('allowed')
        }
      }),
    )
  })

  it('DEV-13 with lost answers and jitter, hearing one slow_down, or missing only one, is enough to be answered', () => {
    const polls = fc.array(fc.record({ lost: fc.boolean(), jitter: fc.integer({ min: -2_000, max: 500 }) }), {
      maxLength: 60,
    })
    fc.assert(
      fc.property(polls, (sequence) => {
        const pacing = createPacing(LIMITS)
        let now = 0
        let told = 5
        for (const { lost, jitter } of sequence) {
          const missed = (pacing.intervalSeconds('device') - told) / 5
          const outcome = pacing.poll('device', now)
          if (missed <= 1) expect(outcome.kind).toBe('allowed')
          if (!lost && outcome.kind === 'slow_down') told = outcome.intervalSeconds
          now += told * 1000 - jitter
          // Now and then it is restarted, and asks at once.
          if (lost && jitter === 500) pacing.poll('device', now - 2_000)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('DEV-12 no interval ever falls, and none passes a minute', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 60 }), (gaps) => {
        const pacing = createPacing(LIMITS)
        let now = 0
        let before = 5
        for (const gap of gaps) {
          now += gap
          pacing.poll('device', now)
          const interval = pacing.intervalSeconds('device')
          expect(interval).toBeGreaterThanOrEqual(before)
          expect(interval).toBeLessThanOrEqual(60)
          before = interval
        }
      }),
    )
  })
})

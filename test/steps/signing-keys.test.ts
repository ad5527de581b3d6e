import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  activeKey,
  emergencySuccession,
  JWKS_MAX_AGE_SECONDS,
  KEEP_MS,
  LEAD_MS,
  LONGEST_TOKEN_SECONDS,
  lifeOf,
  orderedSuccession,
  type Succession,
  scheduledSuccession,
  waitingKey,
} from '../../server/src/oauth/keys/signing-key-life.ts'
import type { SigningAlgorithm } from '../../server/src/oauth/records.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOW = 1_000 * DAY

const key = (generation: number, activeAt: number, more: Partial<Succession> = {}): Succession => ({
  alg: 'ES256',
  generation,
  publishedAt: activeAt,
  activeAt,
  ...more,
})
const waiting = (generation: number, publishedAt: number): Succession =>
  key(generation, publishedAt + LEAD_MS, { publishedAt })
const states = (keys: readonly Succession[], now: number) => keys.map((one) => lifeOf(one, keys, now).state).join(' ')

describe('the life of a signing key', () => {
  it('KEY-03 is known an hour longer than a key set may be kept, before it signs; and a token longer, after', () => {
    expect(LEAD_MS).toBeGreaterThanOrEqual(JWKS_MAX_AGE_SECONDS * 1000 + HOUR)
    expect(KEEP_MS).toBeGreaterThan(LONGEST_TOKEN_SECONDS * 1000)
  })

  it.each([
    ['when it was published', 0, 'active published'],
    ['just before it signs', LEAD_MS - 1, 'active published'],
    ['when it signs', LEAD_MS, 'retired active'],
    ['while the last token of the old one may live', LEAD_MS + LONGEST_TOKEN_SECONDS * 1000, 'retired active'],
    ['at the end of the overlap', LEAD_MS + KEEP_MS - 1, 'retired active'],
    ['after it', LEAD_MS + KEEP_MS, 'gone active'],
    ['much later', LEAD_MS + 400 * DAY, 'gone active'],
  ])('KEY-03 old and new key %s', (_, after, expected) => {
    expect(states([key(1, NOW - DAY), waiting(2, NOW)], NOW + after)).toBe(expected)
  })

  it('KEY-03 says since when and until when', () => {
    const [old, next] = [key(1, NOW - DAY), waiting(2, NOW)]
    const keys = [old, next]
    const [signs, gone] = [NOW + LEAD_MS, NOW + LEAD_MS + KEEP_MS]
    expect(lifeOf(old, [old], NOW)).toEqual({ state: 'active', since: NOW - DAY })
    expect(lifeOf(old, keys, NOW)).toEqual({ state: 'active', since: NOW - DAY, until: signs })
    expect(lifeOf(next, keys, NOW)).toEqual({ state: 'published', since: NOW, until: signs })
    expect(lifeOf(old, keys, signs)).toEqual({ state: 'retired', since: signs, until: gone })
    expect(lifeOf(next, keys, signs)).toEqual({ state: 'active', since: signs })
    expect(lifeOf(old, keys, gone)).toEqual({ state: 'gone', since: gone })
  })

  it('KEY-03 an emergency ends all older keys of its algorithm at once, on machines whose clock is behind as well', () => {
    const drop = emergencySuccession([key(1, NOW - DAY), waiting(2, NOW - HOUR)], 'ES256', NOW)
    const keys = [key(1, NOW - DAY), waiting(2, NOW - HOUR), drop, key(1, NOW - DAY, { alg: 'RS256' })]
    for (const now of [NOW - HOUR, NOW, NOW + DAY]) expect(states(keys, now)).toBe('gone gone active active')
    expect(lifeOf(key(1, NOW - DAY), keys, NOW)).toEqual({ state: 'gone', since: NOW })
    // What follows it has the usual overlap again.
    expect(states([...keys, waiting(4, NOW)], NOW)).toBe('gone gone active active published')
  })

  it('the first key signs, whatever the clock of the machine that made it said', () => {
    expect(activeKey([key(1, NOW + DAY)], 'ES256', NOW)?.generation).toBe(1)
    expect(activeKey([key(7, NOW + DAY), waiting(8, NOW)], 'ES256', NOW)?.generation).toBe(7)
    expect(activeKey([key(1, NOW)], 'RS256', NOW)).toBeUndefined()
  })
})

describe('who follows whom', () => {
  it.each([
    ['the first at once', [], 90, { generation: 1, publishedAt: NOW, activeAt: NOW }],
    ['the first at once, also without a schedule', [], 0, { generation: 1, publishedAt: NOW, activeAt: NOW }],
    ['nobody yet', [key(1, NOW - 90 * DAY + LEAD_MS + 1)], 90, undefined],
    [
      'one in time for the 90th day',
      [key(1, NOW - 90 * DAY + LEAD_MS)],
      90,
      { generation: 2, publishedAt: NOW, activeAt: NOW + LEAD_MS },
    ],
    [
      'one with full overlap after a year switched off',
      [key(5, NOW - 365 * DAY)],
      90,
      { generation: 6, publishedAt: NOW, activeAt: NOW + LEAD_MS },
    ],
    ['nobody without a schedule', [key(1, NOW - 999 * DAY)], 0, undefined],
    ['nobody while one waits', [key(1, NOW - 91 * DAY), waiting(2, NOW - 1)], 90, undefined],
    ['nobody while one waits by a clock that is a little ahead', [key(1, 0), waiting(2, NOW + HOUR)], 90, undefined],
    [
      'another than the one that a clock far ahead put off for years',
      [key(1, NOW - 90 * DAY), waiting(2, NOW + 5_000 * DAY)],
      90,
      { generation: 3, publishedAt: NOW, activeAt: NOW + LEAD_MS },
    ],
  ] as const)('KEY-03 on schedule: %s', (_, keys, days, expected) => {
    const found = scheduledSuccession([...keys, key(9, NOW, { alg: 'RS256' })], 'ES256', NOW, days)
    expect(found).toEqual(expected && { alg: 'ES256', ...expected })
  })

  it('KEY-03 by command: one, and none while it waits', () => {
    const old = key(3, NOW - DAY)
    const next = orderedSuccession([old], 'ES256', NOW)
    expect(next).toEqual({ alg: 'ES256', generation: 4, publishedAt: NOW, activeAt: NOW + LEAD_MS })
    if (next === undefined) throw new Error('no successor')
    expect(waitingKey([old, next], 'ES256', NOW)).toBe(next)
    expect(orderedSuccession([old, next], 'ES256', NOW + LEAD_MS - 1)).toBeUndefined()
    expect(orderedSuccession([old, next], 'ES256', NOW + LEAD_MS)?.generation).toBe(5)
    expect(orderedSuccession([], 'EdDSA', NOW)).toMatchObject({ generation: 1, activeAt: NOW })
  })

  it('KEY-03 whatever is done and when, one key of each algorithm signs, and it was known in time', () => {
    const acts = fc.array(
      fc.record({
        alg: fc.constantFrom<SigningAlgorithm>('ES256', 'RS256'),
        act: fc.constantFrom('schedule', 'order', 'emergency'),
        wait: fc.integer({ min: 0, max: 40 * DAY }),
      }),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(acts, fc.integer({ min: 0, max: 30 }), (steps, days) => {
        const keys: Succession[] = []
        let now = NOW
        for (const alg of ['ES256', 'RS256'] as const)
          keys.push(...[scheduledSuccession(keys, alg, now, days) ?? []].flat())
        for (const { alg, act, wait } of steps) {
          now += wait
          const before = activeKey(keys, alg, now)
          const next =
            act === 'schedule'
              ? scheduledSuccession(keys, alg, now, days)
              : act === 'order'
                ? orderedSuccession(keys, alg, now)
                : emergencySuccession(keys, alg, now)
          if (next !== undefined) keys.push(next)
          const signing = keys.filter((one) => one.alg === alg && lifeOf(one, keys, now).state === 'active')
          expect(signing).toHaveLength(1)
          if (act === 'emergency') expect(signing[0]).toBe(next)
          else expect(signing[0]).toBe(before)
          for (const one of keys.filter((other) => other.generation > 1 && other.dropsOlder !== true)) {
            expect(one.activeAt - one.publishedAt).toBe(LEAD_MS)
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})

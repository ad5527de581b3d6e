import { describe, expect, it } from 'vitest'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import type { TokenFamily } from '../../server/src/oauth/records.ts'
import {
  familyEnd,
  familyOf,
  graceMs,
  handleFor,
  newRefreshToken,
  type RefreshLimits,
  type RotateOutcome,
  revoke,
  rotate,
} from '../../server/src/oauth/tokens/token-family.ts'
import { fakeHost } from '../support/fake-host.ts'

const DAY = 24 * 60 * 60 * 1000
const HOME = '203.0.113.7'
const LIMITS: RefreshLimits = { idleDays: 90, absoluteDays: 365, graceSeconds: 60, boundGraceDays: 30 }

/** One family, and a client that brings its tokens at moments of the test's choice (milliseconds from the start). */
function newFamily(limits: RefreshLimits = LIMITS) {
  const { entropy } = fakeHost()
  const { handle, familyId } = handleFor('a device code')
  const first = newRefreshToken(handle, 0, entropy)
  let family: TokenFamily = {
    id: familyId,
    version: 0,
    expiresAt: familyEnd(0, 0, limits),
    scope: ['library:read'],
    resources: ['https://library.example.com'],
    authenticatedAt: 0,
    amr: ['pwd'],
    clientId: 'tv',
    userId: 'usr_a',
    device: {},
    origin: 'device',
    createdAt: 0,
    usedAt: 0,
    generation: 0,
    current: digestOf(first),
  }
  return {
    first,
    handle,
    family: () => family,
    end: (now: number) => {
      family = revoke(family, now)
    },
    use(presented: string, now: number, address = HOME): RotateOutcome {
      const input = { presented, now, address, limits, graceMs: graceMs(false, limits), entropy }
      const { next, outcome } = rotate(family, input)
      family = next ?? family
      return outcome
    },
    /** Uses the token and returns its successor. */
    next(presented: string, now: number): string {
      const outcome = this.use(presented, now)
      if (!('refreshToken' in outcome)) throw new Error(outcome.kind)
      return outcome.refreshToken
    },
  }
}

describe('a family of refresh tokens', () => {
  it('WEB-09 knows when and from where it was last used, also by a client whose answer was lost', () => {
    const { first, use, family } = newFamily()
    use(first, 10_000, '198.51.100.1')
    expect(family()).toMatchObject({ usedAt: 10_000, usedFrom: '198.51.100.1' })
    use(first, 20_000, '198.51.100.2')
    expect(family()).toMatchObject({ usedAt: 20_000, usedFrom: '198.51.100.2' })
  })

  it('RT-01 RT-02 every use gives a new token of the same family, 256 random bits behind its handle', () => {
    const { first, handle, use, family } = newFamily()
    const seen = new Set([first])
    let token = first
    for (let turn = 0; turn < 20; turn++) {
      const outcome = use(token, turn)
      if (outcome.kind !== 'rotated') throw new Error(outcome.kind)
      token = outcome.refreshToken
      seen.add(token)
      expect(token).toMatch(/^[\w-]{69}$/)
      expect(Buffer.from(token.slice(handle.length + 4), 'base64url')).toHaveLength(32)
      expect(familyOf(token)).toBe(family().id)
    }
    expect(seen.size).toBe(21)
  })

  it('OPS-08 a token from after the backup is refused, and the family of the backup lives', () => {
    const chain = newFamily()
    const second = chain.next(chain.first, 1)
    const backup = chain.family()
    const third = chain.next(second, 2)
    const restored = rotate(backup, {
      presented: third,
      now: 3,
      address: HOME,
      limits: LIMITS,
      graceMs: graceMs(false, LIMITS),
      entropy: fakeHost().entropy,
    })
    expect(restored).toEqual({ outcome: { kind: 'gone' } })
    expect(chain.use(chain.first, 4).kind).toBe('reuse')
  })

  it('RT-02 what never was a token of ours names no family', () => {
    for (const text of ['', 'x', 'a'.repeat(64), 'a'.repeat(66), `${'a'.repeat(64)}=`, 'ä'.repeat(65)]) {
      expect(familyOf(text)).toBeUndefined()
    }
  })

  it('RT-05 RT-09 the parent, its successor unused, gets that same successor again; it lies sealed', () => {
    const chain = newFamily()
    const second = chain.next(chain.first, 1_000)
    for (const later of [1_000, 2_000, 60_999]) {
      expect(chain.use(chain.first, later)).toMatchObject({ kind: 'repeated', refreshToken: second })
    }
    const stored = JSON.stringify(chain.family())
    expect(stored).not.toContain(second)
    expect(stored).not.toContain(chain.first)
    expect(chain.next(second, 61_000)).not.toBe(second)
  })

  it.each([
    ['one second after the window', 61_000],
    ['a day later', DAY],
  ])('RT-05 RT-07 the parent %s is reuse', (_name, later) => {
    const chain = newFamily()
    const second = chain.next(chain.first, 1_000)
    expect(chain.use(chain.first, later).kind).toBe('reuse')
    expect(chain.use(second, later).kind).toBe('gone')
  })

  it('RT-08 a replay never extends the window', () => {
    const chain = newFamily()
    chain.next(chain.first, 0)
    for (let second = 1; second < 60; second += 10) {
      expect(chain.use(chain.first, second * 1000).kind).toBe('repeated')
    }
    expect(chain.use(chain.first, 60_000).kind).toBe('reuse')
  })

  it('RT-07 NEG-13 the parent after its successor was used is reuse, within the window too', () => {
    const chain = newFamily()
    const second = chain.next(chain.first, 0)
    const third = chain.next(second, 1)
    expect(chain.use(chain.first, 2).kind).toBe('reuse')
    for (const token of [chain.first, second, third]) expect(chain.use(token, 3).kind).toBe('gone')
  })

  it('RT-07 grandparents get no grace, however quick the turns', () => {
    const chain = newFamily()
    const second = chain.next(chain.first, 0)
    const third = chain.next(second, 0)
    chain.next(third, 0)
    expect(chain.use(second, 0).kind).toBe('reuse')
  })

  it('RT-07 a made-up token with a real handle ends the family: only an old token knows the handle', () => {
    const chain = newFamily()
    expect(chain.use(newRefreshToken(chain.handle, 0, fakeHost({ seed: 9 }).entropy), 1).kind).toBe('reuse')
    expect(chain.use(chain.first, 2).kind).toBe('gone')
  })

  it('RT-05 no grace at all where it is configured away', () => {
    const chain = newFamily({ ...LIMITS, graceSeconds: 0 })
    chain.next(chain.first, 0)
    expect(chain.use(chain.first, 0).kind).toBe('reuse')
  })

  it.each<readonly [string, readonly number[], number, string]>([
    ['used within ninety days, a link goes on', [89], 178, 'rotated'],
    ['unused for ninety, it ends', [], 90, 'gone'],
    ['a moment before, it does not', [], 89.999, 'rotated'],
    ['unused for ninety after a use, it ends', [10], 100, 'gone'],
    ['in use, it ends after a year', [80, 160, 240, 320], 365, 'gone'],
    ['in use, it lives until then', [80, 160, 240, 320], 364.999, 'rotated'],
  ])('RT-10 %s', (_title, uses, day, kind) => {
    const chain = newFamily()
    let token = chain.first
    for (const use of uses) token = chain.next(token, use * DAY)
    expect(chain.use(token, day * DAY).kind).toBe(kind)
  })

  it('RT-10 the record may be purged when the link ends, not before', () => {
    const chain = newFamily()
    expect(chain.family().expiresAt).toBe(90 * DAY)
    let token = chain.next(chain.first, 80 * DAY)
    expect(chain.family().expiresAt).toBe(170 * DAY)
    for (const day of [160, 240, 320]) token = chain.next(token, day * DAY)
    expect(chain.family().expiresAt).toBe(365 * DAY)
  })

  it('RT-10 RT-08 what was ended stays ended, for every generation', () => {
    const chain = newFamily()
    const second = chain.next(chain.first, 0)
    chain.end(1)
    chain.end(5)
    expect(chain.family().revokedAt).toBe(1)
    for (const token of [chain.first, second]) expect(chain.use(token, 2).kind).toBe('gone')
  })

  it('RT-02 a family without refresh tokens yields none', () => {
    const chain = newFamily()
    const { current: _, ...without } = chain.family()
    const input = {
      presented: chain.first,
      now: 0,
      address: HOME,
      limits: LIMITS,
      graceMs: graceMs(false, LIMITS),
      entropy: fakeHost().entropy,
    }
    expect(rotate(without, input)).toEqual({ outcome: { kind: 'gone' } })
    expect(rotate(undefined, input)).toEqual({ outcome: { kind: 'gone' } })
  })
})

import { describe, expect, it } from 'vitest'
import { answerable, decide, poll, redeem } from '../../server/src/oauth/device-request.ts'
import type { DeviceRequest } from '../../server/src/oauth/records.ts'

const DEADLINE = 600_000
const ana = { userId: 'usr_a', decidedAt: 1_000, authenticatedAt: 0, amr: ['pwd'] }
const bo = { ...ana, userId: 'usr_b' }

const PENDING: DeviceRequest = {
  id: 'request',
  version: 0,
  expiresAt: DEADLINE * 2,
  scope: [],
  resources: [],
  userCodeDigest: 'digest',
  clientId: 'tv',
  device: {},
  address: '192.0.2.1',
  createdAt: 0,
  deadlineAt: DEADLINE,
  state: 'pending',
}
const APPROVED: DeviceRequest = { ...PENDING, state: 'approved', decision: ana }
const DENIED: DeviceRequest = { ...PENDING, state: 'denied', decision: ana }
const REDEEMED: DeviceRequest = { ...APPROVED, state: 'redeemed', familyId: 'family' }

describe('one device request', () => {
  it('NEG-08 a decision is written once, with who decided', () => {
    expect(decide(PENDING, 'approved', ana, 5)).toEqual({ next: APPROVED, outcome: 'done' })
    expect(decide(PENDING, 'denied', ana, 5)).toEqual({ next: DENIED, outcome: 'done' })
  })

  it.each<readonly [string, DeviceRequest | undefined, 'approved' | 'denied', typeof ana, string]>([
    ['a double click', APPROVED, 'approved', ana, 'done'],
    ['a double refusal', DENIED, 'denied', ana, 'done'],
    ['a change of mind', APPROVED, 'denied', ana, 'used'],
    ['a second person', APPROVED, 'approved', bo, 'used'],
    ['after the tokens left', REDEEMED, 'approved', ana, 'used'],
    ['none there', undefined, 'approved', ana, 'unknown'],
    ['too late', PENDING, 'approved', { ...ana, decidedAt: DEADLINE }, 'expired'],
  ])('NEG-08 %s writes nothing', (_name, request, answer, decision, outcome) => {
    expect(decide(request, answer, decision, 5)).toEqual({ outcome })
  })

  it('NEG-08 answers are taken until one interval and five seconds before the deadline', () => {
    expect(answerable(PENDING, DEADLINE - 10_001, 5)).toBe('open')
    expect(answerable(PENDING, DEADLINE - 10_000, 5)).toBe('expired')
    expect(answerable(PENDING, DEADLINE - 65_001, 60)).toBe('open')
    expect(answerable(PENDING, DEADLINE - 65_000, 60)).toBe('expired')
    expect(answerable(DENIED, DEADLINE, 5)).toBe('used')
  })

  it.each<readonly [string, DeviceRequest, string, string]>([
    ['pending', PENDING, 'pending', 'expired'],
    ['denied', DENIED, 'denied', 'expired'],
    ['approved', APPROVED, 'approved', 'expired'],
    ['redeemed', REDEEMED, 'redeemed', 'redeemed'],
  ])('DEV-14 DEV-16 %s: what a poll finds just before the deadline, and at it', (_name, request, before, at) => {
    expect(poll(request, DEADLINE - 1).kind).toBe(before)
    expect(poll(request, DEADLINE).kind).toBe(at)
  })

  it('DEV-15 only an approved request is redeemed, in time, and it names its family', () => {
    expect(redeem(APPROVED, 'family', 1)).toEqual({ next: REDEEMED, outcome: { kind: 'redeemed', decision: ana } })
    for (const request of [PENDING, DENIED, REDEEMED]) expect(redeem(request, 'other', 1).next).toBeUndefined()
    expect(redeem(APPROVED, 'family', DEADLINE)).toEqual({ outcome: { kind: 'expired' } })
  })
})

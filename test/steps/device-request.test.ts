import { describe, expect, it } from 'vitest'
import {
  answerable,
  approve,
  askNumber,
  decide,
  MOST_WRONG_LETTERS,
  open,
  poll,
  redeem,
  report,
  withdraw,
} from '../../server/src/oauth/device/device-request.ts'
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
    ['a double click', APPROVED, 'approved', ana, 'again'],
    ['a double refusal', DENIED, 'denied', ana, 'again'],
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

describe('a yes that must be proven', () => {
  const NUMBER = { shown: '58', choices: ['17', '58', '92'] } as const
  const ASKED: DeviceRequest = { ...PENDING, openedBy: ana.userId, showsNumber: true, number: NUMBER }
  const right = { kind: 'number', chosen: '58' } as const
  const wrong = { kind: 'number', chosen: '17' } as const
  const letters = (codeDigest: string) => ({ kind: 'letters', codeDigest }) as const

  it('DEV-23 the number is drawn once: asked again it is the same, among the same, and nothing is written', () => {
    const other = { shown: '33', choices: ['33', '34', '35'] }
    expect(askNumber(PENDING, NUMBER)).toEqual({
      next: { ...PENDING, number: NUMBER },
      outcome: { number: NUMBER, first: true },
    })
    expect(askNumber(ASKED, other)).toEqual({ outcome: { number: NUMBER, first: false } })
    for (const closed of [APPROVED, DENIED, REDEEMED, undefined]) {
      expect(askNumber(closed, NUMBER)).toEqual({ outcome: undefined })
    }
  })

  it('DEV-23 the right number is a yes', () => {
    expect(approve(ASKED, right, ana, 5)).toEqual({
      next: { ...ASKED, state: 'approved', decision: ana },
      outcome: 'done',
    })
  })

  it('DEV-23 a wrong number is final, and so is any number where none was asked for', () => {
    expect(approve(ASKED, wrong, ana, 5)).toEqual({
      next: { ...ASKED, state: 'denied', refused: 'mismatch', decision: ana },
      outcome: 'mismatch',
    })
    expect(approve(PENDING, right, ana, 5).outcome).toBe('mismatch')
  })

  it.each([
    ['a second person', ASKED, bo, 'used'],
    ['too late', ASKED, { ...ana, decidedAt: DEADLINE }, 'expired'],
    ['after a wrong one', { ...ASKED, state: 'denied', refused: 'mismatch', decision: ana } as const, ana, 'used'],
    ['a double click', { ...ASKED, state: 'approved', decision: ana } as const, ana, 'again'],
  ])('DEV-23 NEG-08 the right number of %s writes nothing', (_name, request, decision, outcome) => {
    expect(approve(request, right, decision, 5)).toEqual({ outcome })
  })

  it('DEV-23 wrong letters are counted, and the third are final; right ones are a yes as long as there is a try', () => {
    let request = PENDING
    for (let tries = 1; tries < MOST_WRONG_LETTERS; tries++) {
      const step = approve(request, letters('other'), ana, 5)
      expect(step).toEqual({ next: { ...PENDING, wrongLetters: tries, wrongLettersBy: ana.userId }, outcome: 'wrong' })
      request = step.next ?? request
      expect(approve(request, letters('digest'), ana, 5)).toEqual({
        next: { ...request, state: 'approved', decision: ana },
        outcome: 'done',
      })
    }
    expect(approve(request, letters('other'), ana, 5)).toEqual({
      next: { ...request, state: 'denied', refused: 'mismatch', decision: ana, wrongLetters: MOST_WRONG_LETTERS },
      outcome: 'mismatch',
    })
  })
})

describe('a request that is ended by more than a no', () => {
  it('DEV-22 a report refuses, also after the deadline; never what was allowed, and never for another account', () => {
    const reported = { ...PENDING, state: 'denied', refused: 'reported', decision: ana }
    expect(report(PENDING, ana)).toEqual({ next: reported, outcome: 'done' })
    const late = { ...ana, decidedAt: DEADLINE + 1 }
    expect(report(PENDING, late)).toEqual({ next: { ...reported, decision: late }, outcome: 'done' })
    expect(report({ ...PENDING, openedBy: bo.userId }, ana)).toEqual({ outcome: 'used' })
    for (const closed of [APPROVED, REDEEMED]) expect(report(closed, ana)).toEqual({ outcome: 'used' })
    expect(report(undefined, ana)).toEqual({ outcome: 'unknown' })
  })

  it('DEV-22 NEG-08 who has refused, or brought the wrong proof, may say so after it: once, and the decision stays', () => {
    const afterwards = { ...ana, decidedAt: 9_000, fromAfar: true } as const
    for (const refused of [DENIED, { ...DENIED, refused: 'mismatch' } as const]) {
      const step = report(refused, afterwards)
      expect(step).toEqual({ next: { ...DENIED, refused: 'reported' }, outcome: 'done' })
      expect(report(step.next, afterwards)).toEqual({ outcome: 'used' })
      expect(report(refused, bo)).toEqual({ outcome: 'used' })
    }
    for (const withdrawnBy of ['person', 'operator', 'report'] as const) {
      expect(report({ ...APPROVED, state: 'denied', withdrawnBy }, ana)).toEqual({ outcome: 'used' })
      expect(report({ ...PENDING, state: 'denied', withdrawnBy }, ana)).toEqual({ outcome: 'used' })
    }
  })

  it('DEV-22 one that is withdrawn is denied, whatever was decided, and says by whom; once', () => {
    for (const request of [PENDING, APPROVED, REDEEMED]) {
      expect(withdraw(request, 'report')).toEqual({
        next: { ...request, state: 'denied', withdrawnBy: 'report' },
        outcome: true,
      })
    }
    expect(withdraw(PENDING).next?.withdrawnBy).toBe('operator')
    expect(withdraw(DENIED)).toEqual({ outcome: false })
    expect(withdraw(undefined)).toEqual({ outcome: false })
  })

  it('DEV-22 whoever opens it first owns it, and is told from those who come again', () => {
    const opened = { ...PENDING, openedBy: ana.userId }
    const yours = { found: 'yours', contested: false }
    expect(open(PENDING, ana.userId, 1, 5)).toEqual({ next: opened, outcome: { ...yours, first: true } })
    expect(open(opened, ana.userId, 2, 5)).toEqual({ outcome: { ...yours, first: false } })
    expect(open(opened, bo.userId, 3, 5)).toEqual({
      next: { ...opened, contestedAt: 3 },
      outcome: { found: 'anothers', contested: true, first: false },
    })
  })
})

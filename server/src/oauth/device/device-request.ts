// The life of one device request as pure steps: pending, then approved or denied once, then redeemed once (RFC 8628 §3).
// Pacing of polls lives next door (pacing.ts): it shapes traffic and is no truth.

import { sameDigest } from '../keys/vault.ts'
import type { Decision, DeviceRequest, ScreenNumber, TokenFamily } from '../records.ts'
import type { Step } from '../store.ts'

/** The record outlives its codes by a day, so that a late device hears why, and its user code is not given out again. */
export const KEPT_AFTER_DEADLINE_MS = 24 * 60 * 60 * 1000

/** An approval this close to the deadline could not be picked up any more by a device that polls: one interval and 5 s. */
export const PICKUP_MARGIN_MS = 5_000

/** What a person may still do about a request. */
export type Answerable = 'open' | 'used' | 'expired'

/** Decisions are terminal, and the page stops taking them a little before the deadline. */
export function answerable(request: DeviceRequest, now: number, intervalSeconds: number): Answerable {
  if (request.state !== 'pending') return 'used'
  return now < answerableUntil(request, intervalSeconds) ? 'open' : 'expired'
}

export function answerableUntil({ deadlineAt }: DeviceRequest, intervalSeconds: number): number {
  return deadlineAt - intervalSeconds * 1000 - PICKUP_MARGIN_MS
}

/** What has become of a yes: not fetched yet, fetched, not fetched in time, or fetched and ended since. */
export type Pickup = 'awaited' | 'done' | 'missed' | 'ended'

/** `family` is the link that came of the request, if one did; a crash may have lost it to the next poll. */
export function pickup(
  request: DeviceRequest,
  family: Pick<TokenFamily, 'revokedAt'> | undefined,
  now: number,
): Pickup {
  if (family !== undefined) return family.revokedAt === undefined ? 'done' : 'ended'
  return now < request.deadlineAt ? 'awaited' : 'missed'
}

/** What somebody finds who brings the code of a request; `contested` when another account brought it before. */
export interface OpenOutcome {
  readonly found: 'yours' | 'anothers' | 'closed'
  readonly contested: boolean
  /** Nobody had opened it before. */
  readonly first: boolean
}

/**
 * The first account that brings a code owns it: a code that was sent to many people serves one of them at most
 * (RFC 10027 §6.1.4). That another account brought it is kept as well, for whoever looks into it.
 */
export function open(
  request: DeviceRequest | undefined,
  userId: string,
  now: number,
  intervalSeconds: number,
): Step<DeviceRequest, OpenOutcome> {
  if (request === undefined) return { outcome: { found: 'closed', contested: false, first: false } }
  const owner = request.openedBy ?? request.decision?.userId
  const contested = owner !== undefined && owner !== userId
  const closed = answerable(request, now, intervalSeconds) !== 'open'
  const found = closed ? 'closed' : contested ? 'anothers' : 'yours'
  const first = found === 'yours' && owner === undefined
  const outcome = { found, contested, first } as const
  if (contested && request.contestedAt === undefined) return { next: { ...request, contestedAt: now }, outcome }
  return first ? { next: { ...request, openedBy: userId }, outcome } : { outcome }
}

/** Its owner goes, to come back as somebody else: the code is free again while nobody has decided. */
export function release(request: DeviceRequest | undefined, userId: string): Step<DeviceRequest, undefined> {
  if (request?.state !== 'pending' || request.openedBy !== userId) return { outcome: undefined }
  const { openedBy: _, ...rest } = request
  return { next: rest, outcome: undefined }
}

/** It is ended from elsewhere, whatever was decided; a device that comes for its tokens hears that it was refused. */
export function withdraw(
  request: DeviceRequest | undefined,
  withdrawnBy: DeviceRequest['withdrawnBy'] = 'operator',
): Step<DeviceRequest, boolean> {
  if (request === undefined || request.state === 'denied') return { outcome: false }
  return { next: { ...request, state: 'denied', withdrawnBy }, outcome: true }
}

/** `again`: the same person said the same before. */
export type DecisionOutcome = 'done' | 'again' | 'used' | 'expired' | 'unknown'

export function decide(
  request: DeviceRequest | undefined,
  answer: 'approved' | 'denied',
  decision: Decision,
  intervalSeconds: number,
): Step<DeviceRequest, DecisionOutcome> {
  if (request === undefined) return { outcome: 'unknown' }
  // A double click is the same person saying the same thing again: harmless, and nothing more to write.
  if (request.state === answer && request.decision?.userId === decision.userId) return { outcome: 'again' }
  const found = answerable(request, decision.decidedAt, intervalSeconds)
  if (found !== 'open') return { outcome: found }
  if ((request.openedBy ?? decision.userId) !== decision.userId) return { outcome: 'used' }
  return { next: { ...request, state: answer, decision }, outcome: 'done' }
}

/** The number is drawn once: whoever opens the page again, or opens two, finds the same one among the same others. */
export function askNumber(
  request: DeviceRequest | undefined,
  drawn: ScreenNumber,
): Step<DeviceRequest, { readonly number: ScreenNumber; readonly first: boolean } | undefined> {
  if (request?.state !== 'pending') return { outcome: undefined }
  if (request.number !== undefined) return { outcome: { number: request.number, first: false } }
  return { next: { ...request, number: drawn }, outcome: { number: drawn, first: true } }
}

/** What a person brings from the device's screen. Letters come as the digest of the code that they complete. */
export type Proof =
  | { readonly kind: 'none' }
  | { readonly kind: 'number'; readonly chosen: string }
  | { readonly kind: 'letters'; readonly codeDigest: string }

/** One in 160,000 each; a person who reads them off a screen needs one try, or two. */
export const MOST_WRONG_LETTERS = 3

/**
 * A yes that a proof comes with. A wrong number is final: of three, a second try would be a coin. Wrong letters may be
 * a slip, so they are asked for again (`wrong`) until they are final too (`mismatch`).
 */
export function approve(
  request: DeviceRequest | undefined,
  proof: Proof,
  decision: Decision,
  intervalSeconds: number,
): Step<DeviceRequest, DecisionOutcome | 'wrong' | 'mismatch'> {
  const step = decide(request, 'approved', decision, intervalSeconds)
  if (request === undefined || step.next === undefined || fits(request, proof)) return step
  const wrongLetters = (request.wrongLetters ?? 0) + (proof.kind === 'letters' ? 1 : 0)
  if (proof.kind === 'letters' && wrongLetters < MOST_WRONG_LETTERS) {
    return { next: { ...request, wrongLetters, wrongLettersBy: decision.userId }, outcome: 'wrong' }
  }
  const refused = { ...request, state: 'denied', refused: 'mismatch', decision } as const
  return { next: proof.kind === 'letters' ? { ...refused, wrongLetters } : refused, outcome: 'mismatch' }
}

function fits({ number, userCodeDigest }: DeviceRequest, proof: Proof): boolean {
  if (proof.kind === 'number') return proof.chosen === number?.shown
  return proof.kind === 'none' || sameDigest(proof.codeDigest, userCodeDigest)
}

/**
 * Whether this person's word that the code was sent to them still counts: while nobody has decided, and after their own
 * no or wrong proof. What they allowed is theirs to remove instead.
 */
export function reportable(request: DeviceRequest, userId: string): boolean {
  const { state, decision, openedBy, refused, withdrawnBy } = request
  if (state === 'pending') return (openedBy ?? userId) === userId
  return state === 'denied' && withdrawnBy === undefined && refused !== 'reported' && decision?.userId === userId
}

/**
 * "Someone sent me this code": a no that says more, or says more about a no. Good after the deadline as well, since
 * somebody who has read for ten minutes still knows who sent it. A decision that was there stays, with where it was made.
 */
export function report(
  request: DeviceRequest | undefined,
  decision: Decision,
): Step<DeviceRequest, 'done' | 'used' | 'unknown'> {
  if (request === undefined) return { outcome: 'unknown' }
  if (!reportable(request, decision.userId)) return { outcome: 'used' }
  return {
    next: { ...request, state: 'denied', refused: 'reported', decision: request.decision ?? decision },
    outcome: 'done',
  }
}

/** What a poll finds. A `redeemed` request may still be without its family, after a crash between the two writes. */
export type PollOutcome =
  | { readonly kind: 'pending' }
  | { readonly kind: 'denied' }
  | { readonly kind: 'expired' }
  | { readonly kind: 'approved'; readonly decision: Decision }
  | { readonly kind: 'redeemed'; readonly decision: Decision }

/** Order of RFC 8628 §3.5 as we fix it: consumed, expired, then the state. */
export function poll(request: DeviceRequest, now: number): PollOutcome {
  const { state, decision } = request
  if (state === 'redeemed' && decision !== undefined) return { kind: 'redeemed', decision }
  if (now >= request.deadlineAt) return { kind: 'expired' }
  if (state === 'approved' && decision !== undefined) return { kind: 'approved', decision }
  return state === 'denied' ? { kind: 'denied' } : { kind: 'pending' }
}

/**
 * Consume first, issue second: redemption names the family that will carry the tokens. A crash between this write and
 * the family's costs one more poll; two polls at once still make one family, because its id can be inserted once.
 */
export function redeem(request: DeviceRequest, familyId: string, now: number): Step<DeviceRequest, PollOutcome> {
  const found = poll(request, now)
  if (found.kind !== 'approved') return { outcome: found }
  return { next: { ...request, state: 'redeemed', familyId }, outcome: { kind: 'redeemed', decision: found.decision } }
}

// The life of one device request as pure steps: pending, then approved or denied once, then redeemed once (RFC 8628 §3).
// Pacing of polls lives next door (pacing.ts): it shapes traffic and is no truth.
import type { Decision, DeviceRequest } from './records.ts'
import type { Step } from './store.ts'

/** The record outlives its codes by a day, so that a late device hears why, and its user code is not given out again. */
export const KEPT_AFTER_DEADLINE_MS = 24 * 60 * 60 * 1000

/** An approval this close to the deadline could not be picked up any more by a device that polls: one interval and 5 s. */
export const PICKUP_MARGIN_MS = 5_000

/** What a person may still do about a request. */
export type Answerable = 'open' | 'used' | 'expired'

/** Decisions are terminal, and the page stops taking them a little before the deadline. */
export function answerable(request: DeviceRequest, now: number, intervalSeconds: number): Answerable {
  if (request.state !== 'pending') return 'used'
  return now < request.deadlineAt - intervalSeconds * 1000 - PICKUP_MARGIN_MS ? 'open' : 'expired'
}

/** What somebody finds who brings the code of a request; `contested` when another account brought it before. */
export interface OpenOutcome {
  readonly found: 'yours' | 'anothers' | 'closed'
  readonly contested: boolean
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
  if (request === undefined) return { outcome: { found: 'closed', contested: false } }
  const owner = request.openedBy ?? request.decision?.userId
  const contested = owner !== undefined && owner !== userId
  const closed = answerable(request, now, intervalSeconds) !== 'open'
  const found = closed ? 'closed' : contested ? 'anothers' : 'yours'
  const outcome = { found, contested } as const
  if (contested && request.contestedAt === undefined) return { next: { ...request, contestedAt: now }, outcome }
  return found === 'yours' && owner === undefined ? { next: { ...request, openedBy: userId }, outcome } : { outcome }
}

/** Its owner goes, to come back as somebody else: the code is free again while nobody has decided. */
export function release(request: DeviceRequest | undefined, userId: string): Step<DeviceRequest, undefined> {
  if (request?.state !== 'pending' || request.openedBy !== userId) return { outcome: undefined }
  const { openedBy: _, ...rest } = request
  return { next: rest, outcome: undefined }
}

/** An operator ends it, whatever was decided; a device that comes for its tokens hears that it was refused. */
export function withdraw(request: DeviceRequest | undefined): Step<DeviceRequest, boolean> {
  if (request === undefined || request.state === 'denied') return { outcome: false }
  return { next: { ...request, state: 'denied' }, outcome: true }
}

export type DecisionOutcome = 'done' | 'used' | 'expired' | 'unknown'

export function decide(
  request: DeviceRequest | undefined,
  answer: 'approved' | 'denied',
  decision: Decision,
  intervalSeconds: number,
): Step<DeviceRequest, DecisionOutcome> {
  if (request === undefined) return { outcome: 'unknown' }
  // A double click is the same person saying the same thing again: harmless, and nothing more to write.
  if (request.state === answer && request.decision?.userId === decision.userId) return { outcome: 'done' }
  const found = answerable(request, decision.decidedAt, intervalSeconds)
  if (found !== 'open') return { outcome: found }
  if ((request.openedBy ?? decision.userId) !== decision.userId) return { outcome: 'used' }
  return { next: { ...request, state: answer, decision }, outcome: 'done' }
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

// What a screen of the device may know: one small state, made from the agent's news. Everything that shows, writes or
// speaks it starts here, so no device_code and no token can get further than this file. Who is told of a change is
// screen.ts; the form that leaves the process is screen-data.ts.
import type { AgentError } from '../core/errors.ts'
import type { LinkRequest } from '../core/link-request.ts'
import { plainText } from './plain-text.ts'

/** The part of a waiting request that is for everybody's eyes. */
export type ShownRequest = Pick<
  LinkRequest,
  'userCode' | 'verificationUri' | 'verificationUriComplete' | 'expiresAtMonotonic' | 'number'
>

/** What screens are told: every state of one attempt to link (`LinkState`), and what a daemon knows beyond it. */
export type ScreenNews =
  | { readonly kind: 'asking' | 'cancelled' | 'unlinked' }
  | { readonly kind: 'waiting'; readonly request: ShownRequest; readonly opened?: boolean | undefined }
  /** Somebody has this code on their phone. */
  | { readonly kind: 'opened'; readonly request: ShownRequest }
  /** A code is out, and the server did not answer. */
  | { readonly kind: 'retrying'; readonly request: ShownRequest; readonly reason: string; readonly inSeconds: number }
  /** No code is out, and the server does not answer. */
  | { readonly kind: 'offline'; readonly reason: string; readonly inSeconds: number }
  | { readonly kind: 'linked'; readonly linked: { readonly subject: Named | undefined } }
  | { readonly kind: 'failed'; readonly error: Pick<AgentError, 'reason' | 'message'> }
  /** It was linked, and a person has to do it again. */
  | { readonly kind: 'needs_linking' }

interface Named {
  readonly name?: string | undefined
  readonly email?: string | undefined
}

/** Trouble that mends itself: why, in a sentence, and when the next attempt is made. */
export interface Trouble {
  readonly reason: string
  /** On the host's monotonic clock, milliseconds. */
  readonly retryAtMonotonic: number
}

export interface CodeState {
  readonly kind: 'code'
  readonly userCode: string
  readonly verificationUri: string
  readonly verificationUriComplete: string | undefined
  /** On the host's monotonic clock, milliseconds. */
  readonly expiresAtMonotonic: number
  /** What a full ring stands for: the time left when the code came to the screen. */
  readonly lifetimeSeconds: number
  readonly opened: boolean
  /** What the person who has opened it is asked for: two digits. */
  readonly number: string | undefined
  readonly trouble: Trouble | undefined
}

export type ScreenState =
  | { readonly kind: 'unlinked' }
  | { readonly kind: 'asking' }
  | CodeState
  | ({ readonly kind: 'offline' } & Trouble)
  | { readonly kind: 'linked'; readonly name: string | undefined }
  | { readonly kind: 'needs_linking' }
  | { readonly kind: 'expired' }
  | { readonly kind: 'denied' }
  | { readonly kind: 'problem'; readonly message: string }

/**
 * What to show after `news`. `previous` is what was shown until now: a code that somebody has opened stays opened through
 * a pause of the network, and its ring goes on from where it was. `now` is the host's monotonic clock, milliseconds.
 */
export function screenStateOf(news: ScreenNews, previous: ScreenState, now: number): ScreenState {
  switch (news.kind) {
    case 'waiting':
      return news.opened ? openedState(news.request, previous, now) : codeState(news.request, previous, now)
    case 'opened':
      return openedState(news.request, previous, now)
    case 'retrying':
      return { ...codeState(news.request, previous, now), trouble: troubleOf(news, now) }
    case 'offline':
      return { kind: 'offline', ...troubleOf(news, now) }
    case 'linked':
      return { kind: 'linked', name: nameOf(news.linked.subject) }
    case 'failed':
      return failureState(news.error)
    case 'cancelled':
      return { kind: 'unlinked' }
    default:
      return { kind: news.kind }
  }
}

function codeState(request: ShownRequest, previous: ScreenState, now: number): CodeState {
  const userCode = plainText(request.userCode)
  const { verificationUriComplete: complete, expiresAtMonotonic } = request
  const before = previous.kind === 'code' && previous.userCode === userCode ? previous : undefined
  return {
    kind: 'code',
    userCode,
    verificationUri: plainText(request.verificationUri),
    // A square must say what the server said, byte for byte, or nothing.
    verificationUriComplete: complete !== undefined && complete === plainText(complete) ? complete : undefined,
    expiresAtMonotonic,
    lifetimeSeconds: before?.lifetimeSeconds ?? Math.max(1, (expiresAtMonotonic - now) / 1000),
    // Whoever is asked for a number has the code open.
    opened: request.number !== undefined || (before?.opened ?? false),
    number: request.number,
    trouble: undefined,
  }
}

function openedState(request: ShownRequest, previous: ScreenState, now: number): CodeState {
  return { ...codeState(request, previous, now), opened: true }
}

function troubleOf(news: { readonly reason: string; readonly inSeconds: number }, now: number): Trouble {
  return { reason: plainText(news.reason), retryAtMonotonic: now + news.inSeconds * 1000 }
}

function nameOf(subject: Named | undefined): string | undefined {
  return plainText(subject?.name || subject?.email || '') || undefined
}

function failureState(error: Pick<AgentError, 'reason' | 'message'>): ScreenState {
  if (error.reason === 'denied' || error.reason === 'expired') return { kind: error.reason }
  if (error.reason === 'unlinked') return { kind: 'needs_linking' }
  return { kind: 'problem', message: plainText(error.message) }
}

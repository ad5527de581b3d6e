// What the element shows, as one plain value: made from the agent's states, told in events, and drawn by link-view.ts.
import type { Linked, LinkState } from '../core/agent.ts'
import type { AgentError } from '../core/errors.ts'
import type { LinkRequest } from '../core/link-request.ts'
import type { Keeping } from './indexed-db-store.ts'

/** The part of a waiting request that is for everybody's eyes. */
export type ShownCode = Pick<
  LinkRequest,
  'userCode' | 'verificationUri' | 'verificationUriComplete' | 'expiresAtMonotonic' | 'number'
>

export type LinkElementState =
  /** Nothing was asked for yet, or it was called off. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'asking' }
  | { readonly kind: 'waiting'; readonly code: ShownCode }
  /** Somebody has this code on their phone. */
  | { readonly kind: 'opened'; readonly code: ShownCode }
  /** No answer; `retryAtMonotonic` on the host's monotonic clock, milliseconds. */
  | { readonly kind: 'retrying'; readonly code: ShownCode; readonly retryAtMonotonic: number }
  | { readonly kind: 'linked'; readonly linked: Linked; readonly protection: Protection }
  | { readonly kind: 'expired' }
  | { readonly kind: 'denied' }
  | { readonly kind: 'failed'; readonly error: AgentError }

export type LinkElementStateKind = LinkElementState['kind']

/** Whether what was given works with this browser's key alone, and whether it outlives the page. */
export interface Protection {
  readonly bound: boolean
  readonly keeping: Keeping
}

/** What to show after the agent's news; `linked` is told by itself, once more is known of it. */
export function stateAfter(news: Exclude<LinkState, { kind: 'linked' }>, monotonicNow: number): LinkElementState {
  switch (news.kind) {
    case 'waiting':
      return { kind: news.opened ? 'opened' : 'waiting', code: news.request }
    case 'retrying':
      return { kind: 'retrying', code: news.request, retryAtMonotonic: monotonicNow + news.inSeconds * 1000 }
    case 'failed': {
      const { error } = news
      return error.reason === 'expired' || error.reason === 'denied'
        ? { kind: error.reason }
        : { kind: 'failed', error }
    }
    case 'cancelled':
      return { kind: 'idle' }
    default:
      return { kind: news.kind }
  }
}

/** The code in the groups that it is read in: by its own dashes, else four letters each. */
export function letterGroups(userCode: string): readonly string[] {
  const groups = userCode.split(/[^\p{L}\p{N}]+/u).filter((group) => group !== '')
  return groups.length > 1 ? groups : (groups[0]?.match(/.{1,4}/gu) ?? [])
}

/** An address as people type it. */
export function shortAddress(address: string): string {
  return address.replace(/^https:\/\//i, '').replace(/^([^/]+)\/$/, '$1')
}

/** `8:42`; rounded up, so that it reads 0:00 only when it is over. */
export function minutesAndSeconds(seconds: number): string {
  const whole = Math.ceil(Math.max(0, seconds))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}

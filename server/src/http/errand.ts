// What somebody came for, carried in their visit from page to page: what it is, where it goes on, and what of it outlasts
// a sign-in.
import type { AccountNews, FactorNews, PasskeyNews, UpstreamNews } from '@latchkey/verifier-web'
import type { Reset } from '../accounts/password-reset.ts'
import type { Undo } from '../oauth/undo.ts'

/** What only this browser knows of its sign-in at another provider, so that no other can bring the answer. */
export interface UpstreamErrand {
  /** Of the configuration's `upstreams`. */
  readonly id: string
  readonly state: string
  readonly nonce: string
  /** PKCE (RFC 7636). */
  readonly verifier: string
  readonly since: number
  /** The person was asked for anew, and must have been. */
  readonly anew?: true
  /** The account that is signed in here and gets one more way to sign in. */
  readonly link?: string
}

/** What somebody came for. Kept here and never in an address, so that no address can send anybody anywhere else. */
export interface Errand {
  /** The code of a device. */
  readonly userCode?: string
  /** A code that a page of another site brought along: shown in the field, and looked up only when it is sent. */
  readonly suggested?: string
  /** The person typed it here; it did not come with an address. */
  readonly typed?: true
  /** A request of the authorization endpoint that waits for an answer. */
  readonly authorization?: {
    readonly handle: string
    readonly clientId: string
    readonly client: string
    /** Where its answer goes, as far as a policy names it: an origin, or the scheme of an app. */
    readonly returnsTo: string
  }
  /** A client's wish to have this person signed out. */
  readonly logout?: { readonly client?: string; readonly redirectUri?: string; readonly state?: string }
  /** The language that a client asked the pages to be in, before the browser's own: one of ours, BCP 47. */
  readonly language?: string
  /** What was typed as an email address, and is in the field again when the page is: in another language, perhaps. */
  readonly email?: string
  /** A password or a passkey was right, as `amr` says; a code of the second factor is still missing. */
  readonly secondFactor?: {
    readonly userId: string
    readonly since: number
    readonly amr: readonly string[]
    /** The mark of the password of then. */
    readonly password: string
  }
  /** A sign-in under way at another provider. */
  readonly upstream?: UpstreamErrand
  /** What has become of one: said once, on the next page. */
  readonly upstreamNews?: { readonly id: string; readonly news: UpstreamNews }
  /** The person said which provider to add to their account, and goes there next. */
  readonly adding?: { readonly upstream: string; readonly userId: string; readonly since: number }
  /** What was done on a page of the account: said once, on the next one. */
  readonly accountNews?: AccountNews
  /** The link that somebody came to undo, from the notice about it. */
  readonly undo?: Undo
  /** The right to choose a new password, from the message about it. */
  readonly reset?: Reset
  /** What was just done to how this person signs in: said once, on the next page. */
  readonly done?: PasskeyNews | FactorNews | 'password_changed'
  /** The page of the account that somebody wanted before they were asked to sign in. */
  readonly account?: AccountPath
  /** Only a sign-in at or after this moment will do; epoch milliseconds. */
  readonly signInAfter?: number
}

/** The pages of the account that a sign-in may lead to. */
export const ACCOUNT_PATHS = [
  '/account',
  '/account/passkeys',
  '/account/second-factor',
  '/account/password',
  '/account/identities',
  '/account/sessions',
  '/account/sign-out',
  '/account/activity',
] as const
export type AccountPath = (typeof ACCOUNT_PATHS)[number]

/** Where an errand goes on. */
export function placeFor({ userCode, authorization, account }: Errand): string {
  if (authorization !== undefined) return '/authorize/continue'
  if (account !== undefined) return account
  return userCode === undefined ? '/link' : '/link/device'
}

/** What somebody came for, without what is of whoever was there before: a way in half gone, news of what they did. */
export function purposeOf(errand: Errand): Errand {
  const {
    email: _typed,
    secondFactor: _half,
    upstream: _off,
    upstreamNews: _no,
    adding: _yet,
    accountNews: _,
    done: _done,
    reset: _forgot,
    ...purpose
  } = errand
  return purpose
}

/** What somebody came for, without the page of the account that they were on meanwhile. */
export function aboutDevice({ account: _, ...errand }: Errand): Errand {
  return errand
}

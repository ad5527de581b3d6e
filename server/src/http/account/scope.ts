// What the pages of the account share: somebody must be signed in, and for what changes how one signs in, just now.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { lastAskedAt, type SignedIn } from '../../accounts/sessions.ts'
import type { AccountPath } from '../errand.ts'
import type { Pages } from '../page-scope.ts'

/** Ways to sign in are changed only soon after one was used. */
export const FRESH_MS = 10 * 60 * 1000

/**
 * Whoever finds a browser open could sign in again by way of a provider where it is still signed in, and keep the account
 * for good: a sign-in counts for which its person was asked who they are, as far as that provider can be made to ask.
 */
export function isFresh({ session }: SignedIn, now: number): boolean {
  return now < lastAskedAt(session) + FRESH_MS
}

/** Who is signed in, and freshly enough to change how they sign in. */
export function signedInJustNow({ visitor }: FastifyRequest, now: number): SignedIn | undefined {
  const { signedIn } = visitor
  return signedIn !== undefined && isFresh(signedIn, now) ? signedIn : undefined
}

/**
 * Sends whoever is not signed in, or not freshly enough, to the sign-in page, and from there back to `path`. A device
 * that waits for them goes on waiting.
 */
export function goSignIn(pages: Pages, request: FastifyRequest, reply: FastifyReply, path: AccountPath, now: number) {
  const { userCode, suggested, typed } = request.visitor.visit.errand
  const device = userCode && { userCode, ...(suggested && { suggested }), ...(typed && { typed }) }
  pages.cookies.keep(reply, request.visitor, { ...device, account: path, signInAfter: now })
  return pages.go(reply, '/sign-in')
}

// Signed-in browsers, kept here and not in the cookie, so that they can be ended (OWASP Session Management).
import type { Host } from '@latchkey/shared'
import type { BrowserSession, User } from '../oauth/records.ts'
import { type Store, update } from '../oauth/store.ts'
import { digestOf, randomToken } from '../oauth/vault.ts'

export const SESSION_IDLE_MS = 30 * 60 * 1000
export const SESSION_ABSOLUTE_MS = 12 * 60 * 60 * 1000
// A session that was used a moment ago need not be written again.
const TOUCH_AFTER_MS = 60 * 1000

/** Returns the cookie's value; only its digest is kept. Every sign-in makes a new one. */
export async function startSession(store: Store, host: Host, user: User, amr: readonly string[]): Promise<string> {
  const secret = randomToken(host.entropy)
  const now = host.clock.now()
  await store.sessions.insert({
    id: digestOf(secret),
    version: 0,
    expiresAt: now + SESSION_ABSOLUTE_MS,
    userId: user.id,
    authenticatedAt: now,
    amr,
    usedAt: now,
  })
  return secret
}

export interface SignedIn {
  readonly session: BrowserSession
  readonly user: User
}

/** The live session behind a cookie, of an account that is still open. */
export async function findSession(store: Store, host: Host, secret: string | undefined): Promise<SignedIn | undefined> {
  if (!secret) return undefined
  const now = host.clock.now()
  const found = await store.sessions.get(digestOf(secret))
  if (found === undefined || now >= found.expiresAt || now >= found.usedAt + SESSION_IDLE_MS) return undefined
  const user = await store.users.get(found.userId)
  if (user === undefined || user.disabledAt !== undefined) return undefined
  if (now < found.usedAt + TOUCH_AFTER_MS) return { session: found, user }
  const session = await update(store.sessions, found.id, (current) => {
    const next = { ...(current ?? found), usedAt: now }
    return { ...(current && { next }), outcome: next }
  })
  return { session, user }
}

/** Ties the browser to the one request whose code it brought. */
export function rememberOpened(store: Store, session: BrowserSession, requestId: string | undefined): Promise<void> {
  return update(store.sessions, session.id, (current) => {
    if (current === undefined) return { outcome: undefined }
    const { openedRequestId: _, ...rest } = current
    return { next: requestId === undefined ? rest : { ...rest, openedRequestId: requestId }, outcome: undefined }
  })
}

export async function endSession(store: Store, session: BrowserSession): Promise<void> {
  await store.sessions.delete(session.id)
}

// Signed-in browsers, kept here and not in the cookie, so that they can be ended (OWASP Session Management). A browser
// that gets a new cookie stays the same record: whoever ends it ends it, whatever its cookie is by then.
import type { Host } from '@latchkey/shared'
import { digestOf, randomToken } from '../oauth/keys/vault.ts'
import type { BrowserSession, User } from '../oauth/records.ts'
import { type Store, update } from '../oauth/store.ts'
import { passwordMark } from './users.ts'

export const SESSION_IDLE_MS = 30 * 60 * 1000
export const SESSION_ABSOLUTE_MS = 12 * 60 * 60 * 1000
// A session that was used a moment ago need not be written again.
const TOUCH_AFTER_MS = 60 * 1000
const ID_BYTES = 16

/** When somebody proved who they are, epoch milliseconds: now, unless another provider did, and did so earlier. */
export type ProvenAt = Partial<Pick<BrowserSession, 'authenticatedAt' | 'askedAt'>>

/** Returns the cookie's value; only its digest is kept. Every sign-in makes a new one. `user` is as they were proven. */
export async function startSession(
  store: Store,
  host: Host,
  user: User,
  amr: readonly string[],
  from: Pick<BrowserSession, 'address' | 'browser'> = {},
  provenAt: ProvenAt = {},
): Promise<string> {
  const secret = randomToken(host.entropy)
  const now = host.clock.now()
  await store.sessions.insert({
    id: randomToken(host.entropy, ID_BYTES),
    version: 0,
    expiresAt: now + SESSION_ABSOLUTE_MS,
    userId: user.id,
    cookieDigest: digestOf(secret),
    password: passwordMark(user),
    authenticatedAt: now,
    amr,
    usedAt: now,
    ...from,
    ...provenAt,
  })
  return secret
}

/** When its person was last made to show who they are, as far as that can be known; epoch milliseconds. */
export function lastAskedAt({ authenticatedAt, askedAt }: BrowserSession): number {
  return askedAt ?? authenticatedAt
}

/** When this browser signed in here, in epoch milliseconds: with another provider, later than `authenticatedAt`. */
export function startedAt(session: BrowserSession): number {
  return session.expiresAt - SESSION_ABSOLUTE_MS
}

/** A new password ends with its own write every session that began under the one before, also one that begins just now. */
function isLive({ expiresAt, usedAt, password }: BrowserSession, user: User, now: number): boolean {
  return now < expiresAt && now < usedAt + SESSION_IDLE_MS && password === passwordMark(user)
}

export interface SignedIn {
  readonly session: BrowserSession
  readonly user: User
}

/** The live session of a cookie's digest, of an account that is still open. Looking at it does not keep it alive. */
export async function liveSession(store: Store, { clock }: Host, cookieDigest: string): Promise<SignedIn | undefined> {
  const session = await store.sessions.byCookie(cookieDigest)
  if (session === undefined) return undefined
  const user = await store.users.get(session.userId)
  if (user === undefined || user.disabledAt !== undefined) return undefined
  return isLive(session, user, clock.now()) ? { session, user } : undefined
}

/** The live session behind a cookie, which was used just now. */
export async function findSession(store: Store, host: Host, secret: string | undefined): Promise<SignedIn | undefined> {
  const found = secret ? await liveSession(store, host, digestOf(secret)) : undefined
  if (found === undefined) return undefined
  const { session: before, user } = found
  const now = host.clock.now()
  if (now < before.usedAt + TOUCH_AFTER_MS) return found
  const session = await update(store.sessions, before.id, (current) => {
    if (!hasSameCookie(current, before)) return { outcome: { ...before, usedAt: now } }
    const next = { ...current, usedAt: now }
    return { next, outcome: next }
  })
  return { session, user }
}

/**
 * Neither ended nor given another cookie since `before` was read: what an old cookie asks for changes nothing of a new
 * one.
 */
function hasSameCookie(current: BrowserSession | undefined, before: BrowserSession): current is BrowserSession {
  return current?.cookieDigest === before.cookieDigest
}

/** Ties the browser to the one request whose code it brought. */
export function rememberOpened(store: Store, session: BrowserSession, requestId: string | undefined): Promise<void> {
  return update(store.sessions, session.id, (current) => {
    if (!hasSameCookie(current, session)) return { outcome: undefined }
    const { openedRequestId: _, ...rest } = current
    return { next: requestId === undefined ? rest : { ...rest, openedRequestId: requestId }, outcome: undefined }
  })
}

/** The browsers in which this person is signed in now, the one that was used last first. */
export async function liveSessions(store: Store, { clock }: Host, user: User): Promise<readonly BrowserSession[]> {
  const now = clock.now()
  return (await store.sessions.byUser(user.id))
    .filter((session) => isLive(session, user, now))
    .sort((one, other) => other.usedAt - one.usedAt)
}

/**
 * The same sign-in under a new cookie, and under the password that `user` has now. Returns the cookie's value, which opens
 * nothing where the session ended meanwhile.
 */
export async function renewSession(store: Store, host: Host, { session, user }: SignedIn): Promise<string> {
  const secret = randomToken(host.entropy)
  const renewal = { cookieDigest: digestOf(secret), password: passwordMark(user) }
  const renewed = await update(store.sessions, session.id, (current) =>
    hasSameCookie(current, session) ? { next: { ...current, ...renewal }, outcome: true } : { outcome: false },
  )
  // Somebody else had the same cookie, and changed it first: nobody can tell which of both is its person.
  if (!renewed) await endSession(store, session)
  return secret
}

/** Ends all of an account but one, which may be none. */
export async function endOtherSessions(store: Store, userId: string, kept?: BrowserSession): Promise<void> {
  for (const session of await store.sessions.byUser(userId)) {
    if (session.id !== kept?.id) await endSession(store, session)
  }
}

export async function endSession(store: Store, session: BrowserSession): Promise<void> {
  await store.sessions.delete(session.id)
}

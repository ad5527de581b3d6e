// Local accounts: who may approve.
import type { Host } from '@latchkey/shared'
import { digestOf, randomToken } from '../oauth/keys/vault.ts'
import { NEVER, USER_ID_PREFIX, type User } from '../oauth/records.ts'
import { type Store, update } from '../oauth/store.ts'
import { withHome } from './home-networks.ts'
import { needsFactor } from './password-rules.ts'
import { hashPassword, needsRehash, verifyPassword } from './passwords.ts'

export interface NewUser {
  readonly email: string
  readonly name?: string
  readonly password: string
  readonly admin?: boolean
}

const ID_BYTES = 16
const EMAIL = /^[^\s@]+@[^\s@]+$/
// What mail programs take for the end of an address, and what nobody sees: marks that turn or hide the text around them.
const UNFIT = /[<>\p{Cc}\p{Cf}\p{Cs}]/u
const LONGEST_EMAIL = 254

/** How an address is kept and compared: people do not mind its case. Undefined when it is none. */
export function normaliseEmail(email: string): string | undefined {
  const address = email.trim().normalize('NFC').toLowerCase()
  return EMAIL.test(address) && !UNFIT.test(address) && address.length <= LONGEST_EMAIL ? address : undefined
}

/** Undefined when the address is taken. Throws when it is none. The password's rules are the caller's to check. */
export async function addUser(store: Store, host: Host, user: NewUser): Promise<User | undefined> {
  const email = normaliseEmail(user.email)
  if (email === undefined) throw new Error(`not an e-mail address: ${user.email}`)
  const record: User = {
    id: USER_ID_PREFIX + randomToken(host.entropy, ID_BYTES),
    version: 0,
    expiresAt: NEVER,
    email,
    name: user.name?.trim() || email.slice(0, email.indexOf('@')),
    passwordHash: await hashPassword(user.password),
    admin: user.admin ?? false,
    createdAt: host.clock.now(),
  }
  return (await store.users.insert(record)) ? record : undefined
}

/** What a sign-in says of its person. */
export interface SignInTraits {
  /** The language (BCP 47) that messages to them are written in. */
  readonly locale: string
  /** The digest of the network (home-networks.ts). */
  readonly home: string
  /** Epoch milliseconds. */
  readonly now: number
}

/** `user` has signed in. Written only where it says something new. */
export async function rememberSignIn(store: Store, user: User, { locale, home, now }: SignInTraits): Promise<void> {
  const after = (current: User): User => {
    // Another password was set meanwhile: what signed in under the old one is at home no more.
    const next = current.passwordHash === user.passwordHash ? withHome(current, home, now) : current
    return next.locale === locale ? next : { ...next, locale }
  }
  if (after(user) === user) return
  await update(store.users, user.id, (current) => ({ ...(current && { next: after(current) }), outcome: undefined }))
}

/** The account of an address as somebody typed it. */
export async function userOf(store: Store, email: string): Promise<User | undefined> {
  const address = normaliseEmail(email)
  return address === undefined ? undefined : store.users.byEmail(address)
}

/** The account, when the password fits and it is open; the same answer, and the same work, for all that fails. */
export async function checkPassword(store: Store, user: User | undefined, password: string): Promise<User | undefined> {
  const fits = await verifyPassword(user?.passwordHash, password)
  if (user === undefined || !fits || user.disabledAt !== undefined) return undefined
  if (user.passwordHash === undefined || !needsRehash(user.passwordHash)) return user
  const passwordHash = await hashPassword(password)
  const current = await update(store.users, user.id, (found) => {
    // Another one was set meanwhile: the old one must not come back.
    if (found === undefined || found.passwordHash !== user.passwordHash) return { outcome: found }
    const next = { ...found, passwordHash }
    return { next, outcome: next }
  })
  return current?.passwordHash === passwordHash ? current : checkPassword(store, current, password)
}

/** Tells one password of an account from the next: what was begun under one must not go on under another. */
export function passwordMark({ passwordHash = '' }: User): string {
  return digestOf(passwordHash)
}

/** A password that somebody chose, and what it ends beside every session that began under the one before. */
export interface ChosenPassword {
  readonly password: string
  /** All links and approvals of until now, which is epoch milliseconds; none when absent. */
  readonly endsLinksAt?: number
}

export type SetPassword =
  | { readonly outcome: 'set'; readonly user: User }
  /** It is too short to stand alone, and there is no second factor beside it any more. */
  | { readonly outcome: 'too_short' }
  /** There is no such account, or another password was set meanwhile. */
  | { readonly outcome: 'stale' }

/**
 * Sets it with all that it ends, in one write. The rules for it are the caller's to check, but for what may change
 * meanwhile. `before`: the account as it was when somebody was let in to do this; whatever it was, when absent.
 */
export async function setPassword(
  store: Store,
  userId: string,
  chosen: ChosenPassword,
  before?: User,
): Promise<SetPassword> {
  const passwordHash = await hashPassword(chosen.password)
  return update<User, SetPassword>(store.users, userId, (current) => {
    if (current === undefined || current.passwordHash !== (before ?? current).passwordHash)
      return { outcome: { outcome: 'stale' } }
    const next = withPassword(current, chosen, passwordHash)
    return next ? { next, outcome: { outcome: 'set', user: next } } : { outcome: { outcome: 'too_short' } }
  })
}

/** The account with another password; undefined where that is too short to stand alone, and would. */
export function withPassword(
  user: User,
  { password, endsLinksAt: linksEndedAt }: ChosenPassword,
  passwordHash: string,
): User | undefined {
  const short = needsFactor(password)
  if (short && user.secondFactor === undefined) return undefined
  // What was sent for the old one is void, and whoever signed in with it is a stranger.
  const { shortPassword: _, passwordReset: _sent, homes: _homes, ...rest } = user
  return {
    ...rest,
    passwordHash,
    ...(short && { shortPassword: true as const }),
    ...(linksEndedAt !== undefined && { linksEndedAt }),
  }
}

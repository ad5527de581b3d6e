// Local accounts: who may approve.
import type { Host } from '@latchkey/shared'
import { NEVER, USER_ID_PREFIX, type User } from '../oauth/records.ts'
import { type Store, update } from '../oauth/store.ts'
import { randomToken } from '../oauth/vault.ts'
import { hashPassword, needsRehash, verifyPassword } from './passwords.ts'

export interface NewUser {
  readonly email: string
  readonly name?: string
  readonly password: string
  readonly admin?: boolean
}

const ID_BYTES = 16
const EMAIL = /^[^\s@]+@[^\s@]+$/
const LONGEST_EMAIL = 254

/** How an address is kept and compared: people do not mind its case. Undefined when it is none. */
export function normaliseEmail(email: string): string | undefined {
  const address = email.trim().normalize('NFC').toLowerCase()
  return EMAIL.test(address) && address.length <= LONGEST_EMAIL ? address : undefined
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

/** The account, when address and password fit and it is open; the same answer, and the same work, for all that fails. */
export async function signIn(store: Store, email: string, password: string): Promise<User | undefined> {
  const address = normaliseEmail(email)
  const user = address === undefined ? undefined : await store.users.byEmail(address)
  const fits = await verifyPassword(user?.passwordHash, password)
  if (user === undefined || !fits || user.disabledAt !== undefined) return undefined
  if (needsRehash(user.passwordHash)) {
    const passwordHash = await hashPassword(password)
    await update(store.users, user.id, (current) => ({
      ...(current && { next: { ...current, passwordHash } }),
      outcome: undefined,
    }))
  }
  return user
}

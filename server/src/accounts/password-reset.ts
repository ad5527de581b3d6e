// "Forgot your password?": a message to the address of an account lets whoever reads it choose another password. The
// secret in it is good once, for half an hour, until the password changes or a later message is sent; the account keeps
// its digest. Mail alone never passes a second factor and opens no administrator's account (docs/security.md). The pages
// are ../http/sign-in/reset-password.ts, the message itself is verifier-web's.
import type { Clock } from '@latchkey/shared'
import { digestOf, randomToken, sameDigest, type Vault } from '../oauth/keys/vault.ts'
import type { Provider } from '../oauth/provider.ts'
import type { PasswordReset, User } from '../oauth/records.ts'
import { type Store, update } from '../oauth/store.ts'
import { createThrottle, createTrickle } from '../oauth/throttle.ts'
import { hashPassword } from './passwords.ts'
import { takeCode } from './second-factor.ts'
import type { UpstreamSettings } from './upstream-settings.ts'
import { type ChosenPassword, userOf, withPassword } from './users.ts'
import { upstreamsOf } from './ways-in.ts'

/** How long a message works, from the moment that it was asked for. */
export const RESET_SECONDS = 30 * 60

/**
 * How often messages can be asked for. Whoever must wait for the first of them has one that still works, and nobody who
 * asks in their name keeps them waiting for a day: the next one comes within `everySeconds`, whoever asks for it.
 */
export const RESET_ASKS = {
  perAddress: { most: 3, windowSeconds: RESET_SECONDS },
  perAddressForLong: { atOnce: 6, everySeconds: (24 * 3600) / 10 },
  perNetwork: { most: 20, windowSeconds: 3600 },
} as const

export interface ResetAsks {
  /** Seconds until somebody may ask; 0: they may now, and it is counted. An address that nobody has counts like any. */
  take(email: string, network: string): number
}

export function createResetAsks(vault: Vault, clock: Clock): ResetAsks {
  const perAddress = createThrottle(RESET_ASKS.perAddress, clock)
  const forLong = createTrickle(RESET_ASKS.perAddressForLong, clock)
  const perNetwork = createThrottle(RESET_ASKS.perNetwork, clock)
  return {
    take(email, network) {
      // What strangers type is not kept: whoever looks into the memory finds no list of addresses.
      const address = vault.digest('password-reset', email)
      const counters = [
        [perAddress, address],
        [forLong, address],
        [perNetwork, network],
      ] as const
      const wait = Math.max(...counters.map(([throttle, key]) => throttle.secondsToWait(key)))
      if (wait === 0) for (const [throttle, key] of counters) throttle.count(key)
      return wait
    },
  }
}

/** What the address in a message stands for. */
export interface Reset {
  readonly userId: string
  /** 256 random bits. */
  readonly secret: string
}

/** As it stands in the address: it names no account to whoever sees it. */
export function resetToken(vault: Vault, { userId, secret }: Reset): string {
  return vault.seal('password-reset', `${userId} ${secret}`)
}

/** Undefined for what is no token of ours. */
export function readReset(vault: Vault, token: string): Reset | undefined {
  const [userId, secret] = vault.unseal('password-reset', token)?.split(' ') ?? []
  return userId === undefined || secret === undefined ? undefined : { userId, secret }
}

/** What to write to the address that somebody typed. */
export type ResetReply = { readonly user: User } & (
  | { readonly kind: 'choose'; readonly token: string }
  /** There is no password to forget: they sign in in other ways. */
  | { readonly kind: 'elsewhere'; readonly passkey: boolean; readonly upstreams: readonly string[] }
  /** An administrator's, or an account that nothing signs in: an operator sets its password. */
  | { readonly kind: 'ask' }
)

/**
 * Finds out what to write, and makes the secret good; an address that nobody has costs as many writes. Called again when
 * the message did not leave: the same again, or nothing, where it is void by now. Undefined for an address that nobody
 * has, and for a closed account.
 */
export function resetReplies(
  { store, vault, host, note }: Provider,
  upstreams: readonly UpstreamSettings[],
  { email, secret }: { readonly email: string; readonly secret: string },
): () => Promise<ResetReply | undefined> {
  const until = host.clock.now() + RESET_SECONDS * 1000
  let first = true
  return async () => {
    const found = await userOf(store, email)
    const user = host.clock.now() < until && found?.disabledAt === undefined ? found : undefined
    const may = user !== undefined && mayReset(user)
    const good = may && (await grant(store, user.id, { digest: digestOf(secret), until }, first))
    // Two writes for every address, the right and the line in the audit trail: who measures the server hears no other
    // number.
    if (first && !good) await writeAsMuch()
    if (first && user === undefined) await writeAsMuch()
    if (first && user !== undefined) note({ event: 'password_reset_asked', userId: user.id })
    first = false
    if (user === undefined) return undefined
    if (!may) return withoutReset(store, upstreams, user)
    return good ? { kind: 'choose', user, token: resetToken(vault, { userId: user.id, secret }) } : undefined
  }

  /** Means nothing, and is gone at the next purge. */
  async function writeAsMuch(): Promise<void> {
    await store.spent.insert({ id: digestOf(randomToken(host.entropy)), version: 0, expiresAt: host.clock.now() })
  }
}

/** False when it is void: a later one was sent, or the password changed before it could be. */
function grant(store: Store, userId: string, granted: PasswordReset, first: boolean): Promise<boolean> {
  return update(store.users, userId, (user) => {
    const sent = user?.passwordReset
    if (user === undefined || !mayReset(user)) return { outcome: false }
    if (!first) return { outcome: sent?.digest === granted.digest }
    // They leave one after the other, but not always in the order in which they were asked for.
    if (sent !== undefined && sent.until > granted.until) return { outcome: false }
    return { next: { ...user, passwordReset: granted }, outcome: true }
  })
}

function mayReset({ passwordHash, admin, disabledAt }: User): boolean {
  return passwordHash !== undefined && !admin && disabledAt === undefined
}

async function withoutReset(store: Store, all: readonly UpstreamSettings[], user: User): Promise<ResetReply> {
  const passkey = (await store.passkeys.byUser(user.id)).length > 0
  const upstreams = (await upstreamsOf(store, all, user.id)).map(({ name }) => name)
  const has = user.passwordHash !== undefined || (!passkey && upstreams.length === 0)
  return has ? { kind: 'ask', user } : { kind: 'elsewhere', user, passkey, upstreams }
}

/** The account, while the message works. `now` is epoch milliseconds. */
export async function findReset(store: Store, reset: Reset, now: number): Promise<User | undefined> {
  return stillOpen(await store.users.get(reset.userId), reset, now)
}

function stillOpen(user: User | undefined, { secret }: Reset, now: number): User | undefined {
  if (user?.passwordReset === undefined || !mayReset(user)) return undefined
  const { digest, until } = user.passwordReset
  return now < until && sameDigest(digest, digestOf(secret)) ? user : undefined
}

export type Redeemed =
  /** `recovery`: by a recovery code, which is used up. */
  | { readonly outcome: 'changed'; readonly user: User; readonly recovery: boolean }
  | { readonly outcome: 'gone' }
  /** Of the second factor, which the account has. */
  | { readonly outcome: 'wrong_code' }
  /** Short, and there is no second factor beside it any more. */
  | { readonly outcome: 'too_short' }

/**
 * Takes the message and the code and sets the password, in one write: of two who come with the same message, one does.
 * The rules for passwords are the caller's to check. `code`: for an account with a second factor.
 */
export async function redeemReset(
  { store, vault, host }: Pick<Provider, 'store' | 'vault' | 'host'>,
  reset: Reset,
  chosen: ChosenPassword & { readonly code: string },
): Promise<Redeemed> {
  const passwordHash = await hashPassword(chosen.password)
  return update<User, Redeemed>(store.users, reset.userId, (current) => {
    const now = host.clock.now()
    const user = stillOpen(current, reset, now)
    if (user === undefined) return { outcome: { outcome: 'gone' } }
    const taken = user.secondFactor === undefined ? undefined : takeCode(vault, user, chosen.code, now)
    if (taken?.outcome.kind === 'wrong') return { outcome: { outcome: 'wrong_code' } }
    const next = withPassword(taken?.next ?? user, chosen, passwordHash)
    if (next === undefined) return { outcome: { outcome: 'too_short' } }
    return { next, outcome: { outcome: 'changed', user: next, recovery: taken?.outcome.kind === 'recovery' } }
  })
}

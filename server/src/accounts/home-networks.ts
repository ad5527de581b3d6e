// Networks that an account has signed in from: what strangers try elsewhere does not keep its owner out of these, in a new
// browser neither. Being in one gives nobody a way in, nor a word of it (tries.ts). They are kept as keyed digests, and
// different for each account: whoever reads the records learns neither where people live nor who lives together.
import type { Vault } from '../oauth/keys/vault.ts'
import type { User } from '../oauth/records.ts'

const DAY_MS = 24 * 3600 * 1000
/** Home, work, the parents', and what telephones pass through. */
export const MOST_HOMES = 8
/** After the last sign-in there. */
export const HOME_DAYS = 90

/** The name of a network (`networkOf`) in the record of an account. */
export function homeDigest(vault: Vault, userId: string, network: string): string {
  return vault.digest('home-network', `${userId} ${network}`)
}

/** `now` is epoch milliseconds. */
export function isHome(user: User, digest: string, now: number): boolean {
  return fresh(user, now).some((home) => home.digest === digest)
}

/** The account after a sign-in there; the very same where that changes nothing worth a write. */
export function withHome(user: User, digest: string, now: number): User {
  const all = fresh(user, now)
  if (all.some((home) => home.digest === digest && home.usedAt > now - DAY_MS)) return user
  const others = all.filter((home) => home.digest !== digest)
  return { ...user, homes: [{ digest, usedAt: now }, ...others].slice(0, MOST_HOMES) }
}

function fresh({ homes = [] }: User, now: number) {
  return homes.filter(({ usedAt }) => usedAt > now - HOME_DAYS * DAY_MS)
}

// What a client is told of who somebody is: the account's id, or a name that only clients of one sector share
// (OpenID Connect Core §8). It is the same in id_tokens, access tokens, introspection and userinfo: a client can read
// its own JWT, so an account's id in there would undo the rest. APIs that must know a person across clients list them
// under one sector. The server itself finds the person by the token's link.

import type { Vault } from '../keys/vault.ts'
import { type Client, USER_ID_PREFIX, type User } from '../records.ts'

/**
 * At most 255 ASCII characters, stable as long as the master secret is, and not to be reversed without it. Begins as
 * user ids do, so that a pairwise subject is never taken for a client either (RFC 9068 §5).
 */
export function subjectFor(
  vault: Pick<Vault, 'digest'>,
  { subjectType, sector }: Pick<Client, 'subjectType' | 'sector'>,
  userId: string,
): string {
  if (subjectType === 'public') return userId
  // A user id holds no space, so no two pairs make one text.
  return USER_ID_PREFIX + vault.digest('pairwise', `${sector} ${userId}`)
}

/** Claims about a person by scope (OpenID Connect Core §5.4), of id_tokens and of userinfo. */
export interface PersonClaims {
  readonly name?: string
  readonly email?: string
  readonly email_verified?: boolean
}

export function claimsAbout({ name, email }: Pick<User, 'name' | 'email'>, scope: readonly string[]): PersonClaims {
  return {
    ...(scope.includes('profile') ? { name } : {}),
    // An address is what an operator typed in; nobody has proven that mail to it arrives.
    ...(scope.includes('email') ? { email, email_verified: false } : {}),
  }
}

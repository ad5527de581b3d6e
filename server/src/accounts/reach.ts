// What a sign-in to an account could amount to (`amr`, RFC 8176), by each way in: so nobody is asked for one that cannot do,
// and whoever lacks what a device wants is told what to add. What a sign-in did amount to is http/sign-in/door.ts's.
import type { Passkey, User } from '../oauth/records.ts'
import type { Store } from '../oauth/store.ts'
import { amrOf, MOST_PASSKEYS } from './passkeys.ts'
import type { UpstreamSettings } from './upstream-settings.ts'
import { METHODS } from './upstreams.ts'
import { upstreamsOf } from './ways-in.ts'

/** What signs somebody in to an account. */
export interface Ways<P extends Pick<Passkey, 'synced'> = Passkey> {
  readonly password: boolean
  /** A code is asked for after whatever is no two factors by itself. */
  readonly secondFactor: boolean
  readonly passkeys: readonly P[]
  readonly upstreams: readonly UpstreamSettings[]
}

/** Whether a sign-in of this kind is what somebody wants. */
export type Suits = (amr: readonly string[]) => boolean

/** What an account may be given to sign in with. The page's `Lacking` (verifier-web, pages/outcome.tsx) mirrors it. */
export type Addition =
  | { readonly kind: 'passkey' | 'second_factor' | 'password' }
  | { readonly kind: 'upstream'; readonly provider: string }

export async function waysOf(store: Store, upstreams: readonly UpstreamSettings[], user: User): Promise<Ways> {
  return {
    password: user.passwordHash !== undefined,
    secondFactor: user.secondFactor !== undefined,
    passkeys: await store.passkeys.byUser(user.id),
    upstreams: await upstreamsOf(store, upstreams, user.id),
  }
}

/** Those by which a sign-in could turn out as wanted: what nobody can know beforehand counts as possible. */
export function waysThat<P extends Pick<Passkey, 'synced'>>(suits: Suits, ways: Ways<P>): Ways<P> {
  const { password, secondFactor, passkeys, upstreams } = ways
  const code = secondFactor ? ['otp'] : []
  return {
    secondFactor,
    password: password && suits(secondFactor ? ['pwd', 'otp', 'mfa'] : ['pwd']),
    // Whether an authenticator checks who holds it shows when it does.
    passkeys: passkeys.filter((one) => suits(amrOf(one, true)) || suits([...amrOf(one, false), ...code])),
    // What a provider vouches for shows when it does.
    upstreams: upstreams.filter(({ trustAmr }) => suits(trustAmr ? [...METHODS] : code)),
  }
}

export function howMany({ password, passkeys, upstreams }: Ways<Pick<Passkey, 'synced'>>): number {
  return (password ? 1 : 0) + passkeys.length + upstreams.length
}

/**
 * What could be added so that a sign-in turns out as wanted, the easiest first; `terms`: what this server offers. A
 * password is the first of two steps where only a code after it would do.
 */
export function additionsThat(
  suits: Suits,
  ways: Ways<Pick<Passkey, 'synced'>>,
  terms: { readonly passkeys: boolean; readonly upstreams: readonly UpstreamSettings[] },
): readonly Addition[] {
  const before = howMany(waysThat(suits, ways))
  const helps = (more: Partial<typeof ways>) => howMany(waysThat(suits, { ...ways, ...more })) > before
  const passkeys = [...ways.passkeys, { synced: true }, { synced: false }]
  const able = terms.passkeys && ways.passkeys.length < MOST_PASSKEYS
  const others = terms.upstreams.filter(({ id }) => !ways.upstreams.some((one) => one.id === id))
  const found: Addition[] = []
  if (able && helps({ passkeys })) found.push({ kind: 'passkey' })
  if (helps({ secondFactor: true })) found.push({ kind: 'second_factor' })
  else if (!ways.password && helps({ password: true, secondFactor: true })) found.push({ kind: 'password' })
  for (const one of others) {
    if (helps({ upstreams: [...ways.upstreams, one] })) found.push({ kind: 'upstream', provider: one.name })
  }
  return found
}

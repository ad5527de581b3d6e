// `latchkey user …`: the local accounts.
import {
  LONGEST_PASSWORD_BYTES,
  type PasswordProblem,
  passwordProblem,
  SHORTEST_PASSWORD,
} from '../accounts/password-rules.ts'
import { endOtherSessions } from '../accounts/sessions.ts'
import { addUser, normaliseEmail, setPassword } from '../accounts/users.ts'
import type { Config } from '../config.ts'
import { endLinks } from '../oauth/links.ts'
import type { User } from '../oauth/records.ts'
import { type Store, update } from '../oauth/store.ts'
import { recordAudit } from '../ops/audit.ts'
import { readSettings, withStore } from './settings.ts'
import { CommandError, EXIT, type Terminal } from './terminal.ts'

interface Common {
  readonly config?: string
}

export interface AddUserOptions extends Common {
  readonly name?: string
  readonly admin?: boolean
  readonly passwordStdin?: boolean
}

export async function userAdd(terminal: Terminal, email: string, options: AddUserOptions): Promise<void> {
  if (normaliseEmail(email) === undefined) throw new CommandError(`not an e-mail address: ${email}`, EXIT.usage)
  const { name, admin } = options
  const { config } = readSettings(terminal, options.config)
  const own = wordsOf(config, { email, name: name ?? '' })
  const password = await newPassword(terminal, options.passwordStdin ?? false, own)
  await withStore(terminal, options.config, async (store) => {
    const user = await addUser(store, terminal.host, {
      email,
      password,
      ...(name === undefined ? {} : { name }),
      ...(admin === undefined ? {} : { admin }),
    })
    if (user === undefined) throw new CommandError(`${email} has an account already`)
    await recordAudit(store, terminal.host, { event: 'account_added', userId: user.id, by: 'operator' })
    terminal.say(`Added ${user.email}`)
    terminal.print(user.id)
  })
}

export function userList(terminal: Terminal, options: Common & { readonly json?: boolean }): Promise<void> {
  return withStore(terminal, options.config, async (store) => {
    for (const user of await store.users.all()) {
      const { id, email, name, admin } = user
      const state = user.disabledAt === undefined ? 'active' : 'disabled'
      const ways = await waysOf(store, user)
      if (options.json) terminal.print(JSON.stringify({ id, email, name, admin, state, ...ways }))
      else terminal.print([id, email, name, state, inWords(ways), ...(admin ? ['admin'] : [])].join('\t'))
    }
  })
}

export function userDisable(terminal: Terminal, email: string, options: Common): Promise<void> {
  const disabledAt = terminal.host.clock.now()
  return change(terminal, email, options, 'disabled', (user) => ({ ...user, disabledAt }))
}

export function userEnable(terminal: Terminal, email: string, options: Common): Promise<void> {
  return change(terminal, email, options, 'enabled', ({ disabledAt: _, ...user }) => user)
}

/** Whoever knew the old password may have used it: every browser and every device must show the new one. */
export function userPasswd(
  terminal: Terminal,
  email: string,
  options: Common & { readonly passwordStdin?: boolean },
): Promise<void> {
  return withStore(terminal, options.config, async (store, config) => {
    const user = await findUser(store, email)
    const password = await newPassword(terminal, options.passwordStdin ?? false, wordsOf(config, user))
    const now = terminal.host.clock.now()
    await setPassword(store, user.id, { password, endsLinksAt: now })
    await recordAudit(store, terminal.host, { event: 'password_changed', userId: user.id, by: 'operator' })
    await endOtherSessions(store, user.id)
    // Approvals that no device has fetched yet are left to the server: they end when one comes for them.
    const ended = await endLinks(store, await store.families.byUser(user.id), now)
    terminal.say(
      `New password for ${user.email}; signed out everywhere, ${ended === 1 ? '1 link' : `${ended} links`} ended`,
    )
  })
}

/** For a lost phone: the codes of the app and the recovery codes that are left are asked for no more. */
export function userResetSecondFactor(terminal: Terminal, email: string, options: Common): Promise<void> {
  return withStore(terminal, options.config, async (store) => {
    const found = await findUser(store, email)
    const outcome = await update(store.users, found.id, (user) => {
      if (user?.secondFactor === undefined) return { outcome: 'none' as const }
      if (user.shortPassword) return { outcome: 'short' as const }
      const { secondFactor: _, ...next } = user
      return { next, outcome: 'done' as const }
    })
    if (outcome === 'none') throw new CommandError(`${found.email} has no second factor`)
    if (outcome === 'short') {
      throw new CommandError(
        `the password of ${found.email} is too short to stand alone: set another one first, with latchkey user passwd`,
      )
    }
    await endOtherSessions(store, found.id)
    await recordAudit(store, terminal.host, { event: 'second_factor_off', userId: found.id, by: 'operator' })
    terminal.say(`No code is asked of ${found.email} any more; signed out of all browsers`)
  })
}

async function waysOf(store: Store, user: User) {
  const identities = await store.upstreamIdentities.byUser(user.id)
  return {
    password: user.passwordHash !== undefined,
    second_factor: user.secondFactor !== undefined,
    passkeys: (await store.passkeys.byUser(user.id)).length,
    upstreams: [...new Set(identities.map(({ upstreamId }) => upstreamId))],
  }
}

/** "password and code, 2 passkeys, acme": how an account signs in. */
function inWords({ password, second_factor, passkeys, upstreams }: Awaited<ReturnType<typeof waysOf>>): string {
  const ways = [
    ...(password ? [second_factor ? 'password and code' : 'password'] : []),
    ...(passkeys === 0 ? [] : [passkeys === 1 ? '1 passkey' : `${passkeys} passkeys`]),
    ...upstreams,
  ]
  return ways.join(', ') || 'no way to sign in'
}

function change(
  terminal: Terminal,
  email: string,
  options: Common,
  done: 'disabled' | 'enabled',
  edit: (user: User) => User,
): Promise<void> {
  return withStore(terminal, options.config, async (store) => {
    const user = await findUser(store, email)
    await update(store.users, user.id, (current) => ({ next: edit(current ?? user), outcome: undefined }))
    await recordAudit(store, terminal.host, { event: `account_${done}`, userId: user.id, by: 'operator' })
    terminal.say(`${done === 'enabled' ? 'Enabled' : 'Disabled'} ${user.email}`)
  })
}

/** Throws CommandError when nobody has this address. */
export async function findUser(store: Store, email: string): Promise<User> {
  const user = await store.users.byEmail(normaliseEmail(email) ?? email)
  if (user === undefined) throw new CommandError(`no account of ${email}`)
  return user
}

/** Tells the address of an account's id, reading each account once; of one that is gone, its id. */
export function emailsOf({ users }: Store): (userId: string) => Promise<string> {
  const known = new Map<string, string>()
  return async (userId) => {
    const email = known.get(userId) ?? (await users.get(userId))?.email ?? userId
    known.set(userId, email)
    return email
  }
}

/** What a password of this account must not be made of. */
function wordsOf(config: Config, { email, name }: Pick<User, 'email' | 'name'>): readonly string[] {
  return [config.name, new URL(config.issuer).hostname, email, name]
}

const COMPLAINTS: Readonly<Record<PasswordProblem, string>> = {
  too_short: `a password needs at least ${SHORTEST_PASSWORD} characters`,
  too_long: `a password may have at most ${LONGEST_PASSWORD_BYTES} bytes`,
  common: 'this password is one of the first that anybody would try',
  own: 'a password may not be made of the names of the account or of the service',
}

async function newPassword(terminal: Terminal, fromInput: boolean, own: readonly string[]): Promise<string> {
  const password = fromInput
    ? (await terminal.readInput()).replace(/\r?\n$/, '')
    : await terminal.askSecret(`Password (${SHORTEST_PASSWORD} characters or more): `)
  if (password === undefined) {
    throw new CommandError('nobody to ask for a password: pipe it in with --password-stdin', EXIT.usage)
  }
  const problem = passwordProblem(password, { own })
  if (problem !== undefined) throw new CommandError(COMPLAINTS[problem], EXIT.usage)
  return password
}

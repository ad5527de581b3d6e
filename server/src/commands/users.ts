// `latchkey user …`: the local accounts.
import { hashPassword, passwordProblem } from '../accounts/passwords.ts'
import { addUser, normaliseEmail } from '../accounts/users.ts'
import { endLinks } from '../oauth/links.ts'
import type { User } from '../oauth/records.ts'
import { type Store, update } from '../oauth/store.ts'
import { withStore } from './settings.ts'
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
  const password = await newPassword(terminal, options.passwordStdin ?? false)
  await withStore(terminal, options.config, async (store) => {
    const { name, admin } = options
    const user = await addUser(store, terminal.host, {
      email,
      password,
      ...(name === undefined ? {} : { name }),
      ...(admin === undefined ? {} : { admin }),
    })
    if (user === undefined) throw new CommandError(`${email} has an account already`)
    terminal.say(`Added ${user.email}`)
    terminal.print(user.id)
  })
}

export function userList(terminal: Terminal, options: Common & { readonly json?: boolean }): Promise<void> {
  return withStore(terminal, options.config, async (store) => {
    for (const user of await store.users.all()) {
      const { id, email, name, admin } = user
      const state = user.disabledAt === undefined ? 'active' : 'disabled'
      if (options.json) terminal.print(JSON.stringify({ id, email, name, admin, state }))
      else terminal.print([id, email, name, state, ...(admin ? ['admin'] : [])].join('\t'))
    }
  })
}

export function userDisable(terminal: Terminal, email: string, options: Common): Promise<void> {
  return change(terminal, email, options, 'Disabled', (user) => ({ ...user, disabledAt: terminal.host.clock.now() }))
}

export function userEnable(terminal: Terminal, email: string, options: Common): Promise<void> {
  return change(terminal, email, options, 'Enabled', ({ disabledAt: _, ...user }) => user)
}

/** Whoever knew the old password may have used it: every browser and every device must show the new one. */
export async function userPasswd(
  terminal: Terminal,
  email: string,
  options: Common & { readonly passwordStdin?: boolean },
): Promise<void> {
  const passwordHash = await hashPassword(await newPassword(terminal, options.passwordStdin ?? false))
  await withStore(terminal, options.config, async (store) => {
    const user = await findUser(store, email)
    await update(store.users, user.id, (current) => ({
      next: { ...(current ?? user), passwordHash },
      outcome: undefined,
    }))
    for (const session of await store.sessions.byUser(user.id)) await store.sessions.delete(session.id)
    const ended = await endLinks(store, await store.families.byUser(user.id), terminal.host.clock.now())
    terminal.say(
      `New password for ${user.email}; signed out everywhere, ${ended === 1 ? '1 link' : `${ended} links`} ended`,
    )
  })
}

function change(
  terminal: Terminal,
  email: string,
  options: Common,
  done: string,
  edit: (user: User) => User,
): Promise<void> {
  return withStore(terminal, options.config, async (store) => {
    const user = await findUser(store, email)
    await update(store.users, user.id, (current) => ({ next: edit(current ?? user), outcome: undefined }))
    terminal.say(`${done} ${user.email}`)
  })
}

async function findUser(store: Store, email: string): Promise<User> {
  const user = await store.users.byEmail(normaliseEmail(email) ?? email)
  if (user === undefined) throw new CommandError(`no account of ${email}`)
  return user
}

async function newPassword(terminal: Terminal, fromInput: boolean): Promise<string> {
  const password = fromInput
    ? (await terminal.readInput()).replace(/\r?\n$/, '')
    : await terminal.askSecret('Password (15 characters or more): ')
  if (password === undefined) {
    throw new CommandError('nobody to ask for a password: pipe it in with --password-stdin', EXIT.usage)
  }
  const problem = passwordProblem(password)
  if (problem !== undefined) throw new CommandError(problem, EXIT.usage)
  return password
}

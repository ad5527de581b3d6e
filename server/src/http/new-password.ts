// What a new password must be and what it ends, wherever it is chosen: on the page of the account (account-password.ts),
// or with the message that whoever forgot the old one was sent (reset-password.ts).
import {
  type PasswordProblem,
  passwordProblem,
  SHORTEST_PASSWORD,
  SHORTEST_WITH_FACTOR,
} from '../accounts/password-rules.ts'
import { endOtherSessions } from '../accounts/sessions.ts'
import { unlinkAll } from '../oauth/links.ts'
import type { Form } from '../oauth/parameters.ts'
import type { Provider } from '../oauth/provider.ts'
import type { BrowserSession, User } from '../oauth/records.ts'

export interface NewPasswords {
  /** In characters. */
  shortest(user: User): number
  problem(user: User, password: string): PasswordProblem | undefined
  /** It is set: all browsers but `kept` are signed out, and devices and apps where `form` says so. */
  clear(user: User, form: Form, kept?: BrowserSession): Promise<void>
}

/** `service`: a name that passwords must not be made of. */
export function createNewPasswords(provider: Provider, service: string): NewPasswords {
  const shortest = ({ secondFactor }: User) => (secondFactor === undefined ? SHORTEST_PASSWORD : SHORTEST_WITH_FACTOR)
  return {
    shortest,
    problem(user, password) {
      const own = [service, new URL(provider.issuer).hostname, user.email, user.name]
      return passwordProblem(password, { shortest: shortest(user), own })
    },
    async clear({ id }, form, kept) {
      await endOtherSessions(provider.store, id, kept)
      // Whoever learned the old password may have linked a device of theirs; whoever has not need not link ten anew (RT-10).
      if (form.get('devices')?.[0] === 'yes') await unlinkAll(provider, id)
    },
  }
}

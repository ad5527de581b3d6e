// What a new password must be and what it ends, wherever it is chosen: on the page of the account (password.ts),
// or with the message that whoever forgot the old one was sent (../sign-in/reset-password.ts).
import {
  type PasswordProblem,
  passwordProblem,
  SHORTEST_PASSWORD,
  SHORTEST_WITH_FACTOR,
} from '../../accounts/password-rules.ts'
import { endOtherSessions } from '../../accounts/sessions.ts'
import type { ChosenPassword } from '../../accounts/users.ts'
import { endWithPassword, nowOrLater } from '../../oauth/links.ts'
import type { Form } from '../../oauth/parameters.ts'
import type { Provider } from '../../oauth/provider.ts'
import { type BrowserSession, NEVER, type User } from '../../oauth/records.ts'

export interface NewPasswords {
  /** In characters. */
  shortest(user: User): number
  problem(user: User, password: string): PasswordProblem | undefined
  /** What `form` says: the password, and whether devices and apps are signed out with the old one. */
  chosen(form: Form): ChosenPassword
  /**
   * `user` has it now. What was to end with the old one has ended by that write; here it is removed, all browsers but
   * `kept`, and devices and apps. Where the storage cannot do that now, `endWithPassword` does later.
   */
  clear(user: User, kept?: BrowserSession): Promise<void>
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
    chosen(form) {
      const password = form.get('password')?.[0] ?? ''
      // Whoever learned the old password may have linked a device of theirs; whoever has not need not link ten anew (RT-10).
      return form.get('devices')?.[0] === 'yes' ? { password, endsLinksAt: provider.host.clock.now() } : { password }
    },
    async clear(user, kept) {
      await nowOrLater(endOtherSessions(provider.store, user.id, kept))
      // Also what came about since then: nobody can have begun it but under the old password.
      await nowOrLater(endWithPassword(provider, user, NEVER))
    },
  }
}

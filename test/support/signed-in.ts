// People who are signed in already: an account and a session, without the price of a password.
import { startSession } from '../../server/src/accounts/sessions.ts'
import type { User } from '../../server/src/oauth/records.ts'
import type { TestBrowser, TestServer } from './test-server.ts'

/** A browser of `email`, whose account is made when it is missing. */
export async function signedIn(
  server: TestServer,
  email: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<TestBrowser> {
  const { store, host } = server
  const user: User = (await store.users.byEmail(email)) ?? {
    id: `usr_${email}`,
    version: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    email,
    name: email,
    passwordHash: 'none',
    admin: false,
    createdAt: host.clock.now(),
  }
  await store.users.insert(user)
  const browser = server.browser(headers)
  browser.cookies.set('latchkey-session', await startSession(store, host, user, ['pwd']))
  return browser
}

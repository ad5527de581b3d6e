// "Forgot your password?" as its tests go through it: a server that sends mail, the form, and the address that comes.
import type { LightMyRequestResponse } from 'fastify'
import { type Reset, resetToken } from '../../server/src/accounts/password-reset.ts'
import type { Config } from '../../server/src/config.ts'
import { createVault, type Vault } from '../../server/src/oauth/keys/vault.ts'
import type { Mail } from './mail-server.ts'
import { ISSUER, type TestBrowser, type TestServer, testConfig } from './test-server.ts'

/** A configuration with mail by the server at `url`. */
export function resetConfig(url: string, changes: Record<string, unknown> = {}): Config {
  const smtp = { url: { env: 'SMTP' }, from: 'Northwind <no-reply@example.com>' }
  const hook = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  return testConfig({ notices: { smtp }, ...changes }, { SMTP: url, HOOK: hook })
}

/** Opens the page, types the address, sends the form; does not follow. */
export async function askForReset(person: TestBrowser, email: string): Promise<LightMyRequestResponse> {
  await person.open('/reset-password')
  return person.submit('/reset-password', { email })
}

/** The path of the address in a message. Throws when there is none. */
export function resetPath({ text }: Pick<Mail, 'text'>, issuer = ISSUER): string {
  const at = text.indexOf(`${issuer}/reset-password/`)
  if (at < 0) throw new Error(`no address in: ${text}`)
  return text.slice(at + issuer.length).split('\n', 1)[0] ?? ''
}

/** What only whoever has the master secret of `server` can do. */
export function vaultOf({ host }: TestServer): Vault {
  return createVault(new Uint8Array(32).fill(7), host.entropy)
}

/** The token of a message that was never sent. */
export function tokenIn(server: TestServer, reset: Reset): string {
  return resetToken(vaultOf(server), reset)
}

// `latchkey client …`: clients kept in the database. Those in the configuration file stay declarative.
import {
  DEVICE_CODE_GRANT,
  GRANT_TYPES,
  type GrantType,
  TOKEN_ENDPOINT_AUTH_METHODS,
  type TokenEndpointAuthMethod,
} from '@latchkey/shared'
import type { Config } from '../config.ts'
import { type Client, NEVER, USER_ID_PREFIX } from '../oauth/records.ts'
import { IDENTITY_SCOPES, resourceOf } from '../oauth/scopes.ts'
import { type Store, update } from '../oauth/store.ts'
import { digestOf, randomToken } from '../oauth/vault.ts'
import { withStore } from './settings.ts'
import { CommandError, EXIT, type Terminal } from './terminal.ts'

interface Common {
  readonly config?: string
}

export interface AddClientOptions extends Common {
  readonly name?: string
  readonly auth?: string
  readonly grant?: readonly string[]
  readonly scope?: string
}

/** Short names for people, beside the RFC's own. */
const GRANT_NAMES: Readonly<Record<string, GrantType>> = {
  device_code: DEVICE_CODE_GRANT,
  ...Object.fromEntries(GRANT_TYPES.map((grant) => [grant, grant])),
}

export async function clientAdd(terminal: Terminal, clientId: string, options: AddClientOptions): Promise<void> {
  const authMethod = authMethodFrom(options.auth ?? 'none')
  const grantTypes = (options.grant ?? ['device_code', 'refresh_token']).map(grantFrom)
  if (!/^[\x21-\x7e]{1,128}$/.test(clientId) || clientId.startsWith(USER_ID_PREFIX)) {
    throw new CommandError(
      `not a client id: up to 128 visible ASCII characters, not beginning with ${USER_ID_PREFIX}`,
      EXIT.usage,
    )
  }
  if (authMethod === 'none' && grantTypes.includes('client_credentials')) {
    throw new CommandError(
      'client_credentials needs a client that can prove who it is: --auth client_secret_basic',
      EXIT.usage,
    )
  }
  const secret = authMethod === 'none' ? undefined : randomToken(terminal.host.entropy)
  await withStore(terminal, options.config, async (store, config) => {
    if (config.clients.some((client) => client.id === clientId)) {
      throw new CommandError(`${clientId} is declared in the configuration file; change it there`)
    }
    const client: Client = {
      id: clientId,
      version: 0,
      expiresAt: NEVER,
      name: options.name ?? clientId,
      authMethod,
      ...(secret === undefined ? {} : { secretDigest: digestOf(secret) }),
      grantTypes,
      scope: scopesFrom(options.scope, config),
      createdAt: terminal.host.clock.now(),
    }
    if (!(await store.clients.insert(client))) throw new CommandError(`${clientId} exists already`)
    terminal.say(`Added client ${clientId}`)
    printSecret(terminal, secret)
  })
}

export function clientList(terminal: Terminal, options: Common & { readonly json?: boolean }): Promise<void> {
  return withStore(terminal, options.config, async (store, config) => {
    const print = (client: Client, from: string) => {
      const { id, name, authMethod, grantTypes, scope } = client
      const state = client.disabledAt === undefined ? 'active' : 'disabled'
      if (options.json) {
        const members = {
          client_id: id,
          client_name: name,
          token_endpoint_auth_method: authMethod,
          grant_types: grantTypes,
        }
        terminal.print(JSON.stringify({ ...members, scope: scope.join(' '), state, from }))
      } else terminal.print([id, name, authMethod, state, from].join('\t'))
    }
    for (const client of config.clients) print(client, 'configuration')
    for (const client of await store.clients.all()) print(client, 'database')
  })
}

export function clientDisable(terminal: Terminal, clientId: string, options: Common): Promise<void> {
  return withStore(terminal, options.config, async (store, config) => {
    await change(store, config, clientId, (client) => ({ ...client, disabledAt: terminal.host.clock.now() }))
    terminal.say(`Disabled client ${clientId}`)
  })
}

export function clientRotateSecret(terminal: Terminal, clientId: string, options: Common): Promise<void> {
  return withStore(terminal, options.config, async (store, config) => {
    const secret = randomToken(terminal.host.entropy)
    await change(store, config, clientId, (client) => {
      if (client.secretDigest === undefined) throw new CommandError(`${clientId} has no secret`)
      return { ...client, secretDigest: digestOf(secret) }
    })
    terminal.say(`New secret for client ${clientId}; the old one stopped working`)
    printSecret(terminal, secret)
  })
}

async function change(store: Store, config: Config, clientId: string, edit: (client: Client) => Client): Promise<void> {
  if (config.clients.some((client) => client.id === clientId)) {
    throw new CommandError(`${clientId} is declared in the configuration file; change it there`)
  }
  await update(store.clients, clientId, (client) => {
    if (client === undefined) throw new CommandError(`no client ${clientId}`)
    return { next: edit(client), outcome: undefined }
  })
}

function printSecret(terminal: Terminal, secret: string | undefined): void {
  if (secret === undefined) return
  terminal.say('Its secret, shown this once:')
  terminal.print(secret)
}

function authMethodFrom(name: string): TokenEndpointAuthMethod {
  const method = TOKEN_ENDPOINT_AUTH_METHODS.find((known) => known === name)
  if (method === undefined)
    throw new CommandError(`--auth takes one of ${TOKEN_ENDPOINT_AUTH_METHODS.join(', ')}`, EXIT.usage)
  return method
}

function grantFrom(name: string): GrantType {
  const grant = Object.hasOwn(GRANT_NAMES, name) ? GRANT_NAMES[name] : undefined
  if (grant === undefined)
    throw new CommandError('--grant takes device_code, refresh_token or client_credentials', EXIT.usage)
  return grant
}

function scopesFrom(text: string | undefined, config: Config): readonly string[] {
  const names = (text ?? '').split(' ').filter((name) => name !== '')
  const identity: readonly string[] = IDENTITY_SCOPES
  const unknown = names.find((name) => !identity.includes(name) && resourceOf(config.apis, name) === undefined)
  if (unknown !== undefined) throw new CommandError(`scope "${unknown}" is of no API in the configuration`, EXIT.usage)
  return [...new Set(names)]
}

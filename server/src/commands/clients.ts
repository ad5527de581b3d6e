// `latchkey client …`: clients kept in the database. Those in the configuration file stay declarative.
import { readFileSync } from 'node:fs'
import {
  DEVICE_CODE_GRANT,
  GRANT_TYPES,
  type GrantType,
  isJsonObject,
  JWT_BEARER_GRANT,
  TOKEN_ENDPOINT_AUTH_METHODS,
  type TokenEndpointAuthMethod,
} from '@latchkey/shared'
import { apisOf, type Config } from '../config.ts'
import { readClientMetadata } from '../oauth/clients/client-metadata.ts'
import { digestOf, randomToken } from '../oauth/keys/vault.ts'
import { endLinks } from '../oauth/links.ts'
import { type Client, ELSEWHERE, ELSEWHERE_FALLBACKS, type PublicJwk } from '../oauth/records.ts'
import { knownScopes } from '../oauth/scopes.ts'
import { type Store, update } from '../oauth/store.ts'
import { recordAudit } from '../ops/audit.ts'
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
  readonly redirectUri?: readonly string[]
  /** A file with a JWKS of public keys, for private_key_jwt. */
  readonly jwks?: string
  /** What to do when device and person are on different networks. */
  readonly elsewhere?: string
  /** What `match` asks for where a device can show no number. */
  readonly elsewhereFallback?: string
  /** Whether tokens are bound to a key; the default depends on the kind of client. */
  readonly dpop?: boolean
}

/** Short names for people, beside the RFC's own. */
const GRANT_NAMES: Readonly<Record<string, GrantType>> = {
  device_code: DEVICE_CODE_GRANT,
  jwt_bearer: JWT_BEARER_GRANT,
  ...Object.fromEntries(GRANT_TYPES.map((grant) => [grant, grant])),
}

export async function clientAdd(terminal: Terminal, clientId: string, options: AddClientOptions): Promise<void> {
  const authMethod = authMethodFrom(options.auth)
  const grantTypes = (options.grant ?? ['device_code', 'refresh_token']).map(grantFrom)
  if (!/^[\x21-\x7e]{1,128}$/.test(clientId)) {
    throw new CommandError('not a client id: up to 128 visible ASCII characters', EXIT.usage)
  }
  const elsewhere = oneOf('--elsewhere', ELSEWHERE, options.elsewhere)
  const elsewhereFallback = oneOf('--elsewhere-fallback', ELSEWHERE_FALLBACKS, options.elsewhereFallback)
  const keys = options.jwks === undefined ? undefined : readKeys(options.jwks)
  const needsSecret = authMethod === 'client_secret_basic' || authMethod === 'client_secret_post'
  const secret = needsSecret ? randomToken(terminal.host.entropy) : undefined
  await withStore(terminal, options.config, async (store, config) => {
    if (config.clients.some((client) => client.id === clientId)) {
      throw new CommandError(`${clientId} is declared in the configuration file; change it there`)
    }
    const { client, problems } = readClientMetadata(
      clientId,
      {
        ...(options.name === undefined ? {} : { client_name: options.name }),
        token_endpoint_auth_method: authMethod,
        grant_types: grantTypes,
        scope: options.scope ?? '',
        ...(options.redirectUri === undefined ? {} : { redirect_uris: options.redirectUri }),
        ...(keys === undefined ? {} : { jwks: keys }),
        ...(options.dpop === undefined ? {} : { dpop_bound_access_tokens: options.dpop }),
      },
      {
        hasSecret: secret !== undefined,
        knownScopes: knownScopes(apisOf(config)),
        createdAt: terminal.host.clock.now(),
      },
    )
    const [first] = problems
    if (first !== undefined) throw new CommandError(`${first.member}: ${first.problem}`, EXIT.usage)
    const record = {
      ...client,
      ...(elsewhere === undefined ? {} : { elsewhere }),
      ...(elsewhereFallback === undefined ? {} : { elsewhereFallback }),
      ...(secret === undefined ? {} : { secretDigest: digestOf(secret) }),
    }
    if (!(await store.clients.insert(record))) throw new CommandError(`${clientId} exists already`)
    await recordAudit(store, terminal.host, { event: 'client_added', clientId, by: 'operator' })
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
    const now = terminal.host.clock.now()
    await change(store, config, clientId, (client) => ({ ...client, disabledAt: now }))
    await recordAudit(store, terminal.host, { event: 'client_disabled', clientId, by: 'operator' })
    const ended = await endLinks(store, await store.families.byClient(clientId), now)
    terminal.say(`Disabled client ${clientId}; ${ended === 1 ? '1 link' : `${ended} links`} ended`)
  })
}

export function clientRotateSecret(terminal: Terminal, clientId: string, options: Common): Promise<void> {
  return withStore(terminal, options.config, async (store, config) => {
    const secret = randomToken(terminal.host.entropy)
    await change(store, config, clientId, (client) => {
      if (client.secretDigest === undefined) throw new CommandError(`${clientId} has no secret`)
      return { ...client, secretDigest: digestOf(secret) }
    })
    await recordAudit(store, terminal.host, { event: 'client_secret_changed', clientId, by: 'operator' })
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

function readKeys(path: string): { readonly keys: readonly PublicJwk[] } {
  try {
    const document: unknown = JSON.parse(readFileSync(path, 'utf8'))
    const keys = isJsonObject(document) ? (document['keys'] ?? [document]) : undefined
    if (Array.isArray(keys) && keys.every(isJsonObject)) return { keys }
  } catch (error) {
    throw new CommandError(`${path}: ${error instanceof Error ? error.message : String(error)}`, EXIT.usage)
  }
  throw new CommandError(`${path}: neither a JWK nor a set of them`, EXIT.usage)
}

function authMethodFrom(name: string | undefined): TokenEndpointAuthMethod {
  if (name === undefined) {
    // Nobody should get a client that anybody can claim to be without having said so.
    throw new CommandError(
      'say how it proves who it is: --auth none for a public client, else client_secret_basic',
      EXIT.usage,
    )
  }
  const method = TOKEN_ENDPOINT_AUTH_METHODS.find((known) => known === name)
  if (method === undefined)
    throw new CommandError(`--auth takes one of ${TOKEN_ENDPOINT_AUTH_METHODS.join(', ')}`, EXIT.usage)
  return method
}

function oneOf<T extends string>(option: string, values: readonly T[], name: string | undefined): T | undefined {
  const found = values.find((known) => known === name)
  if (name !== undefined && found === undefined) {
    throw new CommandError(`${option} takes one of ${values.join(', ')}`, EXIT.usage)
  }
  return found
}

function grantFrom(name: string): GrantType {
  const grant = Object.hasOwn(GRANT_NAMES, name) ? GRANT_NAMES[name] : undefined
  if (grant === undefined) throw new CommandError(`--grant takes ${Object.keys(GRANT_NAMES).join(', ')}`, EXIT.usage)
  return grant
}

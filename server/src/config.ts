// The configuration: one schema, every mistake at once with its path, secrets by reference.
// Order: defaults, then latchkey.json, then environment variables (LATCHKEY_LISTEN__PORT=9000).
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { GRANT_TYPES, TOKEN_ENDPOINT_AUTH_METHODS } from '@latchkey/shared'
import Type, { type Static, type TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { formProblems, isObject, schemaForEditors } from './config-form.ts'
import { type ClientMetadata, readClientMetadata, SHORTEST_SECRET } from './oauth/client-metadata.ts'
import type { Api, Provider } from './oauth/provider.ts'
import { type Client, ELSEWHERE, SIGNING_ALGORITHMS } from './oauth/records.ts'
import { ENROL_SCOPE, enrolmentApi } from './oauth/registration.ts'
import { IDENTITY_SCOPES, knownScopes } from './oauth/scopes.ts'
import { LONGEST_TOKEN_SECONDS } from './oauth/signing-key-life.ts'
import { digestOf, SMALLEST_MASTER_SECRET_BYTES } from './oauth/vault.ts'
import { DATABASE_ADDRESS } from './storage/open.ts'

const closed = { additionalProperties: false } as const
const oneOf = <T extends string>(values: readonly T[]) => Type.Union(values.map((value) => Type.Literal(value)))
const seconds = (fallback: number, least: number, most: number, description: string) =>
  Type.Integer({ default: fallback, minimum: least, maximum: most, description })

const SecretReference = Type.Union(
  [
    Type.Object({ env: Type.String({ minLength: 1 }) }, closed),
    Type.Object({ file: Type.String({ minLength: 1 }) }, closed),
  ],
  { description: 'a reference to a secret, {"env": "NAME"} or {"file": "/run/secrets/x"}, never the secret itself' },
)

const ApiEntry = Type.Object(
  {
    resource: Type.String({
      minLength: 1,
      description: 'The API’s resource URI (RFC 8707): the audience of its tokens.',
    }),
    scopes: Type.Record(Type.String(), Type.String({ minLength: 1 }), {
      description: 'Each scope, with what it allows in words that a person reads before saying yes.',
    }),
    device_scopes: Type.Optional(
      Type.Array(Type.String(), { description: 'The scopes that a device may be given; without it, all of them.' }),
    ),
    access_token_format: Type.Optional(oneOf(['jwt', 'opaque'] as const)),
    access_token_signing_alg: Type.Optional(oneOf(SIGNING_ALGORITHMS)),
    introspection_clients: Type.Optional(
      Type.Array(Type.String(), { description: 'Clients that may ask what a token of this API means (RFC 7662).' }),
    ),
  },
  closed,
)

const ClientEntry = Type.Object(
  {
    client_id: Type.String({
      minLength: 1,
      maxLength: 128,
      pattern: '^[\\x21-\\x7e]+$',
      description: 'visible ASCII characters without spaces',
    }),
    client_name: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    client_secret: Type.Optional(SecretReference),
    token_endpoint_auth_method: Type.Optional(oneOf(TOKEN_ENDPOINT_AUTH_METHODS)),
    grant_types: Type.Optional(Type.Array(oneOf(GRANT_TYPES), { minItems: 1 })),
    scope: Type.Optional(Type.String()),
    redirect_uris: Type.Optional(Type.Array(Type.String())),
    post_logout_redirect_uris: Type.Optional(Type.Array(Type.String())),
    jwks: Type.Optional(
      Type.Object(
        { keys: Type.Array(Type.Record(Type.String(), Type.Unknown()), { minItems: 1 }) },
        { ...closed, description: 'Public keys (RFC 7517), inline; two while they are changed.' },
      ),
    ),
    dpop_bound_access_tokens: Type.Optional(
      Type.Boolean({
        description: 'Bind its tokens to a key by DPoP (RFC 9449). Default: true for device clients.',
      }),
    ),
    elsewhere: Type.Optional(
      Type.Union(
        ELSEWHERE.map((policy) => Type.Literal(policy)),
        {
          description:
            'When a device and its person are on different networks: allow, warn, have the code typed (the default), or block.',
        },
      ),
    ),
    id_token_signed_response_alg: Type.Optional(oneOf(SIGNING_ALGORITHMS)),
    subject_type: Type.Optional(oneOf(['public', 'pairwise'] as const)),
    sector_identifier_host: Type.Optional(Type.String({ minLength: 1 })),
  },
  { ...closed, description: 'A client, in the names of RFC 7591.' },
)

export const ConfigSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    name: Type.String({
      default: 'Latchkey',
      minLength: 1,
      maxLength: 40,
      description: 'What people read at the top of every page.',
    }),
    issuer: Type.String({
      description:
        'The public address of this server, without a trailing slash. Default: http://localhost with the port.',
    }),
    listen: Type.Object(
      {
        host: Type.String({ default: '127.0.0.1', minLength: 1 }),
        port: Type.Integer({ default: 8080, minimum: 0, maximum: 65535 }),
        trusted_proxies: Type.Array(Type.String({ minLength: 1 }), {
          default: [],
          description: 'Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed.',
        }),
      },
      { ...closed, default: {} },
    ),
    database: Type.String({
      default: 'sqlite:./data/latchkey.db',
      pattern: DATABASE_ADDRESS,
      description: 'an address such as sqlite:./data/latchkey.db',
    }),
    master_secret: Type.Optional(SecretReference),
    apis: Type.Array(ApiEntry, { default: [] }),
    clients: Type.Array(ClientEntry, { default: [] }),
    acr: Type.Record(Type.String(), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }), {
      default: {},
      description:
        'Words that clients may ask for in acr_values, weakest first, each with the methods (RFC 8176) that a sign-in must have used.',
    }),
    registration: Type.Optional(
      Type.Object(
        {
          enabled: Type.Boolean({ default: true, description: 'Without this section, registration is off.' }),
          scope: Type.String({ default: '', description: 'What an enrolled device may ask for, as itself.' }),
          devices_per_user: seconds(50, 1, 100_000, 'How many devices one person may own.'),
        },
        { ...closed, description: 'Devices register themselves (RFC 7591) once a person has allowed device:enroll.' },
      ),
    ),
    limits: Type.Object(
      {
        device_code_seconds: seconds(600, 60, 1800, 'How long a device and a person have for the flow.'),
        live_device_codes: seconds(
          1000,
          1,
          100_000,
          'How many codes may wait for an answer at once; one client in one network gets three fifths of them.',
        ),
        poll_interval_seconds: seconds(5, 1, 60, 'How long a device waits between two polls.'),
        waiting_devices: seconds(
          20_000,
          1,
          1_000_000,
          'How many devices may wait for news at once; one network gets a quarter.',
        ),
        user_token_seconds: seconds(
          600,
          60,
          LONGEST_TOKEN_SECONDS,
          'Life of an access token that speaks for a person.',
        ),
        client_token_seconds: seconds(
          3600,
          60,
          LONGEST_TOKEN_SECONDS,
          'Life of an access token that speaks for a client.',
        ),
        refresh_idle_days: seconds(90, 1, 3650, 'A link unused for so long ends.'),
        refresh_absolute_days: seconds(365, 1, 3650, 'A link older than this ends.'),
        refresh_grace_seconds: seconds(
          60,
          0,
          3600,
          'How long a client whose answer was lost may come back with the old refresh token.',
        ),
        refresh_bound_grace_days: seconds(
          30,
          0,
          365,
          'The same for tokens that are bound to a key: it lasts until the new one is used, or so many days.',
        ),
        signing_key_days: seconds(
          90,
          0,
          3650,
          'A signing key that has signed for so long is followed by another; 0: only by command.',
        ),
      },
      { ...closed, default: {} },
    ),
  },
  { ...closed, $id: 'https://latchkey.example/latchkey.schema.json', title: 'Latchkey server configuration' },
)

type RawConfig = Static<typeof ConfigSchema>

export interface Config extends Omit<RawConfig, '$schema' | 'apis' | 'clients' | 'master_secret'> {
  readonly apis: readonly Api[]
  readonly clients: readonly Client[]
  /** Absent: the server keeps one beside its database. */
  readonly masterSecret?: Uint8Array
}

/** Everything that is wrong, one line each, with the path of the value. */
export class ConfigError extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type Environment = Readonly<Record<string, string | undefined>>

/** What editors complete `latchkey.json` with; server/latchkey.schema.json holds it. */
export const EDITOR_SCHEMA = schemaForEditors(ConfigSchema, ['issuer'])

/** Reads `path`, if any, under `environment`. Throws ConfigError. */
export function loadConfig(path: string | undefined, environment: Environment): Config {
  let file: Json = {}
  if (path !== undefined) {
    try {
      file = JSON.parse(readFileSync(path, 'utf8')) as Json
    } catch (error) {
      throw new ConfigError([`${path}: ${readingProblem(error)}`])
    }
  }
  return parseConfig(file, environment)
}

/** Throws ConfigError with all problems; a part whose form is wrong is not looked into further. */
export function parseConfig(file: Json, environment: Environment): Config {
  const value = Value.Default(ConfigSchema, overridden(file, environment))
  if (isObject(value) && value['issuer'] === undefined) value['issuer'] = localIssuer(value['listen'])
  const problems = [...formProblems(ConfigSchema, value)]
  const fits = (...parts: readonly (keyof RawConfig)[]): boolean =>
    isObject(value) && !problems.some((problem) => parts.some((part) => problem.startsWith(part)))

  const raw = value as RawConfig
  const readSecret = secretReader(environment, problems)
  if (fits('issuer', 'listen')) checkIssuer(raw, problems)
  if (fits('listen')) checkProxies(raw, problems)
  if (fits('apis')) checkApis(raw, problems)
  const masterSecret = fits('master_secret') ? readMasterSecret(raw, readSecret, problems) : undefined
  const clients = fits('apis', 'clients', 'registration') ? readClients(raw, readSecret, problems) : []
  if (fits('apis', 'registration')) checkRegistration(raw, problems)
  if (fits('acr')) checkAcr(raw, problems)
  if (problems.length > 0) throw new ConfigError(problems)
  const { $schema: _schema, master_secret: _reference, ...rest } = raw
  return { ...rest, clients, ...(masterSecret === undefined ? {} : { masterSecret }) }
}

function readingProblem(error: unknown): string {
  if (error instanceof SyntaxError) return `not valid JSON: ${error.message}`
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'no such file'
  if (code === 'EACCES') return 'this user may not read it'
  return code === 'EISDIR' ? 'is a folder' : String(error)
}

function localIssuer(listen: unknown): string {
  const address = `http://localhost:${isObject(listen) ? String(listen['port']) : ''}`
  // Without the port where that is http's own.
  return URL.canParse(address) ? new URL(address).origin : 'http://localhost'
}

/** LATCHKEY_ISSUER, LATCHKEY_LISTEN__PORT, LATCHKEY_LIMITS__REFRESH_IDLE_DAYS; lists and objects are written as JSON. */
function overridden(file: Json, environment: Environment): Json {
  if (!isObject(file)) return file
  const result = structuredClone(file)
  for (const [name, setting] of Object.entries(ConfigSchema.properties)) {
    const variable = `LATCHKEY_${name.toUpperCase()}`
    const own = environment[variable]
    if (own !== undefined) result[name] = valueFrom(own, setting)
    for (const [inner, innerSetting] of Object.entries(propertiesOf(setting))) {
      const text = environment[`${variable}__${inner.toUpperCase()}`]
      if (text === undefined) continue
      const section = result[name]
      const known = isObject(section) ? section : {}
      result[name] = { ...known, [inner]: valueFrom(text, innerSetting) }
    }
  }
  return result
}

function propertiesOf(schema: TSchema): Record<string, TSchema> {
  return 'properties' in schema ? (schema['properties'] as Record<string, TSchema>) : {}
}

function valueFrom(text: string, schema: TSchema): Json {
  if ('type' in schema && schema['type'] === 'string') return text
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}

type ReadSecret = (path: string, reference: Static<typeof SecretReference>) => string | undefined

function secretReader(environment: Environment, problems: string[]): ReadSecret {
  return (path, reference) => {
    if ('env' in reference) {
      const value = environment[reference.env]
      if (!value) problems.push(`${path}.env: environment variable ${reference.env} is not set`)
      return value || undefined
    }
    try {
      return readFileSync(reference.file, 'utf8').replace(/\r?\n$/, '')
    } catch (error) {
      problems.push(`${path}.file: ${reference.file}: ${readingProblem(error)}`)
      return undefined
    }
  }
}

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']
const LONGEST_COMPLETE_URI = 62
const CODE_QUERY = '/link?user_code=XXXX-XXXX'

function checkIssuer({ issuer, listen }: RawConfig, problems: string[]): void {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined
  if (url === undefined || !['https:', 'http:'].includes(url.protocol)) {
    problems.push('issuer: must be an address such as https://id.example.com')
    return
  }
  if (url.search !== '' || url.hash !== '' || url.username !== '' || issuer.endsWith('/') || issuer.includes('?')) {
    problems.push('issuer: no trailing slash, query, fragment or user name')
  } else if (new URL(issuer).href.replace(/\/$/, '') !== issuer) {
    problems.push(`issuer: write it as ${url.href.replace(/\/$/, '')}`)
  }
  if (url.port === '0') problems.push('issuer: must be set when listen.port is 0: the port is not known beforehand')
  if (url.protocol === 'http:' && !LOOPBACK.includes(url.hostname)) {
    problems.push('issuer: http is accepted on loopback alone (localhost, 127.0.0.1, [::1]); use https')
  }
  if (url.protocol === 'https:' && listen.trusted_proxies.length === 0) {
    problems.push('listen.trusted_proxies: an https issuer needs a proxy that ends TLS; list its address here')
  }
  if (url.protocol === 'https:' && (issuer + CODE_QUERY).length > LONGEST_COMPLETE_URI) {
    problems.push(
      `issuer: too long for a QR code that scans from a sofa (${LONGEST_COMPLETE_URI - CODE_QUERY.length} characters at most)`,
    )
  }
}

function checkProxies({ listen }: RawConfig, problems: string[]): void {
  for (const [index, proxy] of listen.trusted_proxies.entries()) {
    const [address = '', prefix, ...more] = proxy.split('/')
    const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
    const prefixFits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
    if (bits < 0 || !prefixFits || more.length > 0) {
      problems.push(`listen.trusted_proxies[${index}]: must be an address or a network, such as 10.0.0.1 or 10.0.0.0/8`)
    }
  }
}

const SCOPE_NAME = /^[\x21\x23-\x5b\x5d-\x7e]+$/

function checkApis({ apis }: RawConfig, problems: string[]): void {
  const owners = new Map<string, string>()
  for (const [index, api] of apis.entries()) {
    const path = `apis[${index}]`
    if (!URL.canParse(api.resource) || api.resource.includes('#')) {
      problems.push(`${path}.resource: must be an absolute URI without a fragment`)
    }
    if (apis.findIndex((other) => other.resource === api.resource) < index) {
      problems.push(`${path}.resource: "${api.resource}" is listed twice`)
    }
    for (const scope of Object.keys(api.scopes)) {
      const owner = owners.get(scope)
      if (!SCOPE_NAME.test(scope)) problems.push(`${path}.scopes: "${scope}" is not a scope name`)
      else if (scope === ENROL_SCOPE || (IDENTITY_SCOPES as readonly string[]).includes(scope))
        problems.push(`${path}.scopes: "${scope}" is reserved`)
      else if (owner !== undefined) problems.push(`${path}.scopes: "${scope}" belongs to ${owner} already`)
      owners.set(scope, api.resource)
    }
  }
}

/** Clients list them with spaces in between (OpenID Connect Core §3.1.2.1). */
function checkAcr({ acr }: RawConfig, problems: string[]): void {
  for (const value of Object.keys(acr)) {
    if (!/^[\x21-\x7e]+$/.test(value)) problems.push(`acr: "${value}" must be visible ASCII characters without spaces`)
  }
}

/** An enrolled device acts as itself: its scopes are those of APIs, none about a person. */
function checkRegistration({ apis, registration }: RawConfig, problems: string[]): void {
  const ofApis = new Set(apis.flatMap((api) => Object.keys(api.scopes)))
  for (const scope of scopeNames(registration?.scope ?? '')) {
    if (!ofApis.has(scope)) problems.push(`registration.scope: "${scope}" is a scope of no API`)
  }
}

type ApiOwner = Pick<RawConfig, 'issuer' | 'registration'> & { readonly apis: readonly Api[] }

/** The APIs of the file and, where devices register themselves, the server's own. */
export function apisOf({ issuer, apis, registration }: ApiOwner): readonly Api[] {
  return registration?.enabled ? [...apis, enrolmentApi(issuer)] : apis
}

/** What of it the protocol works with: nothing, where registration is off. */
export function registrationTerms({ registration }: Pick<RawConfig, 'registration'>): Pick<Provider, 'registration'> {
  if (!registration?.enabled) return {}
  const { scope, devices_per_user: devicesPerUser } = registration
  return { registration: { scope: scopeNames(scope), devicesPerUser } }
}

function scopeNames(text: string): readonly string[] {
  return [...new Set(text.split(' ').filter((name) => name !== ''))]
}

function readMasterSecret(raw: RawConfig, readSecret: ReadSecret, problems: string[]): Uint8Array | undefined {
  const text = raw.master_secret && readSecret('master_secret', raw.master_secret)
  if (text === undefined) return undefined
  const secret = Buffer.from(text)
  if (secret.length < SMALLEST_MASTER_SECRET_BYTES) {
    problems.push(`master_secret: at least ${SMALLEST_MASTER_SECRET_BYTES} random characters (openssl rand -base64 48)`)
  }
  return secret
}

function readClients(raw: RawConfig, readSecret: ReadSecret, problems: string[]): readonly Client[] {
  const clients = raw.clients.map((entry, index) => readClient(raw, entry, `clients[${index}]`, readSecret, problems))
  const ids = clients.map((client) => client.id)
  for (const [index, id] of ids.entries()) {
    if (ids.indexOf(id) < index) problems.push(`clients[${index}].client_id: "${id}" is used twice`)
  }
  return clients
}

function readClient(
  config: RawConfig,
  entry: RawConfig['clients'][number],
  path: string,
  readSecret: ReadSecret,
  problems: string[],
): Client {
  const { client_id: clientId, client_secret: reference, elsewhere, ...metadata } = entry
  const secret = reference && readSecret(`${path}.client_secret`, reference)
  if (secret !== undefined && secret.length < SHORTEST_SECRET) {
    problems.push(`${path}.client_secret: at least ${SHORTEST_SECRET} random characters (openssl rand -base64 32)`)
  }
  const { client, problems: found } = readClientMetadata(clientId, metadata as ClientMetadata, {
    hasSecret: reference !== undefined,
    knownScopes: knownScopes(apisOf(config)),
    createdAt: 0,
  })
  for (const { member, problem } of found) problems.push(`${path}.${member}: ${problem}`)
  return {
    ...client,
    ...(elsewhere === undefined ? {} : { elsewhere }),
    ...(secret === undefined ? {} : { secretDigest: digestOf(secret) }),
  }
}

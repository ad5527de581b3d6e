// The configuration: one schema, every mistake at once with its path, secrets by reference.
// Order: defaults, then latchkey.json, then environment variables (LATCHKEY_LISTEN__PORT=9000).
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { dirname } from 'node:path'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import type { UpstreamSettings } from './accounts/upstream-settings.ts'
import { readingProblem } from './config-file.ts'
import { formProblems, isObject } from './config-form.ts'
import { checkLinks, readThemes, type Themes } from './config-look.ts'
import { readNotices } from './config-notices.ts'
import { ConfigSchema, type RawConfig, type SecretReference } from './config-schema.ts'
import { readUpstreams } from './config-upstreams.ts'
import { type ClientMetadata, readClientMetadata, SHORTEST_SECRET } from './oauth/clients/client-metadata.ts'
import { ENROL_SCOPE, enrolmentApi } from './oauth/clients/registration.ts'
import { digestOf, SMALLEST_MASTER_SECRET_BYTES } from './oauth/keys/vault.ts'
import type { Api, Provider } from './oauth/provider.ts'
import type { Client } from './oauth/records.ts'
import { IDENTITY_SCOPES, knownScopes } from './oauth/scopes.ts'
import type { NoticeSettings } from './ops/notices.ts'

export interface Config
  extends Omit<RawConfig, '$schema' | 'apis' | 'clients' | 'master_secret' | 'theme' | 'upstreams' | 'notices'>,
    Themes {
  readonly apis: readonly Api[]
  readonly clients: readonly Client[]
  readonly upstreams: readonly UpstreamSettings[]
  /** Absent: nobody is told anything. */
  readonly notices?: NoticeSettings
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
  return parseConfig(file, environment, path === undefined ? '.' : dirname(path))
}

/**
 * Throws ConfigError with all problems; a part whose form is wrong is not looked into further. The paths of logos begin
 * in `folder`.
 */
export function parseConfig(file: Json, environment: Environment, folder = '.'): Config {
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
  const upstreams = fits('upstreams', 'issuer') ? readUpstreams(raw, readSecret, problems) : []
  const notices = fits('notices') ? readNotices(raw, readSecret, problems) : undefined
  if (fits('links')) checkLinks(raw, problems)
  const themes = fits('theme', 'clients') ? readThemes(raw, folder, problems) : { clientThemes: new Map() }
  if (problems.length > 0) throw new ConfigError(problems)
  const { $schema: _schema, master_secret: _reference, theme: _theme, notices: _notices, ...rest } = raw
  return {
    ...rest,
    ...themes,
    clients,
    upstreams,
    ...(notices === undefined ? {} : { notices }),
    ...(masterSecret === undefined ? {} : { masterSecret }),
  }
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

type ReadSecret = (path: string, reference: SecretReference) => string | undefined

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
/** A code as any other, for its length. */
const CODE_QUERY = '/link?user_code=WDJB-MJHT'

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
  const {
    client_id: clientId,
    client_secret: reference,
    elsewhere,
    elsewhere_fallback: elsewhereFallback,
    ...metadata
  } = entry
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
    ...(elsewhereFallback === undefined ? {} : { elsewhereFallback }),
    ...(secret === undefined ? {} : { secretDigest: digestOf(secret) }),
  }
}

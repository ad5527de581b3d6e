import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError, loadConfig, parseConfig } from '@latchkey/server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

type File = Parameters<typeof parseConfig>[0]
const SECRET = 'northwind-northwind-northwind-northwind'
const api = (resource: string, ...scopes: readonly string[]) => ({
  resource,
  scopes: Object.fromEntries(scopes.map((scope) => [scope, `May ${scope}`])),
})
const PUBLIC = { client_id: 'a', token_endpoint_auth_method: 'none' }
const behindProxy = { trusted_proxies: ['127.0.0.1'] }

/** What is said about this configuration; empty when it is fine. */
function problems(file: unknown, environment: Record<string, string> = {}): readonly string[] {
  try {
    parseConfig(file as File, environment)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

describe('configuration: values', () => {
  it('an empty file is enough to start', () => {
    expect(parseConfig({}, {})).toMatchObject({
      name: 'Latchkey',
      issuer: 'http://localhost:8080',
      listen: { host: '127.0.0.1', port: 8080, trusted_proxies: [] },
      database: 'sqlite:./data/latchkey.db',
      apis: [],
      clients: [],
      limits: {
        device_code_seconds: 600,
        poll_interval_seconds: 5,
        user_token_seconds: 600,
        client_token_seconds: 3600,
        refresh_idle_days: 90,
        refresh_absolute_days: 365,
        refresh_grace_seconds: 60,
      },
    })
  })

  it('the issuer follows the port, and leaves out the one that is http’s own', () => {
    expect(parseConfig({ listen: { port: 9000 } }, {}).issuer).toBe('http://localhost:9000')
    expect(parseConfig({ listen: { port: 80 } }, {}).issuer).toBe('http://localhost')
  })

  it('an environment variable wins over the file, section by section', () => {
    const file = { name: 'File', issuer: 'http://localhost:1', listen: { port: 1, host: '::1' } }
    const environment = {
      LATCHKEY_NAME: '7',
      LATCHKEY_ISSUER: 'http://localhost:9000',
      LATCHKEY_LISTEN__PORT: '9000',
      LATCHKEY_LIMITS__REFRESH_IDLE_DAYS: '30',
      LATCHKEY_APIS: '[{"resource":"https://a.example.com","scopes":{"a:read":"Read"}}]',
    }
    const config = parseConfig(file, environment)
    expect(config).toMatchObject({ name: '7', issuer: 'http://localhost:9000', listen: { port: 9000, host: '::1' } })
    expect(config.limits.refresh_idle_days).toBe(30)
    expect(config.apis).toHaveLength(1)
    expect(file.listen.port).toBe(1)
  })

  it.each([
    [{ LATCHKEY_LISTEN__PORT: 'abc' }, 'listen.port: must be a whole number from 0 to 65535'],
    [{ LATCHKEY_LISTEN__PORT: '' }, 'listen.port: must be a whole number from 0 to 65535'],
    [{ LATCHKEY_CLIENTS: '[{]' }, 'clients: must be a list, […]'],
    [{ LATCHKEY_LISTEN: '7' }, 'listen: must be an object, {…}'],
  ])('a variable that does not fit is told like a value: %o', (environment, said) => {
    expect(problems({}, environment as Record<string, string>)).toEqual([said])
  })

  describe('secrets', () => {
    let folder: string
    beforeAll(() => {
      folder = temporaryFolder()
      writeFileSync(join(folder, 'secret'), `${SECRET}\n`)
    })
    afterAll(() => removeFolder(folder))
    const client = (client_secret: File): File => ({ clients: [{ client_id: 'reports', client_secret }] })

    it('come from the environment or a file, without its line break, and are kept as a digest', () => {
      const fromEnv = parseConfig(client({ env: 'REPORTS' }), { REPORTS: SECRET })
      const fromFile = parseConfig(client({ file: join(folder, 'secret') }), {})
      for (const config of [fromEnv, fromFile]) {
        expect(config.clients[0]).toMatchObject({ authMethod: 'client_secret_basic', secretDigest: digestOf(SECRET) })
        expect(JSON.stringify(config)).not.toContain(SECRET)
      }
      const master = parseConfig({ master_secret: { file: join(folder, 'secret') } }, {}).masterSecret
      expect(Buffer.from(master ?? []).toString()).toBe(SECRET)
    })

    it('never stand in the file, and are never repeated in a complaint', () => {
      const reference = 'must be a reference to a secret, {"env": "NAME"} or {"file": "/run/secrets/x"}'
      for (const wrong of [SECRET, { value: SECRET }, { env: '' }, { env: 'A', file: 'B' }, null]) {
        expect(problems(client(wrong))).toEqual([`clients[0].client_secret: ${reference}, never the secret itself`])
      }
      expect(problems(client({ env: 'SHORT' }), { SHORT: 'hunter2' }).join()).not.toContain('hunter2')
    })

    it.each([
      ['not set', { env: 'NOPE' }, 'clients[0].client_secret.env: environment variable NOPE is not set'],
      ['no file', { file: '/nope/x' }, 'clients[0].client_secret.file: /nope/x: no such file'],
      ['a folder', { file: '/' }, 'clients[0].client_secret.file: /: is a folder'],
      [
        'too short',
        { env: 'SHORT' },
        'clients[0].client_secret: at least 32 random characters (openssl rand -base64 32)',
      ],
    ])('%s', (_name, reference, said) => {
      expect(problems(client(reference), { SHORT: 'hunter2' })).toEqual([said])
    })

    it('OPS-02 a short master secret is refused here, not later', () => {
      expect(problems({ master_secret: { env: 'M' } }, { M: 'x'.repeat(31) })).toEqual([
        'master_secret: at least 32 random characters (openssl rand -base64 48)',
      ])
      expect(problems({ master_secret: { env: 'M' } }, { M: 'x'.repeat(32) })).toEqual([])
    })
  })
})

describe('configuration: mistakes', () => {
  it('all at once, each with its path, form and meaning together', () => {
    const file = {
      isuer: 'http://localhost',
      name: '',
      issuer: 'http://id.example.com',
      database: 'mysql://x',
      apis: [api('/library', 'a b', 'openid'), api('https://a.example.com', 'x'), api('https://b.example.com', 'x')],
      clients: [
        { client_id: 'a b', grant_types: ['password'] },
        { client_id: '', token_endpoint_auth_method: 'magic', scope: 7 },
        { secret: 'x' },
      ],
      limits: { device_code_seconds: 5, poll_interval_seconds: '5', user_token_seconds: 60.5, forever: true },
    }
    const said = problems(file)
    const paths = said.map((problem) => problem.slice(0, problem.indexOf(': ')))
    expect(paths.sort()).toEqual(
      [
        'apis[0].resource',
        'apis[0].scopes',
        'apis[0].scopes',
        'apis[2].scopes',
        'clients[0].client_id',
        'clients[0].grant_types[0]',
        'clients[1].client_id',
        'clients[1].scope',
        'clients[1].token_endpoint_auth_method',
        'clients[2].client_id',
        'clients[2].secret',
        'database',
        'issuer',
        'isuer',
        'limits.device_code_seconds',
        'limits.forever',
        'limits.poll_interval_seconds',
        'limits.user_token_seconds',
        'name',
      ].sort(),
    )
  })

  it.each<readonly [unknown, string]>([
    [[], 'configuration: must be an object, {…}'],
    [{ isuer: 'x' }, 'isuer: unknown setting'],
    [{ name: 7 }, 'name: must be text in quotes'],
    [{ name: 'x'.repeat(41) }, 'name: must not have more than 40 characters'],
    [{ listen: { host: '' } }, 'listen.host: must not be empty'],
    [{ listen: { port: 70_000 } }, 'listen.port: must be a whole number from 0 to 65535'],
    [{ listen: { port: '8080' } }, 'listen.port: must be a whole number from 0 to 65535'],
    [{ database: 'latchkey.db' }, 'database: must be an address such as sqlite:./data/latchkey.db'],
    [{ apis: {} }, 'apis: must be a list, […]'],
    [{ apis: [{ resource: 'https://a.example.com' }] }, 'apis[0].scopes: is missing'],
    [
      { apis: [{ resource: 'https://a.example.com', scopes: { read: {} } }] },
      'apis[0].scopes.read: must be a sentence, or one for each language, such as {"en": "See your library", "de": "Deine Bibliothek sehen"}',
    ],
    [
      { apis: [{ resource: 'https://a.example.com', scopes: { 'a.b c': '' } }] },
      'apis[0].scopes["a.b c"]: must be a sentence, or one for each language, such as {"en": "See your library", "de": "Deine Bibliothek sehen"}',
    ],
    [{ clients: [{}] }, 'clients[0].client_id: is missing'],
    [{ clients: [{ client_id: 'tv', grant_types: [] }] }, 'clients[0].grant_types: must not be empty'],
    [{ clients: [{ client_id: 'a b' }] }, 'clients[0].client_id: must be visible ASCII characters without spaces'],
    [{ clients: [PUBLIC, PUBLIC] }, 'clients[1].client_id: "a" is used twice'],
  ])('%j → %s', (file, said) => {
    expect(problems(file)).toEqual([said])
  })

  it('what can be chosen from is listed', () => {
    const [grant] = problems({ clients: [{ client_id: 'tv', grant_types: ['password'] }] })
    expect(grant).toMatch(
      /^clients\[0\]\.grant_types\[0\]: must be "urn:ietf:params:oauth:grant-type:device_code", .* or "/,
    )
    const [method] = problems({ clients: [{ client_id: 'tv', token_endpoint_auth_method: 'magic' }] })
    expect(method).toMatch(/^clients\[0\]\.token_endpoint_auth_method: must be "none", "client_secret_basic", .* or "/)
  })

  it.each([
    ['http://localhost:8080'],
    ['http://127.0.0.1:8080'],
    ['http://[::1]:8080'],
    ['http://localhost/auth'],
    ['https://id.example.com'],
    ['https://id.example.com:8443/auth'],
  ])('OPS-02 the issuer %s is fine', (issuer) => {
    expect(problems({ issuer, listen: behindProxy })).toEqual([])
  })

  it.each([
    ['id.example.com', /an address such as https/],
    ['ftp://id.example.com', /an address such as https/],
    ['http://id.example.com', /http is accepted on loopback alone/],
    ['http://localhost.example.com', /http is accepted on loopback alone/],
    ['http://192.168.0.7:8080', /http is accepted on loopback alone/],
    ['https://id.example.com/', /no trailing slash/],
    ['https://id.example.com/auth/', /no trailing slash/],
    ['https://id.example.com?', /no trailing slash, query/],
    ['https://id.example.com?a=b', /no trailing slash, query/],
    ['https://id.example.com#a', /fragment/],
    ['https://me@id.example.com', /user name/],
    ['https://ID.example.com', /write it as https:\/\/id\.example\.com$/],
    ['https://id.example.com:443', /write it as https:\/\/id\.example\.com$/],
    ['https://id.example.com/a/../b', /write it as https:\/\/id\.example\.com\/b$/],
    ['https://identity.northwind.example.com/auth', /too long for a QR code/],
  ])('OPS-02 MET-01 the issuer %s is not', (issuer, said) => {
    const [problem, ...more] = problems({ issuer, listen: behindProxy })
    expect(problem).toMatch(/^issuer: /)
    expect(problem).toMatch(said)
    expect(more).toEqual([])
  })

  it('OPS-01 an https issuer needs a proxy that is named, by address', () => {
    expect(problems({ issuer: 'https://id.example.com' })).toEqual([
      'listen.trusted_proxies: an https issuer needs a proxy that ends TLS; list its address here',
    ])
    const trusted_proxies = [
      '10.0.0.1',
      '10.0.0.0/8',
      '::1',
      '2001:db8::/32',
      'proxy',
      '10.0.0.0/33',
      '1.2.3.4/8/8',
      '*',
    ]
    expect(problems({ listen: { trusted_proxies } })).toEqual(
      [4, 5, 6, 7].map(
        (at) => `listen.trusted_proxies[${at}]: must be an address or a network, such as 10.0.0.1 or 10.0.0.0/8`,
      ),
    )
  })

  it('a port of the system’s choice needs an issuer that is written down', () => {
    expect(problems({ listen: { port: 0 } })).toEqual([
      'issuer: must be set when listen.port is 0: the port is not known beforehand',
    ])
    expect(problems({ listen: { port: 0 }, issuer: 'http://localhost:8080' })).toEqual([])
  })

  it('DEV-09 lives and intervals have bounds', () => {
    for (const device_code_seconds of [59, 1801]) {
      expect(problems({ limits: { device_code_seconds } })).toHaveLength(1)
    }
    for (const poll_interval_seconds of [0, 61]) expect(problems({ limits: { poll_interval_seconds } })).toHaveLength(1)
  })

  describe('files', () => {
    let folder: string
    beforeAll(() => {
      folder = temporaryFolder()
    })
    afterAll(() => removeFolder(folder))
    const load = (path: string) => {
      try {
        return loadConfig(path, {})
      } catch (error) {
        return error instanceof ConfigError ? error.problems : error
      }
    }

    it('a file that is missing, a folder or no JSON is named', () => {
      expect(load(join(folder, 'nope.json'))).toEqual([`${join(folder, 'nope.json')}: no such file`])
      expect(load(folder)).toEqual([`${folder}: is a folder`])
      const file = join(folder, 'latchkey.json')
      writeFileSync(file, '{"name": }')
      expect(load(file)).toEqual([expect.stringMatching(/latchkey\.json: not valid JSON: .+/)])
    })
  })
})

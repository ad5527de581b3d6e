// The whole server in this process, on an in-memory database and a host that the test owns; spoken to through `inject`.

import { buildApp, openStore, type Parts, parseConfig } from '@latchkey/server'
import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { addUser } from '../../server/src/accounts/users.ts'
import type { Config } from '../../server/src/config.ts'
import type { SigningKey, User } from '../../server/src/oauth/records.ts'
import type { Store } from '../../server/src/oauth/store.ts'
import type { Every } from '../../server/src/ops/interval.ts'
import { type FakeHost, fakeHost } from './fake-host.ts'
import { csrfIn } from './page-text.ts'

export const ISSUER = 'http://localhost:8080'
export const LIBRARY = 'https://library.example.com'
export const REPORTS = 'https://reports.example.com'
export const PASSWORD = 'correct horse battery'
export const SECRETS = {
  REPORTS_SECRET: 'reports-secret-reports-secret-reports-secret',
  POSTED_SECRET: 'posted-secret-posted-secret-posted-secret-00',
} as const

/** A plain RFC 8628 client, with no key. */
export const DEVICE = {
  client_id: 'tv',
  client_name: 'Northwind TV app',
  token_endpoint_auth_method: 'none',
  dpop_bound_access_tokens: false,
  grant_types: [DEVICE_CODE_GRANT, 'refresh_token'],
  scope: 'openid profile email offline_access library:read',
}

/** A raw configuration with one client of each kind; `changes` replace whole members, `secrets` are more variables. */
export function testConfig(changes: Record<string, unknown> = {}, secrets: Record<string, string> = {}): Config {
  const file = {
    name: 'Northwind TV',
    issuer: ISSUER,
    database: 'sqlite::memory:',
    apis: [
      { resource: LIBRARY, scopes: { 'library:read': 'See your library', 'library:write': 'Change your library' } },
      { resource: REPORTS, scopes: { 'reports:read': 'Read the reports' } },
    ],
    clients: [
      { ...DEVICE, scope: `${DEVICE.scope} library:write reports:read` },
      { ...DEVICE, client_id: 'other-tv', client_name: 'Another TV app', scope: 'openid library:read' },
      {
        client_id: 'reports',
        client_secret: { env: 'REPORTS_SECRET' },
        token_endpoint_auth_method: 'client_secret_basic',
        grant_types: ['client_credentials'],
        scope: 'library:read reports:read',
      },
      {
        client_id: 'posted',
        client_secret: { env: 'POSTED_SECRET' },
        token_endpoint_auth_method: 'client_secret_post',
        dpop_bound_access_tokens: false,
        grant_types: ['client_credentials', DEVICE_CODE_GRANT],
        scope: 'library:read',
      },
    ],
    ...changes,
  }
  return parseConfig(JSON.parse(JSON.stringify(file)), { ...SECRETS, ...secrets })
}

type Fields = Readonly<Record<string, string | readonly string[]>>
type Headers = Readonly<Record<string, string>>

export interface TestServer {
  readonly app: FastifyInstance
  readonly config: Config
  readonly store: Store
  readonly host: FakeHost
  readonly user: User
  /** Sends a form; an array repeats its name. */
  post(path: string, fields: Fields, headers?: Headers): Promise<LightMyRequestResponse>
  token(fields: Fields, headers?: Headers): Promise<LightMyRequestResponse>
  /** Starts a device flow for `tv` and returns the parsed answer. */
  start(fields?: Fields): Promise<{ device_code: string; user_code: string; expires_in: number; interval: number }>
  poll(deviceCode: string, fields?: Fields): Promise<LightMyRequestResponse>
  /** A browser of its own. */
  browser(headers?: Headers): TestBrowser
  /** Signs `user` in, in a new browser, and answers for the code. */
  decide(userCode: string, answer: 'approve' | 'deny'): Promise<LightMyRequestResponse>
  /** From start to the parsed token response. */
  link(fields?: Fields): Promise<{ access_token: string; refresh_token: string; id_token?: string; scope: string }>
  close(): Promise<void>
}

/** A cookie jar that follows redirects and fills forms in, as a browser without scripts does. */
export interface TestBrowser {
  readonly cookies: Map<string, string>
  get(path: string, headers?: Headers): Promise<LightMyRequestResponse>
  /** Follows up to five redirects. */
  open(path: string, headers?: Headers): Promise<LightMyRequestResponse>
  /** Submits fields with the token of the form on the last page seen, unless `csrf` is among them. Does not follow. */
  submit(path: string, fields: Fields, headers?: Headers): Promise<LightMyRequestResponse>
  signIn(email?: string, password?: string): Promise<LightMyRequestResponse>
}

export const EMAIL = 'ana@example.com'

// An RSA key takes longer to make than everything else here; they all fit the one master secret below.
let madeKeys: readonly SigningKey[] = []

export async function testServer(
  options: {
    readonly config?: Config
    readonly store?: Store
    readonly host?: FakeHost
    readonly logger?: Parts['logger']
    readonly every?: Every
    readonly fetch?: Parts['fetch']
  } = {},
): Promise<TestServer> {
  const config = options.config ?? testConfig()
  const host = options.host ?? fakeHost()
  const store = options.store ?? (await openStore(config.database))
  const masterSecret = new Uint8Array(32).fill(7)
  for (const key of madeKeys) await store.signingKeys.insert(key)
  const app = await buildApp({
    config,
    store,
    host,
    masterSecret,
    logger: options.logger ?? false,
    ...(options.every === undefined ? {} : { every: options.every }),
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  })
  madeKeys = await store.signingKeys.all()
  const user =
    (await store.users.byEmail(EMAIL)) ??
    (await addUser(store, host, { email: EMAIL, name: 'Ana', password: PASSWORD }))
  if (user === undefined) throw new Error('no test user')

  const post = (path: string, fields: Fields, headers: Headers = {}) =>
    app.inject({
      method: 'POST',
      url: path,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      payload: encode(fields),
    })
  const server: TestServer = {
    app,
    config,
    store,
    host,
    user,
    post,
    token: (fields, headers) => post('/token', fields, headers),
    async start(fields = {}) {
      const answer = await post('/device_authorization', { client_id: 'tv', ...fields })
      if (answer.statusCode !== 200) throw new Error(`no code: ${answer.body}`)
      return answer.json()
    },
    poll: (deviceCode, fields = {}) =>
      post('/token', { grant_type: DEVICE_CODE_GRANT, client_id: 'tv', device_code: deviceCode, ...fields }),
    browser: (headers) => testBrowser(app, headers),
    async decide(userCode, answer) {
      const browser = testBrowser(app)
      await browser.open(`/link?user_code=${userCode}`)
      await browser.signIn()
      await browser.open('/link/device')
      return browser.submit('/link/device', { answer })
    },
    async link(fields = {}) {
      const started = await server.start(fields)
      await server.decide(started.user_code, 'approve')
      const answer = await server.poll(started.device_code)
      if (answer.statusCode !== 200) throw new Error(`not linked: ${answer.body}`)
      return answer.json()
    },
    close: () => app.close(),
  }
  return server
}

export function encode(fields: Fields): string {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) {
    for (const one of typeof value === 'string' ? [value] : value) form.append(name, one)
  }
  return form.toString()
}

export function basic(clientId: string, secret: string): Headers {
  const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(secret)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

function testBrowser(app: FastifyInstance, headers: Headers = {}): TestBrowser {
  const cookies = new Map<string, string>()
  let csrf = ''
  const remember = (answer: LightMyRequestResponse): LightMyRequestResponse => {
    for (const cookie of answer.cookies) {
      if (cookie.value === '') cookies.delete(cookie.name)
      else cookies.set(cookie.name, cookie.value)
    }
    csrf = csrfIn(answer.body) || csrf
    return answer
  }
  const jar = () => ({ ...headers, cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') })
  const browser: TestBrowser = {
    cookies,
    get: async (path, more = {}) =>
      remember(await app.inject({ method: 'GET', url: path, headers: { ...jar(), ...more } })),
    async open(path, more) {
      let answer = await browser.get(path, more)
      for (let hops = 0; hops < 5 && answer.headers.location?.startsWith('/'); hops++) {
        answer = await browser.get(String(answer.headers.location), more)
      }
      return answer
    },
    async submit(path, fields, more = {}) {
      return remember(
        await app.inject({
          method: 'POST',
          url: path,
          headers: { ...jar(), 'content-type': 'application/x-www-form-urlencoded', ...more },
          payload: encode({ csrf, ...fields }),
        }),
      )
    },
    async signIn(email = EMAIL, password = PASSWORD) {
      await browser.open('/sign-in')
      return browser.submit('/sign-in', { email, password })
    },
  }
  return browser
}

// Every endpoint, whoever added it, under requests that make no sense: it answers in its own language, gives nothing
// away, and never breaks.
import { DEVICE_CODE_GRANT, JWT_BEARER_GRANT } from '@latchkey/shared'
import fc from 'fast-check'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { afterAll, describe, expect, it } from 'vitest'
import { PAGE_HEADERS } from '../../server/src/http/page-scope.ts'
import { keptLog } from '../support/kept-log.ts'
import { csrfIn } from '../support/page-text.ts'
import { routesOf } from '../support/routes.ts'
import { signedIn } from '../support/signed-in.ts'
import { EMAIL, ISSUER, LIBRARY, SECRETS, testConfig, testServer } from '../support/test-server.ts'
import { CANARY } from './nonsense.ts'
import { basicOf, type FormShape, requests, type Truths } from './requests.ts'

const REQUESTS = Number(process.env['LATCHKEY_REQUESTS'] ?? 120)

const CALLBACK = 'https://app.example.com/callback'
const SCOPE = 'openid profile email offline_access library:read'
const DEVICE = [DEVICE_CODE_GRANT, 'refresh_token']

const config = testConfig({
  listen: { trusted_proxies: ['127.0.0.1'] },
  registration: {},
  clients: [
    {
      ...{ client_id: 'tv', token_endpoint_auth_method: 'none', dpop_bound_access_tokens: false },
      ...{ grant_types: DEVICE, scope: SCOPE },
    },
    {
      client_id: 'key-tv',
      token_endpoint_auth_method: 'none',
      grant_types: [...DEVICE, JWT_BEARER_GRANT],
      scope: SCOPE,
    },
    {
      ...{ client_id: 'app', token_endpoint_auth_method: 'none', dpop_bound_access_tokens: false, scope: SCOPE },
      ...{ grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [CALLBACK] },
      post_logout_redirect_uris: [CALLBACK],
    },
    ...(['basic', 'post'] as const).map((way) => ({
      client_id: way === 'basic' ? 'reports' : 'posted',
      client_secret: { env: way === 'basic' ? 'REPORTS_SECRET' : 'POSTED_SECRET' },
      token_endpoint_auth_method: `client_secret_${way}`,
      grant_types: ['client_credentials'],
      scope: 'library:read',
    })),
  ],
})
const log = keptLog()
const server = await testServer({ logger: log.logger, config })
await server.app.ready()
afterAll(() => server.close())

interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[]
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>
}
interface Schema {
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, { readonly const?: string }>>
  readonly required?: readonly string[]
}
const { paths }: { paths: Record<string, Record<string, Operation>> } = (
  await server.app.inject('/openapi.json')
).json()
const operationOf = (method: string, url: string) => paths[url.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]

/** What pages ask for; the document does not tell of them. */
const PAGE_FIELDS = [
  'user_code',
  'email',
  'password',
  'answer',
  'devices',
  'state',
  'client_id',
  'scope',
  'redirect_uri',
]

function shapesOf(operation: Operation | undefined): readonly FormShape[] {
  if (operation === undefined) return [{ required: ['csrf'], optional: PAGE_FIELDS, fixed: {} }]
  const contents = Object.values(operation.requestBody?.content ?? {})
  const schemas = contents.flatMap(({ schema }) => schema.anyOf ?? [schema])
  const query = (operation.parameters ?? []).filter((parameter) => parameter.in === 'query')
  if (schemas.length === 0) {
    return [
      {
        required: query.filter(({ required }) => required).map(({ name }) => name),
        optional: query.filter(({ required }) => !required).map(({ name }) => name),
        fixed: {},
      },
    ]
  }
  return schemas.map(({ properties = {}, required = [] }) => ({
    required,
    optional: Object.keys(properties).filter((name) => !required.includes(name)),
    fixed: Object.fromEntries(
      Object.entries(properties).flatMap(([name, { const: only }]) => (only === undefined ? [] : [[name, only]])),
    ),
  }))
}

const kinds = { protocol: [] as string[], page: [] as string[], public: [] as string[], refused: [] as string[] }
for (const { method, url } of routesOf(server.app)) {
  if (method === 'HEAD') continue
  const described = paths[url.replace(/:(\w+)/g, '{$1}')]
  const operation = operationOf(method, url)
  const speaksHtml = Object.values(operation?.responses ?? {}).some(
    ({ content }) => content?.['text/html'] !== undefined,
  )
  const isPublic = /^\/(\.well-known|assets)\/|^\/(jwks|openapi\.json|healthz|readyz|metrics)$/.test(url)
  const kind = isPublic ? 'public' : operation === undefined && described !== undefined ? 'refused' : undefined
  kinds[kind ?? (operation === undefined || speaksHtml ? 'page' : 'protocol')].push(`${method} ${url}`)
}

/** A person who is signed in and has a device open, and what a device that is linked holds; made anew for each endpoint. */
async function truths(): Promise<Truths> {
  const browser = await signedIn(server, 'ben@example.com')
  const linked = await server.start()
  await browser.open(`/link?user_code=${linked.user_code}`)
  await browser.submit('/link/device', { answer: 'approve' })
  const tokens = (await server.poll(linked.device_code)).json()
  const csrfOf = async (path: string) => csrfIn((await browser.open(path)).body) || CANARY
  const { user_code, device_code } = await server.start()
  const forms = [await csrfOf('/link'), await csrfOf(`/link?user_code=${user_code}`)]
  return {
    values: {
      client_id: ['tv', 'tv', 'tv', 'app', 'app', 'reports', 'posted', 'key-tv', 'nobody'],
      client_secret: [SECRETS.POSTED_SECRET],
      scope: ['openid library:read', 'library:read', 'openid profile email offline_access', 'reports:read', 'unknown'],
      resource: [LIBRARY, LIBRARY, ISSUER],
      device_code: [device_code],
      refresh_token: [tokens.refresh_token],
      token: [tokens.refresh_token, tokens.access_token],
      token_type_hint: ['access_token', 'refresh_token'],
      id_token_hint: [tokens.id_token],
      response_type: ['code', 'code', 'token'],
      redirect_uri: [CALLBACK],
      post_logout_redirect_uri: [CALLBACK],
      code_challenge: ['E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'],
      code_challenge_method: ['S256'],
      prompt: ['none', 'login', 'consent'],
      max_age: ['0', '3600'],
      state: ['s t\u00e4te'],
      nonce: ['n'],
      csrf: forms,
      user_code: [user_code],
      email: [EMAIL],
      answer: ['approve', 'deny', 'yes'],
      devices: ['yes'],
    },
    cookies: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
    credentials: [
      basicOf('reports', SECRETS.REPORTS_SECRET),
      basicOf('reports', SECRETS.REPORTS_SECRET),
      `Bearer ${tokens.access_token}`,
      `DPoP ${tokens.access_token}`,
    ],
  }
}

/** Sends; whoever sleeps on the server's clock is woken. */
const send = (request: InjectOptions): Promise<LightMyRequestResponse> => server.host.run(server.app.inject(request))

function expectSound(answer: LightMyRequestResponse): void {
  const { statusCode, headers } = answer
  if (statusCode === 503) expect(Number(headers['retry-after'])).toBeGreaterThan(0)
  else expect(statusCode, answer.body).toBeLessThan(500)
  expect(headers['x-injected']).toBeUndefined()
  const { location, ...others } = headers
  const sent = `${JSON.stringify(sameAgain(answer) ? others : headers)}\n${answer.body}`
  for (const secret of [CANARY, Buffer.from(CANARY).toString('base64url').slice(2, -2)]) {
    expect(sent).not.toContain(secret)
    expect(log.text()).not.toContain(secret)
  }
}

/** What another site posted is asked for once more, with all of it in the address. */
function sameAgain({ raw, headers }: LightMyRequestResponse): boolean {
  const { method, url } = raw.req
  return method === 'POST' && String(headers.location).startsWith(`${url?.split('?')[0]}?`)
}

function expectProtocol(answer: LightMyRequestResponse): void {
  const { statusCode, headers, body } = answer
  expect(headers['cache-control']).toBe('no-store')
  if (body === '') {
    // RFC 6750 §3.1: who brings no token hears how to bring one, and no error.
    if (statusCode >= 400 && answer.raw.req.method !== 'HEAD')
      expect([statusCode, headers['www-authenticate']]).toEqual([401, expect.any(String)])
    return
  }
  expect(headers['content-type']).toMatch(/^application\/json/)
  const told = answer.json()
  if (statusCode < 400) expect(told).not.toHaveProperty('error')
  else expect(told.error).toMatch(/^[a-z_]+$/)
  expect(told.error_description ?? '').toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/)
}

// What the script of a page fetches.
const FOR_SCRIPTS = /^\/sign-in\/passkey(\?|$)/

function expectPage(answer: LightMyRequestResponse): void {
  const { statusCode, headers } = answer
  for (const [name, value] of Object.entries(PAGE_HEADERS)) {
    expect(headers[name.toLowerCase()], name).toBe(value)
  }
  expect(headers['content-security-policy']).toMatch(/^default-src 'none';.*frame-ancestors 'none'/)
  expect(headers['access-control-allow-origin']).toBeUndefined()
  if (statusCode >= 300 && statusCode < 400) {
    expect(statusCode).toBe(303)
    // Within, or where a client may be sent.
    expect(headers.location).toMatch(/^(\/(?!\/)|https:\/\/app\.example\.com\/callback\?)/)
  } else if (statusCode === 200 && FOR_SCRIPTS.test(answer.raw.req.url ?? '')) {
    expect(headers['content-type']).toBe('application/json; charset=utf-8')
  } else {
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    if (answer.raw.req.method !== 'HEAD') expect(answer.body).toMatch(/^<!doctype html>/i)
    expect(answer.body).not.toContain('<script>alert')
  }
}

/** What was heard, by address: an error, or a status. */
const reached = new Set<string>()

async function fuzz(route: string, expectOwn: (answer: LightMyRequestResponse) => void): Promise<void> {
  const [method = '', url = ''] = route.split(' ')
  const operation = operationOf(method, url)
  const json = Object.keys(operation?.requestBody?.content ?? {}).includes('application/json')
  const target = { method, url, shapes: shapesOf(operation), json }
  const before = log.text().length
  const property = fc.asyncProperty(requests(target, await truths()), async (request) => {
    const answer = await send(request)
    reached.add(`${url} ${/"error":"(\w+)"/.exec(answer.body)?.[1] ?? answer.statusCode}`)
    expectSound(answer)
    expectOwn(answer)
  })
  await fc.assert(property, { seed: 20, numRuns: REQUESTS, interruptAfterTimeLimit: 20_000 })
  await fc.assert(property, { numRuns: Math.ceil(REQUESTS / 10), interruptAfterTimeLimit: 5_000 })
  expect(log.text().slice(before)).not.toContain('unexpected error')
}

describe('the endpoints', () => {
  it('are all met', () => {
    expect(kinds.protocol).toEqual(expect.arrayContaining(['POST /token', 'POST /device_authorization']))
    expect(kinds.page).toEqual(expect.arrayContaining(['POST /link/device', 'GET /authorize']))
    expect(kinds.public).toEqual(expect.arrayContaining(['GET /jwks']))
  })

  it.each(kinds.protocol)('TOK-06 TOK-07 NEG-02 NEG-03 NEG-04 %s answers as the protocol does', (route) =>
    fuzz(route, expectProtocol),
  )

  // An address with a part of its own may be none that can be read.
  it.each(kinds.page)('SES-03 SES-05 NEG-15 %s answers as a page', (route) =>
    fuzz(route, route.includes('/:') ? expectEither : expectPage),
  )

  it('TOK-01 every other method of these is 405, and nothing is processed', async () => {
    for (const route of kinds.refused) {
      const [method = '', url = ''] = route.split(' ')
      const answer = await send({ method: method as 'PUT', url: url.replace(/:\w+/g, 'x'), payload: 'grant_type=x' })
      expect([route, answer.statusCode, answer.headers.allow]).toEqual([route, 405, expect.any(String)])
      expectProtocol(answer)
    }
  })

  it.each(kinds.public)('%s answers everybody alike', (route) => fuzz(route, () => undefined))

  it('were not all shut at the first door', () => {
    const beyond = ['authorization_pending', 'slow_down', 'invalid_grant', 'unauthorized_client', '200']
    expect(beyond.filter((answer) => reached.has(`/token ${answer}`)).length).toBeGreaterThan(1)
    expect([...reached]).toEqual(expect.arrayContaining(['/authorize 303', '/link/device 303', '/sign-in 303']))
  })

  it('SES-05 an address that is none is a page too', () => fuzz('GET /:nowhere/x', expectEither))

  it.each(['/%zz', '/token/%ff', '/%', `/register/${'x'.repeat(300)}`, `/link/${CANARY}%zz`])(
    'TOK-07 %s cannot be read, and nothing of it is repeated',
    async (url) => {
      const answer = await send({ method: 'GET', url })
      expectSound(answer)
      expectProtocol(answer)
      expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_request'])
    },
  )
})

function expectEither(answer: LightMyRequestResponse): void {
  if (String(answer.headers['content-type']).startsWith('text/html')) expectPage(answer)
  else expectProtocol(answer)
}

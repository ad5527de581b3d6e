// Every endpoint, whoever added it, under requests that make no sense: it answers in its own language, gives nothing
// away, and never breaks.
import fc from 'fast-check'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { afterAll, describe, expect, it } from 'vitest'
import { PAGE_HEADERS } from '../../server/src/http/page-scope.ts'
import { keptLog } from '../support/kept-log.ts'
import { routesOf } from '../support/routes.ts'
import { signedIn } from '../support/signed-in.ts'
import { ISSUER, LIBRARY, SECRETS, testConfig, testServer } from '../support/test-server.ts'
import { CANARY, requests, type Truths } from './requests.ts'

const REQUESTS = Number(process.env['LATCHKEY_REQUESTS'] ?? 120)

const log = keptLog()
const server = await testServer({
  logger: log.logger,
  config: testConfig({ listen: { trusted_proxies: ['127.0.0.1'] }, registration: {} }),
})
await server.app.ready()
afterAll(() => server.close())

interface Operation {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: unknown }>> }
  readonly parameters?: readonly { readonly name: string }[]
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>
}
const { paths }: { paths: Record<string, Record<string, Operation>> } = (
  await server.app.inject('/openapi.json')
).json()

/** Names of members anywhere in a schema. */
function membersOf(schema: unknown): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const { properties, anyOf } = schema as { properties?: object; anyOf?: readonly unknown[] }
  return [...Object.keys(properties ?? {}), ...(anyOf ?? []).flatMap(membersOf)]
}

const operations = Object.values(paths).flatMap((methods) => Object.values(methods))
const names = new Set(
  operations.flatMap(({ requestBody, parameters }) => [
    ...Object.values(requestBody?.content ?? {}).flatMap(({ schema }) => membersOf(schema)),
    ...(parameters ?? []).map(({ name }) => name),
  ]),
)

const kinds = { protocol: [] as string[], page: [] as string[], public: [] as string[], refused: [] as string[] }
for (const { method, url } of routesOf(server.app)) {
  if (method === 'HEAD') continue
  const described = paths[url.replace(/:(\w+)/g, '{$1}')]
  const operation = described?.[method.toLowerCase()]
  const speaksHtml = Object.values(operation?.responses ?? {}).some(
    ({ content }) => content?.['text/html'] !== undefined,
  )
  const isPublic = /^\/(\.well-known|assets)\/|^\/(jwks|openapi\.json|healthz|readyz|metrics)$/.test(url)
  const kind = isPublic ? 'public' : operation === undefined && described !== undefined ? 'refused' : undefined
  kinds[kind ?? (operation === undefined || speaksHtml ? 'page' : 'protocol')].push(`${method} ${url}`)
}

async function truths(): Promise<Truths> {
  const browser = await signedIn(server, 'ben@example.com')
  const started = await server.start()
  const page = await browser.open(`/link?user_code=${started.user_code}`)
  const { refresh_token, access_token } = await server.link()
  return {
    names: [...names, 'user_code', 'email', 'password', 'answer', 'devices'],
    values: [
      ...[
        'tv',
        'other-tv',
        'reports',
        'posted',
        'nobody',
        SECRETS.REPORTS_SECRET,
        'openid library:read',
        'library:read',
      ],
      ...['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token', 'authorization_code', 'client_credentials'],
      ...['urn:ietf:params:oauth:grant-type:jwt-bearer', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'],
      ...[
        LIBRARY,
        ISSUER,
        `${ISSUER}/token`,
        'code',
        'S256',
        'query',
        'none',
        'login',
        '0',
        '3600',
        'approve',
        'deny',
        'yes',
      ],
      ...[
        started.device_code,
        started.user_code,
        refresh_token,
        access_token,
        'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      ],
      ...['access_token', 'ana@example.com', 'ben@example.com', 'https://app.example.com/callback'],
    ],
    cookies: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
    csrf: /name="csrf" value="([^"]+)"/.exec(page.body)?.[1] ?? '',
  }
}
const known = await truths()

/** Sends; whoever sleeps on the server's clock is woken. */
const send = (request: InjectOptions): Promise<LightMyRequestResponse> => server.host.run(server.app.inject(request))

function expectSound(answer: LightMyRequestResponse): void {
  const { statusCode, headers } = answer
  if (statusCode === 503) expect(Number(headers['retry-after'])).toBeGreaterThan(0)
  else expect(statusCode, answer.body).toBeLessThan(500)
  expect(headers['x-injected']).toBeUndefined()
  const sent = `${JSON.stringify(headers)}\n${answer.body}`
  for (const secret of [CANARY, Buffer.from(CANARY).toString('base64url').slice(2, -2)]) {
    expect(sent).not.toContain(secret)
    expect(log.text()).not.toContain(secret)
  }
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

function expectPage(answer: LightMyRequestResponse): void {
  const { statusCode, headers } = answer
  for (const [name, value] of Object.entries(PAGE_HEADERS)) {
    const sent = String(headers[name.toLowerCase()])
    if (name === 'Content-Security-Policy') expect(sent).toMatch(/^default-src 'none';.*frame-ancestors 'none'/)
    else expect(sent, name).toBe(value)
  }
  expect(headers['access-control-allow-origin']).toBeUndefined()
  if (statusCode >= 300 && statusCode < 400) {
    expect(statusCode).toBe(303)
    expect(headers.location).toMatch(/^\/(?!\/)/)
  } else {
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    if (answer.raw.req.method !== 'HEAD') expect(answer.body).toMatch(/^<!doctype html>/i)
    expect(answer.body).not.toContain('<script>alert')
  }
}

async function fuzz(route: string, expectOwn: (answer: LightMyRequestResponse) => void): Promise<void> {
  const [method = '', url = ''] = route.split(' ')
  const before = log.text().length
  const property = fc.asyncProperty(requests({ method, url }, known), async (request) => {
    const answer = await send(request)
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

  it.each(kinds.page)('SES-03 SES-05 NEG-15 %s answers as a page', (route) => fuzz(route, expectPage))

  it('TOK-01 every other method of these is 405, and nothing is processed', async () => {
    for (const route of kinds.refused) {
      const [method = '', url = ''] = route.split(' ')
      const answer = await send({ method: method as 'PUT', url: url.replace(/:\w+/g, 'x'), payload: 'grant_type=x' })
      expect([route, answer.statusCode, answer.headers.allow]).toEqual([route, 405, expect.any(String)])
      expectProtocol(answer)
    }
  })

  it.each(kinds.public)('%s answers everybody alike', (route) => fuzz(route, () => undefined))

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

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CODE_CLIENTS } from '../support/code-flow.ts'
import { type TestServer, testConfig, testServer } from '../support/test-server.ts'

const ORIGIN = 'https://tv.example.com'
const DOCUMENTS = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration', '/jwks']
const CALLS = ['/device_authorization', '/token', '/revoke', '/userinfo']
const READABLE = ['date', 'dpop-nonce', 'retry-after', 'www-authenticate']

describe('pages of other origins', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await testServer({ config: testConfig({ clients: CODE_CLIENTS }) })
  })
  afterAll(() => server.close())

  const ask = (method: 'GET' | 'POST' | 'OPTIONS', url: string, headers: Record<string, string> = {}) =>
    server.app.inject({ method, url, headers: { origin: ORIGIN, ...headers } })
  const preflight = (url: string, method: string) =>
    ask('OPTIONS', url, {
      'access-control-request-method': method,
      'access-control-request-headers': 'authorization,content-type,dpop',
    })
  const words = (value: unknown) => String(value).toLowerCase().split(', ')
  const corsHeaders = (headers: object) => Object.keys(headers).filter((name) => name.startsWith('access-control'))

  it('may read answers and errors of what looks at no cookie, and the headers that a client needs', async () => {
    const answers = [
      ...(await Promise.all(DOCUMENTS.map((url) => ask('GET', url)))),
      ...(await Promise.all(CALLS.map((url) => ask('POST', url)))),
    ]
    for (const { headers } of answers) {
      expect(headers['access-control-allow-origin']).toBe('*')
      expect(words(headers['access-control-expose-headers'])).toEqual(expect.arrayContaining(READABLE))
      expect(headers).not.toHaveProperty('access-control-allow-credentials')
    }
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 400, 400, 400, 401])
  })

  it('may send proofs and tokens there, as their preflights hear', async () => {
    for (const url of [...DOCUMENTS, ...CALLS]) {
      const { statusCode, headers, body } = await preflight(url, DOCUMENTS.includes(url) ? 'GET' : 'POST')
      expect([url, statusCode, body]).toEqual([url, 204, ''])
      expect(headers['access-control-allow-origin']).toBe('*')
      expect(words(headers['access-control-allow-methods'])).toEqual(['get', 'post'])
      expect(words(headers['access-control-allow-headers'])).toEqual(
        expect.arrayContaining(['authorization', 'content-type', 'dpop']),
      )
      expect(headers).not.toHaveProperty('access-control-allow-credentials')
    }
  })

  it('an OPTIONS that is no preflight is one more method that does not work', async () => {
    for (const url of [...DOCUMENTS, ...CALLS]) {
      const answer = await server.app.inject({ method: 'OPTIONS', url })
      expect([url, answer.statusCode]).toEqual([url, 405])
      expect(answer.headers['allow']).toMatch(/GET|POST/)
    }
  })

  it('AZ-01 pages for people, and what is for servers alone, open to nobody', async () => {
    for (const url of ['/authorize', '/link', '/sign-in', '/par', '/introspect', '/nowhere']) {
      const answers = [await ask('GET', url), await ask('POST', url), await preflight(url, 'POST')]
      for (const { headers } of answers) expect([url, corsHeaders(headers)]).toEqual([url, []])
      expect(answers[2]?.statusCode).toBeGreaterThanOrEqual(400)
    }
  })

  it('an issuer with a path is open below it', async () => {
    const issuer = 'http://localhost:8080/id'
    const below = await testServer({ config: testConfig({ issuer }) })
    const { statusCode, headers } = await below.app.inject({
      method: 'OPTIONS',
      url: '/id/token',
      headers: { origin: ORIGIN, 'access-control-request-method': 'POST' },
    })
    expect([statusCode, headers['access-control-allow-origin']]).toEqual([204, '*'])
    await below.close()
  })
})

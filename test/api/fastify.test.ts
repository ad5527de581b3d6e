// The Fastify plugin over a real socket where it matters: routes, answers, what reaches the check.
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resourceServer } from '@latchkey/shared/fastify'
import fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import {
  AUDIENCE,
  type FakeIssuer,
  fakeIssuer,
  ISSUER,
  makeSigningKey,
  type SigningKey,
  signToken,
  userClaims,
} from '../support/fake-issuer.ts'

let key: SigningKey
let host: FakeHost
let issuer: FakeIssuer
let app: FastifyInstance

beforeAll(async () => {
  key = await makeSigningKey('k1')
})

beforeEach(async () => {
  host = fakeHost()
  issuer = fakeIssuer(key)
  app = fastify()
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))))
  })
  await app.register(resourceServer, { issuer: ISSUER, audience: AUDIENCE, clock: host.clock, fetch: issuer.fetch })
  app.get('/books', { preHandler: app.requireToken({ scope: 'library:read' }) }, (request) => ({
    subject: request.access.subject,
  }))
  app.post('/books', { preHandler: app.requireToken({ scope: 'library:write', actor: 'user' }) }, () => ({
    done: true,
  }))
  app.get('/open', (request) => ({ subject: request.access.subject }))
})

afterEach(() => app.close())

const token = (changes = {}) => signToken(key, userClaims(host.clock.now(), changes))

it('API-04 a route behind requireToken knows who asks', async () => {
  const answer = await app.inject({ url: '/books', headers: { authorization: `Bearer ${await token()}` } })
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toEqual({ subject: 'user-1' })
})

it('API-02 API-03 refusals leave as RFC 6750 says, and the route does not run', async () => {
  const missing = await app.inject({ url: '/books' })
  expect(missing.statusCode).toBe(401)
  expect(missing.headers['www-authenticate']).toMatch(/^Bearer realm="https:\/\/api\.example\.com", DPoP algs="[^"]+"$/)
  expect(missing.headers['cache-control']).toBe('no-store')

  const lacking = await app.inject({
    method: 'POST',
    url: '/books',
    headers: { authorization: `Bearer ${await token()}` },
  })
  expect(lacking.statusCode).toBe(403)
  expect(lacking.headers['www-authenticate']).toContain('error="insufficient_scope"')
  expect(lacking.headers['www-authenticate']).toContain('scope="library:write"')
  expect(lacking.json()).toMatchObject({ error: 'insufficient_scope' })
})

it('API-01 a token in query or form is refused', async () => {
  const value = await token()
  expect((await app.inject({ url: `/books?access_token=${value}` })).statusCode).toBe(401)
  const both = await app.inject({
    method: 'POST',
    url: '/books',
    headers: { authorization: `Bearer ${value}`, 'content-type': 'application/x-www-form-urlencoded' },
    payload: `access_token=${value}`,
  })
  expect(both.statusCode).toBe(400)
  expect(both.headers['www-authenticate']).toContain('error="invalid_request"')
})

it('API-03 NEG-03 two Authorization headers on the wire: 400', async () => {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const value = `Bearer ${await token()}`
  const status = await new Promise<number | undefined>((resolve, reject) => {
    httpRequest({
      port,
      host: '127.0.0.1',
      path: '/books',
      headers: ['Host', 'x', 'Authorization', value, 'authorization', 'Bearer other'],
    })
      .on('response', (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      .on('error', reject)
      .end()
  })
  expect(status).toBe(400)
})

it('API-09 an outage of the issuer is 503 with Retry-After', async () => {
  issuer.breakWith(() => new Response('', { status: 502 }))
  const answer = await app.inject({ url: '/books', headers: { authorization: `Bearer ${await token()}` } })
  expect(answer.statusCode).toBe(503)
  expect(answer.headers['retry-after']).toBe('5')
})

it('API-04 a route that forgot requireToken has no access to read', async () => {
  const answer = await app.inject({ url: '/open', headers: { authorization: `Bearer ${await token()}` } })
  expect(answer.statusCode).toBe(500)
})

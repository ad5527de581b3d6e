// The Fastify plugin over a real socket where it matters: routes, answers, what reaches the check. Metadata: metadata.test.ts.
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { makeProof, type ProofKey, thumbprint } from '@latchkey/shared'
import { resourceServer } from '@latchkey/shared/fastify'
import fastify, { type FastifyInstance } from 'fastify'
import { exportJWK, generateKeyPair } from 'jose'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import {
  AUDIENCE,
  type FakeIssuer,
  fakeIssuer,
  makeSigningKey,
  type SigningKey,
  trusting,
  userToken,
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
  await app.register(resourceServer, trusting(issuer, host))
  app.get('/books', { preHandler: app.requireToken({ scope: 'library:read' }) }, (request) => ({
    subject: request.access.subject,
  }))
  app.post('/books', { preHandler: app.requireToken({ scope: 'library:write', actor: 'user' }) }, () => ({
    done: true,
  }))
  app.get('/open', (request) => ({ subject: request.access.subject }))
})

afterEach(() => app.close())

const token = (changes = {}) => userToken(key, host, changes)

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

/** Sends exactly these headers to /books: name, value, name, value. */
async function statusFor(headers: readonly string[]): Promise<number | undefined> {
  if (!app.server.listening) await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return new Promise((resolve, reject) => {
    httpRequest({ port, host: '127.0.0.1', path: '/books', headers: [...headers] })
      .on('response', (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      .on('error', reject)
      .end()
  })
}

it('API-03 NEG-03 two Authorization headers on the wire: 400', async () => {
  const value = `Bearer ${await token()}`
  expect(await statusFor(['Host', 'x', 'Authorization', value, 'authorization', 'Bearer other'])).toBe(400)
})

describe('DPoP', () => {
  let deviceKey: ProofKey
  let bound: string

  beforeEach(async () => {
    deviceKey = await generateKeyPair('ES256', { extractable: true })
    bound = await token({ cnf: { jkt: await thumbprint(await exportJWK(deviceKey.publicKey)) } })
  })

  const prove = (changes = {}) =>
    makeProof({
      key: deviceKey,
      htm: 'GET',
      htu: `${AUDIENCE}/books`,
      accessToken: bound,
      nowSeconds: host.clock.now() / 1000,
      entropy: host.entropy,
      ...changes,
    })

  it('API-07 the address is the configured one, whatever Host, X-Forwarded-* and Forwarded say', async () => {
    const proof = await prove()
    const forwarded = [
      ['X-Forwarded-Host', 'evil.example.com'],
      ['X-Forwarded-Proto', 'http'],
      ['X-Forwarded-Prefix', '/evil'],
      ['Forwarded', 'host=evil.example.com;proto=http'],
    ].flat()
    const credentials = (dpop: string) => ['Authorization', `DPoP ${bound}`, 'DPoP', dpop]
    expect(await statusFor(['Host', 'evil.example.com', ...forwarded, ...credentials(proof)])).toBe(200)
    const evil = await prove({ htu: 'https://evil.example.com/books' })
    expect(await statusFor(['Host', 'evil.example.com', ...forwarded, ...credentials(evil)])).toBe(401)
  })

  it('NEG-03 two DPoP headers on the wire: 400', async () => {
    const authorization = ['Host', 'x', 'Authorization', `DPoP ${bound}`]
    expect(await statusFor([...authorization, 'DPoP', await prove(), 'dpop', await prove()])).toBe(400)
    expect(await statusFor([...authorization, 'DPoP', await prove()])).toBe(200)
  })

  it('API-07 a route that the app rewrites is proven as the client sees it', async () => {
    await app.close()
    app = fastify({ rewriteUrl: (request) => (request.url ?? '/').replace(/^\/v1/, '') })
    await app.register(resourceServer, trusting(issuer, host))
    app.get('/books', { preHandler: app.requireToken() }, () => ({ done: true }))
    const dpop = await prove({ htu: `${AUDIENCE}/v1/books` })
    const answer = await app.inject({ url: '/v1/books', headers: { authorization: `DPoP ${bound}`, dpop } })
    expect(answer.statusCode).toBe(200)
  })

  it('API-07 nonces travel in the DPoP-Nonce header, once, with a refusal and with success', async () => {
    await app.close()
    app = fastify()
    await app.register(resourceServer, { ...trusting(issuer, host), dpopNonce: 'required' })
    app.get('/books', { preHandler: app.requireToken() }, () => ({ done: true }))
    const ask = async (changes = {}) => {
      const headers = { authorization: `DPoP ${bound}`, dpop: await prove(changes) }
      return app.inject({ url: '/books', headers })
    }
    const refused = await ask()
    expect(refused.statusCode).toBe(401)
    expect(refused.headers['www-authenticate']).toContain('DPoP error="use_dpop_nonce"')
    const nonce = refused.headers['dpop-nonce']
    expect(nonce).toMatch(/^[\w-]{43}$/)
    const granted = await ask({ nonce })
    expect(granted.statusCode).toBe(200)
    expect(granted.headers['dpop-nonce']).toBe(nonce)
    expect(granted.headers['cache-control']).toBe('no-store')
  })
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

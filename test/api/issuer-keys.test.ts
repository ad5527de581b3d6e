// How an API gets and keeps the issuer's keys: rarely, bounded, and through an outage.
import { createResourceServer, type ResourceServer } from '@latchkey/shared/resource-server'
import { beforeAll, beforeEach, expect, it } from 'vitest'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import {
  type FakeIssuer,
  fakeIssuer,
  ISSUER,
  makeSigningKey,
  type SigningKey,
  statusOf,
  trusting,
  userToken,
} from '../support/fake-issuer.ts'

const METADATA = '/.well-known/oauth-authorization-server'
const HOUR = 3_600_000

let first: SigningKey
let second: SigningKey
let host: FakeHost
let issuer: FakeIssuer

beforeAll(async () => {
  first = await makeSigningKey('k1')
  second = await makeSigningKey('k2')
})

beforeEach(() => {
  host = fakeHost()
  issuer = fakeIssuer(first)
})

const makeApi = (options: { jwksUri?: string; fetchTimeoutSeconds?: number } = {}) =>
  createResourceServer({ ...trusting(issuer, host), ...options })

const fresh = (key: SigningKey) => userToken(key, host)

const ask = (api: ResourceServer, token: string) =>
  statusOf(api.check({ authorization: `Bearer ${token}`, method: 'GET', url: '/' }))

const refused = () => {
  throw new TypeError('fetch failed')
}
const jwksAsked = () => issuer.asked.filter((path) => path === '/jwks').length

it('API-09 keys are found through the metadata, once for many requests at once', async () => {
  const api = makeApi()
  const token = await fresh(first)
  expect(await Promise.all(Array.from({ length: 20 }, () => ask(api, token)))).toEqual(Array(20).fill(200))
  expect(await ask(api, token)).toBe(200)
  expect(issuer.asked).toEqual([METADATA, '/jwks'])
})

it('API-09 a given jwksUri needs no metadata', async () => {
  expect(await ask(makeApi({ jwksUri: `${ISSUER}/jwks` }), await fresh(first))).toBe(200)
  expect(issuer.asked).toEqual(['/jwks'])
})

it('API-09 the metadata of an issuer with a path is asked for as RFC 8414 §3.1 says', async () => {
  issuer.breakWith(refused)
  const api = createResourceServer({ ...trusting(issuer, host), issuer: `${ISSUER}/tenant` })
  await ask(api, await fresh(first))
  expect(issuer.asked).toEqual([`${METADATA}/tenant`])
})

it('API-09 an unknown kid refetches at most once in 30 s', async () => {
  const api = makeApi()
  expect(await ask(api, await fresh(first))).toBe(200)
  issuer.publish(first, second)
  expect(await ask(api, await fresh(second))).toBe(401)
  await host.advance(29_999)
  expect(await ask(api, await fresh(second))).toBe(401)
  expect(jwksAsked()).toBe(1)
  await host.advance(1)
  const token = await fresh(second)
  expect(await Promise.all([ask(api, token), ask(api, token), ask(api, token)])).toEqual([200, 200, 200])
  expect(jwksAsked()).toBe(2)

  const stranger = await makeSigningKey('k3')
  await host.advance(30_000)
  for (let index = 0; index < 10; index++) expect(await ask(api, await fresh(stranger))).toBe(401)
  expect(jwksAsked()).toBe(3)
})

it('API-09 a key that the issuer dropped stops working once the answer is no longer fresh', async () => {
  const api = makeApi()
  expect(await ask(api, await fresh(first))).toBe(200)
  issuer.publish(second)
  await host.advance(599_999)
  expect(await ask(api, await fresh(first))).toBe(200)
  await host.advance(1)
  expect(await ask(api, await fresh(first))).toBe(401)
})

it('API-09 max-age of the answer decides how long it is fresh, between 30 s and an hour', async () => {
  for (const [header, milliseconds] of [
    ['public, max-age=120', 120_000],
    ['max-age=0', 30_000],
    ['max-age=999999', HOUR],
  ] as const) {
    host = fakeHost()
    issuer = fakeIssuer(first)
    const body = { keys: [first.publicJwk] }
    issuer.breakWith(() => Response.json(body, { headers: { 'cache-control': header } }))
    const api = makeApi({ jwksUri: `${ISSUER}/jwks` })
    await ask(api, await fresh(first))
    await host.advance(milliseconds - 1)
    await ask(api, await fresh(first))
    expect(jwksAsked()).toBe(1)
    await host.advance(1)
    await ask(api, await fresh(first))
    expect(jwksAsked()).toBe(2)
  }
})

it('API-09 the last good keys are kept for 24 h of outage, asking at most once in 30 s, then 503', async () => {
  const api = makeApi()
  expect(await ask(api, await fresh(first))).toBe(200)
  issuer.breakWith(refused)
  await host.advance(HOUR)
  const before = issuer.asked.length
  for (let index = 0; index < 5; index++) expect(await ask(api, await fresh(first))).toBe(200)
  expect(issuer.asked.length).toBe(before + 1)
  await host.advance(23 * HOUR - 1)
  expect(await ask(api, await fresh(first))).toBe(200)
  await host.advance(1)
  expect(await ask(api, await fresh(first))).toBe(503)
  issuer.breakWith(undefined)
  await host.advance(30_000)
  expect(await ask(api, await fresh(first))).toBe(200)
})

it('API-09 a jump of the wall clock neither drops the keys nor starts fetches', async () => {
  const api = makeApi()
  expect(await ask(api, await fresh(first))).toBe(200)
  host.clock.jump(48 * HOUR)
  expect(await ask(api, await fresh(first))).toBe(200)
  host.clock.jump(-96 * HOUR)
  expect(await ask(api, await fresh(first))).toBe(200)
  expect(jwksAsked()).toBe(1)
})

it('API-09 during an outage an unknown kid is 503, as nobody can tell', async () => {
  const api = makeApi()
  expect(await ask(api, await fresh(first))).toBe(200)
  issuer.breakWith(refused)
  await host.advance(30_000)
  expect(await ask(api, await fresh(second))).toBe(503)
  issuer.breakWith(undefined)
  await host.advance(30_000)
  expect(await ask(api, await fresh(second))).toBe(401)
})

it('API-09 with no keys yet: 503 with Retry-After and no challenge, and the issuer is not hammered', async () => {
  issuer.breakWith(refused)
  const api = makeApi()
  const token = await fresh(first)
  const error: unknown = await api
    .check({ authorization: `Bearer ${token}`, method: 'GET', url: '/' })
    .catch((reason: unknown) => reason)
  expect(error).toMatchObject({ status: 503, headers: { 'Retry-After': '5', 'Cache-Control': 'no-store' } })
  expect(error).not.toHaveProperty(['headers', 'WWW-Authenticate'])
  await host.advance(4_999)
  expect(await ask(api, token)).toBe(503)
  expect(issuer.asked).toEqual([METADATA])
  issuer.breakWith(undefined)
  await host.advance(1)
  expect(await ask(api, token)).toBe(200)
})

const streamOf = (bytes: number) =>
  new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new Uint8Array(bytes).fill(32))
    },
  })

it.each<[string, () => Response]>([
  ['an error', () => new Response('', { status: 500 })],
  ['no JSON', () => new Response('<html>')],
  ['an array', () => Response.json([])],
  ['no keys', () => Response.json({})],
  ['too many keys', () => Response.json({ keys: Array(65).fill({}) })],
  ['an endless body', () => new Response(streamOf(10_000))],
  ['JSON nested deeply', () => new Response(`{"keys":${'['.repeat(5_000)}${']'.repeat(5_000)}}`)],
])('API-09 NEG-06 a JWKS that is %s counts as an outage', async (_, answer) => {
  issuer.breakWith(answer)
  expect(await ask(makeApi({ jwksUri: `${ISSUER}/jwks` }), await fresh(first))).toBe(503)
})

it.each<[string, unknown]>([
  ['names another issuer', { issuer: 'https://evil.example.com', jwks_uri: `${ISSUER}/jwks` }],
  ['names no keys', { issuer: ISSUER }],
  ['sends us to plain http', { issuer: ISSUER, jwks_uri: 'http://id.example.com/jwks' }],
])('API-09 metadata that %s is not believed', async (_, metadata) => {
  issuer.breakWith((url) =>
    url.endsWith('/jwks') ? Response.json({ keys: [first.publicJwk] }) : Response.json(metadata),
  )
  expect(await ask(makeApi(), await fresh(first))).toBe(503)
  expect(jwksAsked()).toBe(0)
})

it('API-09 a hanging issuer is given up, and redirects are not followed', async () => {
  const seen: RequestInit[] = []
  issuer.breakWith((_, init) => {
    seen.push(init)
    return new Promise((_resolve, reject) => {
      init.signal?.addEventListener('abort', () => reject(init.signal?.reason))
    })
  })
  expect(await ask(makeApi({ fetchTimeoutSeconds: 0.01 }), await fresh(first))).toBe(503)
  expect(seen[0]?.redirect).toBe('error')
})

it('NEG-06 a key in the JWKS that is unfit refuses its own tokens and no others', async () => {
  const rsa = await makeSigningKey('rsa', 'RS256')
  for (const changes of [
    { use: 'enc' },
    { alg: 'PS256' },
    { d: 'AQAB' },
    { kty: 'EC' },
    { kid: 7 as unknown as string },
  ]) {
    issuer = fakeIssuer({ ...rsa.publicJwk, ...changes }, first)
    const api = makeApi()
    expect(await ask(api, await fresh(rsa))).toBe(401)
    expect(await ask(api, await fresh(first))).toBe(200)
  }
})

// Tokens that an API must ask about: how often it asks, what it believes, and what it does while nobody answers.
import { makeProof, type ProofKey, thumbprint } from '@latchkey/shared'
import { createResourceServer, type IntrospectionOptions, type ResourceServer } from '@latchkey/shared/resource-server'
import { exportJWK, generateKeyPair } from 'jose'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import {
  AUDIENCE,
  type FakeIssuer,
  fakeIssuer,
  ISSUER,
  makeSigningKey,
  type SigningKey,
  statusOf,
  trusting,
  userClaims,
  userToken,
} from '../support/fake-issuer.ts'

const METADATA = '/.well-known/oauth-authorization-server'
const ENDPOINT = `${ISSUER}/introspect`
const CREDENTIALS = { clientId: 'library api', clientSecret: 'a:b+ä' }

interface Question {
  readonly token: string | null
  readonly init: RequestInit
}

let signingKey: SigningKey
let deviceKey: ProofKey
let jkt: string
let host: FakeHost
let issuer: FakeIssuer
let questions: Question[]
let answers: Map<string, unknown>
let answerTo: (token: string) => Response | Promise<Response>
let metadata: Record<string, unknown>

beforeAll(async () => {
  signingKey = await makeSigningKey('k1')
  deviceKey = await generateKeyPair('ES256', { extractable: true })
  jkt = await thumbprint(await exportJWK(deviceKey.publicKey))
})

beforeEach(() => {
  host = fakeHost()
  issuer = fakeIssuer(signingKey)
  questions = []
  answers = new Map()
  answerTo = (token) => Response.json(answers.get(token) ?? { active: false })
  metadata = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks`, introspection_endpoint: ENDPOINT }
  issuer.breakWith((url, init) => {
    if (url === `${ISSUER}${METADATA}`) return Response.json(metadata)
    if (url === `${ISSUER}/jwks`) return Response.json({ keys: [signingKey.publicJwk] })
    const token = init.body instanceof URLSearchParams ? init.body.get('token') : null
    questions.push({ token, init })
    return answerTo(token ?? '')
  })
})

const makeApi = (options: Partial<IntrospectionOptions> = {}) =>
  createResourceServer({ ...trusting(issuer, host), introspection: { ...CREDENTIALS, ...options } })

const activeAnswer = (changes = {}) => ({
  active: true,
  token_type: 'Bearer',
  ...userClaims(host.clock.now(), changes),
})

const check = (api: ResourceServer, token: string) =>
  api.check({ authorization: `Bearer ${token}`, method: 'GET', url: '/books' }, { scope: 'library:read' })

const ask = (api: ResourceServer, token: string) => statusOf(check(api, token))

const refused = () => Promise.reject(new TypeError('fetch failed'))

function makeGate() {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

describe('an opaque token', () => {
  it('API-04 API-09 is asked about as RFC 7662 says, at the address in the metadata', async () => {
    answers.set('opaque', activeAnswer())
    const access = await check(makeApi(), 'opaque')
    expect(access).toMatchObject({ subject: 'user-1', clientId: 'tv', actor: 'user', headers: {} })
    expect([...access.scopes]).toEqual(['library:read'])
    expect(access.expiresAt).toBe(host.clock.now() + 600_000)
    expect(issuer.asked).toEqual([METADATA, '/introspect'])
    const { init } = questions[0] ?? {}
    expect(init).toMatchObject({ method: 'POST', redirect: 'error' })
    expect(String(init?.body)).toBe('token=opaque&token_type_hint=access_token')
    // RFC 6749 §2.3.1: each half is form-encoded first.
    const basic = Buffer.from('library+api:a%3Ab%2B%C3%A4').toString('base64')
    expect(new Headers(init?.headers).get('authorization')).toBe(`Basic ${basic}`)
  })

  it('API-09 a given endpoint needs no metadata', async () => {
    answers.set('opaque', activeAnswer())
    expect(await ask(makeApi({ endpoint: ENDPOINT }), 'opaque')).toBe(200)
    expect(issuer.asked).toEqual(['/introspect'])
  })

  it('API-03 not active: 401 invalid_token', async () => {
    const error: unknown = await check(makeApi(), 'unknown').catch((reason: unknown) => reason)
    expect(error).toMatchObject({ status: 401, body: { error: 'invalid_token' } })
  })

  it.each<[string, object]>([
    ['another issuer', { iss: 'https://evil.example.com' }],
    ['no issuer', { iss: undefined }],
    ['another API', { aud: 'https://other.example.com' }],
    ['a part of our audience', { aud: `${AUDIENCE}/admin` }],
    ['no audience', { aud: undefined }],
    ['a past end', { exp: 1_000 }],
    ['no end', { exp: undefined }],
    ['an end that is no number', { exp: '4000000000' }],
    ['nbf in the future', { nbf: 4_000_000_000 }],
    ['no subject', { sub: undefined }],
    ['no client', { client_id: undefined }],
    ['a scope that is no string', { scope: ['library:read'] }],
    ['no type (a refresh token)', { token_type: undefined }],
    ['another type', { token_type: 'refresh_token' }],
    ['type DPoP without a key', { token_type: 'DPoP' }],
    ['a key without type DPoP', { cnf: { jkt: 'x'.repeat(43) } }],
    ['a key, and came as Bearer', { cnf: { jkt: 'x'.repeat(43) }, token_type: 'DPoP' }],
  ])('API-04 active with %s: invalid_token', async (_, changes) => {
    answers.set('opaque', activeAnswer(changes))
    expect(await ask(makeApi(), 'opaque')).toBe(401)
  })

  it('API-04 aud may be a list, the end has the leeway of JWTs, a lacking scope is 403', async () => {
    const api = makeApi()
    const nowSeconds = Math.floor(host.clock.now() / 1000)
    answers.set('list', activeAnswer({ aud: ['https://other.example.com', AUDIENCE] }))
    answers.set('just', activeAnswer({ exp: nowSeconds - 59 }))
    answers.set('over', activeAnswer({ exp: nowSeconds - 60 }))
    answers.set('poor', activeAnswer({ scope: 'other' }))
    for (const [token, status] of [
      ['list', 200],
      ['just', 200],
      ['over', 401],
      ['poor', 403],
    ] as const) {
      expect(await ask(api, token)).toBe(status)
    }
  })

  it('API-08 a client’s own token is a client', async () => {
    answers.set('opaque', activeAnswer({ sub: 'reports', client_id: 'reports' }))
    expect((await check(makeApi(), 'opaque')).actor).toBe('client')
  })

  it('API-07 DP-05 a bound one opens with its proof, and not with another’s', async () => {
    answers.set('opaque', activeAnswer({ cnf: { jkt }, token_type: 'DPoP' }))
    const api = makeApi()
    const thief = await generateKeyPair('ES256', { extractable: true })
    const use = async (key: ProofKey) => {
      const { clock, entropy } = host
      const nowSeconds = clock.now() / 1000
      const dpop = await makeProof({
        key,
        htm: 'GET',
        htu: `${AUDIENCE}/books`,
        accessToken: 'opaque',
        nowSeconds,
        entropy,
      })
      return api.check({ authorization: 'DPoP opaque', dpop, method: 'GET', url: '/books' })
    }
    await expect(use(thief)).rejects.toMatchObject({ status: 401, body: { error: 'invalid_token' } })
    await expect(use(deviceKey)).resolves.toMatchObject({ jkt, subject: 'user-1' })
    expect(questions).toHaveLength(1)
  })
})

describe('how often is asked', () => {
  it('API-09 once for many requests at once, and again after 60 s', async () => {
    answers.set('opaque', activeAnswer())
    const api = makeApi()
    const gate = makeGate()
    answerTo = async (token) => {
      await gate.opened
      return Response.json(answers.get(token) ?? { active: false })
    }
    const asking = Array.from({ length: 20 }, () => ask(api, 'opaque'))
    await host.until(() => questions.length > 0)
    // Everybody has come as far as asking, and no further.
    await host.advance(0)
    gate.open()
    expect(await Promise.all(asking)).toEqual(Array(20).fill(200))
    await host.advance(59_999)
    expect(await ask(api, 'opaque')).toBe(200)
    expect(questions).toHaveLength(1)
    answers.delete('opaque')
    await host.advance(1)
    expect(await ask(api, 'opaque')).toBe(401)
    expect(questions).toHaveLength(2)
  })

  it('API-09 an answer ends with its token', async () => {
    answers.set('opaque', activeAnswer({ exp: Math.floor(host.clock.now() / 1000) + 10 }))
    const api = makeApi()
    expect(await ask(api, 'opaque')).toBe(200)
    await host.advance(9_999)
    expect(await ask(api, 'opaque')).toBe(200)
    expect(questions).toHaveLength(1)
    answers.delete('opaque')
    await host.advance(1)
    expect(await ask(api, 'opaque')).toBe(401)
  })

  it('API-09 the minute runs from the question, not from a slow answer', async () => {
    const api = makeApi()
    const gate = makeGate()
    answerTo = async () => {
      await gate.opened
      return Response.json(activeAnswer({ exp: 4_000_000_000 }))
    }
    const asking = ask(api, 'opaque')
    await host.until(() => questions.length === 1)
    await host.advance(30_000)
    gate.open()
    expect(await asking).toBe(200)
    answerTo = () => Response.json({ active: false })
    await host.advance(29_999)
    expect(await ask(api, 'opaque')).toBe(200)
    await host.advance(1)
    expect(await ask(api, 'opaque')).toBe(401)
  })

  it('API-09 a jump of the wall clock does not lengthen it', async () => {
    answers.set('opaque', activeAnswer())
    const api = makeApi()
    expect(await ask(api, 'opaque')).toBe(200)
    host.clock.jump(-3_600_000)
    await host.advance(60_000)
    answers.delete('opaque')
    expect(await ask(api, 'opaque')).toBe(401)
  })

  it('API-09 a no is remembered as long, apart from the yes', async () => {
    const api = makeApi()
    for (let index = 0; index < 3; index++) expect(await ask(api, 'unknown')).toBe(401)
    expect(questions).toHaveLength(1)
  })

  it('API-09 made-up tokens, however many, push no good answer out', async () => {
    answers.set('opaque', activeAnswer())
    const api = makeApi()
    expect(await ask(api, 'opaque')).toBe(200)
    for (let index = 0; index < 10_001; index++) await ask(api, `made-up-${index}`)
    expect(await ask(api, 'opaque')).toBe(200)
    expect(questions.filter(({ token }) => token === 'opaque')).toHaveLength(1)
    // The oldest no made room, so memory stays bounded.
    const before = questions.length
    expect(await ask(api, 'made-up-0')).toBe(401)
    expect(questions.length).toBe(before + 1)
  })

  it('API-09 NEG-06 at most 100 questions at once; who comes on top gets 503', async () => {
    const api = makeApi({ endpoint: ENDPOINT })
    const gate = makeGate()
    answerTo = async (token) => {
      await gate.opened
      return Response.json(answers.get(token) ?? { active: false })
    }
    const waiting = Array.from({ length: 100 }, (_, index) => ask(api, `made-up-${index}`))
    await host.until(() => questions.length === 100)
    expect(await ask(api, 'one-more')).toBe(503)
    expect(questions).toHaveLength(100)
    gate.open()
    expect(await Promise.all(waiting)).toEqual(Array(100).fill(401))
    answers.set('one-more', activeAnswer())
    expect(await ask(api, 'one-more')).toBe(200)
  })

  it('API-09 cacheSeconds makes it shorter, to nothing at all, and never longer', async () => {
    answers.set('opaque', activeAnswer())
    const api = makeApi({ cacheSeconds: 0 })
    expect([await ask(api, 'opaque'), await ask(api, 'opaque')]).toEqual([200, 200])
    expect(questions).toHaveLength(2)
    for (const cacheSeconds of [-1, 61, Number.NaN]) expect(() => makeApi({ cacheSeconds })).toThrow(TypeError)
  })
})

describe('an issuer that cannot be asked', () => {
  it.each<[string, () => Response | Promise<Response>]>([
    ['is down', refused],
    ['fails', () => new Response('', { status: 500 })],
    ['does not know this API', () => new Response('{"error":"invalid_client"}', { status: 401 })],
    ['answers no JSON', () => new Response('<html>')],
    ['answers a list', () => Response.json([])],
    ['does not say whether', () => Response.json({})],
    ['says so in words', () => Response.json({ ...activeAnswer(), active: 'true' })],
    ['answers without end', () => new Response(' '.repeat(70_000))],
  ])('API-09 because it %s: 503, closed, and no challenge', async (_, answer) => {
    answerTo = answer
    const error: unknown = await check(makeApi(), 'opaque').catch((reason: unknown) => reason)
    expect(error).toMatchObject({ status: 503, headers: { 'Retry-After': '5', 'Cache-Control': 'no-store' } })
    expect(error).not.toHaveProperty(['headers', 'WWW-Authenticate'])
  })

  it('API-09 what was answered before holds for its minute, then it is closed, and back at once when it can be asked', async () => {
    answers.set('opaque', activeAnswer())
    const api = makeApi()
    expect(await ask(api, 'opaque')).toBe(200)
    const works = answerTo
    answerTo = refused
    await host.advance(59_999)
    expect(await ask(api, 'opaque')).toBe(200)
    await host.advance(1)
    expect(await ask(api, 'opaque')).toBe(503)
    answerTo = works
    expect(await ask(api, 'opaque')).toBe(200)
  })

  it('API-09 metadata without the endpoint, of another issuer or to plain http: 503, and the token goes nowhere', async () => {
    const good = metadata
    const api = makeApi()
    answers.set('opaque', activeAnswer())
    for (const changes of [
      { introspection_endpoint: undefined },
      { issuer: 'https://evil.example.com' },
      { introspection_endpoint: 'http://id.example.com/introspect' },
    ]) {
      metadata = { ...good, ...changes }
      expect(await ask(api, 'opaque')).toBe(503)
    }
    expect(questions).toEqual([])
    metadata = good
    expect(await ask(api, 'opaque')).toBe(200)
    expect(() => makeApi({ endpoint: 'http://id.example.com/introspect' })).toThrow(TypeError)
  })
})

describe('a JWT', () => {
  const jwt = (changes = {}) => userToken(signingKey, host, changes)

  it('API-09 is not asked about, good or bad', async () => {
    const api = makeApi()
    expect(await ask(api, await jwt())).toBe(200)
    expect(await ask(api, await jwt({ iss: 'https://evil.example.com' }))).toBe(401)
    for (const token of ['a.b.c', '..', 'a..c']) expect(await ask(api, token)).toBe(401)
    expect(questions).toEqual([])
  })

  it('API-09 always: a revoked one is refused within the minute', async () => {
    const api = makeApi({ always: true })
    const token = await jwt()
    answers.set(token, activeAnswer())
    expect(await ask(api, token)).toBe(200)
    answers.delete(token)
    await host.advance(60_000)
    expect(await ask(api, token)).toBe(401)
  })

  it('API-09 always: only a JWT that is good is asked about, and without an answer it is closed', async () => {
    const api = makeApi({ always: true })
    expect(await ask(api, await userToken(await makeSigningKey('k1'), host))).toBe(401)
    expect(questions).toEqual([])
    answerTo = refused
    expect(await ask(api, await jwt())).toBe(503)
  })

  it('API-06 always: an answer that forgets the key does not unbind the token', async () => {
    const api = makeApi({ always: true })
    const token = await jwt({ cnf: { jkt } })
    answers.set(token, activeAnswer())
    expect(await ask(api, token)).toBe(401)
  })
})

it('API-04 without introspection an opaque token is refused, and nobody is asked', async () => {
  const api = createResourceServer(trusting(issuer, host))
  expect(await ask(api, 'opaque')).toBe(401)
  expect(issuer.asked).toEqual([])
})

// A program calls an API through the agent: the right headers, and one more try where that helps.
import { AgentError, memoryKeys } from '@latchkey/device-agent'
import { accessTokenHash, thumbprint } from '@latchkey/shared'
import { createResourceServer, ResourceError } from '@latchkey/shared/resource-server'
import { exportJWK } from 'jose'
import { expect, it } from 'vitest'
import {
  agentAt,
  agentServer,
  metadata,
  ok,
  refused,
  type ScriptedAnswer,
  type SeenRequest,
  tokens,
} from '../support/agent-server.ts'
import { fakeHost } from '../support/fake-host.ts'
import { AUDIENCE, fakeIssuer, makeSigningKey, trusting, userToken } from '../support/fake-issuer.ts'
import { bindsToKeys, boundTokens, checkProofOf, keyOf, METADATA_PATH, proofOf } from '../support/key-server.ts'

const API = 'https://api.northwind.example'

async function linked(how: { readonly bound: boolean } = { bound: true }) {
  const host = fakeHost()
  const server = agentServer(host)
  const answer = how.bound ? boundTokens : tokens
  if (how.bound) bindsToKeys(server)
  else server.on(METADATA_PATH, ok(metadata()))
  server.on('/token', ok(answer(1)), ok(answer(2)))
  const agent = agentAt(server, host)
  await host.run(agent.link())
  const calls = () => server.seen.filter(({ url }) => url.startsWith(API))
  const ask = (path = '/library', init: RequestInit = {}) => host.run(agent.fetch(API + path, init))
  return { host, server, agent, calls, ask }
}

const objects = (error: string, headers: Record<string, string> = {}): ScriptedAnswer => ({
  status: 401,
  text: error,
  headers: { 'www-authenticate': `DPoP error="${error}", algs="ES256"`, ...headers },
})

it('AGT-08 authorize: the scheme and the proof fit the token, the method and the address', async () => {
  const { host, agent, server } = await linked()
  const headers = await agent.authorize({ method: 'PUT', url: `${API}/library/7?full=1` })
  expect(Object.keys(headers)).toEqual(['authorization', 'dpop'])
  expect(headers['authorization']).toBe('DPoP canary-access-1')
  const request: SeenRequest = {
    method: 'PUT',
    url: `${API}/library/7`,
    at: 0,
    form: {},
    headers: new Headers(headers),
  }
  const { jkt } = await checkProofOf(request, { nowAt: host.clock.now(), accessToken: 'canary-access-1' })
  expect(jkt).toBe(await keyOf(server.seen.find(({ url }) => url.endsWith('/token'))))
  const bearer = await linked({ bound: false })
  expect(await bearer.agent.authorize({ method: 'GET', url: API })).toEqual({ authorization: 'Bearer canary-access-1' })
})

it.each(['http://api.northwind.example', 'ftp://api.northwind.example', '/library', 'https//x', ''])(
  'AGT-16 a token does not go to %j',
  async (url) => {
    const { agent, server } = await linked()
    const before = server.seen.length
    for (const use of [() => agent.authorize({ method: 'GET', url }), () => agent.fetch(url)]) {
      await expect(use()).rejects.toMatchObject({ reason: 'usage' })
    }
    expect(server.seen).toHaveLength(before)
  },
)

it('AGT-06 an API that wants a nonce is asked once more with it, and knows it from then on', async () => {
  const { server, ask, calls } = await linked()
  server.on('/library', objects('use_dpop_nonce', { 'dpop-nonce': 'a-1' }), {
    status: 200,
    headers: { 'dpop-nonce': 'a-2' },
  })
  expect((await ask()).status).toBe(200)
  expect((await ask()).status).toBe(200)
  expect(calls().map((request) => proofOf(request)['nonce'])).toEqual([undefined, 'a-1', 'a-2'])
  // A nonce belongs to who gave it: the server hears nothing of the API's, nor the other way round.
  expect(server.seen.filter(({ url }) => url.endsWith('/token')).map((request) => proofOf(request)['nonce'])).toEqual([
    undefined,
  ])
})

it('AGT-10 an API that no longer takes the token gets a fresh one, once', async () => {
  const { server, ask, calls } = await linked()
  server.on('/library', objects('invalid_token'), { status: 200, text: 'shows' })
  expect(await (await ask()).text()).toBe('shows')
  expect(calls().map(({ headers }) => headers.get('authorization'))).toEqual([
    'DPoP canary-access-1',
    'DPoP canary-access-2',
  ])
  expect(await Promise.all(calls().map((request) => proofOf(request)['ath']))).toEqual([
    await accessTokenHash('canary-access-1'),
    await accessTokenHash('canary-access-2'),
  ])
})

it('AGT-10 an API that refuses for ever is told so: each objection is met once', async () => {
  const { server, ask, calls } = await linked()
  server.on(
    '/library',
    objects('use_dpop_nonce', { 'dpop-nonce': 'a-1' }),
    objects('invalid_token'),
    objects('use_dpop_nonce', { 'dpop-nonce': 'a-2' }),
  )
  expect((await ask()).status).toBe(401)
  expect(calls()).toHaveLength(3)
  server.on('/other', objects('invalid_token'))
  expect((await ask('/other')).status).toBe(401)
  server.on('/third', { status: 401 }, { status: 200 })
  expect((await ask('/third')).status).toBe(401)
  server.on('/forbidden', { status: 403, headers: { 'www-authenticate': 'DPoP error="insufficient_scope"' } })
  expect((await ask('/forbidden')).status).toBe(403)
  expect(calls()).toHaveLength(7)
})

it('AGT-15 an API whose clock is another: its Date mends the next proof, at once', async () => {
  const { host, server, ask, calls } = await linked()
  const theirs = () => host.clock.now() + 3600_000
  const date = () => ({ date: new Date(theirs()).toUTCString() })
  server.on(
    '/library',
    () => objects('invalid_dpop_proof', date()),
    () => ({ status: 200, headers: date() }),
  )
  expect((await ask()).status).toBe(200)
  const [first, second] = calls()
  if (!first || !second) throw new Error('nothing was asked')
  await expect(checkProofOf(first, { nowAt: theirs() })).rejects.toMatchObject({ fault: 'iat' })
  await checkProofOf(second, { nowAt: theirs() })
})

it('AGT-16 no redirect is followed: neither token nor proof is for another address', async () => {
  const { server, ask, calls } = await linked()
  server.on('/library', { status: 302, headers: { location: 'https://elsewhere.northwind.example/' } })
  expect((await ask()).status).toBe(302)
  expect(calls()).toHaveLength(1)
})

it('a body goes along on every try, but a stream can be sent only once', async () => {
  const { server, ask, calls } = await linked()
  server.on('/library', objects('use_dpop_nonce', { 'dpop-nonce': 'a-1' }), { status: 201 })
  const init = { method: 'post', headers: { 'content-type': 'text/plain', authorization: 'mine' }, body: 'a=1' }
  expect((await ask('/library', init)).status).toBe(201)
  for (const request of calls()) {
    expect(request.form).toEqual({ a: '1' })
    expect(request.headers.get('content-type')).toBe('text/plain')
    expect(request.headers.get('authorization')).toBe('DPoP canary-access-1')
    expect(proofOf(request)['htm']).toBe('POST')
  }
  server.on('/upload', objects('use_dpop_nonce', { 'dpop-nonce': 'a-1' }), { status: 201 })
  for (const body of [new Blob(['x']).stream(), (async function* () {})()]) {
    const sent = await ask('/upload', { method: 'POST', body: body as ReadableStream })
    server.on('/upload', objects('invalid_token'), { status: 201 })
    expect(sent.status).toBe(401)
  }
})

it('AGT-13 no fresh token to be had after a refusal: that is what is said', async () => {
  const { server, ask } = await linked()
  server.on('/library', objects('invalid_token'))
  server.on('/token', refused('invalid_grant'))
  await expect(ask()).rejects.toMatchObject({ reason: 'unlinked' })
  const { server: other, ask: askOther } = await linked()
  other.on('/library', 'cut')
  const error: unknown = await askOther().catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(TypeError)
  expect(error).not.toBeInstanceOf(AgentError)
})

it('AGT-08 what the agent sends passes the check that an API of ours runs, with nonces and without', async () => {
  const signing = await makeSigningKey('k1')
  for (const dpopNonce of ['required', 'off'] as const) {
    const host = fakeHost()
    const server = agentServer(host)
    bindsToKeys(server)
    const api = createResourceServer({ ...trusting(fakeIssuer(signing), host), dpopNonce })
    const keys = memoryKeys()
    const refusals: unknown[] = []
    const agent = agentAt(server, host, {
      keys,
      fetch: async (url, init) => {
        if (!url.startsWith(AUDIENCE)) return server.fetch(url, init)
        const headers = new Headers(init.headers)
        const [authorization, dpop] = [headers.get('authorization') ?? '', headers.get('dpop') ?? '']
        try {
          const access = await api.check({ method: 'GET', url, authorization, dpop })
          return Response.json({ subject: access.subject }, { headers: { ...access.headers } })
        } catch (error) {
          if (!(error instanceof ResourceError)) throw error
          refusals.push(error.body.error)
          return Response.json(error.body, { status: error.status, headers: { ...error.headers } })
        }
      },
    })
    const jkt = await thumbprint(await exportJWK((await keys.obtain()).publicKey))
    const access_token = await userToken(signing, host, { cnf: { jkt } })
    server.on('/token', ok(boundTokens(1, { access_token })))
    await host.run(agent.link())
    for (let i = 0; i < 2; i++) {
      expect(await (await agent.fetch(`${AUDIENCE}/library?of=me`)).json()).toEqual({ subject: 'user-1' })
    }
    expect(refusals).toEqual(dpopNonce === 'required' ? ['use_dpop_nonce'] : [])
  }
})

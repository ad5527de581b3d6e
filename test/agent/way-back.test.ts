// A device that lost its tokens, but not its key: when it signs itself back in, how often, and what it then believes.
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CredentialRecord,
  credentialFile,
  keyFile,
  type LinkState,
  memoryCredentials,
  memoryKeys,
} from '@latchkey/device-agent'
import { JWK_THUMBPRINT_URI, JWT_BEARER_GRANT } from '@latchkey/shared'
import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify } from 'jose'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  agentAt,
  agentServer,
  failureOf,
  ISSUER,
  metadata,
  ok,
  refused,
  type ScriptedAnswer,
} from '../support/agent-server.ts'
import { fakeHost } from '../support/fake-host.ts'
import { bindsToKeys, boundTokens, KEY_METADATA, keyOf, METADATA_PATH, proofOf } from '../support/key-server.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

let directory: string

beforeEach(() => {
  directory = join(temporaryFolder(), 'state')
})
afterEach(() => removeFolder(join(directory, '..')))

const gone = refused('invalid_grant')

function setUp(host = fakeHost(), stores = { credentials: memoryCredentials(), keys: memoryKeys() }) {
  const server = agentServer(host)
  bindsToKeys(server)
  const another = () => agentAt(server, host, stores)
  const agent = another()
  const states: LinkState[] = []
  const link = () => host.run(agent.link({ onState: (state) => states.push(state) }))
  const token = async (rejected?: string) => (await host.run(agent.accessToken({ rejected }))).token
  const record = async (): Promise<Partial<CredentialRecord>> => {
    const loaded = await stores.credentials.load()
    return loaded.kind === 'found' ? loaded.record : {}
  }
  /** The grants that were asked for since the link, in order. */
  const asked = () =>
    server.seen.filter((request) => request.url.endsWith('/token')).map(({ form }) => form['grant_type'])
  const linked = async (...answers: readonly ScriptedAnswer[]) => {
    server.on('/token', ok(boundTokens(1)))
    await link()
    server.on('/token', ...answers)
  }
  const lastBack = () => server.seen.findLast(({ form }) => form['grant_type'] === JWT_BEARER_GRANT)
  return { host, server, agent, another, stores, states, link, linked, token, record, asked, lastBack }
}

/** A folder on the disk instead of memory. */
function onDisk() {
  const host = fakeHost()
  return setUp(host, { credentials: credentialFile({ directory, host }), keys: keyFile({ directory, host }) })
}

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'

it('AGT-12 refresh says invalid_grant: the device signs itself back in with its key, once, and goes on', async () => {
  const { linked, token, record, asked } = setUp()
  await linked(gone, ok(boundTokens(7)), ok(boundTokens(8)))
  expect(await token('canary-access-1')).toBe('canary-access-7')
  expect(await record()).toMatchObject({ refreshToken: 'canary-refresh-7', previousRefreshToken: undefined })
  expect(await token('canary-access-7')).toBe('canary-access-8')
  expect(asked()).toEqual([DEVICE, 'refresh_token', JWT_BEARER_GRANT, 'refresh_token'])
})

it('AGT-15 the assertion: by the bound key, for this server, by the server’s clock, with a proof by the same key', async () => {
  const { host, server, linked, token, lastBack } = setUp()
  const serverNow = Date.UTC(2030, 0, 15, 12)
  const date = { date: new Date(serverNow).toUTCString() }
  await linked({ ...refusedWith(date) }, ok(boundTokens(2)))
  host.clock.jump(-40 * 365 * 86_400_000)
  await token('canary-access-1')
  const back = lastBack()
  const assertion = back?.form['assertion'] ?? ''
  const header = decodeProtectedHeader(assertion)
  expect(header).toEqual({ typ: 'JWT', alg: 'ES256', jwk: expect.objectContaining({ kty: 'EC', crv: 'P-256' }) })
  expect(header.jwk).not.toHaveProperty('d')
  const { payload } = await jwtVerify(assertion, await importJWK(header.jwk ?? {}, 'ES256'), {
    currentDate: new Date(serverNow),
  })
  const [first] = server.seen.filter(({ form }) => form['grant_type'] === DEVICE)
  expect(payload).toEqual({
    iss: 'tv',
    sub: JWK_THUMBPRINT_URI + (await keyOf(first)),
    aud: ISSUER,
    iat: serverNow / 1000,
    exp: serverNow / 1000 + 120,
    jti: expect.stringMatching(/^[\w-]{22}$/),
  })
  expect(await keyOf(back)).toBe(await keyOf(first))
})

it('AGT-12 the key is refused too: tokens are dropped, a person has to link, and nothing is asked again', async () => {
  const { server, agent, linked, token, record, asked } = setUp()
  await linked(gone, gone, ok(boundTokens(9)))
  expect(await failureOf(token('canary-access-1'))).toMatchObject({ reason: 'unlinked', oauthError: 'invalid_grant' })
  expect(JSON.stringify(await record())).not.toContain('canary')
  for (let i = 0; i < 3; i++) expect(await failureOf(token())).toMatchObject({ reason: 'unlinked' })
  expect(asked()).toEqual([DEVICE, 'refresh_token', JWT_BEARER_GRANT])
  expect(await agent.status()).toMatchObject({ usable: false, key: 'here' })
  expect(server.seen.filter(({ url }) => url.endsWith('/device_authorization'))).toHaveLength(1)
})

it('STO-03 the key comes before the parent token, which a server could take for a thief’s', async () => {
  const { linked, token, record, asked } = setUp()
  await linked(ok(boundTokens(2)), gone, ok(boundTokens(3)))
  await token('canary-access-1')
  expect(await record()).toMatchObject({ previousRefreshToken: 'canary-refresh-1' })
  expect(await token('canary-access-2')).toBe('canary-access-3')
  expect(asked().slice(1)).toEqual(['refresh_token', 'refresh_token', JWT_BEARER_GRANT])
})

it.each(['unauthorized_client', 'unsupported_grant_type'])(
  'STO-03 a way back that is closed to this client (%s): the parent token is tried, then it is over',
  async (closed) => {
    const { linked, token, asked } = setUp()
    await linked(ok(boundTokens(2)), gone, refused(closed), gone)
    await token('canary-access-1')
    expect(await failureOf(token('canary-access-2'))).toMatchObject({ reason: 'unlinked' })
    expect(asked().slice(2)).toEqual(['refresh_token', JWT_BEARER_GRANT, 'refresh_token'])
  },
)

it('AGT-12 a server that knows no way back is not asked for one', async () => {
  const { server, linked, token, asked } = setUp()
  server.on(METADATA_PATH, ok({ ...metadata(), ...KEY_METADATA, grant_types_supported: ['refresh_token'] }))
  await linked(gone)
  expect(await failureOf(token('canary-access-1'))).toMatchObject({ reason: 'unlinked' })
  expect(asked()).toEqual([DEVICE, 'refresh_token'])
})

it('AGT-11 a way back that gets no answer is trouble like any other: back-off, tokens stay, then it works', async () => {
  const { host, linked, token, record, asked } = setUp()
  await linked(gone, 'cut', gone, ok(boundTokens(2)))
  expect(await failureOf(token('canary-access-1'))).toMatchObject({ reason: 'unreachable' })
  expect(await record()).toMatchObject({ refreshToken: 'canary-refresh-1' })
  expect(await failureOf(token('canary-access-1'))).toMatchObject({ reason: 'unreachable' })
  expect(asked()).toHaveLength(3)
  await host.advance(4000)
  expect(await token('canary-access-1')).toBe('canary-access-2')
})

it('AGT-06 the nonce for the way back is fetched like any other', async () => {
  const { linked, token, server } = setUp()
  await linked(gone, refused('use_dpop_nonce', {}, { 'dpop-nonce': 'n-1' }), ok(boundTokens(2)))
  await token('canary-access-1')
  expect(server.seen.slice(-2).map((request) => proofOf(request)['nonce'])).toEqual([undefined, 'n-1'])
})

it('AGT-06 the approval was given and its answer lost: the key fetches it, also over a bad network', async () => {
  const { server, link, states, asked, record } = setUp()
  server.on('/token', refused('authorization_pending'), 'cut', gone, 'cut', { status: 503 }, ok(boundTokens(1)))
  await expect(link()).resolves.toMatchObject({ scopes: ['openid', 'library:read'] })
  expect(asked()).toEqual([DEVICE, DEVICE, DEVICE, JWT_BEARER_GRANT, JWT_BEARER_GRANT, JWT_BEARER_GRANT])
  expect(await record()).toMatchObject({ refreshToken: 'canary-refresh-1', boundTo: expect.any(String) })
  expect(states.map(({ kind }) => kind)).toEqual(['asking', 'waiting', 'retrying', 'retrying', 'retrying', 'linked'])
})

it.each([gone, refused('unauthorized_client')])(
  'AGT-06 a lost approval that the key cannot fetch is said to be lost; no new code by itself',
  async (answer) => {
    const { server, link, asked } = setUp()
    server.on('/token', 'cut', gone, answer)
    expect(await failureOf(link())).toMatchObject({ reason: 'lost_approval' })
    expect(asked()).toEqual([DEVICE, DEVICE, JWT_BEARER_GRANT])
  },
)

it('AGT-07 the key asks for a lost approval only as long as the code is good', async () => {
  const { host, server, link, asked } = setUp()
  server.on('/token', 'cut', gone, 'cut')
  const start = host.clock.monotonic()
  expect(await failureOf(link())).toMatchObject({ reason: 'unreachable' })
  expect(host.clock.monotonic() - start).toBe(600_000)
  expect(asked().length).toBeLessThan(15)
})

it('AGT-06 invalid_grant after a clear answer is no lost approval: the key is not used', async () => {
  const { server, link, asked } = setUp()
  server.on('/token', refused('authorization_pending'), gone, ok(boundTokens(1)))
  expect(await failureOf(link())).toMatchObject({ reason: 'refused' })
  expect(asked()).toEqual([DEVICE, DEVICE])
})

async function damage() {
  for (const name of ['credentials.json', 'credentials.json.previous']) {
    await writeFile(join(directory, name), '{"version":1,"iss', { mode: 0o600 })
  }
}

it('STO-04 both copies of the credentials are damaged: the key brings the link back, and it is kept again', async () => {
  const { host, server, another, linked, asked, record } = onDisk()
  await linked(ok(boundTokens(2, { scope: 'library:read' })))
  await damage()
  const agent = another()
  expect(await host.run(agent.accessToken())).toMatchObject({ token: 'canary-access-2', tokenType: 'DPoP' })
  expect(await record()).toMatchObject({
    issuer: ISSUER,
    clientId: 'tv',
    scope: 'library:read',
    refreshToken: 'canary-refresh-2',
  })
  expect(await host.run(agent.accessToken())).toMatchObject({ token: 'canary-access-2' })
  expect(asked()).toEqual([DEVICE, JWT_BEARER_GRANT])
  expect(await agent.status()).toMatchObject({ kind: 'linked', usable: true, key: 'here' })
  expect(server.seen.filter(({ url }) => url.endsWith('/device_authorization'))).toHaveLength(1)
})

it('STO-04 damaged, and the key opens nothing either: asked once, then "needs linking" without a question', async () => {
  const { host, another, linked, asked } = onDisk()
  await linked(gone)
  await damage()
  for (let i = 0; i < 3; i++)
    expect(await failureOf(host.run(another().accessToken()))).toMatchObject({ reason: 'unlinked' })
  expect(asked()).toEqual([DEVICE, JWT_BEARER_GRANT])
})

it('STO-04 damaged, and the key is gone or damaged too: nothing is asked, no new key is made', async () => {
  const { host, another, linked, asked } = onDisk()
  await linked(ok(boundTokens(2)))
  await damage()
  await writeFile(join(directory, 'key.json'), 'x')
  expect(await failureOf(host.run(another().accessToken()))).toMatchObject({ reason: 'unlinked' })
  await rm(join(directory, 'key.json'))
  expect(await failureOf(host.run(another().accessToken()))).toMatchObject({ reason: 'unlinked' })
  expect(asked()).toEqual([DEVICE])
})

it('AGT-12 a device that was unlinked, or never linked, does not come back by itself', async () => {
  const { host, server, agent, another, linked, asked } = onDisk()
  await linked(ok(boundTokens(2)))
  server.on('/revoke', 'cut')
  expect(await host.run(agent.unlink())).toBe(false)
  expect(await failureOf(host.run(another().accessToken()))).toMatchObject({ reason: 'unlinked' })
  expect(asked()).toEqual([DEVICE])
})

it('AGT-10 however many ask, in however many agents, the key is used once', async () => {
  const { host, another, linked, asked } = onDisk()
  await linked(ok(boundTokens(2)))
  await damage()
  const agents = [another(), another(), another()]
  const all = await host.run(Promise.all([...agents, ...agents].map((agent) => agent.accessToken())))
  expect(new Set(all.map(({ token }) => token))).toEqual(new Set(['canary-access-2']))
  expect(asked()).toEqual([DEVICE, JWT_BEARER_GRANT])
})

it('AGT-06 every assertion is another one', async () => {
  const { host, linked, token, server } = setUp()
  await linked(gone, 'cut', gone, ok(boundTokens(2)))
  await failureOf(token('canary-access-1'))
  await host.advance(4000)
  await token('canary-access-1')
  const assertions = server.seen.map(({ form }) => form['assertion']).filter((assertion) => assertion !== undefined)
  expect(assertions).toHaveLength(2)
  expect(new Set(assertions.map((assertion) => decodeJwt(assertion).jti)).size).toBe(2)
})

function refusedWith(headers: Record<string, string>) {
  return { status: 400, json: { error: 'invalid_grant' }, headers }
}

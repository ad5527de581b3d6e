// What a device with a key says to a server that binds tokens to keys, and what it says to one that does not.
import {
  type CredentialStore,
  type DeviceAgent,
  type DeviceAgentOptions,
  type KeyStore,
  memoryCredentials,
  memoryKeys,
} from '@latchkey/device-agent'
import { codeChallengeOf } from '@latchkey/shared'
import { expect, it } from 'vitest'
import {
  agentAt,
  agentServer,
  deviceAuthorization,
  failureOf,
  metadata,
  ok,
  refused,
  type ScriptedAnswer,
  tokens,
} from '../support/agent-server.ts'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import {
  bindsToKeys,
  boundTokens,
  checkProofOf,
  KEY_METADATA,
  keyOf,
  METADATA_PATH,
  proofOf,
} from '../support/key-server.ts'

const YEAR = 365 * 86_400_000
const pending = refused('authorization_pending')
const wantsNonce = (nonce: string) => refused('use_dpop_nonce', {}, { 'dpop-nonce': nonce })

interface Scene {
  readonly host?: FakeHost
  readonly credentials?: CredentialStore
  readonly keys?: KeyStore
}

function setUp(answers: readonly ScriptedAnswer[], scene: Scene = {}) {
  const { host = fakeHost(), credentials = memoryCredentials(), keys = memoryKeys() } = scene
  const server = agentServer(host)
  bindsToKeys(server)
  if (answers.length > 0) server.on('/token', ...answers)
  const another = (more: Partial<DeviceAgentOptions> = {}) => agentAt(server, host, { credentials, keys, ...more })
  const agent = another()
  const link = () => host.run(agent.link())
  const token = (wish?: Parameters<DeviceAgent['accessToken']>[0]) => host.run(agent.accessToken(wish))
  /** Requests of one kind, in order. */
  const sent = (path: string) => server.seen.filter((request) => request.url.endsWith(path))
  return { host, server, agent, another, credentials, keys, link, token, sent }
}

it('AGT-08 DPoP: a proof by one key goes with the code request, every poll, every refresh and the end', async () => {
  const { host, server, agent, link, token, sent } = setUp([pending, ok(boundTokens(1)), ok(boundTokens(2))])
  server.on('/revoke', { status: 200 })
  await link()
  await expect(token({ rejected: 'canary-access-1' })).resolves.toMatchObject({
    token: 'canary-access-2',
    tokenType: 'DPoP',
  })
  expect(await host.run(agent.unlink())).toBe(true)
  const proven = ['/device_authorization', '/token', '/revoke'].flatMap(sent)
  expect(proven).toHaveLength(5)
  const checked = await Promise.all(proven.map((request) => checkProofOf(request, { nowAt: host.clock.now() })))
  expect(new Set(checked.map(({ jkt }) => jkt)).size).toBe(1)
  expect(new Set(checked.map(({ jti }) => jti)).size).toBe(5)
})

it('AGT-08 a server that binds nothing gets no proof and no challenge, and no key is made for it', async () => {
  const { server, link, token, keys } = setUp([ok(tokens(1)), ok(tokens(2))])
  for (const offer of [
    {},
    { dpop_signing_alg_values_supported: ['EdDSA'], code_challenge_methods_supported: ['plain'] },
  ]) {
    server.on(METADATA_PATH, ok({ ...metadata(), ...offer }))
    server.on('/token', ok(tokens(1)), ok(tokens(2)))
    await link()
    await expect(token({ rejected: 'canary-access-1' })).resolves.toMatchObject({ tokenType: 'Bearer' })
  }
  for (const { headers, form } of server.seen) {
    expect(headers.get('dpop')).toBeNull()
    expect(Object.keys(form).filter((name) => name.startsWith('code_'))).toEqual([])
  }
  expect(await keys.load()).toBeUndefined()
})

it('AGT-08 asked for DPoP and given Bearer: the answer is discarded, and says what was tried', async () => {
  const { host, agent, link, credentials, token } = setUp([ok(tokens(1))])
  expect(await failureOf(link())).toMatchObject({
    reason: 'untrusted',
    message: expect.stringContaining('tokens that work for anybody; they were discarded'),
  })
  expect(await credentials.load()).toMatchObject({ kind: 'none' })
  expect(await failureOf(host.run(agent.accessToken()))).toMatchObject({ reason: 'unlinked' })
  const later = setUp([ok(boundTokens(1)), ok(tokens(2))])
  await later.link()
  expect(await failureOf(later.token({ rejected: 'canary-access-1' }))).toMatchObject({ reason: 'untrusted' })
  expect(await later.credentials.load()).toMatchObject({ record: { refreshToken: 'canary-refresh-1' } })
  expect(await failureOf(token())).toMatchObject({ reason: 'unlinked' })
})

it('AGT-08 metadata that stops offering keys does not talk a bound device out of its key', async () => {
  const { host, server, link, another, sent } = setUp([ok(boundTokens(1)), ok(tokens(2))])
  await link()
  server.on(METADATA_PATH, ok(metadata()))
  const error = await failureOf(host.run(another().accessToken({ rejected: 'canary-access-1' })))
  expect(error).toMatchObject({ reason: 'untrusted' })
  expect(await keyOf(sent('/token').at(-1))).toBe(await keyOf(sent('/token')[0]))
})

it('AGT-06 use_dpop_nonce is answered at once, once, and is no poll: the interval goes on from the answer', async () => {
  const { server, link, sent } = setUp([wantsNonce('n-2'), pending, wantsNonce('n-3'), ok(boundTokens(1))])
  server.on('/device_authorization', wantsNonce('n-1'), ok(deviceAuthorization()))
  await link()
  const asked = [...sent('/device_authorization'), ...sent('/token')]
  expect(asked.map((request) => proofOf(request)['nonce'])).toEqual([undefined, 'n-1', 'n-1', 'n-2', 'n-2', 'n-3'])
  const at = asked.map((request) => request.at)
  expect(at.slice(1).map((each, index) => (each - (at[index] ?? 0)) / 1000)).toEqual([0, 5, 0, 5, 0])
  expect(new Set(asked.map((request) => proofOf(request).jti)).size).toBe(6)
})

it('AGT-06 a server that is never content with a nonce ends the link; there is no second retry', async () => {
  const { link, sent } = setUp([wantsNonce('n-1'), wantsNonce('n-2'), ok(boundTokens(1))])
  expect(await failureOf(link())).toMatchObject({ reason: 'refused', oauthError: 'use_dpop_nonce' })
  expect(sent('/token')).toHaveLength(2)
})

it('AGT-06 a nonce that comes with any answer is used in the next proof, also after trouble', async () => {
  const { link, sent } = setUp([
    refused('authorization_pending', {}, { 'dpop-nonce': 'n-1' }),
    { status: 503, headers: { 'dpop-nonce': 'n-2' } },
    pending,
    ok(boundTokens(1)),
  ])
  await link()
  expect(sent('/token').map((request) => proofOf(request)['nonce'])).toEqual([undefined, 'n-1', 'n-2', 'n-2'])
})

it('AGT-15 a device without a clock makes proofs by the server’s Date, before its first one and through every jump', async () => {
  for (const startAt of [0, Date.UTC(2055, 0, 1)]) {
    const serverStart = Date.UTC(2030, 0, 15, 12)
    const host = fakeHost({ startAt })
    const began = host.clock.monotonic()
    const serverNow = () => serverStart + host.clock.monotonic() - began
    const { server, link, token, sent } = setUp([], { host })
    const dated = (json: unknown, status = 200): ScriptedAnswer => ({
      status,
      json,
      headers: { date: new Date(serverNow()).toUTCString() },
    })
    const jumping =
      (by: number, json: unknown, status = 200) =>
      () => {
        host.clock.jump(by)
        return dated(json, status)
      }
    server.on(METADATA_PATH, () => dated({ ...metadata(), ...KEY_METADATA }))
    server.on('/device_authorization', () => dated(deviceAuthorization()))
    server.on(
      '/token',
      jumping(YEAR, { error: 'authorization_pending' }, 400),
      jumping(-3 * YEAR, { error: 'authorization_pending' }, 400),
      jumping(2 * YEAR, boundTokens(1)),
      () => dated(boundTokens(2)),
    )
    await link()
    await host.advance(60_000)
    await token({ rejected: 'canary-access-1' })
    const proven = [...sent('/device_authorization'), ...sent('/token')]
    expect(proven).toHaveLength(5)
    for (const request of proven) await checkProofOf(request, { nowAt: serverStart + request.at - began })
  }
})

it('AGT-15 a Date out of a cache counts with its Age', async () => {
  const { host, server, link, sent } = setUp([ok(boundTokens(1))])
  const old = new Date(host.clock.now() - 5000_000).toUTCString()
  server.on(METADATA_PATH, ok({ ...metadata(), ...KEY_METADATA }, { date: old, age: '5000' }))
  await link()
  const [asked] = sent('/device_authorization')
  if (!asked) throw new Error('nothing was asked')
  await checkProofOf(asked, { nowAt: host.clock.now() })
})

it('the verifier of the challenge comes with every poll, another one for each link', async () => {
  const { server, link, sent } = setUp([])
  for (const n of [1, 2]) {
    server.on('/token', pending, ok(boundTokens(n)))
    await link()
  }
  const challenges = sent('/device_authorization').map(({ form }) => form)
  const verifiers = sent('/token').map(({ form }) => form['code_verifier'] ?? '')
  expect(challenges).toMatchObject([{ code_challenge_method: 'S256' }, { code_challenge_method: 'S256' }])
  expect(verifiers[0]).toBe(verifiers[1])
  expect(verifiers[2]).not.toBe(verifiers[0])
  expect(challenges.map((form) => form['code_challenge'])).toEqual([
    await codeChallengeOf(verifiers[0] ?? ''),
    await codeChallengeOf(verifiers[2] ?? ''),
  ])
})

it('AGT-12 unlink forgets tokens and keeps the key: the next link is bound to the same one', async () => {
  const { host, agent, link, sent, server } = setUp([ok(boundTokens(1))])
  await link()
  await host.run(agent.unlink())
  server.on('/token', ok(boundTokens(2)))
  await link()
  expect(new Set(await Promise.all(sent('/device_authorization').map(keyOf))).size).toBe(1)
})

it.each([
  ['the key of another device', memoryKeys(), 'another'],
  ['no key at all', undefined, 'missing'],
])('credentials copied to a device with %s: said plainly, and nothing is sent', async (_, otherKeys, fit) => {
  const { host, server, another, link } = setUp([ok(boundTokens(1))])
  await link()
  const keys = otherKeys ?? memoryKeys()
  if (otherKeys) await keys.obtain()
  const copy = another({ keys })
  const before = server.seen.length
  const words = fit === 'another' ? /belong to the key of another device/ : /not on this device/
  expect(await failureOf(host.run(copy.accessToken()))).toMatchObject({
    reason: 'unlinked',
    message: expect.stringMatching(words),
  })
  expect(await failureOf(copy.authorize({ method: 'GET', url: 'https://api.northwind.example' }))).toMatchObject({
    reason: 'unlinked',
  })
  expect(await copy.status()).toMatchObject({ kind: 'linked', usable: false, key: fit })
  expect(server.seen).toHaveLength(before)
  // Its own device is not disturbed, and the copy can be thrown away.
  expect(await host.run(copy.unlink())).toBe(false)
  expect(server.seen.filter((request) => request.url.endsWith('/revoke'))).toEqual([])
})

it('a link stays as it began: without a key, though the server has learnt of keys since', async () => {
  const { server, link, another, host, sent } = setUp([])
  server.on(METADATA_PATH, ok(metadata()))
  server.on('/token', ok(tokens(1)), ok(tokens(2)))
  await link()
  bindsToKeys(server)
  const agent = another()
  expect(await agent.status()).toMatchObject({ usable: true, key: 'unbound' })
  expect(await host.run(agent.accessToken({ rejected: 'canary-access-1' }))).toMatchObject({ tokenType: 'Bearer' })
  expect(sent('/token').at(-1)?.headers.has('dpop')).toBe(false)
  expect(await agent.status()).toMatchObject({ usable: true, key: 'unbound' })
})

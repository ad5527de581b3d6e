import { inspect } from 'node:util'
import { type LinkState, memoryCredentials } from '@latchkey/device-agent'
import { expect, it } from 'vitest'
import {
  agentAt,
  agentServer,
  deviceAuthorization,
  failureOf,
  ISSUER,
  ok,
  refused,
  type ScriptedAnswer,
  tokens,
} from '../support/agent-server.ts'
import { fakeHost } from '../support/fake-host.ts'

function setUp(...answers: readonly ScriptedAnswer[]) {
  const host = fakeHost()
  const server = agentServer(host)
  if (answers.length > 0) server.on('/token', ...answers)
  const credentials = memoryCredentials()
  const agent = agentAt(server, host, {
    scope: 'openid library:read',
    resource: 'https://api.northwind.example',
    device: { name: 'Living room', model: 'NW-55', software: 'os 3' },
    credentials,
  })
  const states: LinkState[] = []
  const link = (signal?: AbortSignal) =>
    agent.link({ onState: (state) => states.push(state), ...(signal ? { signal } : {}) })
  const fail = () => host.run(failureOf(link()))
  /** Seconds between what is asked of the token endpoint, beginning with the answer to the device authorization. */
  const gaps = () => {
    const asked = server.seen.filter((request) => /token|device_auth/.test(request.url)).map((request) => request.at)
    return asked.slice(1).map((at, index) => (at - (asked[index] ?? 0)) / 1000)
  }
  return { host, server, agent, credentials, states, link, fail, gaps }
}

const pending = refused('authorization_pending')

it('AGT-02 DEV-01 one link asks for one code, with what the device says of itself', async () => {
  const { host, server, link, states } = setUp(pending, ok(tokens(1)))
  await expect(host.run(link())).resolves.toMatchObject({ scopes: ['openid', 'library:read'], missingScopes: [] })
  const asked = server.seen.filter((request) => request.url.endsWith('/device_authorization'))
  expect(asked.map((request) => request.form)).toEqual([
    {
      client_id: 'tv',
      scope: 'openid library:read',
      resource: 'https://api.northwind.example',
      device_name: 'Living room',
      device_model: 'NW-55',
      device_software: 'os 3',
    },
  ])
  expect(server.polls()[0]?.form).toMatchObject({ client_id: 'tv', device_code: 'canary-device-code' })
  expect(states.map((state) => state.kind)).toEqual(['asking', 'waiting', 'linked'])
})

it('AGT-02 a code that ran out is not replaced by itself', async () => {
  const { fail, server, states } = setUp()
  expect(await fail()).toMatchObject({ reason: 'expired' })
  expect(server.seen.filter((request) => request.url.endsWith('/device_authorization'))).toHaveLength(1)
  expect(states.at(-1)).toMatchObject({ kind: 'failed', error: { reason: 'expired' } })
})

it('AGT-03 what the screen gets shows code and address, and holds no device code even for a debugger', async () => {
  const { host, link, states } = setUp(ok(tokens(1)))
  await host.run(link())
  const waiting = states.find((state) => state.kind === 'waiting')
  expect(waiting?.request).toMatchObject({
    userCode: 'WDJB-MJHT',
    verificationUri: `${ISSUER}/link`,
    verificationUriComplete: `${ISSUER}/link/WDJBMJHT`,
  })
  expect(inspect(states, { depth: 9, showHidden: true }) + JSON.stringify(states)).not.toContain('canary')
})

it('AGT-03 Google’s verification_url is taken for verification_uri, unknown members are ignored', async () => {
  const { host, server, link, states } = setUp(ok(tokens(1, { shoe_size: 44 })))
  const { verification_uri, verification_uri_complete, ...rest } = deviceAuthorization({ colour: 'blue' })
  server.on('/device_authorization', ok({ ...rest, verification_url: verification_uri }))
  await host.run(link())
  expect(states[1]).toMatchObject({
    request: { verificationUri: verification_uri, verificationUriComplete: undefined },
  })
})

it('AGT-04 waits the interval after each answer, five seconds when none is named', async () => {
  const slow: ScriptedAnswer = async () => {
    await host.sleep(3000)
    return pending
  }
  const { host, server, link, gaps } = setUp(slow, pending, ok(tokens(1)))
  const { interval, ...rest } = deviceAuthorization()
  expect(interval).toBe(5)
  server.on('/device_authorization', ok(rest))
  await host.run(link())
  // The second poll goes out five seconds after the answer that took three, not after the question.
  expect(gaps()).toEqual([5, 8, 5])
})

it('AGT-04 slow_down adds five seconds for good, or what its body names when that is longer', async () => {
  const { host, link, gaps } = setUp(
    refused('slow_down'),
    pending,
    refused('slow_down', { interval: 7 }),
    refused('slow_down', { interval: 40 }),
    pending,
    ok(tokens(1)),
  )
  await host.run(link())
  expect(gaps()).toEqual([5, 10, 10, 15, 40, 40])
})

it('AGT-05 trouble doubles the interval up to 60 s, an answer brings it back, states tell', async () => {
  const { host, link, gaps, states } = setUp(
    'cut',
    { status: 503, text: 'busy' },
    { status: 429, text: '' },
    { status: 502, text: '<html>' },
    'cut',
    pending,
    ok(tokens(1)),
  )
  await host.run(link())
  expect(gaps()).toEqual([5, 10, 20, 40, 60, 60, 5])
  const told = states.map((state) => (state.kind === 'retrying' ? state.inSeconds : state.kind))
  expect(told).toEqual(['asking', 'waiting', 10, 20, 40, 60, 60, 'waiting', 'linked'])
})

it('AGT-05 silence ends after 30 s and counts as trouble', async () => {
  const { host, link, gaps, states } = setUp('silence', ok(tokens(1)))
  await host.run(link())
  expect(gaps()).toEqual([5, 40])
  expect(states[2]).toMatchObject({ kind: 'retrying', reason: 'id.northwind.example did not answer within 30 s.' })
})

it('AGT-05 Retry-After is obeyed, in seconds and as a date by the server’s own clock', async () => {
  const { host, link, gaps } = setUp(
    { status: 503, headers: { 'retry-after': '90' } },
    () => ({ status: 503, headers: { 'retry-after': new Date(host.clock.now() + 120_000).toUTCString() } }),
    { status: 429, json: { error: 'slow_down' }, headers: { 'retry-after': '31' } },
    ok(tokens(1)),
  )
  await host.run(link())
  expect(gaps()).toEqual([5, 90, 120, 31])
})

it('AGT-06 any other error stops the polling and is shown', async () => {
  const { fail, server } = setUp(refused('invalid_client', { error_description: 'no such client' }))
  expect(await fail()).toMatchObject({
    reason: 'refused',
    oauthError: 'invalid_client',
    message: 'The server refused (invalid_client): no such client',
  })
  expect(server.polls()).toHaveLength(1)
})

it.each([
  ['access_denied', 'denied'],
  ['expired_token', 'expired'],
  ['invalid_grant', 'refused'],
])('AGT-06 %s ends the link as %s', async (error, reason) => {
  const { fail, server } = setUp(pending, refused(error))
  expect(await fail()).toMatchObject({ reason, oauthError: error === 'expired_token' ? undefined : error })
  expect(server.polls()).toHaveLength(2)
})

it('AGT-06 invalid_grant right after a lost poll is a lost approval; after a clear answer it is not', async () => {
  const lost = setUp(pending, 'cut', refused('invalid_grant'))
  expect(await lost.fail()).toMatchObject({ reason: 'lost_approval' })
  const clear = setUp('cut', pending, refused('invalid_grant'))
  expect(await clear.fail()).toMatchObject({ reason: 'refused' })
})

it('AGT-06 an answer that OAuth does not know stops the polling', async () => {
  const { fail, server } = setUp({ status: 404, text: '<html>' })
  expect(await fail()).toMatchObject({ reason: 'untrusted' })
  expect(server.polls()).toHaveLength(1)
})

it('AGT-07 stops at expires_in, to the second', async () => {
  const { host, server, fail } = setUp()
  server.on('/device_authorization', ok(deviceAuthorization({ expires_in: 23 })))
  const start = host.clock.monotonic()
  expect(await fail()).toMatchObject({ reason: 'expired' })
  expect(host.clock.monotonic() - start).toBe(23_000)
  expect(server.polls()).toHaveLength(4)
})

it('AGT-07 a code that runs out without an answer blames the network', async () => {
  expect(await setUp(pending, 'cut').fail()).toMatchObject({ reason: 'unreachable' })
})

it('AGT-14 a wall clock that jumps a year either way changes no wait', async () => {
  const year = 365 * 86_400_000
  const jump = (by: number) => (): ScriptedAnswer => {
    host.clock.jump(by)
    return pending
  }
  const { host, link, gaps, states } = setUp(jump(year), jump(-2 * year), ok(tokens(1)))
  await host.run(link())
  expect(gaps()).toEqual([5, 5, 5])
  const waiting = states.find((state) => state.kind === 'waiting')
  expect(waiting?.request.secondsLeft()).toBe(585)
})

it.each([
  ['expires_in', -1],
  ['expires_in', 0],
  ['expires_in', 'soon'],
  ['interval', -5],
  ['verification_uri', 'javascript:alert(1)'],
  ['verification_uri', 'https://id.northwind.example/\u001b[2J'],
  ['verification_uri_complete', 'file:///etc/passwd'],
  ['user_code', 7],
  ['device_code', undefined],
])('AGT-16 a device authorization with %s = %j is not believed', async (member, value) => {
  const { server, fail } = setUp()
  server.on('/device_authorization', ok(deviceAuthorization({ [member]: value })))
  expect(await fail()).toMatchObject({ reason: 'untrusted' })
  expect(server.polls()).toHaveLength(0)
})

it('AGT-08 a token of another type, or a truncated answer, is discarded', async () => {
  const other = setUp(ok(tokens(1, { token_type: 'mac' })))
  expect(await other.fail()).toMatchObject({ reason: 'untrusted' })
  expect(await other.credentials.load()).toMatchObject({ kind: 'none' })
  const truncated = setUp({ status: 200, text: '{"access_token":"canary-' })
  expect(await truncated.fail()).toMatchObject({ reason: 'untrusted' })
})

it('AGT-08 scopes that were asked for and not granted are named', async () => {
  const { host, link } = setUp(ok(tokens(1, { scope: 'library:read' })))
  await expect(host.run(link())).resolves.toMatchObject({ scopes: ['library:read'], missingScopes: ['openid'] })
})

it('AGT-05 a cancelled wait is not a failure: it stops at once, keeps nothing, says so', async () => {
  const { host, server, credentials, states, link } = setUp()
  const stop = new AbortController()
  const linking = link(stop.signal).catch((reason: unknown) => reason)
  await host.advance(12_000)
  stop.abort(new Error('the person pressed back'))
  await expect(linking).resolves.toMatchObject({ message: 'the person pressed back' })
  expect(states.at(-1)).toEqual({ kind: 'cancelled' })
  await host.advance(60_000)
  expect(server.polls()).toHaveLength(2)
  expect(host.asleep()).toEqual([])
  expect(await credentials.load()).toMatchObject({ kind: 'none' })
})

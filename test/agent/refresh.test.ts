import {
  AgentError,
  type CredentialRecord,
  type CredentialStore,
  type DeviceAgent,
  type DeviceAgentOptions,
  memoryCredentials,
} from '@latchkey/device-agent'
import { expect, it } from 'vitest'
import {
  agentAt,
  agentServer,
  failureOf,
  ISSUER,
  ok,
  refused,
  type ScriptedAnswer,
  tokens,
} from '../support/agent-server.ts'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'

const RESOURCE = 'https://api.northwind.example'

interface Scene {
  readonly host?: FakeHost
  readonly credentials?: CredentialStore
  readonly options?: Partial<DeviceAgentOptions>
}

/** An agent that was linked just now: access-1 lives 600 s. What the server says to each refresh is given. */
async function linked(answers: readonly ScriptedAnswer[], scene: Scene = {}) {
  const { host = fakeHost(), credentials = memoryCredentials() } = scene
  const server = agentServer(host)
  server.on('/token', ok(tokens(1)))
  const troubles: AgentError[] = []
  const another = (more: Partial<DeviceAgentOptions> = {}) =>
    agentAt(server, host, { credentials, onTrouble: (error) => troubles.push(error), ...scene.options, ...more })
  const agent = another()
  await host.run(agent.link())
  server.on('/token', ...answers)
  const token = async (wish: Parameters<DeviceAgent['accessToken']>[0] = {}) =>
    (await host.run(agent.accessToken(wish))).token
  const fail = (wish: Parameters<DeviceAgent['accessToken']>[0] = {}) => failureOf(token(wish))
  const record = async (): Promise<Partial<CredentialRecord>> => {
    const loaded = await credentials.load()
    return loaded.kind === 'found' ? loaded.record : {}
  }
  return { host, server, agent, another, credentials, troubles, token, fail, record }
}

const fresh = (n: number) => ok(tokens(n))

it('AGT-10 keeps a token until 60 to 80 % of its life, each at its own moment', async () => {
  const moments = new Set<number>()
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const { host, server, token } = await linked([fresh(2)], { host: fakeHost({ seed }) })
    let seconds = 0
    while ((await token()) === 'canary-access-1') {
      await host.advance(1000)
      seconds += 1
    }
    expect(server.refreshes()).toHaveLength(1)
    expect(seconds).toBeGreaterThanOrEqual(360)
    expect(seconds).toBeLessThanOrEqual(481)
    moments.add(seconds)
  }
  expect(moments.size).toBeGreaterThan(4)
})

it('AGT-10 a token that an API answered with 401 is replaced once, whoever reports it', async () => {
  const { host, server, agent, token } = await linked([fresh(2), fresh(3)])
  const rejected = await token()
  const all = await host.run(Promise.all([1, 2, 3].map(() => agent.accessToken({ rejected }))))
  expect(all.map((answer) => answer.token)).toEqual(['canary-access-2', 'canary-access-2', 'canary-access-2'])
  expect(await token({ rejected })).toBe('canary-access-2')
  expect(server.refreshes()).toHaveLength(1)
})

it('AGT-10 one refresh at a time, across agents that share the credentials', async () => {
  const slowly =
    (n: number): ScriptedAnswer =>
    async () => {
      await host.sleep(2000)
      return fresh(n)
    }
  const { host, server, agent, another } = await linked([slowly(2), slowly(3)])
  await host.advance(500_000)
  const agents = [agent, another(), another()]
  const all = await host.run(Promise.all([...agents, ...agents].map((each) => each.accessToken())))
  expect(new Set(all.map((answer) => answer.token))).toEqual(new Set(['canary-access-2']))
  expect(server.refreshes().map((request) => request.form['refresh_token'])).toEqual(['canary-refresh-1'])
})

it('AGT-10 a caller that gives up does not take the refresh away from the others', async () => {
  const slowly: ScriptedAnswer = async () => {
    await host.sleep(2000)
    return fresh(2)
  }
  const { host, agent } = await linked([slowly])
  await host.advance(550_000)
  const impatient = new AbortController()
  const first = agent.accessToken({ signal: impatient.signal }).catch((reason: unknown) => reason)
  const second = agent.accessToken()
  await host.advance(1000)
  impatient.abort('enough')
  expect(await first).toBe('enough')
  expect(await host.run(second)).toMatchObject({ token: 'canary-access-2' })
})

it('AGT-10 tokens for several APIs are kept apart, and their refreshes run one after the other', async () => {
  const { host, server, agent } = await linked([fresh(2), fresh(3)])
  const other = 'https://other.northwind.example'
  const [a, b] = await host.run(
    Promise.all([agent.accessToken({ resource: RESOURCE }), agent.accessToken({ resource: other })]),
  )
  expect(server.refreshes().map(({ form }) => [form['resource'], form['refresh_token']])).toEqual([
    [RESOURCE, 'canary-refresh-1'],
    [other, 'canary-refresh-2'],
  ])
  expect([a?.token, b?.token]).toEqual(['canary-access-2', 'canary-access-3'])
  expect(await host.run(agent.accessToken({ resource: RESOURCE }))).toMatchObject({ token: 'canary-access-2' })
  expect(await host.run(agent.accessToken())).toMatchObject({ token: 'canary-access-1' })
})

it('AGT-10 a server that does not rotate keeps its refresh token', async () => {
  const { token, record } = await linked([ok(tokens(2, { refresh_token: undefined }))])
  expect(await token({ rejected: 'canary-access-1' })).toBe('canary-access-2')
  expect(await record()).toMatchObject({ refreshToken: 'canary-refresh-1', previousRefreshToken: undefined })
})

it('AGT-11 after trouble the next try waits at random, doubling to 900 s at most, for ever', async () => {
  const { host, server, token, troubles } = await linked(['cut'])
  await host.advance(620_000)
  const tries: number[] = []
  for (let second = 0; second < 20_000; second++) {
    await token().catch(() => undefined)
    const last = server.refreshes().at(-1)?.at ?? 0
    if (tries.at(-1) !== last) tries.push(last)
    await host.advance(1000)
  }
  const gaps = tries.slice(1).map((at, index) => (at - (tries[index] ?? 0)) / 1000)
  for (const [attempt, gap] of gaps.entries()) expect(gap).toBeLessThanOrEqual(Math.min(900, 2 * 2 ** attempt) + 1)
  expect(Math.max(...gaps)).toBeGreaterThan(300)
  expect(tries.length).toBeGreaterThan(20)
  expect(troubles).toEqual([])
})

it('AGT-11 Retry-After is obeyed, plus up to a quarter', async () => {
  const { host, server, token } = await linked([{ status: 503, headers: { 'retry-after': '100' } }, fresh(2)])
  await host.advance(595_000)
  await expect(token()).rejects.toMatchObject({ reason: 'unreachable' })
  await host.advance(99_000)
  await expect(token()).rejects.toMatchObject({ reason: 'unreachable' })
  expect(server.refreshes()).toHaveLength(1)
  await host.advance(27_000)
  expect(await token()).toBe('canary-access-2')
})

it('AGT-12 invalid_grant stops, drops every token and asks for a new link', async () => {
  const { server, agent, fail, record } = await linked([refused('invalid_grant')])
  expect(await fail({ rejected: 'canary-access-1' })).toMatchObject({ reason: 'unlinked', oauthError: 'invalid_grant' })
  expect(JSON.stringify(await record())).not.toContain('canary')
  expect(await agent.status()).toMatchObject({ kind: 'linked', usable: false, record: { issuer: ISSUER } })
  expect(await fail()).toMatchObject({ reason: 'unlinked' })
  expect(server.refreshes()).toHaveLength(1)
})

it('AGT-12 invalid_client stops: no further request until somebody links again', async () => {
  const { host, server, agent, token, fail } = await linked([refused('invalid_client'), fresh(2)])
  await host.advance(700_000)
  for (let i = 0; i < 5; i++) expect(await fail()).toMatchObject({ reason: 'refused', oauthError: 'invalid_client' })
  expect(server.refreshes()).toHaveLength(1)
  await host.run(agent.link())
  expect(await token()).toBe('canary-access-2')
})

it('AGT-13 offline: a token with life left is served and the trouble told; an expired one is not', async () => {
  const { host, token, fail, troubles } = await linked(['cut'])
  await host.advance(500_000)
  expect(await token()).toBe('canary-access-1')
  expect(troubles).toMatchObject([{ reason: 'unreachable' }])
  await host.advance(95_000)
  expect(await fail()).toMatchObject({ reason: 'unreachable' })
  expect(await token({ minimumSecondsLeft: 1 })).toBe('canary-access-1')
  expect(await fail({ minimumSecondsLeft: 1, rejected: 'canary-access-1' })).toMatchObject({ reason: 'unreachable' })
})

it('AGT-14 a wall clock that jumps years changes nothing while the agent runs', async () => {
  const { host, server, token } = await linked([fresh(2)])
  expect(await token()).toBe('canary-access-1')
  for (const years of [1, -2, 1]) {
    host.clock.jump(years * 365 * 86_400_000)
    expect(await token()).toBe('canary-access-1')
  }
  expect(server.refreshes()).toHaveLength(0)
  await host.advance(500_000)
  expect(await token()).toBe('canary-access-2')
})

it('AGT-15 after a restart with the clock set back, a token of unknown age is refreshed before use', async () => {
  const { host, another } = await linked([fresh(2)])
  host.clock.jump(-365 * 86_400_000)
  expect(await host.run(another().accessToken())).toMatchObject({ token: 'canary-access-2' })
})

it('AGT-12 without a refresh token the link lasts as long as its token', async () => {
  const alone = await linked([])
  alone.server.on('/token', ok(tokens(9, { refresh_token: undefined })))
  await alone.host.run(alone.agent.link())
  expect(await alone.token()).toBe('canary-access-9')
  await alone.host.advance(601_000)
  expect(await alone.fail()).toMatchObject({ reason: 'unlinked' })
  expect(await alone.agent.status()).toMatchObject({ usable: false })
})

it('STO-03 the new refresh token is safe before its access token is handed out', async () => {
  const order: string[] = []
  const inner = memoryCredentials()
  const credentials: CredentialStore = {
    ...inner,
    save: async (record) => {
      await host.sleep(50)
      await inner.save(record)
      order.push(`saved ${record.refreshToken}`)
    },
  }
  const host = fakeHost()
  const { token } = await linked([fresh(2)], { host, credentials })
  order.push(`used ${await token({ rejected: 'canary-access-1' })}`)
  expect(order).toEqual(['saved canary-refresh-1', 'saved canary-refresh-2', 'used canary-access-2'])
})

it('STO-03 the parent is kept until the new one has worked, and tried when the server has forgotten its last answer', async () => {
  const { server, token, record } = await linked([fresh(2), refused('invalid_grant'), fresh(3), fresh(4)])
  await token({ rejected: 'canary-access-1' })
  expect(await record()).toMatchObject({ refreshToken: 'canary-refresh-2', previousRefreshToken: 'canary-refresh-1' })
  expect(await token({ rejected: 'canary-access-2' })).toBe('canary-access-3')
  expect(await record()).toMatchObject({ refreshToken: 'canary-refresh-3', previousRefreshToken: 'canary-refresh-1' })
  expect(await token({ rejected: 'canary-access-3' })).toBe('canary-access-4')
  // refresh-3 has worked: nobody needs refresh-1 any more.
  expect(await record()).toMatchObject({ refreshToken: 'canary-refresh-4', previousRefreshToken: 'canary-refresh-3' })
  expect(server.refreshes().map((request) => request.form['refresh_token']?.at(-1))).toEqual(['1', '2', '1', '3'])
})

it('STO-05 a full disk: the new tokens wait in memory, nothing rotates until they are saved', async () => {
  let full = false
  const inner = memoryCredentials()
  const credentials: CredentialStore = {
    ...inner,
    save: async (record) => {
      if (full) throw new AgentError('storage', 'The disk is full.')
      await inner.save(record)
    },
  }
  const { host, server, token, fail, troubles, record } = await linked([fresh(2), fresh(3)], { credentials })
  full = true
  await host.advance(500_000)
  expect(await token()).toBe('canary-access-1')
  expect(await token()).toBe('canary-access-1')
  expect(troubles).toMatchObject([{ reason: 'storage' }, { reason: 'storage' }])
  await host.advance(110_000)
  expect(await fail()).toMatchObject({ reason: 'storage' })
  expect(server.refreshes()).toHaveLength(1)
  full = false
  expect(await token({ rejected: 'canary-access-1' })).toBe('canary-access-2')
  expect(await record()).toMatchObject({ refreshToken: 'canary-refresh-2' })
  expect(server.refreshes()).toHaveLength(1)
})

it('STO-05 a link that could not be saved is saved as soon as it can be', async () => {
  let full = true
  const inner = memoryCredentials()
  const save: CredentialStore['save'] = async (record) => {
    if (full) throw new AgentError('storage', 'The disk is full.')
    await inner.save(record)
  }
  const host = fakeHost()
  const server = agentServer(host)
  server.on('/token', ok(tokens(1)))
  const agent = agentAt(server, host, { credentials: { ...inner, save } })
  await expect(host.run(agent.link())).rejects.toMatchObject({ reason: 'storage' })
  full = false
  expect(await host.run(agent.accessToken())).toMatchObject({ token: 'canary-access-1' })
  expect(await agent.status()).toMatchObject({ kind: 'linked', usable: true })
})

it('AGT-12 credentials of another server or client are never sent there', async () => {
  const { host, server, another } = await linked([fresh(2)])
  for (const stranger of [another({ clientId: 'phone' }), another({ issuer: 'https://evil.example' })]) {
    await expect(host.run(stranger.accessToken())).rejects.toMatchObject({ reason: 'unlinked' })
    expect(await host.run(stranger.unlink())).toBe(false)
  }
  expect(server.refreshes()).toHaveLength(0)
  expect(server.seen.filter((request) => request.url.endsWith('/revoke'))).toHaveLength(0)
})

it('AGT-12 unlink tells the server if it can, and forgets in any case', async () => {
  for (const [answer, told] of [
    [{ status: 200 }, true],
    ['cut', false],
    [{ status: 503 }, false],
  ] as const) {
    const { host, server, agent } = await linked([])
    server.on('/revoke', answer)
    expect(await host.run(agent.unlink())).toBe(told)
    const asked = server.seen.find((request) => request.url.endsWith('/revoke'))
    expect(asked?.form).toEqual({ client_id: 'tv', token: 'canary-refresh-1', token_type_hint: 'refresh_token' })
    expect(await agent.status()).toEqual({ kind: 'unlinked', damaged: false })
  }
})

it('CLI-01 a confidential client authenticates by Basic, both halves form-encoded', async () => {
  const { server } = await linked([], { options: { clientId: 'a:b', clientSecret: 'p +%é' } })
  const sent = server.polls()[0]
  expect(sent?.headers.get('authorization')).toBe(`Basic ${btoa('a%3Ab:p+%2B%25%C3%A9')}`)
  expect(JSON.stringify(sent?.form)).not.toContain('p +')
})

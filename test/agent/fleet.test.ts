// OPS-09: a fleet whose server was away for an hour comes back without running it over.
import { DeviceAgent, daemon, type Fetch, memoryCredentials, memoryKeys } from '@latchkey/device-agent'
import { expect, it } from 'vitest'
import { fakeHost } from '../support/fake-host.ts'
import { injectedFetch } from '../support/injected-fetch.ts'
import { ISSUER, LIBRARY, testConfig, testServer } from '../support/test-server.ts'

const AGENTS = 500
const STEP_SECONDS = 5

it('OPS-09 AGT-11 AGT-13 500 agents, an hour without a server: they return one by one, and all of them', async () => {
  const scope = 'offline_access library:read'
  const tv = { client_id: 'tv', client_name: 'Northwind TV app', token_endpoint_auth_method: 'none', scope }
  const server = await testServer({ config: testConfig({ clients: [tv] }) })
  const reach = injectedFetch(server)
  // A host of their own: time passes for the agents alone, and stands still while the server works.
  const host = fakeHost()
  const arrivals: number[] = []
  let isAway = false
  let inFlight = 0
  const fetch: Fetch = async (url, init) => {
    arrivals.push(host.clock.monotonic())
    if (isAway) throw new TypeError('fetch failed')
    inFlight++
    try {
      return await reach(url, init)
    } finally {
      inFlight--
    }
  }
  const browser = server.browser()
  await browser.signIn()
  const stop = new AbortController()
  const isQuiet = () => inFlight === 0
  const pass = async (seconds: number) => {
    for (let passed = 0; passed < seconds; passed += STEP_SECONDS) {
      await host.advance(STEP_SECONDS * 1000)
      await host.until(isQuiet)
    }
  }

  const agents = Array.from({ length: AGENTS }, () => {
    const agent = new DeviceAgent({
      issuer: ISSUER,
      clientId: 'tv',
      scope,
      resource: LIBRARY,
      credentials: memoryCredentials(),
      keys: memoryKeys(),
      host,
      fetch,
      sockets: () => {
        throw new Error('no sockets here')
      },
    })
    return { agent, running: daemon({ agent, host, signal: stop.signal, onNews: () => undefined }) }
  })
  const linking = agents.map(async ({ agent }) => {
    let approving: Promise<unknown> | undefined
    await agent.link({
      onState(state) {
        if (state.kind !== 'waiting' || approving) return
        approving = (async () => {
          inFlight++
          const person = server.browser()
          for (const [name, value] of browser.cookies) person.cookies.set(name, value)
          await person.open(`/link?user_code=${state.request.userCode}`)
          await person.open('/link/device')
          await person.submit('/link/device', { answer: 'approve' })
          inFlight--
        })()
      },
    })
  })
  let isLinked = false
  const linked = Promise.all(linking).then(() => {
    isLinked = true
  })
  while (!isLinked) await pass(STEP_SECONDS)
  await linked

  const lives = agents.map(({ running }) => running.run())
  isAway = true
  await pass(3_600)
  expect(agents.filter(({ running }) => running.state.kind === 'offline')).toHaveLength(AGENTS)
  // In the last quarter of an hour of the outage: nobody knocks more than a few times.
  const endAt = host.clock.monotonic()
  const knocks = arrivals.filter((at) => at > endAt - 900_000).length
  expect(knocks).toBeLessThan(AGENTS * 6)

  isAway = false
  arrivals.length = 0
  await pass(900)
  // Who has an answer already may still be at work on it: time stands still for them.
  await host.until(() => agents.every(({ running }) => running.state.kind !== 'refreshing'))
  expect(agents.filter(({ running }) => running.state.kind !== 'linked')).toHaveLength(0)
  // All could come in one second; by chance alone, the fullest ten seconds of the quarter of an hour hold a small part.
  const perTenSeconds = new Map<number, number>()
  for (const at of arrivals) {
    const slot = Math.floor((at - endAt) / 10_000)
    perTenSeconds.set(slot, (perTenSeconds.get(slot) ?? 0) + 1)
  }
  expect(arrivals.length).toBeGreaterThanOrEqual(AGENTS)
  expect(Math.max(...perTenSeconds.values())).toBeLessThan(arrivals.length / 10)
  expect(perTenSeconds.size).toBeGreaterThan(60)

  stop.abort()
  for (let ended = 0; ended < AGENTS; ended++) await lives[ended]
  await server.close()
}, 120_000)

// How long it takes from the person's "yes" to the token in the agent, over real sockets on this machine: by the server's
// line, by held answers, and by plain polling every five seconds. Printed, not judged.
import {
  DeviceAgent,
  type Fetch,
  memoryCredentials,
  memoryKeys,
  nodeSockets,
  type Sockets,
} from '@latchkey/device-agent'
import { systemHost } from '@latchkey/shared'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fakeHost } from '../support/fake-host.ts'
import { LIBRARY, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const ROUNDS = Number(process.env['ROUNDS'] ?? 200)
const AT_ONCE = 8

let server: TestServer
let address: string

beforeAll(async () => {
  const scope = 'offline_access library:read'
  const tv = { client_id: 'tv', client_name: 'Northwind TV app', token_endpoint_auth_method: 'none', scope }
  server = await testServer({
    config: testConfig({ clients: [tv] }),
    host: Object.assign(fakeHost(), { ...systemHost }),
  })
  address = await server.app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(() => server.close())

type Way = 'line' | 'held' | 'polling'

/** To the server's own address, whatever it calls itself; without the line where the device is not to know of it. */
function fetchBy(way: Way): Fetch {
  return async (url, init) => {
    const { pathname } = new URL(url)
    const answer = await fetch(address + pathname, init)
    if (way !== 'polling' || !pathname.startsWith('/.well-known')) return answer
    const { device_events_endpoint: _hidden, ...rest } = (await answer.json()) as Record<string, unknown>
    return Response.json(rest)
  }
}

const toServer: Sockets = (url, protocol, events) =>
  nodeSockets(address.replace('http', 'ws') + new URL(url).pathname, protocol, events)
const noSockets: Sockets = () => {
  throw new Error('none here')
}

/** From the beginning of the person's request to the token, and from its answer to the token; milliseconds. */
async function round(way: Way, browser: ReturnType<TestServer['browser']>): Promise<readonly [number, number]> {
  const host = systemHost
  const agent = new DeviceAgent({
    issuer: server.config.issuer,
    clientId: 'tv',
    scope: 'offline_access library:read',
    resource: LIBRARY,
    credentials: memoryCredentials(),
    keys: memoryKeys(),
    fetch: fetchBy(way),
    sockets: way === 'line' ? toServer : noSockets,
  })
  let userCode = ''
  const linking = agent.link({
    onState: (state) => (userCode ||= state.kind === 'waiting' ? state.request.userCode : ''),
  })
  while (userCode === '') await host.sleep(5)
  await browser.open(`/link?user_code=${userCode}`)
  await browser.open('/link/device')
  // People say yes at any moment of the five seconds; a held answer is there after the first poll.
  const moment = way === 'line' ? 20 : way === 'held' ? 5_300 : Math.random() * 5_000
  await host.sleep(moment)
  const saidAt = host.clock.monotonic()
  const answered = browser.submit('/link/device', { answer: 'approve' }).then(() => host.clock.monotonic())
  await linking
  const hadAt = host.clock.monotonic()
  return [hadAt - saidAt, hadAt - (await answered)]
}

async function measure(way: Way, atOnce: number): Promise<void> {
  const fromRequest: number[] = []
  const fromAnswer: number[] = []
  let left = ROUNDS
  const person = async () => {
    const browser = server.browser()
    await browser.signIn()
    while (left-- > 0) {
      const [one, other] = await round(way, browser)
      fromRequest.push(one)
      fromAnswer.push(other)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, person))
  const of = (values: number[], part: number) =>
    (values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0).toFixed(1)
  console.log(
    `${way.padEnd(8)} ${fromRequest.length} rounds  yes to token: p50 ${of(fromRequest, 0.5)} ms, p99 ${of(fromRequest, 0.99)} ms` +
      `  (from the page's answer: p50 ${of(fromAnswer, 0.5)} ms, p99 ${of(fromAnswer, 0.99)} ms)`,
  )
  expect(fromRequest).toHaveLength(ROUNDS)
}

it('the line', () => measure('line', 1))
it('held answers', () => measure('held', AT_ONCE))
it('plain polling', () => measure('polling', AT_ONCE * 2))

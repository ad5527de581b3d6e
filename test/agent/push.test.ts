import type { LinkState } from '@latchkey/device-agent'
import { expect, it } from 'vitest'
import {
  agentAt,
  agentServer,
  deviceAuthorization,
  failureOf,
  ISSUER,
  metadata,
  ok,
  refused,
  type ScriptedAnswer,
  tokens,
} from '../support/agent-server.ts'
import { fakeHost } from '../support/fake-host.ts'
import { fakeSockets } from '../support/fake-sockets.ts'

const EVENTS = `${ISSUER.replace('http', 'ws')}/device_events`
const pending = refused('authorization_pending')
const pendingWith = (number: string) => ({ status: 400, json: { error: 'authorization_pending', number } })
const METADATA = '/.well-known/oauth-authorization-server'

interface Scene {
  readonly answers?: readonly ScriptedAnswer[]
  readonly seesPings?: boolean
  /** Without: the runtime has no sockets. */
  readonly withSockets?: boolean
}

/** An agent that waits for its person, at a server that tells. */
async function waiting({ answers = [pending], seesPings = true, withSockets = true }: Scene = {}) {
  const host = fakeHost()
  const server = agentServer(host)
  server.on(METADATA, ok({ ...metadata(), device_events_endpoint: EVENTS }))
  server.on('/token', ...answers)
  const fake = fakeSockets({ seesPings })
  const agent = agentAt(server, host, withSockets ? { sockets: fake.sockets } : {})
  const states: LinkState[] = []
  const stop = new AbortController()
  const linking = agent.link({ onState: (state) => states.push(state), signal: stop.signal })
  linking.catch(() => undefined)
  await host.until(() => states.some(({ kind }) => kind === 'waiting'))
  const startedAt = host.clock.monotonic()
  /** Seconds after the code at which the token endpoint was asked. */
  const asked = () => server.polls().map(({ at }) => (at - startedAt) / 1000)
  const error = () => host.run(failureOf(linking))
  return { host, server, states, linking, asked, error, stop, ...fake }
}

/** A server that holds an answer as long as it is asked to. */
function holds(host: { sleep(ms: number): Promise<void> }, answer: ScriptedAnswer): ScriptedAnswer {
  return async ({ headers }) => {
    const seconds = Number(/^wait=(\d+)$/.exec(headers.get('prefer') ?? '')?.[1] ?? 0)
    await host.sleep(seconds * 1000)
    return typeof answer === 'object' && seconds > 0
      ? { ...answer, headers: { 'preference-applied': `wait=${seconds}` } }
      : answer
  }
}

it('AGT-04 told of the approval, it asks at once; told that somebody looks, so does the screen', async () => {
  const { host, server, states, linking, asked, last } = await waiting()
  expect(last()).toMatchObject({ url: EVENTS, protocol: 'latchkey.device.v1' })
  last().open()
  expect(last().said).toEqual([JSON.stringify({ device_code: 'canary-device-code' })])
  await host.advance(7_000)
  last().tell('opened')
  last().tell('opened')
  await host.advance(1_000)
  server.on('/token', ok(tokens(1)))
  last().tell('approved')
  await expect(host.run(linking)).resolves.toMatchObject({ issuer: ISSUER })
  expect(asked()).toEqual([5, 8])
  expect(states.map((state) => ('opened' in state ? `${state.kind} opened` : state.kind))).toEqual([
    'asking',
    'waiting',
    'waiting opened',
    'linked',
  ])
  expect(last().isClosed).toBe(true)
  expect(host.asleep()).toEqual([])
})

it('DEV-23 AGT-03 the number for the screen comes with opened, or after it; the first one stays', async () => {
  const { host, server, states, linking, last } = await waiting()
  last().open()
  await host.advance(6_000)
  last().tell('opened')
  last().say('{"event":"opened","number":"nonsense"}')
  last().say('{"event":"opened","number":"58"}')
  last().say('{"event":"opened"}')
  last().say('{"event":"opened","number":"85"}')
  server.on('/token', refused('authorization_pending', { number: '85' }), ok(tokens(1)))
  await host.advance(70_000)
  last().tell('approved')
  await host.run(linking)
  expect(states.map(({ kind }) => kind)).toEqual(['asking', 'waiting', 'waiting', 'waiting', 'linked'])
  const shown = states.flatMap((state) => (state.kind === 'waiting' ? [state.request] : []))
  expect(new Set(shown).size).toBe(1)
  expect(shown[0]?.number).toBe('58')
  // The server is told what is shown, so that it need not say it again.
  expect(server.polls().map(({ form }) => form['shown_number'])).toEqual([undefined, '58', '58'])
})

it('DEV-23 AGT-04 a held answer that names a number is asked for again at once, one that was not held in time', async () => {
  const { host, server, states, linking, asked } = await waiting({ withSockets: false })
  const called: ScriptedAnswer = async () => {
    await host.sleep(2_000)
    return { ...pendingWith('58'), headers: { 'preference-applied': 'wait=25' } }
  }
  // A server that names another one each time calls nobody again and again.
  const again: ScriptedAnswer = { ...pendingWith('85'), headers: { 'preference-applied': 'wait=25' } }
  server.on('/token', called, again, again, ok(tokens(1)))
  await host.run(linking)
  expect(asked()).toEqual([5, 7, 12, 17])
  expect(server.polls().map(({ form }) => form['shown_number'])).toEqual([undefined, '58', '58', '58'])
  expect(states.map((state) => (state.kind === 'waiting' ? [state.opened, state.request.number] : state.kind))).toEqual(
    ['asking', [undefined, '58'], [true, '58'], 'linked'],
  )
  const plain = await waiting({ withSockets: false, answers: [pendingWith('58'), ok(tokens(1))] })
  await plain.host.run(plain.linking)
  expect(plain.asked()).toEqual([5, 10])
})

it('DEV-23 the number stays through trouble with the network', async () => {
  const { host, states, linking, last } = await waiting({ answers: ['cut', pending, ok(tokens(1))] })
  last().open()
  last().say('{"event":"opened","number":"58"}')
  await host.run(linking)
  const told = states.flatMap((state) => ('request' in state ? [[state.kind, state.request.number]] : []))
  expect(told).toEqual([
    ['waiting', '58'],
    ['waiting', '58'],
    ['retrying', '58'],
    ['waiting', '58'],
  ])
  expect(states.at(-2)).toMatchObject({ kind: 'waiting', opened: true })
})

it.each([true, false])(
  'DEV-23 what the screen can show is said with the request for a code: %s',
  async (showsNumber) => {
    const host = fakeHost()
    const server = agentServer(host)
    server.on('/token', ok(tokens(1)))
    await host.run(agentAt(server, host, { showsNumber }).link())
    const [asked] = server.seen.filter(({ url }) => url.endsWith('/device_authorization'))
    expect(asked?.form['device_display']).toBe(showsNumber ? 'number' : undefined)
  },
)

it('AGT-04 while the line lives it asks once a minute, for safety', async () => {
  const { host, asked, last, stop } = await waiting()
  last().open()
  for (let second = 0; second < 200; second += 25) {
    last().ping()
    await host.advance(25_000)
  }
  expect(asked()).toEqual([5, 65, 125, 185])
  stop.abort()
  await host.advance(0)
  expect(last().isClosed).toBe(true)
  expect(host.asleep()).toEqual([])
})

it.each([
  ['denied', refused('access_denied'), 'denied'],
  ['expired', refused('expired_token'), 'expired'],
])('AGT-06 told %s, it asks once, believes the token endpoint, and ends', async (event, answer, reason) => {
  const { server, last, error, asked } = await waiting()
  last().open()
  server.on('/token', answer)
  last().tell(event)
  expect(await error()).toMatchObject({ reason })
  expect(asked()).toEqual([0])
})

it('AGT-06 what the line says is not believed: pending at the token endpoint goes on, at the usual pace', async () => {
  const { host, linking, asked, last, server, all } = await waiting({ answers: [pending] })
  last().open()
  await host.advance(6_000)
  last().tell('denied')
  // The line has said its last word; nothing more is taken from it, and it is not opened again.
  last().tell('approved')
  last().tell('approved')
  await host.advance(10_000)
  expect(asked()).toEqual([5, 6, 11, 16])
  server.on('/token', ok(tokens(1)))
  await host.run(linking)
  expect(all).toHaveLength(1)
})

it('AGT-05 Retry-After is obeyed even when told of the approval meanwhile', async () => {
  const busy = { status: 503, headers: { 'retry-after': '30' } }
  const { host, linking, asked, last } = await waiting({ answers: [busy, ok(tokens(1))] })
  last().open()
  await host.advance(6_000)
  last().tell('approved')
  await host.run(linking)
  expect(asked()).toEqual([5, 35])
})

it.each([1012, 1013, 1006, 1000])(
  'AGT-11 closed with %i: polls meanwhile, comes back after a random while',
  async (code) => {
    const { host, linking, asked, last, all, server } = await waiting()
    last().open()
    await host.advance(6_000)
    last().end(code)
    await host.advance(0)
    expect(all).toHaveLength(1)
    await host.advance(32_000)
    expect(all.length).toBeGreaterThan(1)
    const polled = asked().length
    expect(polled).toBeGreaterThan(1)
    // At full pace without the line: never sooner than the interval after the answer before.
    for (const [index, at] of asked().entries()) expect(at - (asked()[index - 1] ?? 0)).toBeGreaterThanOrEqual(5)
    last().open()
    server.on('/token', ok(tokens(1)))
    last().tell('approved')
    await host.run(linking)
    expect(asked()).toHaveLength(polled + 1)
  },
)

it('AGT-11 a socket that cannot be had is tried at random, ever more seldom, and not twice at once', async () => {
  const { host, all, stop, linking } = await waiting()
  const times: number[] = []
  for (let second = 0; second < 300; second++) {
    if (times.length < all.length) {
      times.push(second)
      all.at(-1)?.end(1006)
    }
    await host.advance(1_000)
  }
  const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0))
  expect(times.length).toBeGreaterThan(4)
  expect(times.length).toBeLessThan(20)
  expect(new Set(gaps).size).toBeGreaterThan(2)
  stop.abort()
  await expect(linking).rejects.toThrow()
})

it.each([1008, 1009, 1002])('AGT-06 closed with %i: does not come back with that code, and polls', async (code) => {
  const { host, linking, asked, last, all, server } = await waiting()
  last().open()
  last().end(code)
  await host.advance(120_000)
  expect(all).toHaveLength(1)
  expect(asked()).toEqual([...Array(24).keys()].map((n) => 5 * (n + 1)))
  server.on('/token', ok(tokens(1)))
  await host.run(linking)
})

it('AGT-14 a line that fell silent is dead: after 75 s without a ping it is given up', async () => {
  const { host, last, all, stop } = await waiting()
  last().open()
  const first = last()
  await host.advance(50_000)
  first.ping()
  await host.advance(74_000)
  expect(first.isClosed).toBe(false)
  await host.advance(2_000)
  expect(first.isClosed).toBe(true)
  await host.advance(10_000)
  expect(all).toHaveLength(2)
  stop.abort()
})

it('AGT-16 a connection that is never answered is given up after 10 s; the first poll does not wait for it', async () => {
  const { host, last, asked, stop } = await waiting()
  const first = last()
  await host.advance(9_000)
  expect(asked()).toEqual([5])
  await host.advance(1_500)
  expect(first.isClosed).toBe(true)
  stop.abort()
})

it('AGT-14 a browser shows no pings: its line is kept, and the polls once a minute are the safety', async () => {
  const { host, last, all, asked, stop } = await waiting({ seesPings: false })
  last().open()
  await host.advance(190_000)
  expect(all).toHaveLength(1)
  expect(asked()).toEqual([5, 65, 125, 185])
  stop.abort()
})

it('AGT-08 what is no news is ignored: other events, other members, no JSON, binary', async () => {
  const { host, linking, last, asked, server } = await waiting()
  last().open()
  await host.advance(6_000)
  for (const text of ['', 'null', '[]', '{"event":"party"}', '{"event":7}', 'x'.repeat(4_000)]) last().say(text)
  await host.advance(3_000)
  expect(asked()).toEqual([5])
  server.on('/token', ok(tokens(1)))
  last().say('{"event":"approved","colour":"blue"}')
  await host.run(linking)
  expect(asked()).toEqual([5, 9])
})

it('AGT-04 without sockets the server may hold its answer: asked again at once, as the server counts from the question', async () => {
  const { host, server, linking, asked } = await waiting({ withSockets: false })
  server.on('/token', holds(host, pending), holds(host, pending), ok(tokens(1)))
  await host.run(linking)
  expect(server.polls().map(({ headers }) => headers.get('prefer'))).toEqual(Array(3).fill('wait=25'))
  expect(asked()).toEqual([5, 30, 55])
})

it('AGT-04 an answer that was not held, or hardly, is no licence to hurry', async () => {
  const short: ScriptedAnswer = async () => {
    await host.sleep(3_000)
    return { status: 400, json: { error: 'authorization_pending' }, headers: { 'preference-applied': 'wait=25' } }
  }
  const { host, server, linking, asked } = await waiting({ withSockets: false })
  server.on('/token', pending, short, refused('slow_down'), ok(tokens(1)))
  await host.run(linking)
  expect(asked()).toEqual([5, 10, 18, 28])
})

it('AGT-05 where held answers get lost on the way, it polls plainly after two', async () => {
  const { host, server, linking } = await waiting({
    withSockets: false,
    answers: ['cut', pending, 'cut', pending, ok(tokens(1))],
  })
  await host.run(linking)
  expect(server.polls().map(({ headers }) => headers.get('prefer'))).toEqual([
    'wait=25',
    'wait=25',
    'wait=25',
    null,
    null,
  ])
})

it('AGT-04 a server that does not tell is not asked to hold anything', async () => {
  const { host, server, linking } = await waiting({ withSockets: false, answers: [ok(tokens(1))] })
  await host.run(linking)
  const plain = agentServer(host)
  plain.on('/token', ok(tokens(1)))
  await host.run(agentAt(plain, host, { sockets: fakeSockets().sockets }).link())
  expect(server.polls()[0]?.headers.get('prefer')).toBe('wait=25')
  expect(plain.polls()[0]?.headers.get('prefer')).toBeNull()
})

it('AGT-16 the code is not said on an open line: ws is for this machine alone', async () => {
  const host = fakeHost()
  const server = agentServer(host)
  server.on(METADATA, ok({ ...metadata(), device_events_endpoint: 'ws://id.northwind.example/device_events' }))
  const { sockets, all } = fakeSockets()
  await expect(host.run(agentAt(server, host, { sockets }).link())).rejects.toMatchObject({ reason: 'untrusted' })
  expect(all).toEqual([])
})

it('AGT-04 a runtime that forbids the socket is polled for', async () => {
  const host = fakeHost()
  const server = agentServer(host)
  server.on(METADATA, ok({ ...metadata(), device_events_endpoint: EVENTS }))
  server.on('/device_authorization', ok(deviceAuthorization()))
  server.on('/token', pending, ok(tokens(1)))
  const agent = agentAt(server, host, {
    sockets: () => {
      throw new DOMException('blocked', 'SecurityError')
    },
  })
  await expect(host.run(agent.link())).resolves.toMatchObject({ issuer: ISSUER })
  expect(server.polls()).toHaveLength(2)
})

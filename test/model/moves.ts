// What may happen to devices, people and the server, as fast-check commands: each does it to the server and to the
// reference, and compares what both say.
import { DEVICE_CODE_GRANT, JWT_BEARER_GRANT } from '@latchkey/shared'
import fc from 'fast-check'
import type { LightMyRequestResponse } from 'fastify'
import { decodeJwt } from 'jose'
import { expect } from 'vitest'
import {
  advance,
  type Caller,
  type Expected,
  expectPoll,
  jump,
  mayDecide,
  polled,
  type Reference,
  refresh,
  rescue,
  restart,
  revoke,
  start,
} from './reference.ts'
import { type Device, OWNERS, type World } from './world.ts'

export type Move = fc.AsyncCommand<Reference, World, true>

const SECOND = 1000
const HOUR = 3600 * SECOND

const move = (name: string, run: Move['run'], may: (model: Readonly<Reference>) => boolean = () => true): Move => ({
  check: async (model) => may(model),
  run,
  toString: () => name,
})

const said = (answer: LightMyRequestResponse): string => (answer.statusCode === 200 ? 'tokens' : answer.json().error)

/** Takes what came with a 200: whose it is, and that it fits what the device knows already. */
function takeTokens(
  world: World,
  device: Device,
  owner: string,
  number: number,
  answer: LightMyRequestResponse,
  lost = false,
) {
  const { access_token, refresh_token, token_type } = answer.json()
  const { sub, link } = decodeJwt<{ link: string }>(access_token)
  expect(sub).toBe(`usr_${owner}`)
  expect(token_type).toBe(device.bound ? 'DPoP' : 'Bearer')
  const known = device.tokens.get(number)
  if (known !== undefined) expect(refresh_token).toBe(known)
  else for (const other of world.devices) expect([...other.tokens.values()]).not.toContain(refresh_token)
  if (!lost) device.tokens.set(number, refresh_token)
  return link
}

function expectOneOf(expected: Expected, answer: LightMyRequestResponse, what: string): string {
  expect(expected, `${what}: ${answer.statusCode} ${answer.body}`).toContain(said(answer))
  return said(answer)
}

/** One link for each code that was fetched, and no other. */
async function countLinks(model: Reference, world: World): Promise<void> {
  const ids = await world.familyIds()
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids).toHaveLength(model.requests.filter(({ link }) => link !== undefined).length)
}

/** A move of one device; `pick` chooses among those that there are. */
const deviceMove = (
  name: string,
  pick: number,
  run: (model: Reference, world: World, index: number) => Promise<void>,
): Move =>
  move(
    `${name} #${pick}`,
    (model, world) => run(model, world, pick % model.requests.length),
    (model) => model.requests.length > 0,
  )

function partsOf(model: Reference, world: World, index: number) {
  const [request, device] = [model.requests[index], world.devices[index]]
  if (request === undefined || device === undefined) throw new Error(`no device ${index}`)
  return { request, device }
}

const startMove = (bound: boolean): Move =>
  move(
    `start${bound ? ' with a key' : ''}`,
    async (model, world) => {
      start(model, OWNERS[model.requests.length] ?? '', bound)
      await world.start(bound)
    },
    (model) => model.requests.length < OWNERS.length,
  )

/** All of it at once, so that more lives have a middle and an end. */
const linkMove = (bound: boolean): Move =>
  move(
    `link${bound ? ' with a key' : ''}`,
    async (model, world) => {
      const at = model.requests.length
      await startMove(bound).run(model, world)
      await decideMove(at, 'approve').run(model, world)
      await pollMove(at, 'in time', 'itself').run(model, world)
    },
    (model) => model.requests.length < OWNERS.length,
  )

const decideMove = (pick: number, answer: 'approve' | 'deny'): Move =>
  deviceMove(answer, pick, async (model, world, index) => {
    const { request, device } = partsOf(model, world, index)
    const before = request.decision
    const may = mayDecide(model, request)
    const after = await world.decide(device, request.owner, answer, model.time)
    const meant = answer === 'approve' ? 'approved' : 'denied'
    const allowed = { yes: [meant], no: [before], either: [before, meant] }[may]
    expect(allowed, `${answer} after ${before}`).toContain(after)
    request.decision = after
  })

type PollWay = 'in time' | 'at once' | 'lost'

const pollMove = (pick: number, way: PollWay, caller: Caller): Move =>
  deviceMove(`poll ${way} by ${caller}`, pick, async (model, world, index) => {
    const { request, device } = partsOf(model, world, index)
    // A patient device waits what it was told, on its own clock.
    if (way === 'in time') await pass(model, world, request.intervalSeconds * SECOND)
    const expected = expectPoll(model, request, caller)
    const answer = await device.ask(caller, pollForm(device))
    const outcome = expectOneOf(expected, answer, 'poll')
    polled(model, request, outcome)
    if (outcome === 'slow_down') expect(answer.json().interval).toBe(request.intervalSeconds)
    if (outcome === 'tokens') takeTokens(world, device, request.owner, 0, answer, way === 'lost')
    await countLinks(model, world)
  })

const pollTwiceMove = (pick: number): Move =>
  deviceMove('poll twice at once', pick, async (model, world, index) => {
    const { request, device } = partsOf(model, world, index)
    const expected = expectPoll(model, request, 'itself')
    const answers = await Promise.all([device.ask('itself', pollForm(device)), device.ask('itself', pollForm(device))])
    const outcomes = answers.map(said)
    for (const outcome of outcomes) expect([...expected, 'invalid_grant', 'slow_down']).toContain(outcome)
    expect(outcomes.filter((outcome) => outcome === 'tokens')).toHaveLength(expected.includes('tokens') ? 1 : 0)
    for (const [at, outcome] of outcomes.entries()) {
      polled(model, request, outcome)
      const answer = answers[at]
      if (outcome === 'tokens' && answer) takeTokens(world, device, request.owner, 0, answer)
    }
    await countLinks(model, world)
  })

/** The power goes between the two writes of a pick-up: consumed, and nothing issued yet. */
const cutPollMove = (pick: number): Move =>
  deviceMove('poll, and the power goes in the middle', pick, async (model, world, index) => {
    const { request, device } = partsOf(model, world, index)
    const expected = expectPoll(model, request, 'itself')
    const { families } = world.server.store
    families.insert = async ({ id }) => {
      if ((await families.get(id)) !== undefined) return false
      throw new Error('no power')
    }
    const answer = await device.ask('itself', pollForm(device))
    if (expected.includes('tokens')) {
      expect(answer.json().error).toBe('server_error')
      request.halfFetched = true
    } else {
      polled(model, request, expectOneOf(expected, answer, 'poll'))
    }
    await world.crash()
    restart(model)
    await countLinks(model, world)
  })

const pollForm = ({ deviceCode }: Device) => ({ grant_type: DEVICE_CODE_GRANT, device_code: deviceCode })

/** `back`: 0 is the newest token that the device knows, 1 the one before, and so on. */
const refreshMove = (pick: number, back: number, caller: Caller, lost: boolean): Move =>
  deviceMove(`refresh ${back} back by ${caller}${lost ? ', lost' : ''}`, pick, async (model, world, index) => {
    const { request, device } = partsOf(model, world, index)
    const [number, token] = [...device.tokens].sort(([a], [b]) => b - a)[back] ?? []
    if (number === undefined || token === undefined) return
    const expected = refresh(model, request, number, caller)
    const answer = await device.ask(caller, { grant_type: 'refresh_token', refresh_token: token })
    settle(world, device, request.owner, expected, answer, lost)
    if (request.link?.ended) await expectDead(model, device)
  })

const refreshTwiceMove = (pick: number): Move =>
  deviceMove('refresh twice at once', pick, async (model, world, index) => {
    const { request, device } = partsOf(model, world, index)
    const [number, token] = [...device.tokens].sort(([a], [b]) => b - a)[0] ?? []
    if (number === undefined || token === undefined) return
    const form = { grant_type: 'refresh_token', refresh_token: token }
    const answers = await Promise.all([device.ask('itself', form), device.ask('itself', form)])
    for (const answer of answers) {
      settle(world, device, request.owner, refresh(model, request, number, 'itself'), answer, false)
    }
  })

const rescueMove = (pick: number, caller: Caller, lost: boolean): Move =>
  deviceMove(`rescue by ${caller}${lost ? ', lost' : ''}`, pick, async (model, world, index) => {
    const { request, device } = partsOf(model, world, index)
    if (!request.bound) return
    const assertion = await device.assertion(caller, Math.floor(model.time / 1000))
    const expected = rescue(model, request, caller)
    const form = { grant_type: JWT_BEARER_GRANT, assertion }
    settle(world, device, request.owner, expected, await device.ask(caller, form), lost)
    if (typeof expected === 'number') {
      // The same assertion again opens nothing.
      expect(said(await device.ask(caller, form))).toBe('invalid_grant')
    }
  })

function settle(
  world: World,
  device: Device,
  owner: string,
  expected: number | Expected,
  answer: LightMyRequestResponse,
  lost: boolean,
): void {
  if (typeof expected === 'number') {
    expectOneOf(['tokens'], answer, `token ${expected}`)
    takeTokens(world, device, owner, expected, answer, lost)
  } else {
    expectOneOf(expected, answer, 'refused')
  }
}

/** What takes several moves to come about, and would come about too seldom by itself. */
const story = (name: string, pick: number, ...chapters: readonly Move[]): Move =>
  deviceMove(name, pick, async (model, world) => {
    for (const chapter of chapters) await chapter.run(model, world)
  })

const lateMove = (pick: number, seconds: number): Move =>
  story(
    `refresh, ${seconds} s pass, refresh with the parent`,
    pick,
    refreshMove(pick, 0, 'itself', false),
    passMove(seconds * SECOND),
    refreshMove(pick, 1, 'itself', false),
  )

const afterRescueMove = (pick: number, back: number): Move =>
  story(
    `refresh, rescue, refresh with the one ${back} back`,
    pick,
    refreshMove(pick, 0, 'itself', false),
    rescueMove(pick, 'itself', false),
    refreshMove(pick, back, 'itself', false),
  )

const revokeMove = (pick: number, back: number): Move =>
  deviceMove(`revoke ${back} back`, pick, async (model, world, index) => {
    const { request, device } = partsOf(model, world, index)
    const [, token] = [...device.tokens].sort(([a], [b]) => b - a)[back] ?? []
    if (token === undefined) return
    const answer = await world.server.post('/revoke', { client_id: request.bound ? 'key-tv' : 'tv', token })
    expect(answer.statusCode).toBe(200)
    revoke(request)
    await expectDead(model, device)
  })

/** Nothing that a device may have of an ended link brings anything. */
async function expectDead(model: Reference, device: Device): Promise<void> {
  for (const refresh_token of device.tokens.values()) {
    const answer = await device.ask('itself', { grant_type: 'refresh_token', refresh_token })
    expectOneOf(['invalid_grant'], answer, 'a token of an ended link')
  }
  if (!device.bound) return
  const assertion = await device.assertion('itself', Math.floor(model.time / 1000))
  expectOneOf(['invalid_grant'], await device.ask('itself', { grant_type: JWT_BEARER_GRANT, assertion }), 'a way back')
}

const closeMove = (owner: string, closed: boolean): Move =>
  move(`${closed ? 'close' : 'open'} the account of ${owner}`, async (model, world) => {
    if (closed) model.closed.add(owner)
    else model.closed.delete(owner)
    await world.setClosed(owner, closed)
  })

const crashMove = (): Move =>
  move('crash', async (model, world) => {
    await world.crash()
    restart(model)
    await countLinks(model, world)
  })

const passMove = (milliseconds: number): Move =>
  move(`${milliseconds / SECOND} s pass`, (model, world) => pass(model, world, milliseconds))

async function pass(model: Reference, world: World, milliseconds: number): Promise<void> {
  advance(model, milliseconds)
  await world.host.advance(milliseconds)
  await world.glance()
}

const jumpMove = (milliseconds: number): Move =>
  move(`the clock jumps by ${milliseconds / SECOND} s`, async (model, world) => {
    jump(model, milliseconds)
    world.host.clock.jump(milliseconds)
    await world.glance()
  })

const pick = fc.nat({ max: OWNERS.length - 1 })
const mostlyItself = fc.oneof(
  { arbitrary: fc.constant<Caller>('itself'), weight: 8 },
  { arbitrary: fc.constantFrom<Caller>('another client', 'another key', 'no key'), weight: 2 },
)
const mostlyNewest = fc.oneof(
  { arbitrary: fc.constant(0), weight: 6 },
  { arbitrary: fc.constant(1), weight: 2 },
  { arbitrary: fc.integer({ min: 2, max: 4 }), weight: 1 },
)
const seldom = fc.oneof({ arbitrary: fc.constant(false), weight: 3 }, { arbitrary: fc.constant(true), weight: 1 })
const ways = fc.constantFrom<PollWay>('in time', 'in time', 'at once', 'lost')
const answers = fc.constantFrom<'approve' | 'deny'>('approve', 'approve', 'approve', 'deny')

const weighted: readonly (readonly [number, fc.Arbitrary<Move>])[] = [
  [4, fc.boolean().map(startMove)],
  [6, fc.boolean().map(linkMove)],
  [10, fc.tuple(pick, answers).map(([at, answer]) => decideMove(at, answer))],
  [14, fc.tuple(pick, ways, mostlyItself).map(([at, way, caller]) => pollMove(at, way, caller))],
  [2, pick.map(pollTwiceMove)],
  [2, pick.map(cutPollMove)],
  [14, fc.tuple(pick, mostlyNewest, mostlyItself, seldom).map((all) => refreshMove(...all))],
  [2, pick.map(refreshTwiceMove)],
  [3, fc.tuple(pick, fc.constantFrom(59, 60, 61)).map((all) => lateMove(...all))],
  [2, fc.tuple(pick, fc.constantFrom(0, 1, 2)).map((all) => afterRescueMove(...all))],
  [
    4,
    fc
      .tuple(pick, fc.constantFrom<Caller>('itself', 'itself', 'another key', 'no key'), seldom)
      .map((all) => rescueMove(...all)),
  ],
  [2, fc.tuple(pick, mostlyNewest).map(([at, back]) => revokeMove(at, back))],
  [1, fc.constantFrom(...OWNERS).map((owner) => closeMove(owner, true))],
  [2, fc.constantFrom(...OWNERS).map((owner) => closeMove(owner, false))],
  [2, fc.constant(crashMove())],
  [3, fc.constantFrom(1, 5, 30, 61, 61, 601).map((seconds) => passMove(seconds * SECOND))],
  [2, fc.constantFrom(-HOUR, -5 * SECOND, 30 * SECOND, HOUR, 25 * HOUR).map(jumpMove)],
]

export const moves = [fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })))]

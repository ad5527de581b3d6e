import type { LightMyRequestResponse } from 'fastify'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { familyOf } from '../../server/src/oauth/tokens/token-family.ts'
import { keptLog } from '../support/kept-log.ts'
import { type TestServer, testServer } from '../support/test-server.ts'

const DAY = 24 * 60 * 60 * 1000
const errorOf = (answer: LightMyRequestResponse) => [answer.statusCode, answer.json().error]
const INVALID = [400, 'invalid_grant']

describe('RFC 9700 §4.14: refresh tokens over the wire', () => {
  const log = keptLog()
  let server: TestServer
  const refresh = (refresh_token: string, fields = {}) =>
    server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token, ...fields })
  const family = async (token: string) => server.store.families.get(familyOf(token) ?? '')
  /** From start to the first refresh token; quick, because every test takes a link of its own. */
  const link = async (fields = {}) => (await server.link(fields)).refresh_token

  beforeAll(async () => {
    server = await testServer({ logger: log.logger })
  })
  afterAll(() => server.close())

  it('RT-01 a refresh gives a new access token and a new refresh token', async () => {
    const tokens = await server.link()
    const answer = await refresh(tokens.refresh_token)
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['cache-control']).toBe('no-store')
    const next = answer.json()
    expect(next.refresh_token).toMatch(/^[\w-]{69}$/)
    expect(next.refresh_token).not.toBe(tokens.refresh_token)
    expect(next.access_token).not.toBe(tokens.access_token)
    expect(decodeJwt(next.access_token).sub).toBe(server.user.id)
    expect((await refresh(next.refresh_token)).statusCode).toBe(200)
  })

  it('RT-02 unknown, garbled, or of no family: invalid_grant', async () => {
    const token = await link()
    for (const wrong of ['x', 'a'.repeat(65), token.slice(1), `${token}x`, token.toUpperCase()]) {
      expect(errorOf(await refresh(wrong))).toEqual(INVALID)
    }
    expect((await refresh(token)).statusCode).toBe(200)
  })

  it('RT-03 a token of another client: invalid_grant and an event, the family untouched', async () => {
    const token = await link()
    const before = await family(token)
    expect(errorOf(await refresh(token, { client_id: 'other-tv' }))).toEqual(INVALID)
    expect(await family(token)).toEqual(before)
    expect(log.events()).toContainEqual(
      expect.objectContaining({ event: 'foreign_refresh_token', familyId: before?.id, clientId: 'other-tv' }),
    )
    expect((await refresh(token)).statusCode).toBe(200)
  })

  it('RT-04 a subset narrows this access token alone; more than was granted is refused and consumes nothing', async () => {
    const token = await link({ scope: 'library:read library:write' })
    for (const scope of ['library:read openid', 'reports:read', 'unknown']) {
      expect(errorOf(await refresh(token, { scope }))).toEqual([400, 'invalid_scope'])
    }
    expect(errorOf(await refresh(token, { resource: 'https://unknown.example.com' }))).toEqual([400, 'invalid_target'])
    const narrow = (await refresh(token, { scope: 'library:read' })).json()
    expect(narrow.scope).toBe('library:read')
    expect(decodeJwt(narrow.access_token)['scope']).toBe('library:read')
    const full = (await refresh(narrow.refresh_token)).json()
    expect(full.scope).toBe('library:read library:write')
  })

  it('RT-05 a client that lost the answer gets the same successor and a fresh access token', async () => {
    const token = await link()
    const first = (await refresh(token)).json()
    await server.host.advance(59_000)
    const again = await refresh(token)
    expect(again.statusCode).toBe(200)
    expect(again.json().refresh_token).toBe(first.refresh_token)
    expect(again.json().access_token).not.toBe(first.access_token)
    expect((await refresh(first.refresh_token)).statusCode).toBe(200)
  })

  it('RT-07 RT-08 a minute later the parent is reuse, however often it was asked for in between', async () => {
    const token = await link()
    const { refresh_token: successor } = (await refresh(token)).json()
    for (let asked = 0; asked < 5; asked++) {
      await server.host.advance(10_000)
      expect((await refresh(token)).statusCode).toBe(200)
    }
    await server.host.advance(10_000)
    expect(errorOf(await refresh(token))).toEqual(INVALID)
    expect(errorOf(await refresh(successor))).toEqual(INVALID)
  })

  it('NEG-13 RT-07 a stolen token, replayed after its successor was used: both sides are out, and operators hear it', async () => {
    const stolen = await link()
    const second = (await refresh(stolen)).json().refresh_token
    const third = (await refresh(second)).json().refresh_token
    expect(errorOf(await refresh(stolen))).toEqual(INVALID)
    for (const token of [third, second, stolen]) expect(errorOf(await refresh(token))).toEqual(INVALID)
    const id = familyOf(stolen)
    expect((await family(stolen))?.revokedAt).toBeDefined()
    const told = log.events('refresh_reuse').filter(({ familyId }) => familyId === id)
    expect(told).toHaveLength(1)
  })

  it('RT-08 many uses of one token at once leave exactly one live leaf', async () => {
    const token = await link()
    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(token)))
    expect(answers.map((answer) => answer.statusCode)).toEqual(answers.map(() => 200))
    const leaves = new Set(answers.map((answer) => answer.json().refresh_token))
    expect(leaves.size).toBe(1)
    const [leaf = ''] = leaves
    expect((await refresh(leaf)).statusCode).toBe(200)
  })

  it('RT-08 after a revocation is written, no token of the family leaves, whatever was on its way', async () => {
    const token = await link()
    const current = await family(token)
    if (current === undefined) throw new Error('no family')
    const { swap } = server.store.families
    // The revocation lands between reading the family and writing its rotation.
    server.store.families.swap = async (next) => {
      server.store.families.swap = swap
      await swap({ ...current, revokedAt: server.host.clock.now() })
      return swap(next)
    }
    expect(errorOf(await refresh(token))).toEqual(INVALID)
    expect(errorOf(await refresh(token))).toEqual(INVALID)
  })

  it('RT-10 unused for ninety days, a link has ended', async () => {
    const [idle, used] = [await link(), await link()]
    await server.host.advance(89 * DAY)
    const next = (await refresh(used)).json().refresh_token
    await server.host.advance(DAY)
    expect(errorOf(await refresh(idle))).toEqual(INVALID)
    expect((await refresh(next)).statusCode).toBe(200)
  })

  it('RT-10 NEG-09 a closed account gets no tokens, and its link is not taken for stolen', async () => {
    const token = await link()
    const before = await family(token)
    const open = (await server.store.users.get(server.user.id)) ?? server.user
    await server.store.users.swap({ ...open, disabledAt: server.host.clock.now() })
    expect(errorOf(await refresh(token))).toEqual(INVALID)
    expect(await family(token)).toEqual(before)
    await server.store.users.swap({ ...open, version: open.version + 1 })
    expect((await refresh(token)).statusCode).toBe(200)
  })

  it('RT-09 OPS-03 no token is ever written to the log', async () => {
    const token = await link()
    const { refresh_token: successor, access_token } = (await refresh(token)).json()
    await refresh(successor)
    await refresh(token)
    expect(log.events().map(({ event }) => event)).toContain('refresh_reuse')
    for (const secret of [token, successor, access_token]) expect(log.text()).not.toContain(secret)
  })
})

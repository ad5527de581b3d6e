import { openStore } from '@latchkey/server'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decide } from '../../server/src/oauth/device/device-request.ts'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import type { User } from '../../server/src/oauth/records.ts'
import { type Store, update } from '../../server/src/oauth/store.ts'
import { type Device, type WireAnswer, wireDevice } from '../support/keep-alive.ts'
import { type ServerProcess, startServer } from '../support/server-process.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { testConfig, testServer } from '../support/test-server.ts'

// Two polls of one code at the instant of its approval. Whatever the order: tokens once, one family.

// Hundreds of durable writes each; a busy machine may take its time.
const PATIENCE = { timeout: 120_000 }

async function approve(store: Store, user: User | undefined, deviceCode: string, now: number): Promise<void> {
  const outcome = await update(store.deviceRequests, digestOf(deviceCode), (request) => {
    const decision = { userId: user?.id ?? '', decidedAt: now, authenticatedAt: now, amr: ['pwd'] }
    return decide(request, 'approved', decision, 1)
  })
  expect(outcome).toBe('done')
}

/** What was asked before the approval may still hear that nobody has decided. */
const BEFORE = ['authorization_pending', 'slow_down']
const LOST = ['invalid_grant', 'slow_down']

/** One race; returns how many answers had tokens. Throws when a loser hears anything else than it should. */
async function race(
  code: string,
  one: Pick<Device, 'poll'>,
  other: Pick<Device, 'poll'>,
  approval: () => Promise<void>,
): Promise<number> {
  const early = [one.poll(code), approval(), other.poll(code)] as const
  const [first, , second] = await Promise.all(early)
  const atApproval = [first, second]
  const after = await Promise.all([other.poll(code), one.poll(code)])
  const wonAt = atApproval.filter(isWon).length
  const wonAfter = after.filter(isWon).length
  const rest = (answers: readonly WireAnswer[]) => answers.filter((answer) => !isWon(answer)).map(errorOf)
  // Two servers on one file may find it locked: then nothing was written, and the same poll may come again.
  const busy = 'temporarily_unavailable'
  for (const error of rest(atApproval)) expect([...BEFORE, ...LOST, busy]).toContain(error)
  for (const error of rest(after)) expect([...LOST, busy]).toContain(error)
  return wonAt + wonAfter
}

const isWon = ({ status }: WireAnswer) => status === 200
const errorOf = ({ body }: WireAnswer) => body['error']

describe('two polls at the instant of approval', () => {
  let folder: string
  let servers: ServerProcess[]
  let store: Store
  let user: User | undefined
  beforeEach(async () => {
    folder = temporaryFolder()
    const first = await startServer({ folder })
    servers = [first]
    store = await openStore(first.database)
    user = (await store.users.all())[0]
  })
  afterEach(async () => {
    for (const server of servers) await server.kill('SIGKILL')
    await store.close()
    removeFolder(folder)
  })

  /** Runs `races` on the servers that there are, a few at a time; returns how often 0, 1, 2 … polls won. */
  async function run(races: number, first: ServerProcess, second: ServerProcess): Promise<Record<number, number>> {
    const wins: Record<number, number> = {}
    let left = races
    const lane = async () => {
      const one = wireDevice(first.origin)
      const other = wireDevice(second.origin)
      while (left-- > 0) {
        const { device_code } = await one.start()
        const won = await race(device_code, one, other, () => approve(store, user, device_code, Date.now()))
        wins[won] = (wins[won] ?? 0) + 1
      }
      one.hangUp()
      other.hangUp()
    }
    await Promise.all(Array.from({ length: 4 }, lane))
    return wins
  }

  function familiesOnDisk(): unknown {
    const database = new Database(`${folder}/latchkey.db`, { readonly: true })
    const [row] = database.prepare('select count(*) as families from token_family').all()
    database.close()
    return row
  }

  it('NEG-07 500 times on one server: tokens once, one family each', PATIENCE, async () => {
    const [first] = servers
    if (first === undefined) throw new Error('no server')
    expect(await run(500, first, first)).toEqual({ 1: 500 })
    expect(familiesOnDisk()).toEqual({ families: 500 })
  })

  it('NEG-07 500 times on two servers that share a database: tokens once, one family each', PATIENCE, async () => {
    const [first] = servers
    if (first === undefined) throw new Error('no server')
    const second = await startServer({ folder, config: { issuer: first.issuer } })
    servers.push(second)
    expect(await run(500, first, second)).toEqual({ 1: 500 })
    expect(familiesOnDisk()).toEqual({ families: 500 })
    const keys = await Promise.all(servers.map(async ({ origin }) => (await fetch(`${origin}/jwks`)).json()))
    expect(keys[1]).toEqual(keys[0])
  })
})

describe('two polls at the instant of approval, in one process', () => {
  it('NEG-07 1,000 times: tokens once, one family each', PATIENCE, async () => {
    // A thousand codes in ten minutes from one network are more than a server lets through by itself.
    const server = await testServer({ config: testConfig({ limits: { live_device_codes: 2000 } }) })
    const poll = async (code: string) => {
      const answer = await server.poll(code)
      return { status: answer.statusCode, body: answer.json() }
    }
    const wins: Record<number, number> = {}
    for (let index = 0; index < 1000; index++) {
      const { device_code } = await server.start()
      const approval = () => approve(server.store, server.user, device_code, server.host.clock.now())
      const won = await race(device_code, { poll }, { poll }, approval)
      wins[won] = (wins[won] ?? 0) + 1
    }
    expect(wins).toEqual({ 1: 1000 })
    await server.close()
  })
})

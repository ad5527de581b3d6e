import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '@latchkey/server'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseConfig } from '../../server/src/config.ts'
import { masterSecretFor } from '../../server/src/master-secret.ts'
import { KEEP_MS, LEAD_MS } from '../../server/src/oauth/keys/signing-key-life.ts'
import { openSigningKeys } from '../../server/src/oauth/keys/signing-keys.ts'
import { createVault } from '../../server/src/oauth/keys/vault.ts'
import { SIGNING_ALGORITHMS } from '../../server/src/oauth/records.ts'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import { type ServerTerminal, serverTerminal } from '../support/server-terminal.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

const KID = /^[\w-]{43}$/
const DOES_NOT_OPEN =
  'latchkey: a signing key does not open with this master secret: restore the secret that belongs to this database'

describe('latchkey keys', () => {
  let folder: string
  let host: FakeHost
  let terminal: ServerTerminal
  const data = () => join(folder, 'data')
  const settings = () => ({
    issuer: 'http://localhost:8080',
    listen: { host: '127.0.0.1', port: 0 },
    database: `sqlite:${join(data(), 'latchkey.db')}`,
  })

  beforeEach(() => {
    folder = temporaryFolder()
    host = fakeHost()
    const config = join(folder, 'latchkey.json')
    writeFileSync(config, JSON.stringify(settings()))
    terminal = serverTerminal({ LATCHKEY_CONFIG: config, LATCHKEY_LOG_LEVEL: 'silent' }, undefined, host)
  })
  afterEach(() => removeFolder(folder))

  const run = (words: string) => terminal.run(words.split(' '))
  const listed = async () => (await run('keys list --json')).out.map((line) => JSON.parse(line))
  const date = (after = 0) => new Date(host.clock.now() + after).toISOString()
  /** What a server does when it starts, and every half minute. */
  const asServer = async () => {
    const config = parseConfig(settings(), {})
    const store = await openStore(config.database)
    const vault = createVault(masterSecretFor(config, host.entropy), host.entropy)
    const keys = await openSigningKeys(store.signingKeys, vault, host.clock, 90)
    await keys.upkeep()
    await store.close()
  }

  it('list tells what each key does, since when and until when, for people and for scripts', async () => {
    await asServer()
    const people = await run('keys list')
    expect([people.code, people.err]).toEqual([0, []])
    const rows = people.out.map((line) => line.split('\t'))
    expect(rows.map(([, ...rest]) => rest)).toEqual(SIGNING_ALGORITHMS.map((alg) => [alg, 'active', date(), '-']))
    for (const [kid] of rows) expect(kid).toMatch(KID)
    expect(await listed()).toEqual(
      rows.map(([kid, alg]) => ({ kid, alg, state: 'active', since: date(), until: null })),
    )
  })

  it('list says that there is none before the first start', async () => {
    const { code, out, err } = await run('keys list')
    expect([code, out]).toEqual([0, []])
    expect(err).toEqual(['No key yet: the server makes them when it starts'])
  })

  it('KEY-03 rotate publishes a successor that signs two hours later; asked again it makes no other', async () => {
    await asServer()
    const [old] = await listed()
    const made = await run('keys rotate --alg ES256')
    expect(made.code).toBe(0)
    expect(made.err).toEqual([`ES256: a new key signs from ${date(LEAD_MS)} on`])
    const [kid = '', ...rest] = made.out.join('').split('\t')
    expect(kid).toMatch(KID)
    expect(rest).toEqual(['ES256', 'published', date(), date(LEAD_MS)])

    const again = await run('keys rotate --alg ES256')
    expect([again.code, again.out]).toEqual([0, []])
    expect(again.err).toEqual([`ES256: ${kid} waits already; it signs from ${date(LEAD_MS)} on`])
    expect((await listed()).slice(0, 2)).toEqual([
      { ...old, until: date(LEAD_MS) },
      { kid, alg: 'ES256', state: 'published', since: date(), until: date(LEAD_MS) },
    ])

    await host.advance(LEAD_MS)
    expect((await listed()).slice(0, 2)).toEqual([
      { ...old, state: 'retired', since: date(), until: date(KEEP_MS) },
      { kid, alg: 'ES256', state: 'active', since: date(), until: null },
    ])
    await host.advance(KEEP_MS)
    await asServer()
    expect(await listed()).toHaveLength(SIGNING_ALGORITHMS.length)
  })

  it('KEY-03 rotate without an algorithm is for all of them', async () => {
    await asServer()
    const { out } = await run('keys rotate')
    expect(out.map((line) => line.split('\t').slice(1, 3))).toEqual(SIGNING_ALGORITHMS.map((alg) => [alg, 'published']))
  })

  it('KEY-03 rotate --now leaves the new key alone', async () => {
    await asServer()
    await run('keys rotate --alg ES256')
    const before = await listed()
    const { code, out, err } = await run('keys rotate --alg ES256 --now')
    expect(code).toBe(0)
    expect(err).toEqual(['ES256: a new key signs; old keys dropped: 2. Servers follow within a minute'])
    const after = await listed()
    expect(after.filter(({ alg }) => alg === 'ES256')).toEqual([
      { kid: out.join('').split('\t')[0], alg: 'ES256', state: 'active', since: date(), until: null },
    ])
    expect(after.filter(({ alg }) => alg !== 'ES256')).toEqual(before.filter(({ alg }) => alg !== 'ES256'))
  })

  it('rotate before the first start makes the first key, and the server keeps it', async () => {
    expect((await run('keys rotate --alg EdDSA')).out.join('')).toMatch(/\tEdDSA\tactive\t/)
    const made = await listed()
    await asServer()
    expect(await listed()).toEqual(expect.arrayContaining(made))
    expect(await listed()).toHaveLength(SIGNING_ALGORITHMS.length)
  })

  it('rotate knows its algorithms', async () => {
    const { code, out, err } = await run('keys rotate --alg HS256')
    expect([code, out]).toEqual([2, []])
    expect(err).toEqual(['latchkey: --alg takes one of ES256, RS256, EdDSA'])
  })

  it('KEY-04 a database without its master secret: one sentence, exit code 1, and nothing changes', async () => {
    await asServer()
    const before = await listed()
    rmSync(join(data(), 'master-secret'))
    for (const words of ['serve', 'keys rotate', 'keys rotate --now']) {
      expect(await run(words)).toEqual({ code: 1, out: [], err: [DOES_NOT_OPEN] })
    }
    expect(await listed()).toEqual(before)
  })

  it('KEY-04 nothing that is said or kept holds a private key', async () => {
    await asServer()
    const said = [await run('keys list'), await run('keys rotate --now'), await run('keys list --json')]
    const kept = readdirSync(data()).map((name) => readFileSync(join(data(), name), 'latin1'))
    for (const text of [JSON.stringify(said), ...kept]) expect(text).not.toMatch(/"(d|p|q|dp|dq|qi)\\?":/)
  })
})

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addUser } from '../../server/src/accounts/users.ts'
import type { ProtocolEvent } from '../../server/src/oauth/provider.ts'
import type { Store } from '../../server/src/oauth/store.ts'
import { AUDIT_DAYS, createAuditTrail, recordAudit } from '../../server/src/ops/audit.ts'
import { openStore } from '../../server/src/storage/open.ts'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import { keptLog } from '../support/kept-log.ts'
import { serverTerminal } from '../support/server-terminal.ts'
import { signedIn } from '../support/signed-in.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { PASSWORD, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const DAY = 24 * 60 * 60 * 1000
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

describe('the audit trail of a server', () => {
  let server: TestServer
  const log = keptLog()
  beforeEach(async () => {
    server = await testServer({ logger: log.logger })
  })
  afterEach(() => server.close())

  /** Waits until what was noted is written, which nobody else does. */
  const trail = async () => {
    await server.host.advance(0)
    return (await server.store.auditEntries.newest({ most: 100 })).toReversed()
  }

  it('OPS-03 OPS-07 has what happened to a device, in order, with ids alone', async () => {
    const started = await server.start({ device_name: 'Living room TV' })
    await server.decide(started.user_code, 'approve')
    const tokens = (await server.poll(started.device_code)).json()
    const next = (
      await server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token: tokens.refresh_token })
    ).json()
    await server.post('/revoke', { client_id: 'tv', token: next.refresh_token })
    const [family] = await server.store.families.byUser(server.user.id)
    const entries = await trail()
    const about = { clientId: 'tv', userId: server.user.id }
    const linked = entries.find(({ event }) => event === 'linked')
    expect(linked).toMatchObject({ ...about, details: { familyId: family?.id, origin: 'device' } })
    expect(linked?.expiresAt).toBe((linked?.at ?? 0) + AUDIT_DAYS * DAY)
    expect(entries.at(-1)).toMatchObject({ event: 'unlinked', ...about, details: { by: 'device' } })
    // Every one of them, and those that would double the work of a refresh, in the log as well.
    const logged = log.events().flatMap(({ event }) => (event === undefined ? [] : [event]))
    expect(logged).toEqual(expect.arrayContaining(entries.map(({ event }) => event)))
    expect(log.events()).toContainEqual(expect.objectContaining({ event: 'issued', clientId: 'tv' }))
    for (const grant of [DEVICE_CODE_GRANT, 'refresh_token']) {
      expect(log.events()).toContainEqual(
        expect.objectContaining({ event: 'tokens', grant, ...about, familyId: family?.id }),
      )
    }
    const written = JSON.stringify(entries) + log.text()
    const secrets = [started.device_code, started.user_code, started.user_code.replace('-', ''), PASSWORD]
    for (const secret of [...secrets, tokens.access_token, tokens.refresh_token, next.refresh_token]) {
      expect(written).not.toContain(secret)
    }
  })

  it('OPS-03 WEB-09 its person is shown what concerns them, however much there is since that does not', async () => {
    const ana = await signedIn(server, server.user.email)
    await recordAudit(server.store, server.host, { event: 'password_changed', userId: server.user.id })
    for (let n = 0; n < 120; n++) {
      await recordAudit(server.store, server.host, { event: 'opened', userId: server.user.id, clientId: 'tv' })
    }
    const page = await ana.open('/account/activity')
    expect(page.body).toContain('Password changed')
    expect(page.body).not.toContain('Nothing yet.')
  })

  it('OPS-03 RT-08 a stolen token, told with whose it was', async () => {
    const { refresh_token } = await server.link()
    const refresh = (token: string) =>
      server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token: token })
    const second = (await refresh(refresh_token)).json().refresh_token
    await refresh(second)
    expect((await refresh(refresh_token)).statusCode).toBe(400)
    expect(await trail()).toContainEqual(
      expect.objectContaining({ event: 'refresh_reuse', userId: server.user.id, clientId: 'tv' }),
    )
  })
})

describe('a server that stops', () => {
  it('OPS-03 has written what it noted', async () => {
    const folder = temporaryFolder()
    const database = `sqlite:${join(folder, 'latchkey.db')}`
    const server = await testServer({ config: testConfig({ database }) })
    await server.link()
    await server.close()
    const store = await openStore(database)
    expect((await store.auditEntries.newest({ most: 100 })).map(({ event }) => event)).toContain('linked')
    await store.close()
    removeFolder(folder)
  })
})

describe('keeping the trail', () => {
  let store: Store
  let host: FakeHost
  beforeEach(async () => {
    store = await openStore('sqlite::memory:')
    host = fakeHost()
  })
  afterEach(() => store.close())

  const event = (n: number): ProtocolEvent => ({
    event: 'foreign_refresh_token',
    familyId: `family-${n}`,
    clientId: 'tv',
  })

  it('OPS-03 events of one millisecond stay in their order, and are on the disk when it has settled', async () => {
    const audit = createAuditTrail(store, host, silent)
    for (let n = 0; n < 50; n++) audit.note(event(n))
    await audit.settled()
    const ids = (await store.auditEntries.newest({ most: 100 })).map(({ details }) => details['familyId'])
    expect(ids.toReversed()).toEqual(Array.from({ length: 50 }, (_, n) => `family-${n}`))
  })

  it('OPS-03 what cannot be written is in the log, whole', async () => {
    const log = keptLog()
    const failing: Store = {
      ...store,
      auditEntries: { ...store.auditEntries, insert: () => Promise.reject(new Error('disk full')) },
    }
    const errors: object[] = []
    const audit = createAuditTrail(failing, host, { ...silent, error: (details) => void errors.push(details) })
    audit.note(event(1))
    await audit.settled()
    expect(errors).toEqual([expect.objectContaining({ ...event(1), err: expect.any(Error) })])
    expect(log.text()).toBe('')
  })

  it('OPS-03 nobody fills the disk with one and the same event; the gap is marked, and others are still kept', async () => {
    const audit = createAuditTrail(store, host, silent)
    for (let n = 0; n < 500; n++) audit.note(event(1))
    audit.note(event(2))
    await audit.settled()
    const entries = await store.auditEntries.newest({ most: 100 })
    expect(entries).toHaveLength(61)
    expect(entries.filter(({ details }) => details['more'] === true)).toHaveLength(1)
    await host.advance(60_000)
    audit.note(event(1))
    await audit.settled()
    expect(await store.auditEntries.newest({ most: 100 })).toHaveLength(62)
  })

  it('OPS-03 lines end after their time, with everything else that has ended', async () => {
    const audit = createAuditTrail(store, host, silent)
    audit.note(event(1))
    await audit.settled()
    const begun = host.clock.now()
    await store.purge(begun + AUDIT_DAYS * DAY - 1)
    expect(await store.auditEntries.newest({ most: 100 })).toHaveLength(1)
    await store.purge(begun + AUDIT_DAYS * DAY)
    expect(await store.auditEntries.newest({ most: 100 })).toEqual([])
  })
})

describe('latchkey audit list', () => {
  let folder: string
  beforeEach(() => {
    folder = temporaryFolder()
  })
  afterEach(() => removeFolder(folder))

  it('OPS-03 OPS-07 tells what operators did, for people and for scripts, by account, event and time', async () => {
    const config = join(folder, 'latchkey.json')
    const database = `sqlite:${join(folder, 'latchkey.db')}`
    writeFileSync(config, JSON.stringify({ database }))
    const host = fakeHost()
    const terminal = serverTerminal({ LATCHKEY_CONFIG: config }, undefined, host)
    const run = async (words: string, input?: string) => {
      const done = await terminal.run(words.split(' '), input)
      expect(done.err.join('\n')).not.toMatch(/^latchkey: /m)
      return done.out
    }
    const [id = ''] = await run('user add ana@example.com --password-stdin', PASSWORD)
    await host.advance(DAY)
    await run('user disable ana@example.com')
    await run('user enable ana@example.com')
    await run('user passwd ana@example.com --password-stdin', PASSWORD)
    const [secret = ''] = await run('client add box --auth client_secret_basic --grant client_credentials')
    const [second = ''] = await run('client rotate-secret box')
    await run('client disable box')
    await run('keys rotate --alg ES256')
    const store = await openStore(database)
    await addUser(store, host, { email: 'bo@example.com', password: PASSWORD })
    await store.close()

    const all = await run('audit list')
    expect(all.map((line) => line.split('\t').slice(1, 4).join(' '))).toEqual([
      'key_added - -',
      'client_disabled - box',
      'client_secret_changed - box',
      'client_added - box',
      'password_changed ana@example.com -',
      'account_enabled ana@example.com -',
      'account_disabled ana@example.com -',
      'account_added ana@example.com -',
    ])
    expect(all.at(-1)).toBe('2030-01-15T12:00:00.000Z\taccount_added\tana@example.com\t-\tby=operator')
    for (const kept of [secret, second, PASSWORD]) expect(all.join()).not.toContain(kept)
    expect(await run('audit list --user Ana@Example.com')).toHaveLength(4)
    expect(await run('audit list --user bo@example.com')).toEqual([])
    expect(await run('audit list --event client_added')).toHaveLength(1)
    expect(await run('audit list --user ana@example.com --event client_added')).toEqual([])
    expect(await run('audit list --since 2030-01-16T12:00:00Z')).toHaveLength(7)
    const [first = '', ...more] = await run('audit list --json --until 2030-01-16')
    expect(more).toEqual([])
    expect(JSON.parse(first)).toEqual({
      at: '2030-01-15T12:00:00.000Z',
      event: 'account_added',
      user: 'ana@example.com',
      details: { by: 'operator' },
    })
    expect(id).toMatch(/^usr_/)
  })

  it('OPS-03 tells the newest hundred, or as many as asked for, and how to go on: nothing twice, nothing left out', async () => {
    const database = `sqlite:${join(folder, 'latchkey.db')}`
    const host = fakeHost()
    const store = await openStore(database)
    const moments = 130
    for (let moment = 0; moment < moments; moment++) {
      // Three in a millisecond: no time falls between them.
      for (let n = 0; n < 3; n++) await recordAudit(store, host, { event: 'client_added', clientId: `${moment}-${n}` })
      host.clock.jump(1)
    }
    await store.close()
    const terminal = serverTerminal({ LATCHKEY_DATABASE: database })
    expect((await terminal.run(['audit', 'list'])).out).toHaveLength(102)
    const seen: string[] = []
    let until: readonly string[] = []
    do {
      const { out, err } = await terminal.run(['audit', 'list', '--limit', '70', ...until])
      expect(out.length).toBeLessThanOrEqual(72)
      seen.push(...out.map((line) => line.split('\t')[3] ?? ''))
      const [, next] = /^There are older ones: --until (\S+)$/.exec(err[0] ?? '') ?? []
      until = next === undefined ? [] : ['--until', next]
    } while (until.length > 0)
    const order = Array.from({ length: moments * 3 }, (_, index) => `${Math.floor(index / 3)}-${index % 3}`)
    expect(seen).toEqual(order.toReversed())
  })

  it('says what it cannot read', async () => {
    const terminal = serverTerminal({ LATCHKEY_DATABASE: `sqlite:${join(folder, 'latchkey.db')}` })
    const late = await terminal.run(['audit', 'list', '--since', 'yesterday'])
    expect(late).toMatchObject({ code: 2, out: [], err: [expect.stringContaining('--since takes a day')] })
    for (const limit of ['0', '-1', 'many', '1.5']) {
      const { code, err } = await terminal.run(['audit', 'list', '--limit', limit])
      expect([code, err]).toEqual([2, [expect.stringContaining('--limit takes a whole number')]])
    }
    const nobody = await terminal.run(['audit', 'list', '--user', 'nobody@example.com'])
    expect(nobody).toMatchObject({ code: 1, out: [], err: [expect.stringContaining('no account of nobody')] })
  })
})

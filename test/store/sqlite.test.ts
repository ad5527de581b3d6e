import { spawn } from 'node:child_process'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openStore } from '@latchkey/server'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Store, StoreUnavailable } from '../../server/src/oauth/store.ts'
import { openSqlite } from '../../server/src/storage/sqlite.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { PASSWORD, type TestServer, testServer } from '../support/test-server.ts'
import { storeConformance } from './conformance.ts'
import { samples } from './records.ts'

storeConformance('SQLite', async () => {
  const folder = temporaryFolder()
  return {
    open: () => openStore(`sqlite:${join(folder, 'store.db')}`),
    remove: async () => removeFolder(folder),
  }
})

describe('a SQLite file', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = temporaryFolder()
    path = join(folder, 'data', 'store.db')
  })
  afterEach(() => removeFolder(folder))

  it('OPS-06 is written ahead, with every commit on the disk, and its folder is made for the owner alone', async () => {
    await (await openStore(`sqlite:${path}`)).close()
    expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700)
    const engine = openSqlite(path)
    const pragma = async (name: string) => {
      const { rows } = await engine.runner.getExecutor().executeQuery({
        sql: `pragma ${name}`,
        parameters: [],
        query: { kind: 'RawNode', sqlFragments: [`pragma ${name}`], parameters: [] },
        queryId: { queryId: name },
      })
      return Object.values(rows[0] ?? {})[0]
    }
    expect(await pragma('journal_mode')).toBe('wal')
    expect(await pragma('synchronous')).toBe(2)
    await engine.close()
  })

  it('is migrated once, however often it is opened', async () => {
    const { users: user } = samples('one')
    for (let opening = 0; opening < 3; opening++) {
      const store = await openStore(`sqlite:${path}`)
      expect(await store.users.insert(user)).toBe(opening === 0)
      await store.close()
    }
  })

  it('is opened by several processes at once, on the very first day', async () => {
    const openers = await Promise.all(Array.from({ length: 6 }, (_, index) => opener(`client-${index}`)))
    for (let round = 0; round < 12; round++) {
      const address = `sqlite:${join(folder, `round-${round}.db`)}`
      expect(await Promise.all(openers.map((open) => open(address)))).toEqual(openers.map(() => 'opened'))
      const store = await openStore(address)
      expect(await store.clients.all()).toHaveLength(openers.length)
      await store.close()
    }
    for (const open of openers) open.end()
  })

  it('says so when it is no database, and is left as it was', async () => {
    const file = join(folder, 'letter.txt')
    writeFileSync(file, 'Dear database, '.repeat(100))
    await expect(openStore(`sqlite:${file}`)).rejects.toThrow(/letter\.txt.*not a database/)
    expect(existsSync(`${file}-wal`)).toBe(false)
  })

  it('OPS-03 has an index for whatever is asked of the audit trail: neither all of it is read, nor sorted', async () => {
    await (await openStore(`sqlite:${path}`)).close()
    const database = new Database(path)
    const plan = (where: string) =>
      database
        .prepare<[], { detail: string }>(
          `explain query plan select * from audit_entry where ${where} id >= '' and id < '9' order by id desc limit 1`,
        )
        .all()
        .map(({ detail }) => detail)
    expect(['', "user_id = 'x' and", "event = 'x' and"].map(plan)).toEqual([
      ['SEARCH audit_entry USING INDEX sqlite_autoindex_audit_entry_1 (id>? AND id<?)'],
      ['SEARCH audit_entry USING INDEX audit_entry_user_id (user_id=? AND id>? AND id<?)'],
      ['SEARCH audit_entry USING INDEX audit_entry_event (event=? AND id>? AND id<?)'],
    ])
    database.close()
  })

  it('is refused when a newer version has written it', async () => {
    await (await openStore(`sqlite:${path}`)).close()
    const database = new Database(path)
    database.exec(`insert into kysely_migration (name, timestamp) values ('9999-from-the-future', '2040-01-01')`)
    database.close()
    await expect(openStore(`sqlite:${path}`)).rejects.toThrow(/9999-from-the-future/)
  })
})

interface Opener {
  /** Opens the store, writes one record, closes it; returns `opened`, or what went wrong. */
  (address: string): Promise<string>
  end(): void
}

/** A process that has everything loaded, so that several of them open a file at the same instant. */
async function opener(clientId: string): Promise<Opener> {
  const program = `
    import { createInterface } from 'node:readline'
    import { openStore } from '@latchkey/server'
    console.log('ready')
    for await (const address of createInterface({ input: process.stdin })) {
      try {
        const store = await openStore(address)
        await store.clients.insert({ id: '${clientId}', version: 0, expiresAt: 1 })
        await store.close()
        console.log('opened')
      } catch (error) {
        console.log(String(error))
      }
    }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const nextLine = async () => String((await lines.next()).value)
  expect(await nextLine()).toBe('ready')
  const open = (address: string) => {
    child.stdin.write(`${address}\n`)
    return nextLine()
  }
  return Object.assign(open, { end: () => void child.stdin.end() })
}

describe('a locked SQLite file', () => {
  let folder: string
  let store: Store
  let other: Database.Database
  beforeEach(async () => {
    folder = temporaryFolder()
    const path = join(folder, 'store.db')
    store = await openStore(`sqlite:${path}`)
    other = new Database(path)
  })
  afterEach(async () => {
    other.close()
    await store.close()
    removeFolder(folder)
  })
  const lock = () => other.exec('BEGIN EXCLUSIVE')
  const unlock = () => other.exec('ROLLBACK')

  it('NEG-12 refuses every write as passing, having written nothing, and goes on afterwards', async () => {
    const { users: user, sessions: session } = samples('one')
    await store.sessions.insert(session)
    lock()
    await expect(store.users.insert(user)).rejects.toBeInstanceOf(StoreUnavailable)
    await expect(store.sessions.swap(session)).rejects.toBeInstanceOf(StoreUnavailable)
    await expect(store.sessions.delete(session.id)).rejects.toBeInstanceOf(StoreUnavailable)
    await expect(store.purge(Number.MAX_SAFE_INTEGER)).rejects.toBeInstanceOf(StoreUnavailable)
    expect(await store.users.get(user.id)).toBeUndefined()
    expect(await store.sessions.get(session.id)).toEqual(session)
    unlock()
    expect(await store.users.insert(user)).toBe(true)
    expect(await store.sessions.swap(session)).toBe(true)
  })

  describe('under the server', () => {
    let server: TestServer
    beforeEach(async () => {
      server = await testServer({ store })
    })
    afterEach(() => server.close())

    it('NEG-12 OPS-05 answers 503 with Retry-After, and neither code nor refresh token is consumed', async () => {
      const started = await server.start()
      await server.decide(started.user_code, 'approve')
      const { refresh_token } = await server.link()
      const refresh = () => server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token })

      lock()
      for (const answer of [
        await server.poll(started.device_code),
        await refresh(),
        await server.post('/device_authorization', { client_id: 'tv' }),
      ]) {
        expect(answer.statusCode).toBe(503)
        expect(answer.headers['retry-after']).toMatch(/^\d+$/)
        expect(answer.headers['cache-control']).toBe('no-store')
        expect(answer.json()).toMatchObject({ error: 'temporarily_unavailable' })
      }
      unlock()
      expect((await server.poll(started.device_code)).statusCode).toBe(200)
      const refreshed = await refresh()
      expect(refreshed.statusCode).toBe(200)
      // It was rotated once: the same parent still gets the same successor.
      expect((await refresh()).json().refresh_token).toBe(refreshed.json().refresh_token)
    })

    it('NEG-12 tells a person in words, with Retry-After, and takes the answer when it is given again', async () => {
      const { user_code, device_code } = await server.start()
      const browser = server.browser()
      await browser.open(`/link?user_code=${user_code}`)
      lock()
      const refused = await browser.submit('/sign-in', { email: server.user.email, password: PASSWORD })
      expect(refused.statusCode).toBe(503)
      expect(refused.headers['retry-after']).toMatch(/^\d+$/)
      expect(refused.headers['content-type']).toMatch(/^text\/html/)
      unlock()
      await browser.signIn()
      await browser.open('/link/device')
      lock()
      expect((await browser.submit('/link/device', { answer: 'approve' })).statusCode).toBe(503)
      unlock()
      await browser.open('/link/device')
      expect((await browser.submit('/link/device', { answer: 'approve' })).statusCode).toBe(303)
      expect((await server.poll(device_code)).statusCode).toBe(200)
    })

    it('NEG-12 still serves what needs no writing: keys, metadata, health', async () => {
      lock()
      for (const path of ['/jwks', '/.well-known/oauth-authorization-server', '/healthz', '/readyz']) {
        expect((await server.app.inject(path)).statusCode, path).toBe(200)
      }
      unlock()
    })
  })
})

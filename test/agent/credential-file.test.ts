import { execFile, spawn } from 'node:child_process'
import { chmod, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type CredentialRecord, credentialFile, stateDirectory } from '@latchkey/device-agent'
import { afterEach, beforeEach, expect, it } from 'vitest'
// The inner doors of the agent: a test pulls the plug where no caller could.
import { systemProcesses } from '../../device-agent/src/node/process-lock.ts'
import { fakeHost } from '../support/fake-host.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { watched } from '../support/watched-files.ts'

let directory: string

beforeEach(() => {
  directory = join(temporaryFolder(), 'state')
})
afterEach(() => removeFolder(join(directory, '..')))

function record(n: number): CredentialRecord {
  const obtainedAt = 1_900_000_000_000
  return {
    issuer: 'https://id.northwind.example',
    clientId: 'tv',
    linkedAt: obtainedAt,
    refreshToken: `refresh-${n}`,
    accessTokens: [{ token: `access-${n}`, obtainedAt, expiresAt: obtainedAt + 600_000 }],
  }
}

const found = (n: number, recovered = false) => ({ kind: 'found', recovered, record: { refreshToken: `refresh-${n}` } })
const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)
const open = () => credentialFile({ directory })

it('STO-01 the directory is 0700 and every file in it 0600, whatever the umask', async () => {
  const before = process.umask(0)
  try {
    const store = open()
    expect(await store.load()).toEqual({ kind: 'none', damaged: false })
    await store.save(record(1))
    await store.save(record(2))
    await store.exclusively(async () => {
      expect(await mode(directory)).toBe('700')
      const names = await readdir(directory)
      expect(names.sort()).toEqual(['credentials.json', 'credentials.json.previous', 'lock'])
      for (const name of names) expect(await mode(join(directory, name))).toBe('600')
    })
    expect(await open().load()).toMatchObject(found(2))
  } finally {
    process.umask(before)
  }
})

it.each([
  ['', 0o750, 'chmod 700'],
  ['', 0o701, 'chmod 700'],
  ['credentials.json', 0o640, 'chmod 600'],
  ['credentials.json', 0o604, 'chmod 600'],
])('STO-01 looser bits on "%s" (%o) are refused, and the message names the mend', async (name, bits, mend) => {
  await open().save(record(1))
  const path = name === '' ? directory : join(directory, name)
  await chmod(path, bits)
  await expect(open().load()).rejects.toMatchObject({
    reason: 'storage',
    message: expect.stringContaining(`${mend} ${path}`),
  })
  await expect(open().save(record(2))).rejects.toMatchObject({ reason: 'storage' })
})

it('STO-01 a symbolic link is refused, as directory and as file', async () => {
  await open().save(record(1))
  const linkedDirectory = join(directory, '..', 'other')
  await symlink(directory, linkedDirectory)
  await expect(credentialFile({ directory: linkedDirectory }).load()).rejects.toMatchObject({ reason: 'storage' })
  await rm(join(directory, 'credentials.json'))
  await writeFile(join(directory, 'elsewhere'), JSON.stringify({ version: 1, ...record(7) }), { mode: 0o600 })
  await symlink('elsewhere', join(directory, 'credentials.json'))
  await expect(open().load()).rejects.toMatchObject({
    reason: 'storage',
    message: expect.stringContaining('symbolic link'),
  })
})

it('STO-01 what belongs to another user is refused', async () => {
  await open().save(record(1))
  const uid = (process.getuid?.() ?? 0) + 1
  await expect(credentialFile({ directory, uid }).load()).rejects.toMatchObject({
    reason: 'storage',
    message: expect.stringContaining(`chown ${uid}`),
  })
})

it('STO-02 writes aside with O_EXCL, syncs, renames, syncs the directory, in this order', async () => {
  await open().save(record(1))
  const calls: string[] = []
  const files = watched((call) => {
    if (/excl|sync|rename|link/.test(call)) calls.push(call)
  })
  await credentialFile({ directory, files }).save(record(2))
  expect(calls).toEqual([
    'unlink credentials.json.new',
    'open-excl credentials.json.new',
    'sync credentials.json.new',
    'unlink credentials.json.previous',
    'link credentials.json',
    'rename credentials.json.new',
    'sync state',
  ])
})

it('STO-04 killed at any system call, half-written or not: the next start loads the old or the new state', async () => {
  let killedAt = 0
  const seen = new Set<string>()
  for (let finished = false; !finished; killedAt++) {
    for (const torn of [false, true]) {
      await rm(directory, { recursive: true, force: true })
      await open().save(record(1))
      await open().save(record(2))
      finished = await saveAndDie(killedAt, torn)
      const loaded = await open().load()
      expect(loaded, `killed at call ${killedAt}`).toMatchObject({ kind: 'found', recovered: false })
      const token = loaded.kind === 'found' ? loaded.record.refreshToken : undefined
      expect(['refresh-2', 'refresh-3']).toContain(token)
      seen.add(token ?? '')
      // And life goes on: lock, save, load.
      const next = credentialFile({ directory, processes: { ...systemProcesses, pid: process.pid } })
      await next.exclusively(() => next.save(record(4)))
      expect(await open().load()).toMatchObject(found(4))
      expect((await readdir(directory)).filter((name) => name.includes('.new'))).toEqual([])
    }
  }
  // Every call of taking the lock, saving and letting go was tried.
  expect(killedAt).toBeGreaterThan(20)
  expect(seen.size).toBe(2)
})

it('STO-04 killed at any system call of clear: linked as before, or not at all', async () => {
  for (let killedAt = 0, finished = false; !finished; killedAt++) {
    await open().save(record(1))
    await open().save(record(2))
    let calls = 0
    const files = watched(() => {
      if (calls++ >= killedAt) throw new Killed()
    })
    finished = await credentialFile({ directory, files })
      .clear()
      .then(
        () => true,
        () => false,
      )
    const loaded = await open().load()
    expect(loaded).toMatchObject(loaded.kind === 'found' ? found(2) : { kind: 'none', damaged: false })
    expect(loaded.kind).toBe(finished ? 'none' : loaded.kind)
  }
})

it.each([
  ['empty', ''],
  ['truncated', '{"version":1,"issuer":"https://id.nor'],
  ['garbage', '\u0000\u0001\u0002'],
  ['of another shape', '{"version":1,"issuer":7}'],
  ['of another version', '{"version":99}'],
  ['null', 'null'],
])('STO-04 a file that is %s: the previous copy is used, and survives the next save', async (_, content) => {
  await open().save(record(1))
  await open().save(record(2))
  await writeFile(join(directory, 'credentials.json'), content)
  expect(await open().load()).toMatchObject(found(1, true))
  await open().save(record(3))
  expect(await open().load()).toMatchObject(found(3))
  await truncate(join(directory, 'credentials.json'), 10)
  // The damaged file of before did not take the place of the good copy.
  expect(await open().load()).toMatchObject(found(1, true))
})

it('STO-04 nothing readable at all: needs linking, says that something was there, does not crash', async () => {
  await open().save(record(1))
  await open().save(record(2))
  for (const name of await readdir(directory)) await writeFile(join(directory, name), 'x')
  expect(await open().load()).toEqual({ kind: 'none', damaged: true })
})

it('STO-05 a disk that is full or read-only: one clear sentence, and the old state stands', async () => {
  await open().save(record(1))
  for (const [code, words] of [
    ['ENOSPC', 'the disk is full'],
    ['EROFS', 'the disk is read-only'],
  ] as const) {
    const files = watched((call) => {
      if (call.startsWith('write') || call.startsWith('open-excl')) throw Object.assign(new Error(code), { code })
    })
    const store = credentialFile({ directory, files })
    await expect(store.save(record(2))).rejects.toMatchObject({
      reason: 'storage',
      message: expect.stringContaining(words),
    })
    await expect(store.exclusively(async () => 1)).rejects.toMatchObject({ reason: 'storage' })
    expect(await open().load()).toMatchObject(found(1))
  }
})

it('AGT-10 exclusively lets one in at a time, within a process and between stores', async () => {
  const stores = [open(), open(), open()]
  let inside = 0
  let done = 0
  const work = async () => {
    expect(++inside).toBe(1)
    await new Promise((resolve) => setImmediate(resolve))
    inside--
    done++
  }
  const host = fakeHost()
  const fast = stores.map(() => credentialFile({ directory, host }))
  await host.run(Promise.all([...fast, ...fast, ...fast].map((store) => store.exclusively(work))))
  expect(done).toBe(9)
  expect(await readdir(directory)).toEqual([])
})

it('AGT-10 a lock whose process is gone is taken over, even when its number lives again, by exactly one', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' })
  const pid = child.pid ?? 0
  const identity = systemProcesses.identity(pid)
  expect(identity).toMatch(/\/\d+$/)
  const lock = (holder: object) => writeFile(join(directory, 'lock'), JSON.stringify(holder), { mode: 0o600 })
  const host = fakeHost()
  const store = credentialFile({ directory, host })
  await store.load()

  await lock({ pid, identity: `${identity?.split('/')[0]}/1`, nonce: 'other-life' })
  expect(await host.run(store.exclusively(async () => 'in'))).toBe('in')

  await lock({ pid, identity, nonce: 'alive' })
  await expect(host.run(store.exclusively(async () => 'in'))).rejects.toMatchObject({
    reason: 'storage',
    message: expect.stringContaining(`process ${pid}`),
  })

  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))
  let inside = 0
  const work = async () => {
    expect(++inside).toBe(1)
    await new Promise((resolve) => setImmediate(resolve))
    inside--
  }
  const waiting = [1, 2, 3, 4, 5].map(() => credentialFile({ directory, host }).exclusively(work))
  await host.run(Promise.all(waiting))
  expect(await readdir(directory)).toEqual([])
})

it('AGT-10 real processes that count in one file under the lock lose no count', async () => {
  const agent = import.meta.resolve('@latchkey/device-agent').replace('/src/index.ts', '/dist/index.js')
  const count = join(directory, '..', 'count')
  await writeFile(count, '0')
  const script = `
    const { credentialFile } = await import(${JSON.stringify(agent)})
    const { readFile, writeFile } = await import('node:fs/promises')
    const store = credentialFile({ directory: ${JSON.stringify(directory)} })
    for (let i = 0; i < 10; i++) {
      await store.exclusively(async () => writeFile(${JSON.stringify(count)}, String(1 + Number(await readFile(${JSON.stringify(count)})))))
    }`
  const run = promisify(execFile)
  await Promise.all([1, 2, 3].map(() => run(process.execPath, ['--input-type=module', '-e', script])))
  expect(await readFile(count, 'utf8')).toBe('30')
})

it('STO-06 where the state lives: option, own variable, systemd, XDG, home', () => {
  const env = { HOME: '/home/kiosk' }
  expect(stateDirectory(undefined, env)).toBe('/home/kiosk/.local/state/latchkey-agent')
  expect(stateDirectory(undefined, { ...env, XDG_STATE_HOME: '/x' })).toBe('/x/latchkey-agent')
  expect(stateDirectory(undefined, { XDG_STATE_HOME: '/x', STATE_DIRECTORY: '/var/lib/a:/var/lib/b' })).toBe(
    '/var/lib/a',
  )
  expect(stateDirectory(undefined, { STATE_DIRECTORY: '/s', LATCHKEY_AGENT_STATE: '/own' })).toBe('/own')
  expect(stateDirectory('/given', { LATCHKEY_AGENT_STATE: '/own' })).toBe('/given')
})

class Killed extends Error {}

/** Saves record 3 under the lock, in a "process" that is dead from call `killedAt` on. Returns whether it got through. */
async function saveAndDie(killedAt: number, torn: boolean): Promise<boolean> {
  let calls = 0
  const files = watched(() => {
    if (calls++ >= killedAt) throw new Killed()
  }, torn)
  // A process number that no one has: to the next start, the lock's holder is gone.
  const pid = 999_999_999
  const processes = { pid, identity: () => 'that life' }
  const store = credentialFile({ directory, files, processes })
  return store
    .exclusively(() => store.save(record(3)))
    .then(
      () => true,
      () => false,
    )
}

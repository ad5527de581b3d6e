// The key on disk: made once, whole, for this user alone, and never to be seen again.
import { execFile } from 'node:child_process'
import { chmod, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { credentialFile, keyFile } from '@latchkey/device-agent'
import { type ProofKey, thumbprint } from '@latchkey/shared'
import { exportJWK } from 'jose'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { agentAt, agentServer, ISSUER, ok, refused } from '../support/agent-server.ts'
import { fakeHost } from '../support/fake-host.ts'
import { bindsToKeys, boundTokens, keyOf } from '../support/key-server.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { watched } from '../support/watched-files.ts'

let directory: string

beforeEach(() => {
  directory = join(temporaryFolder(), 'state')
})
afterEach(() => removeFolder(join(directory, '..')))

const open = () => keyFile({ directory })
const path = () => join(directory, 'key.json')
const nameOf = async (key: ProofKey | undefined) => key && thumbprint(await exportJWK(key.publicKey))
const mode = async (file: string) => ((await stat(file)).mode & 0o777).toString(8)

class Killed extends Error {}

it('STO-01 the key file is 0600 in a folder that is 0700, whatever the umask', async () => {
  const before = process.umask(0)
  try {
    expect(await open().load()).toBeUndefined()
    await open().obtain()
    expect([await mode(directory), await mode(path())]).toEqual(['700', '600'])
    expect(await readdir(directory)).toEqual(['key.json'])
  } finally {
    process.umask(before)
  }
})

it.each([
  ['', 0o750, 'chmod 700'],
  ['key.json', 0o640, 'chmod 600'],
  ['key.json', 0o604, 'chmod 600'],
])('STO-01 looser bits on "%s" (%o) are refused, and no other key is made instead', async (name, bits, mend) => {
  await open().obtain()
  const kept = await readFile(path(), 'utf8')
  await chmod(join(directory, name), bits)
  for (const use of [open().load, open().obtain]) {
    await expect(use()).rejects.toMatchObject({ reason: 'storage', message: expect.stringContaining(mend) })
  }
  expect(await readFile(path(), 'utf8')).toBe(kept)
})

it('STO-01 a symbolic link, or the key of another user, is refused', async () => {
  await open().obtain()
  const uid = (process.getuid?.() ?? 0) + 1
  await expect(keyFile({ directory, uid }).obtain()).rejects.toMatchObject({ reason: 'storage' })
  await writeFile(join(directory, 'elsewhere'), await readFile(path(), 'utf8'), { mode: 0o600 })
  await rm(path())
  await symlink('elsewhere', path())
  await expect(open().obtain()).rejects.toMatchObject({ message: expect.stringContaining('symbolic link') })
})

it('STO-02 the key is written aside with O_EXCL, synced, renamed, and the folder synced, before anybody has it', async () => {
  const calls: string[] = []
  const files = watched((call) => {
    if (/excl key\.json|sync|rename/.test(call)) calls.push(call)
  })
  await keyFile({ directory, files }).obtain()
  expect(calls).toEqual(['open-excl key.json.new', 'sync key.json.new', 'rename key.json.new', 'sync state'])
})

it('STO-06 in memory the private half cannot be taken out, neither of a new key nor of a kept one', async () => {
  const [made, kept] = [await open().obtain(), await open().load()]
  for (const key of [made, kept]) {
    expect(key?.privateKey.extractable).toBe(false)
    await expect(exportJWK(key?.privateKey ?? new Uint8Array())).rejects.toThrow(TypeError)
  }
  expect(await nameOf(made)).toBe(await nameOf(kept))
})

it('STO-06 the private half is on no channel: link, token, request, status, doctoring, errors', async () => {
  const { main } = await import('../../device-agent/src/main.ts')
  const host = fakeHost()
  const server = agentServer(host)
  bindsToKeys(server)
  const hostile = { error_description: 'show me your key' }
  server.on('/token', refused('authorization_pending'), ok(boundTokens(1)), refused('invalid_scope', hostile))
  server.on('/library', { status: 500, text: 'no' })
  let said = ''
  const channel = { write: (text: string) => (said += text) }
  const signal = new AbortController().signal
  const run = (...argv: readonly string[]) => {
    const env = { LATCHKEY_AGENT_STATE: directory }
    return host.run(main(argv, { stdout: channel, stderr: channel, env, host, fetch: server.fetch, signal }))
  }
  const codes = [
    await run('link', '--json', '--issuer', ISSUER, '--client-id', 'tv'),
    await run('request', 'https://api.northwind.example/library'),
    await run('token', '--resource', 'https://other.northwind.example'),
    await run('status'),
    await run('status', '--json'),
  ]
  await chmod(path(), 0o644)
  codes.push(await run('token'))
  await chmod(path(), 0o600)
  codes.push(await run('unlink'))
  expect(codes).toEqual([0, 1, 1, 0, 0, 1, 0])
  const { key }: { key: { d: string } } = JSON.parse(await readFile(path(), 'utf8'))
  expect(key.d).toMatch(/^[\w-]{43}$/)
  expect(said).not.toContain(key.d)
  const seen = JSON.stringify(server.seen.map(({ form, headers, url }) => [url, form, ...headers]))
  expect(seen).not.toContain(key.d)
})

it.each([
  ['empty', ''],
  ['truncated', '{"version":1,"key":{"kty":"EC","crv":"P-2'],
  ['garbage', '\u0000\u0001\u0002'],
  ['of another shape', '{"version":1,"key":7}'],
  ['of another version', '{"version":9,"key":{}}'],
  ['without its private half', '{"version":1,"key":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}}'],
])('STO-04 a key file that is %s counts as none; the next link makes a new one', async (_, content) => {
  await open().obtain()
  await writeFile(path(), content)
  expect(await open().load()).toBeUndefined()
  const made = await open().obtain()
  expect(await nameOf(await open().load())).toBe(await nameOf(made))
})

it('STO-04 killed at any system call, half-written or not: no key, or the one whole key that was shown', async () => {
  let killedAt = 0
  for (let finished = false; !finished; killedAt++) {
    for (const torn of [false, true]) {
      await rm(directory, { recursive: true, force: true })
      let calls = 0
      const files = watched(() => {
        if (calls++ >= killedAt) throw new Killed()
      }, torn)
      // A process number that no one has: to the next start, the lock's holder is gone.
      const processes = { pid: 999_999_999, identity: () => 'that life' }
      const shown = await keyFile({ directory, files, processes })
        .obtain()
        .catch(() => undefined)
      finished = shown !== undefined && calls <= killedAt
      const found = await open().load()
      if (shown) expect(await nameOf(found)).toBe(await nameOf(shown))
      // And life goes on, with the key that is there if one is.
      const next = await open().obtain()
      if (found) expect(await nameOf(next)).toBe(await nameOf(found))
      expect(await nameOf(await open().load())).toBe(await nameOf(next))
    }
  }
  expect(killedAt).toBeGreaterThan(15)
})

it('STO-04 killed at any system call of the first link: the key was on the disk before the server heard of it', async () => {
  let killedAt = 0
  let linkedWhole = 0
  for (let finished = false; !finished; killedAt++) {
    await rm(directory, { recursive: true, force: true })
    const host = fakeHost()
    const server = agentServer(host)
    bindsToKeys(server)
    server.on('/token', ok(boundTokens(1)))
    let calls = 0
    const files = watched(() => {
      if (calls++ >= killedAt) throw new Killed()
    })
    const place = { directory, files, host, processes: { pid: 999_999_999, identity: () => 'that life' } }
    const stores = { credentials: credentialFile(place), keys: keyFile(place) }
    const agent = agentAt(server, host, stores)
    finished = await host.run(agent.link()).then(
      () => calls <= killedAt,
      () => false,
    )
    const asked = server.seen.filter((request) => request.method === 'POST')
    const onDisk = await nameOf(await open().load())
    for (const request of asked) expect(await keyOf(request), `killed at call ${killedAt}`).toBe(onDisk)
    const loaded = await credentialFile({ directory }).load()
    if (loaded.kind === 'found') {
      linkedWhole += 1
      expect(loaded.record.boundTo).toBe(onDisk)
    }
  }
  expect(killedAt).toBeGreaterThan(25)
  expect(linkedWhole).toBeGreaterThan(0)
})

it('STO-05 a disk that is full or read-only: one clear sentence, and nothing is asked of the server', async () => {
  for (const [code, words] of [
    ['ENOSPC', 'the disk is full'],
    ['EROFS', 'the disk is read-only'],
  ] as const) {
    await rm(directory, { recursive: true, force: true })
    const host = fakeHost()
    const server = agentServer(host)
    bindsToKeys(server)
    const files = watched((call) => {
      if (call.startsWith('write') || call.startsWith('open-excl')) throw Object.assign(new Error(code), { code })
    })
    const place = { directory, files, host }
    const stores = { credentials: credentialFile(place), keys: keyFile(place) }
    const agent = agentAt(server, host, stores)
    await expect(host.run(agent.link())).rejects.toMatchObject({
      reason: 'storage',
      message: expect.stringMatching(new RegExp(`^The key cannot be kept in .*: ${words}`)),
    })
    expect(server.seen.filter((request) => request.method === 'POST')).toEqual([])
  }
})

it('AGT-10 who asks at the same time gets the same key, in one process and in several', async () => {
  const host = fakeHost()
  const here = await host.run(Promise.all([1, 2, 3, 4].map(() => keyFile({ directory, host }).obtain())))
  expect(new Set(await Promise.all(here.map(nameOf))).size).toBe(1)
  expect(await readdir(directory)).toEqual(['key.json'])
  await rm(directory, { recursive: true })
  const agent = import.meta.resolve('@latchkey/device-agent').replace('/src/index.ts', '/dist/index.js')
  const script = `
    const { keyFile } = await import(${JSON.stringify(agent)})
    const { exportJWK } = await import(${JSON.stringify(import.meta.resolve('jose'))})
    const key = await keyFile({ directory: ${JSON.stringify(directory)} }).obtain()
    console.log((await exportJWK(key.publicKey)).x)`
  const run = promisify(execFile)
  const there = await Promise.all([1, 2, 3].map(() => run(process.execPath, ['--input-type=module', '-e', script])))
  expect(new Set(there.map(({ stdout }) => stdout)).size).toBe(1)
})

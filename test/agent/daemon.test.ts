import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  credentialFile,
  type DaemonNews,
  type DaemonOptions,
  daemon,
  keyFile,
  pendingFile,
} from '@latchkey/device-agent'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { agentAt, agentServer, deviceAuthorization, metadata, ok, refused, tokens } from '../support/agent-server.ts'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

let directory: string
beforeEach(() => {
  directory = join(temporaryFolder(), 'state')
})
afterEach(() => removeFolder(join(directory, '..')))

const pending = refused('authorization_pending')

/** A device that can be started again and again, with the server that it knows. */
function device(host: FakeHost = fakeHost()) {
  const server = agentServer(host)
  const agentOf = () =>
    agentAt(server, host, {
      credentials: credentialFile({ directory, host }),
      keys: keyFile({ directory, host }),
      pending: pendingFile({ directory, host }),
    })
  const start = (more: Partial<DaemonOptions> = {}) => {
    const stop = new AbortController()
    const news: DaemonNews[] = []
    const agent = agentOf()
    const running = daemon({ agent, host, signal: stop.signal, onNews: (one) => news.push(one), ...more })
    let ended = false
    const life = running.run().finally(() => {
      ended = true
    })
    life.catch(() => undefined)
    return {
      agent,
      running,
      news,
      life,
      kinds: () => news.map(({ kind }) => kind),
      until: (kind: DaemonNews['kind']) => host.until(() => news.some((one) => one.kind === kind)),
      /** Lets fake time pass, with the real disk keeping up. */
      async pass(seconds: number) {
        const end = host.clock.monotonic() + seconds * 1000
        while (host.clock.monotonic() < end && !ended) {
          await host.advance(Math.min(5_000, end - host.clock.monotonic()))
          await host.until(() => host.asleep().length > 0 || ended)
        }
      },
      /** With time standing still: whatever is under way gets all the time of the disk. */
      async stop() {
        stop.abort()
        await host.until(() => ended)
        await life
      },
    }
  }
  const codes = () => server.seen.filter(({ url }) => url.endsWith('/device_authorization')).length
  return { host, server, start, agentOf, codes }
}

it('AGT-02 AGT-10 from nothing to a link, and fresh ever after', async () => {
  const { server, start } = device()
  server.on('/token', pending, ok(tokens(1)), ok(tokens(2)), ok(tokens(3)))
  const run = start()
  await run.until('waiting')
  await run.pass(11)
  await run.until('linked')
  expect(run.running.state.kind).toBe('linked')
  await run.pass(1_000)
  const refreshes = server.refreshes().map(({ form }) => form['refresh_token'])
  expect(refreshes).toEqual(['canary-refresh-1', 'canary-refresh-2'])
  const [first, second] = server.refreshes().map(({ at }) => at)
  const life = ((second ?? 0) - (first ?? 0)) / 1000
  expect(life).toBeGreaterThanOrEqual(360)
  expect(life).toBeLessThanOrEqual(482)
  await run.stop()
  expect((await readdir(directory)).sort()).toEqual(['credentials.json', 'credentials.json.previous'])
})

it('AGT-02 a code that ran out is not replaced by itself, not in a day; a trigger brings one more', async () => {
  const { server, start, codes } = device()
  server.on('/device_authorization', ok(deviceAuthorization({ expires_in: 30 })))
  const run = start()
  await run.until('waiting')
  await run.pass(3_600)
  expect(run.kinds()).toContain('failed')
  expect(codes()).toBe(1)
  expect(run.running.state.kind).toBe('unlinked')
  server.on('/token', ok(tokens(1)))
  run.running.trigger()
  await run.pass(20)
  expect(codes()).toBe(2)
  expect(run.running.state.kind).toBe('linked')
  run.running.trigger()
  await run.pass(60)
  expect(codes()).toBe(2)
  await run.stop()
})

it('AGT-05 AGT-11 no server at the start: it goes on trying, at random moments, and then shows one code', async () => {
  const { server, start, codes } = device()
  server.on('/.well-known/oauth-authorization-server', 'cut')
  const run = start()
  await run.pass(1_800)
  const offline = run.news.flatMap((one) => (one.kind === 'offline' ? [one.inSeconds] : []))
  expect(offline.length).toBeGreaterThan(3)
  for (const [index, seconds] of offline.entries()) {
    expect(seconds).toBeLessThanOrEqual(Math.min(900, 2 * 2 ** index))
  }
  expect(run.kinds()).not.toContain('failed')
  server.on('/.well-known/oauth-authorization-server', ok(metadata()))
  run.running.trigger()
  await run.until('waiting')
  expect(codes()).toBe(1)
  await run.stop()
})

it('AGT-13 an hour without a server: the token that is not expired is served, then the daemon catches up', async () => {
  const { host, server, start } = device()
  server.on('/token', ok(tokens(1, { expires_in: 4_000 })))
  const run = start()
  await run.until('waiting')
  await run.pass(6)
  await run.until('linked')
  server.on('/token', 'cut')
  server.on('/.well-known/oauth-authorization-server', 'cut')
  await run.pass(3_600)
  expect(run.running.state).toMatchObject({ kind: 'offline', goal: 'refresh' })
  expect((await host.run(run.agent.accessToken())).token).toBe('canary-access-1')
  expect(server.refreshes().length).toBeLessThan(15)
  server.on('/.well-known/oauth-authorization-server', ok(metadata()))
  server.on('/token', ok(tokens(2)))
  await run.pass(905)
  expect(run.running.state.kind).toBe('linked')
  expect((await host.run(run.agent.accessToken())).token).toBe('canary-access-2')
  await run.stop()
})

it('AGT-12 the server takes the link back: tokens dropped, key kept, a person is needed; no hot loop', async () => {
  const { server, start, codes } = device()
  server.on('/token', ok(tokens(1)), refused('invalid_grant'))
  const run = start()
  await run.until('waiting')
  await run.pass(2_000)
  expect(run.running.state.kind).toBe('needs_linking')
  expect(run.kinds().at(-1)).toBe('needs_linking')
  expect(server.refreshes()).toHaveLength(1)
  expect(codes()).toBe(1)
  await run.stop()
})

it('AGT-12 somebody else unlinks and links this device: the daemon follows', async () => {
  const { host, server, start, agentOf } = device()
  server.on('/token', ok(tokens(1)))
  const run = start()
  await run.until('waiting')
  await run.pass(6)
  await host.run(agentOf().unlink())
  await run.pass(20)
  expect(run.running.state.kind).toBe('unlinked')
  let isLinked = false
  const linking = agentOf()
    .link()
    .then(() => {
      isLinked = true
    })
  // The daemon looks now and then, the other waits for its first poll: no time passes before, however slow the disk is.
  await host.until(() => host.asleep().length === 2)
  await run.pass(6)
  await host.until(() => isLinked)
  await linking
  await run.pass(20)
  await host.until(() => run.running.state.kind === 'linked')
  await run.stop()
})

it('AGT-17 a restart goes on with the same code and its interval, whatever the clock says meanwhile', async () => {
  const { host, server, start, codes } = device()
  server.on('/token', pending, refused('slow_down'), pending)
  const first = start()
  await first.until('waiting')
  await first.pass(20)
  await first.stop()
  const path = join(directory, 'pending.json')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await readFile(path, 'utf8')).toContain('canary-device-code')
  // A board without a battery: the clock starts in the past.
  host.clock.jump(-50 * 365 * 86_400_000)
  const asked = server.polls().length
  const second = start()
  await second.until('waiting')
  const shown = second.news.find((one) => one.kind === 'waiting')
  expect(shown?.request.userCode).toBe('WDJB-MJHT')
  expect(shown?.request.intervalSeconds).toBe(10)
  await second.pass(9)
  expect(server.polls()).toHaveLength(asked)
  server.on('/token', ok(tokens(1)))
  await second.pass(3)
  await second.until('linked')
  expect(codes()).toBe(1)
  expect(await readdir(directory)).not.toContain('pending.json')
  await second.stop()
})

it('AGT-17 without a network the code stays on the screen until its time is over', async () => {
  const { server, start, codes } = device()
  const first = start()
  await first.until('waiting')
  await first.stop()
  server.on('/.well-known/oauth-authorization-server', 'cut')
  const second = start()
  await second.until('retrying')
  await second.pass(300)
  expect(second.kinds()).not.toContain('failed')
  await second.pass(301)
  await second.until('failed')
  expect(codes()).toBe(1)
  await second.stop()
})

it('AGT-17 a code that ran out while nobody watched is forgotten, and the start brings a new one', async () => {
  const { host, start, codes } = device()
  const first = start()
  await first.until('waiting')
  await first.stop()
  await host.advance(601_000)
  const second = start()
  await second.until('waiting')
  expect(codes()).toBe(2)
  await second.stop()
})

it('AGT-11 where many start together each waits a random part of the splay first', async () => {
  const waits = new Set<number>()
  for (let seed = 1; seed <= 5; seed++) {
    const { host, server, start } = device(fakeHost({ seed }))
    const run = start({ splaySeconds: 30 })
    await host.until(() => host.asleep().length > 0)
    const [wait = 0] = host.asleep()
    expect(wait).toBeLessThan(30_000)
    waits.add(wait)
    expect(server.seen).toEqual([])
    await run.pass(31)
    expect(server.seen.length).toBeGreaterThan(0)
    await run.stop()
    await rm(directory, { recursive: true, force: true })
  }
  expect(waits.size).toBe(5)
})

it('once: ends with a fresh token, and says why it cannot', async () => {
  const { host, server, start } = device()
  server.on('/token', ok(tokens(1)))
  await host.run(start({ once: true }).life)
  await host.run(start({ once: true }).life)
  expect(server.polls()).toHaveLength(1)
  await rm(directory, { recursive: true })
  server.on('/token', refused('access_denied'))
  await expect(host.run(start({ once: true }).life)).rejects.toMatchObject({ reason: 'denied' })
  server.on('/.well-known/oauth-authorization-server', 'cut')
  await expect(host.run(start({ once: true }).life)).rejects.toMatchObject({ reason: 'unreachable' })
})

it('NEG-11 told to stop in the middle of a refresh, it lets the answer arrive and keeps it', async () => {
  const { server, start } = device()
  server.on('/token', ok(tokens(1)))
  const run = start()
  await run.until('waiting')
  await run.pass(6)
  await run.until('linked')
  let answers: () => void = () => undefined
  server.on('/token', () => new Promise((resolve) => (answers = () => resolve(ok(tokens(2))))))
  while (server.refreshes().length === 0) await run.pass(5)
  const stopping = run.stop()
  answers()
  await stopping
  expect(await readFile(join(directory, 'credentials.json'), 'utf8')).toContain('canary-refresh-2')
})

it('AGT-10 a server whose tokens live no time, or are always the same, is no reason for a hot loop', async () => {
  const { server, start } = device()
  server.on('/token', ok(tokens(1, { expires_in: 0 })))
  const run = start()
  await run.until('waiting')
  await run.pass(306)
  expect(server.refreshes().length).toBeGreaterThan(10)
  expect(server.refreshes().length).toBeLessThan(22)
  server.on('/token', ok(tokens(1)))
  await run.pass(3_600)
  expect(server.refreshes().length).toBeLessThan(35)
  await run.stop()
})

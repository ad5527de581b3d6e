import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { credentialFile, DeviceAgent, keyFile } from '@latchkey/device-agent'
import { systemHost } from '@latchkey/shared'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { main } from '../../device-agent/src/main.ts'
import { AGENT } from '../support/agent-process.ts'
import { agentServer, ISSUER, ok, refused, tokens } from '../support/agent-server.ts'
import { agentTerminal } from '../support/agent-terminal.ts'
import { fakeHost } from '../support/fake-host.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { LIBRARY, testConfig, testServer } from '../support/test-server.ts'

let directory: string
beforeEach(() => {
  directory = join(temporaryFolder(), 'state')
})
// What was being written when it was stopped may still come.
afterEach(() => rm(join(directory, '..'), { recursive: true, force: true, maxRetries: 5 }))

const RUN = ['run', '--issuer', ISSUER, '--client-id', 'tv', '--screen', 'terminal', '--name', 'Living room']

function scene(env: Record<string, string> = {}) {
  const host = fakeHost({ startAt: Date.UTC(2030, 0, 15) })
  const server = agentServer(host)
  const stop = new AbortController()
  const start = (...argv: readonly string[]) => {
    const [stdout, stderr] = [agentTerminal(), agentTerminal()]
    const triggers: (() => void)[] = []
    const code = main(argv, {
      stdout,
      stderr,
      env: { LATCHKEY_AGENT_STATE: directory, ...env },
      host,
      fetch: server.fetch,
      signal: stop.signal,
      onTrigger: (listener) => {
        triggers.push(listener)
        return () => undefined
      },
    })
    return { stdout, stderr, code, trigger: () => triggers.at(-1)?.() }
  }
  const run = async (...argv: readonly string[]) => {
    const { stdout, stderr, code } = start(...argv)
    return { code: await host.run(code), out: stdout.written(), err: stderr.written() }
  }
  return { host, server, stop, start, run }
}

it('STO-06 run --once links, says who, and says no secret; again it is done at once', async () => {
  const { server, run } = scene()
  server.on('/token', ok(tokens(1)))
  const first = await run(...RUN, '--once')
  expect(first).toMatchObject({ code: 0, out: '' })
  expect(first.err).toContain('enter the code WDJB-MJHT')
  expect(first.err).toContain('Linked')
  expect(first.err).not.toContain('canary')
  const second = await run('run', '--once')
  expect(second.code).toBe(0)
  expect(server.polls()).toHaveLength(1)
})

it('AGT-06 exit codes of run --once: 3 denied, 4 expired, 6 unreachable; 2 usage; 78 for a place that is open', async () => {
  const { server, run } = scene()
  server.on('/token', refused('access_denied'))
  expect((await run(...RUN, '--once')).code).toBe(3)
  server.on('/token', refused('expired_token'))
  expect((await run(...RUN, '--once')).code).toBe(4)
  server.on('/.well-known/oauth-authorization-server', 'cut')
  expect((await run(...RUN, '--once')).code).toBe(6)
  expect((await run('run', '--once')).code).toBe(2)
  expect((await run(...RUN, '--screen', 'wall')).code).toBe(2)
  expect((await run(...RUN, '--kiosk', 'x')).code).toBe(2)
  expect((await run('run', '--issuer', 'http://id.northwind.example', '--client-id', 'tv')).code).toBe(2)
  await mkdir(directory, { recursive: true })
  await chmod(directory, 0o755)
  const open = await run(...RUN)
  expect(open).toMatchObject({ code: 78 })
  expect(open.err).toContain('chmod 700')
})

it('AGT-02 without --once it waits for a trigger, and says how to give one; a stop from outside is exit code 0', async () => {
  const { host, server, stop, start } = scene()
  server.on('/token', refused('access_denied'))
  const { stderr, code, trigger } = start(...RUN)
  await host.until(() => stderr.written().includes('Waiting'))
  await host.advance(6_000)
  await host.until(() => stderr.written().includes('SIGUSR1'))
  server.on('/token', ok(tokens(1)))
  trigger()
  await host.until(() => stderr.written().match(/enter the code/g)?.length === 2)
  await host.advance(6_000)
  await host.until(() => stderr.written().includes('Linked'))
  stop.abort()
  expect(await host.run(code)).toBe(0)
})

it('AGT-07 the screen’s files follow, and the code leaves them when the process stops', async () => {
  const { host, stop, start } = scene()
  const files = join(directory, '..', 'screen')
  const { code, stderr } = start(...RUN, '--screen-files', files)
  await host.until(() => stderr.written().includes('Waiting'))
  let names: readonly string[] = []
  while (!names.includes('code.png')) names = await readdir(files).catch(() => [])
  stop.abort()
  // With time standing still, so that the disk is given all it needs.
  let ended = false
  const ending = code.then(() => {
    ended = true
  })
  await host.until(() => ended)
  await ending
  expect(await readdir(files)).toEqual(['state.json'])
  expect(await readFile(join(files, 'state.json'), 'utf8')).not.toContain('WDJB')
})

it('DEV-23 run says that the number is shown where a person sees it: not for panels of which nobody knows', async () => {
  const files = join(directory, '..', 'screen')
  const cases = [
    [[], 'number'],
    [['--screen-files', files], undefined],
    [['--on-state', 'true'], undefined],
    [['--screen-files', files, '--shows-number'], 'number'],
    [['--screen', 'none'], undefined],
    [['--screen', 'none', '--kiosk', '0'], 'number'],
  ] as const
  for (const [options, said] of cases) {
    const { server, run } = scene()
    server.on('/token', refused('access_denied'))
    await run(...RUN, '--once', ...options)
    const [asked] = server.seen.filter(({ url }) => url.endsWith('/device_authorization'))
    expect([options, asked?.form['device_display']]).toEqual([options, said])
  }
})

it('DEV-23 run’s log has the number in one line', async () => {
  const { host, server, stop, start } = scene()
  server.on('/token', refused('authorization_pending', { number: '58' }))
  const { stderr, code } = start(...RUN)
  await host.until(() => stderr.written().includes('Waiting'))
  await host.advance(6_000)
  expect(stderr.written()).toContain('\nOn your phone, check that it shows the code WDJB-MJHT, and tap 58\n')
  stop.abort()
  expect(await host.run(code)).toBe(0)
})

it('AGT-15 a clock from 1970 is waited for, a minute at most; then what is surely past is the floor', async () => {
  const { host, server, start, stop } = scene()
  host.clock.jump(-host.clock.now())
  server.on('/token', ok(tokens(1)))
  const { stderr, code } = start(...RUN)
  await host.until(() => stderr.written().includes('clock is behind') && host.asleep().length > 0)
  await host.advance(50_000)
  expect(server.seen).toEqual([])
  await host.advance(12_000)
  await host.until(() => stderr.written().includes('Waiting,'))
  await host.advance(6_000)
  await host.until(() => stderr.written().includes('Linked'))
  const kept = JSON.parse(await readFile(join(directory, 'credentials.json'), 'utf8'))
  expect(kept.linkedAt).toBeGreaterThan(Date.UTC(2026, 0, 1))
  stop.abort()
  expect(await host.run(code)).toBe(0)
})

it('AGT-15 a clock that comes over the network ends the wait', async () => {
  const { host, server, start, stop } = scene()
  const now = host.clock.now()
  host.clock.jump(-now)
  const { stderr, code } = start(...RUN)
  await host.until(() => stderr.written().includes('clock is behind') && host.asleep().length > 0)
  host.clock.jump(now)
  await host.advance(1_000)
  await host.until(() => server.seen.length > 0)
  stop.abort()
  expect(await host.run(code)).toBe(0)
})

it('NEG-11 SOC-01 a real process: links at the real server, hands out tokens, and ends cleanly when it is told to', async () => {
  const scope = 'openid profile offline_access library:read'
  const tv = { client_id: 'tv', client_name: 'Northwind TV app', token_endpoint_auth_method: 'none', scope }
  // The server calls itself as it can be reached, so its port is looked for before it is there.
  const place = createServer().listen(0, '127.0.0.1')
  await once(place, 'listening')
  const { port } = place.address() as AddressInfo
  await once(place.close(), 'close')
  const issuer = `http://127.0.0.1:${port}`
  const server = await testServer({
    config: testConfig({ issuer, clients: [tv] }),
    host: Object.assign(fakeHost(), { ...systemHost }),
  })
  await server.app.listen({ port, host: '127.0.0.1' })
  const socket = join(directory, '..', 'run', 'token.sock')
  const env = { PATH: process.env['PATH'], LATCHKEY_AGENT_STATE: directory, LATCHKEY_AGENT_SOCKET: socket }
  const argv = [AGENT, 'run', '--issuer', issuer, '--client-id', 'tv', '--scope', scope, '--resource', LIBRARY]
  const child = spawn(process.execPath, argv, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  let said = ''
  const hears = async (words: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = words.exec(said)
      if (found) return found
      const [text]: unknown[] = await Promise.race([once(child.stderr, 'data'), exited.then(() => ['(ended)'])])
      said += String(text)
      if (text === '(ended)') throw new Error(said)
    }
  }
  const [, userCode = ''] = await hears(/enter the code (\S+)/)
  await server.decide(userCode, 'approve')
  await hears(/Linked as Ana/)
  const asking = spawn(process.execPath, [AGENT, 'token'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let token = ''
  asking.stdout.on('data', (text) => {
    token += text
  })
  expect((await once(asking, 'exit'))[0]).toBe(0)
  expect(token.trim().split('.')).toHaveLength(3)
  child.kill('SIGTERM')
  expect(await exited).toEqual([0, null])
  expect(said).not.toContain(token.trim())
  expect((await readdir(directory)).sort()).toEqual(['credentials.json', 'credentials.json.previous', 'key.json'])
  expect(await readdir(join(directory, '..', 'run'))).toEqual([])
  const kept = new DeviceAgent({
    issuer,
    clientId: 'tv',
    resource: LIBRARY,
    credentials: credentialFile({ directory }),
    keys: keyFile({ directory }),
  })
  expect((await kept.accessToken()).token).toBe(token.trim())
  await server.close()
})

import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type NotifyOptions, SystemdNotify } from '../../device-agent/src/node/systemd-notify.ts'
import { fakeHost } from '../support/fake-host.ts'
import { fakeProgram, type NotifySocket, notifySocket } from '../support/notify-socket.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

let folder: string
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => removeFolder(folder))

const WATCHED = { NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '120000000', WATCHDOG_PID: '42' }

/** A service manager that is not there: what it would have been told. */
function told(env: Readonly<Record<string, string | undefined>>, more: Partial<NotifyOptions> = {}) {
  const host = fakeHost()
  const messages: (readonly string[])[] = []
  const troubles: string[] = []
  const notify = new SystemdNotify({
    env,
    host,
    pid: 42,
    onTrouble: (sentence) => troubles.push(sentence),
    run: async (_program, argv) => void messages.push(argv),
    ...more,
  })
  return { host, notify, messages, troubles }
}

it('SYS-01 real words on a real socket: ready, what it does, alive, stopping, in that order', async () => {
  const socket: NotifySocket = await notifySocket(folder)
  try {
    const troubles: string[] = []
    const env = { ...socket.env, WATCHDOG_USEC: '120000000', WATCHDOG_PID: String(process.pid) }
    const host = fakeHost()
    const notify = new SystemdNotify({ env, host, onTrouble: (sentence) => troubles.push(sentence) })
    notify.ready()
    notify.status('linked as Ana,\n until somebody unlinks it')
    await notify.settled()
    const stop = new AbortController()
    const watch = notify.keepWatch({ isWell: async () => true, signal: stop.signal })
    await host.until(() => host.asleep().length === 1)
    await notify.settled()
    stop.abort()
    await watch
    await notify.stopping()
    expect(socket.messages()).toEqual([
      ['READY=1', 'STATUS=linked as Ana, until somebody unlinks it'],
      ['WATCHDOG=1'],
      ['STOPPING=1'],
    ])
    expect(troubles).toEqual([])
  } finally {
    await socket.close()
  }
})

it('SYS-01 outside systemd nothing is started and nothing is said', async () => {
  const { notify, messages, host, troubles } = told({ WATCHDOG_USEC: '120000000' })
  notify.ready()
  notify.status('asking')
  await notify.stopping()
  await notify.keepWatch({ isWell: async () => true, signal: new AbortController().signal })
  expect([messages, troubles, host.asleep()]).toEqual([[], [], []])
})

it('SYS-01 a sign of life comes at less than half of the period, while all is well', async () => {
  const { notify, messages, host } = told(WATCHED)
  const stop = new AbortController()
  const watch = notify.keepWatch({ isWell: async () => true, signal: stop.signal })
  expect(notify.intervalMs).toBeLessThan(60_000)
  await host.advance(600_000)
  expect(messages.length).toBeGreaterThanOrEqual(11)
  expect(new Set(messages.flat())).toEqual(new Set(['WATCHDOG=1']))
  stop.abort()
  await watch
})

it.each([
  ['says no', async () => false],
  ['throws', () => Promise.reject(new Error('the disk is gone'))],
  ['never answers', () => new Promise<boolean>(() => undefined)],
])('SYS-01 a self-check that %s keeps systemd waiting, and so restarts the service', async (_, isWell) => {
  const { notify, messages, host } = told(WATCHED)
  void notify.keepWatch({ isWell, signal: new AbortController().signal })
  await host.advance(600_000)
  expect(messages).toEqual([])
})

it('SYS-01 being well again is told again', async () => {
  const { notify, messages, host } = told(WATCHED)
  let well = false
  void notify.keepWatch({ isWell: async () => well, signal: new AbortController().signal })
  await host.advance(100_000)
  expect(messages).toEqual([])
  well = true
  await host.advance(100_000)
  expect(messages.length).toBeGreaterThan(0)
})

it.each([
  ['no period', {}],
  ['another process', { WATCHDOG_USEC: '120000000', WATCHDOG_PID: '43' }],
  ['a period that is none', { WATCHDOG_USEC: 'soon', WATCHDOG_PID: '42' }],
])('SYS-01 no sign of life where %s is watched', async (_, env) => {
  const { notify, host } = told({ NOTIFY_SOCKET: '/run/systemd/notify', ...env })
  expect(notify.intervalMs).toBeUndefined()
  await notify.keepWatch({ isWell: async () => true, signal: new AbortController().signal })
  expect(host.asleep()).toEqual([])
})

it('SYS-01 one program at a time, and of many states the last one counts', async () => {
  const letGo: (() => void)[] = []
  const seen: (readonly string[])[] = []
  const run: NotifyOptions['run'] = (_program, argv) => {
    seen.push(argv)
    return new Promise((resolve) => letGo.push(resolve))
  }
  const { notify, host } = told(WATCHED, { run })
  notify.status('asking')
  await host.until(() => seen.length === 1)
  for (let n = 0; n < 100; n++) notify.status(`waiting ${n}`)
  const stopping = notify.stopping()
  letGo.shift()?.()
  await host.until(() => seen.length === 2)
  letGo.shift()?.()
  await stopping
  expect(seen).toEqual([['STATUS=asking'], ['STATUS=waiting 99', 'STOPPING=1']])
})

it.each([
  ['is missing', (path: string) => ({ PATH: path }), /the program systemd-notify is missing/],
  ['fails', (path: string) => ({ PATH: fakeProgram(path, 'systemd-notify', 'exit 1').path }), /systemd-notify failed/],
])('SYS-01 when systemd-notify %s it is said once, and the agent goes on', async (_, env, sentence) => {
  const troubles: string[] = []
  const notify = new SystemdNotify({
    env: { ...env(folder), NOTIFY_SOCKET: `${folder}/notify` },
    host: fakeHost(),
    onTrouble: (trouble) => troubles.push(trouble),
  })
  notify.ready()
  await notify.settled()
  notify.status('asking')
  await notify.stopping()
  expect(troubles).toEqual([expect.stringMatching(sentence)])
})

it('STO-06 the helper gets no other environment than it needs', async () => {
  const { path } = fakeProgram(folder, 'systemd-notify', `env > '${folder}/env'`)
  const notify = new SystemdNotify({
    env: { PATH: path, NOTIFY_SOCKET: `${folder}/notify`, LATCHKEY_AGENT_CLIENT_SECRET: 'canary' },
    host: fakeHost(),
    onTrouble: (trouble) => expect.fail(trouble),
  })
  notify.ready()
  await notify.settled()
  expect(readFileSync(`${folder}/env`, 'utf8')).toContain('NOTIFY_SOCKET')
  expect(readFileSync(`${folder}/env`, 'utf8')).not.toContain('canary')
})

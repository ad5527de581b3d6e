import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openScreen } from '../../device-agent/src/kiosk/screen.ts'
import { type HookRun, type StateHookOptions, stateHook } from '../../device-agent/src/node/state-hook.ts'
import { fakeHost } from '../support/fake-host.ts'
import { shownRequest } from '../support/kiosk-page.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

interface FakeRun {
  readonly command: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly input: string
  readonly kills: string[]
  end(failure?: string): Promise<void>
}

/** A hook whose command runs until the test ends it. */
function hooked(change: Partial<StateHookOptions> = {}) {
  const host = fakeHost()
  const screen = openScreen(host.clock)
  const runs: FakeRun[] = []
  const troubles: string[] = []
  const start = (command: string, env: FakeRun['env'], input: string): HookRun => {
    const kills: string[] = []
    let finish: (failure: string | undefined) => void = () => undefined
    const ended = new Promise<string | undefined>((resolve) => {
      finish = resolve
    })
    const end = async (failure?: string) => {
      finish(failure)
      await host.advance(0)
    }
    runs.push({ command, env, input, kills, end })
    return { ended, kill: (signal) => void kills.push(signal) }
  }
  const hook = stateHook({
    screen,
    command: 'show',
    env: {},
    host,
    start,
    onTrouble: (message) => troubles.push(message),
    ...change,
  })
  return { host, screen, runs, troubles, hook, request: shownRequest(host), run: (at: number) => runs[at] as FakeRun }
}

it('AGT-03 tells the state, in variables and as JSON, first of all the one that is there', async () => {
  const { screen, runs, run, hook, request, host } = hooked()
  screen.show({ kind: 'waiting', request, opened: true })
  hook.start()
  expect(runs).toHaveLength(1)
  expect(run(0).command).toBe('show')
  expect(run(0).env).toEqual({
    LATCHKEY_STATE: 'code',
    LATCHKEY_USER_CODE: 'WDJB-MJHT',
    LATCHKEY_SPOKEN_CODE:
      'W as in Whiskey, D as in Delta, J as in Juliett, B as in Bravo. M as in Mike, J as in Juliett, H as in Hotel, T as in Tango.',
    LATCHKEY_VERIFICATION_URI: 'https://id.northwind.example/link',
    LATCHKEY_VERIFICATION_URI_COMPLETE: 'https://id.northwind.example/link?user_code=WDJB-MJHT',
    LATCHKEY_EXPIRES_IN: '600',
    LATCHKEY_OPENED: '1',
    LATCHKEY_NUMBER: undefined,
    LATCHKEY_NAME: undefined,
    LATCHKEY_MESSAGE: undefined,
    LATCHKEY_RETRY_IN: undefined,
  })
  expect(JSON.parse(run(0).input)).toMatchObject({ state: 'code', user_code: 'WDJB-MJHT', opened: true })
  await run(0).end()
  screen.show({ kind: 'linked', linked: { subject: { name: 'Ana; rm -rf /' } } })
  await host.advance(0)
  expect(run(1).command).toBe('show')
  expect(run(1).env).toMatchObject({ LATCHKEY_STATE: 'linked', LATCHKEY_NAME: 'Ana; rm -rf /' })
  expect(run(1).env['LATCHKEY_USER_CODE']).toBeUndefined()
})

it('DEV-23 tells the number for the phone', () => {
  const { screen, run, hook, host } = hooked()
  screen.show({ kind: 'waiting', request: shownRequest(host, { number: '58' }), opened: true })
  hook.start()
  expect(run(0).env['LATCHKEY_NUMBER']).toBe('58')
  expect(JSON.parse(run(0).input)).toMatchObject({ opened: true, number: '58' })
})

it('STO-06 passes on the environment, but nothing of the agent’s own', () => {
  const { run, hook } = hooked({
    env: {
      PATH: '/usr/bin',
      DISPLAY: ':0',
      LATCHKEY_AGENT_CLIENT_SECRET: 'canary',
      LATCHKEY_NAME: 'of another agent',
      CREDENTIALS_DIRECTORY: '/run/credentials/canary',
      NOTIFY_SOCKET: '/run/systemd/notify',
      WATCHDOG_USEC: '1',
      LISTEN_FDS: '1',
    },
  })
  hook.start()
  const set = Object.entries(run(0).env).filter(([, value]) => value !== undefined)
  expect(Object.fromEntries(set)).toEqual({ PATH: '/usr/bin', DISPLAY: ':0', LATCHKEY_STATE: 'unlinked' })
})

it('runs one at a time; what came and went meanwhile is never told, the newest is', async () => {
  const { screen, runs, run, hook, request } = hooked()
  hook.start()
  screen.show({ kind: 'asking' })
  screen.show({ kind: 'waiting', request })
  screen.show({ kind: 'linked', linked: { subject: undefined } })
  expect(runs).toHaveLength(1)
  await run(0).end()
  expect(runs.map(({ env }) => env['LATCHKEY_STATE'])).toEqual(['unlinked', 'linked'])
  await run(1).end()
  expect(runs).toHaveLength(2)
})

it('ends a command that takes too long, the hard way if need be, and goes on', async () => {
  const { host, screen, runs, run, troubles, hook } = hooked({ limitSeconds: 3 })
  hook.start()
  screen.show({ kind: 'asking' })
  await host.advance(2_999)
  expect(run(0).kills).toEqual([])
  await host.advance(1)
  expect(run(0).kills).toEqual(['SIGTERM'])
  await host.advance(1_000)
  expect(run(0).kills).toEqual(['SIGTERM', 'SIGKILL'])
  await run(0).end('was ended by SIGKILL')
  expect(troubles).toEqual(['The --on-state command took longer than 3 s and was ended.'])
  expect(runs).toHaveLength(2)
  await run(1).end()
  await host.advance(10_000)
  expect(run(1).kills).toEqual([])
})

it('reports the first of several failures in a row', async () => {
  const { screen, run, troubles, hook } = hooked()
  hook.start()
  await run(0).end('failed with exit code 1')
  screen.show({ kind: 'asking' })
  await run(1).end('failed with exit code 1')
  expect(troubles).toEqual(['The --on-state command failed with exit code 1.'])
  screen.show({ kind: 'unlinked' })
  await run(2).end()
  screen.show({ kind: 'asking' })
  await run(3).end('failed with exit code 2')
  expect(troubles).toHaveLength(2)
})

it('SYS-03 stops with its command, and hears nothing more', async () => {
  const { host, screen, runs, run, troubles, hook } = hooked()
  hook.start()
  screen.show({ kind: 'asking' })
  const stopped = hook.stop()
  await host.advance(0)
  expect(run(0).kills).toEqual(['SIGTERM'])
  await host.advance(1_000)
  expect(run(0).kills).toEqual(['SIGTERM', 'SIGKILL'])
  await run(0).end('was ended by SIGKILL')
  await stopped
  screen.show({ kind: 'unlinked' })
  expect([runs.length, troubles]).toEqual([1, []])
})

const NAME = '$(touch canary) `touch canary` "Ana"'

describe('a real command', () => {
  let folder: string
  beforeEach(() => {
    folder = temporaryFolder()
  })
  afterEach(() => removeFolder(folder))

  /** Lets `command` run in `folder` until the file `over` is there or the hook complains. Returns the complaints. */
  async function runOnce(command: string): Promise<readonly string[]> {
    const host = fakeHost()
    const screen = openScreen(host.clock)
    screen.show({ kind: 'linked', linked: { subject: { name: NAME } } })
    const troubles: string[] = []
    const hook = stateHook({
      screen,
      command: `cd '${folder}'; ${command}`,
      env: { PATH: process.env['PATH'] },
      host,
      onTrouble: (message) => troubles.push(message),
    })
    hook.start()
    await host.until(() => troubles.length > 0 || isThere(join(folder, 'over')))
    await hook.stop()
    return troubles
  }

  it('STO-06 gets state and JSON, nothing in its arguments, and no name is ever a command', async () => {
    await runOnce(`cat > input; printf %s "$LATCHKEY_NAME" > name; tr '\\0' ' ' < /proc/$$/cmdline > argv; > over`)
    expect(JSON.parse(readFileSync(join(folder, 'input'), 'utf8'))).toEqual({ state: 'linked', name: NAME })
    expect(readFileSync(join(folder, 'name'), 'utf8')).toBe(NAME)
    expect(readFileSync(join(folder, 'argv'), 'utf8')).toContain('cat > input')
    expect(readFileSync(join(folder, 'argv'), 'utf8')).not.toContain('Ana')
    expect(isThere(join(folder, 'canary'))).toBe(false)
  })

  it('need not read what it is told', async () => {
    expect(await runOnce('exec <&-; > over')).toEqual([])
  })

  it('that fails is reported by its number', async () => {
    expect(await runOnce('exit 3')).toEqual(['The --on-state command failed with exit code 3.'])
  })

  it('SYS-03 is ended with all that it started', async () => {
    await runOnce('sleep 1000 & echo $! > child; > over; wait')
    const child = Number(readFileSync(join(folder, 'child'), 'utf8'))
    await fakeHost().until(() => !isAlive(child))
  })
})

/** A zombie that nobody has collected yet is dead. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

function isThere(path: string): boolean {
  try {
    readFileSync(path)
    return true
  } catch {
    return false
  }
}

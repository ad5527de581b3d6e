// The whole command as systemd would run it, but for systemd: a socket that listens, a signal at the end.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { bundleForNode } from '../../device-agent/bundle-node.mjs'
import { freePort } from '../support/free-port.ts'
import { type NotifySocket, notifySocket } from '../support/notify-socket.ts'
import { type ServerProcess, startServer } from '../support/server-process.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

let folder: string
let program: string
let server: ServerProcess
let state: string
let lives = 0

beforeAll(async () => {
  folder = temporaryFolder()
  program = join(folder, 'latchkey-agent.mjs')
  writeFileSync(program, (await bundleForNode()).text)
  server = await startServer({ folder })
})
afterAll(async () => {
  await server.kill('SIGKILL')
  removeFolder(folder)
})
beforeEach(() => {
  lives += 1
  state = join(folder, `state-${lives}`)
  mkdirSync(state, { mode: 0o700 })
})

/** Starts `run` as the unit does; `said` is what it writes to the journal. */
function service(argv: readonly string[], env: Readonly<Record<string, string | undefined>> = process.env) {
  const child = spawn(process.execPath, [program, 'run', '--screen', 'none', ...argv], {
    env: { ...env, STATE_DIRECTORY: state, WATCHDOG_USEC: '1000000' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
    return { code: child.exitCode, said }
  }
  return { child, stop, ended: ended.then(() => ({ code: child.exitCode, said })) }
}

/** Waits until systemd was told something like this. */
async function hears(socket: NotifySocket, pattern: RegExp): Promise<void> {
  while (
    !socket
      .messages()
      .flat()
      .some((line) => pattern.test(line))
  ) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

it('SYS-01 SYS-03 up without a network, alive, stopped with 0: all of it told', async () => {
  const place = join(folder, `notify-${lives}`)
  mkdirSync(place)
  const socket = await notifySocket(place)
  try {
    const nowhere = `http://127.0.0.1:${await freePort()}`
    const running = service(['--issuer', nowhere, '--client-id', 'tv'], socket.env)
    await hears(socket, /^READY=1$/)
    await hears(socket, /^STATUS=The server does not answer/)
    await hears(socket, /^WATCHDOG=1$/)
    expect(await running.stop()).toMatchObject({ code: 0 })
    expect(socket.messages()[0]).toContain('READY=1')
    expect(socket.messages().at(-1)).toContain('STOPPING=1')
  } finally {
    await socket.close()
  }
})

it('SYS-03 stopped while a code is shown: it ends with 0, and nothing half-written is left', async () => {
  const place = join(folder, `notify-${lives}`)
  mkdirSync(place)
  const socket = await notifySocket(place)
  try {
    const running = service(['--issuer', server.issuer, '--client-id', 'tv', '--scope', 'openid'], socket.env)
    await hears(socket, /^STATUS=Shows a code/)
    const { code, said } = await running.stop()
    expect(code, said).toBe(0)
    expect(readdirSync(state).filter((name) => /\.new$|lock/.test(name))).toEqual([])
    // What systemd is told is public: a code must not be in it.
    expect(socket.messages().flat().join()).not.toMatch(/[A-Z]{4}-[A-Z]{4}/)
  } finally {
    await socket.close()
  }
})

it.each<[string, number, () => readonly string[], RegExp]>([
  ['no server is named', 2, () => [], /--issuer and --client-id/],
  ['an option is wrong', 2, () => ['--no-such-option'], /unknown option/],
  [
    'the state is open to others',
    78,
    () => {
      chmodSync(state, 0o755)
      return ['--issuer', server.issuer, '--client-id', 'tv']
    },
    /open to other users.*chmod 700/,
  ],
  [
    'the state is sealed to another device',
    78,
    () => {
      const sealed = { version: 1, sealedBy: 'another', iv: 'AAAAAAAAAAAAAAAA', data: 'AAAA' }
      writeFileSync(join(state, 'key.json'), JSON.stringify(sealed), { mode: 0o600 })
      writeFileSync(join(state, 'credentials.json'), JSON.stringify(sealed), { mode: 0o600 })
      return ['--issuer', server.issuer, '--client-id', 'tv']
    },
    /sealed to one device/,
  ],
])('SYS-03 when %s it ends with %i, after which systemd does not try again', async (_, code, argv, sentence) => {
  const { code: was, said } = await service(argv()).ended
  expect({ was, said }).toEqual({ was: code, said: expect.stringMatching(sentence) })
})

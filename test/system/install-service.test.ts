import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  installService,
  type Machine,
  thisMachine,
  uninstallService,
} from '../../device-agent/src/node/install-service.ts'
import { serviceUnit } from '../../device-agent/src/node/service-unit.ts'
import { agentTerminal } from '../support/agent-terminal.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

const UNIT = 'etc/systemd/system/latchkey-agent.service'
const BUNDLE = 'usr/local/lib/latchkey-agent/latchkey-agent.mjs'
const SECRET = 'etc/credstore.encrypted/latchkey-agent-key'

let root: string
/** Every program that was run, as one line. */
let ran: string[]
let users: Set<string>

beforeEach(() => {
  root = temporaryFolder()
  ran = []
  users = new Set(['root'])
  mkdirSync(join(root, 'run/systemd/system'), { recursive: true })
  writeFileSync(join(root, 'latchkey-agent.mjs'), '// the bundle')
})
afterEach(() => removeFolder(root))

/** A machine in a folder, with a root that is nobody. */
function machine(more: Partial<Machine> = {}): Machine {
  return {
    uid: 0,
    node: '/usr/bin/node',
    program: join(root, 'latchkey-agent.mjs'),
    root,
    async run(program, argv, input) {
      ran.push([program, ...argv].join(' ').replaceAll(root, ''))
      const last = argv.at(-1) ?? ''
      if (program === 'id' && !users.has(last)) return { code: 1, said: 'no such user' }
      if (program === 'useradd') users.add(last)
      if (program === 'systemd-creds') writeFileSync(last, `sealed ${input?.length}`)
      return { code: 0, said: '' }
    },
    ...more,
  }
}

function io() {
  return { stdout: agentTerminal(), stderr: agentTerminal() }
}

const written = (path: string) => readFileSync(join(root, path), 'utf8')

it('SYS-02 installs user, program and unit, and starts it', async () => {
  const said = io()
  const runArguments = ['--issuer', 'https://id.example.com', '--client-id', 'tv']
  expect(await installService(said, { runArguments }, machine())).toBe(0)
  const program = `/${BUNDLE}`
  expect(written(UNIT)).toBe(serviceUnit({ node: '/usr/bin/node', program, runArguments }))
  expect(written(BUNDLE)).toBe('// the bundle')
  expect(written('usr/local/bin/latchkey-agent')).toBe(`#!/bin/sh\nexec '/usr/bin/node' ${program} "$@"\n`)
  expect(statSync(join(root, 'usr/local/bin/latchkey-agent')).mode & 0o777).toBe(0o755)
  expect(statSync(join(root, UNIT)).mode & 0o777).toBe(0o644)
  expect(ran).toEqual([
    'id -u latchkey-agent',
    'useradd --system --user-group --no-create-home --home-dir /var/lib/latchkey-agent --shell /usr/sbin/nologin latchkey-agent',
    'systemctl daemon-reload',
    'systemctl enable --quiet latchkey-agent',
    'systemctl restart latchkey-agent',
  ])
  expect(said.stderr.written()).toContain('It runs: systemctl status latchkey-agent')
})

it('SYS-02 a second time changes nothing but a newer program, and makes no second user', async () => {
  await installService(io(), {}, machine())
  const before = statSync(join(root, UNIT)).mtimeMs
  ran = []
  writeFileSync(join(root, 'latchkey-agent.mjs'), '// a newer bundle')
  const said = io()
  expect(await installService(said, {}, machine())).toBe(0)
  expect(ran.join()).not.toContain('useradd')
  expect(statSync(join(root, UNIT)).mtimeMs).toBe(before)
  expect(written(BUNDLE)).toBe('// a newer bundle')
  expect(said.stderr.written()).toContain('Kept /etc/systemd/system')
  // From its own place too: `sudo latchkey-agent install-service`.
  expect(await installService(io(), {}, machine({ program: join(root, BUNDLE) }))).toBe(0)
  expect(written(BUNDLE)).toBe('// a newer bundle')
})

it('SYS-02 --print needs no rights and touches nothing', async () => {
  const said = io()
  const options = { print: true, user: 'kiosk', sealed: true, runArguments: ['--name', 'Kitchen screen'] }
  expect(await installService(said, options, machine({ uid: 1000 }))).toBe(0)
  expect(said.stdout.written()).toContain('User=kiosk\n')
  expect(said.stdout.written()).toContain(' run --name "Kitchen screen"\n')
  expect(said.stdout.written()).toContain('LoadCredentialEncrypted=latchkey-agent-key:/etc/credstore.encrypted/')
  expect([ran, existsSync(join(root, UNIT)), existsSync(join(root, BUNDLE))]).toEqual([[], false, false])
})

it.each([
  ['without root', {}, { uid: 1000 }, 'needs root: sudo latchkey-agent install-service'],
  [
    'with Node in a home directory',
    {},
    { node: '/home/pi/.nvm/node' },
    'Node is /home/pi/.nvm/node, and a service sees nothing',
  ],
  [
    'with the agent in a home directory',
    {},
    { program: '/home/pi/a/bin/latchkey-agent.js' },
    'run install-service with the single file',
  ],
  ['for a user that cannot be', { user: 'pi; reboot' }, {}, 'no name for a system user'],
])('SYS-02 %s it says why not, with exit code 2, and changes nothing', async (_, options, more, sentence) => {
  await expect(installService(io(), options, machine(more))).rejects.toMatchObject({
    reason: 'usage',
    message: expect.stringContaining(sentence),
  })
  expect([ran, existsSync(join(root, UNIT))]).toEqual([[], false])
})

it('SYS-02 an agent that npm put in its place is run from there', async () => {
  await installService(io(), {}, machine({ program: '/usr/lib/node_modules/x/bin/latchkey-agent.js' }))
  expect(written(UNIT)).toContain('ExecStart=/usr/bin/node /usr/lib/node_modules/x/bin/latchkey-agent.js run\n')
  expect(existsSync(join(root, BUNDLE))).toBe(false)
})

it('STO-06 --sealed makes the secret once, by a pipe, and the service stays sealed ever after', async () => {
  await installService(io(), { sealed: true }, machine())
  expect(ran).toContain('systemd-creds encrypt --name=latchkey-agent-key - /etc/credstore.encrypted/latchkey-agent-key')
  expect(written(SECRET)).toBe('sealed 32')
  expect(written(UNIT)).toContain(`LoadCredentialEncrypted=latchkey-agent-key:/${SECRET}\n`)
  writeFileSync(join(root, SECRET), 'the first one')
  await installService(io(), { sealed: true }, machine())
  await installService(io(), {}, machine())
  expect(written(SECRET)).toBe('the first one')
  expect(written(UNIT)).toContain('LoadCredentialEncrypted=')
})

it.each([
  [127, '', 'systemd-creds encrypt is not installed'],
  [1, 'No TPM2 here.\n', 'systemd-creds encrypt failed: No TPM2 here.'],
])('SYS-02 a program that ends with %i is named, and nothing is started', async (code, said, sentence) => {
  const broken = machine()
  const run: Machine['run'] = async (program, argv, input) =>
    program === 'systemd-creds' ? { code, said } : broken.run(program, argv, input)
  await expect(installService(io(), { sealed: true }, { ...broken, run })).rejects.toMatchObject({
    reason: 'refused',
    message: sentence,
  })
  expect(ran.join()).not.toContain('systemctl')
  expect(existsSync(join(root, UNIT))).toBe(false)
})

it('SYS-02 --no-start enables it alone; where systemd does not run it is written only', async () => {
  await installService(io(), { start: false }, machine())
  expect(ran.filter((line) => line.startsWith('systemctl'))).toEqual([
    'systemctl daemon-reload',
    'systemctl enable --quiet latchkey-agent',
  ])
  removeFolder(join(root, 'run'))
  ran = []
  const said = io()
  expect(await installService(said, {}, machine())).toBe(0)
  expect(ran.join()).not.toContain('systemctl')
  expect(said.stderr.written()).toContain('systemd does not run here')
})

it('SYS-03 uninstalling stops and removes the service, keeps link, user and secret, and may be said twice', async () => {
  await installService(io(), { sealed: true }, machine())
  ran = []
  const said = io()
  expect(await uninstallService(said, {}, machine())).toBe(0)
  expect(ran).toEqual(['systemctl disable --quiet --now latchkey-agent', 'systemctl daemon-reload'])
  for (const path of [UNIT, BUNDLE, 'usr/local/bin/latchkey-agent']) expect(existsSync(join(root, path))).toBe(false)
  expect(existsSync(join(root, SECRET))).toBe(true)
  expect(said.stderr.written()).toContain('/var/lib/latchkey-agent')
  expect(await uninstallService(io(), {}, machine())).toBe(0)
  await expect(uninstallService(io(), {}, machine({ uid: 1000 }))).rejects.toMatchObject({ reason: 'usage' })
})

it('SYS-02 programs of the machine are run with their input, and a missing one says so', async () => {
  const { run } = thisMachine()
  expect(
    await run('sh', ['-c', 'test "$(cat)" = hello || { echo "not hello" >&2; exit 3; }'], Buffer.from('hello')),
  ).toEqual({ code: 0, said: '' })
  expect(await run('sh', ['-c', 'echo "not hello" >&2; exit 3'])).toEqual({ code: 3, said: 'not hello\n' })
  expect(await run('latchkey-no-such-program', [])).toEqual({ code: 127, said: '' })
})

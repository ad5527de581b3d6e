// `latchkey-agent install-service` and `uninstall-service`: the unit, its user and its secret put where systemd looks, as
// often as you like. What the unit says is service-unit.ts.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { AgentError } from '../core/errors.ts'
import { SEAL_CREDENTIAL } from './sealed-file.ts'
import { SERVICE_NAME, serviceUnit } from './service-unit.ts'

interface Writes {
  write(text: string): unknown
}

interface ServiceIo {
  readonly stdout: Writes
  readonly stderr: Writes
}

export interface InstallServiceOptions {
  /** Who runs it; made when missing. */
  readonly user?: string | undefined
  /** Say what the unit would be, and change nothing. */
  readonly print?: boolean | undefined
  /** Seal the state with a secret of systemd's. */
  readonly sealed?: boolean | undefined
  /** False: enable it, but start it later. */
  readonly start?: boolean | undefined
  /** What comes after `--`: the arguments of `run`. */
  readonly runArguments?: readonly string[] | undefined
}

/** What installing touches of the machine. */
export interface Machine {
  /** Undefined where the system has no such numbers. */
  readonly uid: number | undefined
  readonly node: string
  /** The file that runs now. */
  readonly program: string
  /** Ahead of every path that is written; empty on a real machine. */
  readonly root: string
  /** Runs a program to its end; `input` goes to its stdin. A program that is missing ends with 127. */
  run(
    program: string,
    argv: readonly string[],
    input?: Uint8Array,
  ): Promise<{ readonly code: number; readonly said: string }>
}

const UNIT = `/etc/systemd/system/${SERVICE_NAME}.service`
const SECRET = `/etc/credstore.encrypted/${SEAL_CREDENTIAL}`
const LIBRARY = `/usr/local/lib/${SERVICE_NAME}`
const BUNDLE = `${LIBRARY}/${SERVICE_NAME}.mjs`
const COMMAND = `/usr/local/bin/${SERVICE_NAME}`
/** What the service cannot see under ProtectHome. */
const HIDDEN = /^\/(home|root|run\/user)\//

export function thisMachine(): Machine {
  return {
    uid: process.getuid?.(),
    node: realpathSync(process.execPath),
    program: realpathSync(process.argv[1] ?? ''),
    root: '',
    run: runProgram,
  }
}

/** Returns the exit code. @throws AgentError `usage` or `refused` with the mend in the sentence */
export async function installService(
  io: ServiceIo,
  options: InstallServiceOptions,
  machine: Machine = thisMachine(),
): Promise<number> {
  const { user = SERVICE_NAME, sealed = false, runArguments = [] } = options
  if (!/^[a-z_][a-z0-9_-]{0,30}$/.test(user)) throw new AgentError('usage', `${user} is no name for a system user.`)
  const isBundle = machine.program.endsWith('.mjs')
  const unitFor = (sealedBy: string | undefined) => {
    const program = isBundle ? BUNDLE : machine.program
    return serviceUnit({ node: machine.node, program, runArguments, user, sealedBy })
  }
  if (options.print) {
    io.stdout.write(unitFor(sealed ? SECRET : undefined))
    return 0
  }
  mustBeRoot(machine, 'install-service')
  mustBeVisible(machine.node, 'Node', 'install Node for all users (docs: raspberry-pi)')
  if (!isBundle)
    mustBeVisible(machine.program, 'The agent', 'run install-service with the single file latchkey-agent.mjs')
  await makeUser(machine, user)
  if (isBundle) placeBundle(machine)
  // Once sealed, sealed for good: without the secret the state could not be read any more.
  const secretIsThere = existsSync(join(machine.root, SECRET))
  if (sealed && !secretIsThere) await makeSecret(machine)
  const isNew = replaceFile(join(machine.root, UNIT), unitFor(sealed || secretIsThere ? SECRET : undefined), 0o644)
  const start = options.start ?? true
  if (!existsSync(join(machine.root, '/run/systemd/system'))) {
    io.stderr.write(`Wrote ${UNIT}. systemd does not run here, so nothing was started.\n`)
    return 0
  }
  await must(machine, 'systemctl', ['daemon-reload'])
  await must(machine, 'systemctl', ['enable', '--quiet', SERVICE_NAME])
  // Starts it when it was stopped; the program itself may be a newer one.
  if (start) await must(machine, 'systemctl', ['restart', SERVICE_NAME])
  io.stderr.write(
    `${isNew ? 'Wrote' : 'Kept'} ${UNIT}. ${start ? 'It runs' : 'It will run at the next boot'}: systemctl status ${SERVICE_NAME}\n`,
  )
  return 0
}

/** Takes the service away; state, secret and user stay, so that the device is still linked when it comes back. */
export async function uninstallService(
  io: ServiceIo,
  _options: Readonly<Record<string, unknown>>,
  machine: Machine = thisMachine(),
): Promise<number> {
  mustBeRoot(machine, 'uninstall-service')
  const unit = join(machine.root, UNIT)
  if (!existsSync(unit)) {
    io.stderr.write('There is no service to take away.\n')
    return 0
  }
  const isBooted = existsSync(join(machine.root, '/run/systemd/system'))
  if (isBooted) await must(machine, 'systemctl', ['disable', '--quiet', '--now', SERVICE_NAME])
  for (const path of [UNIT, COMMAND, LIBRARY]) rmSync(join(machine.root, path), { recursive: true, force: true })
  if (isBooted) await must(machine, 'systemctl', ['daemon-reload'])
  io.stderr.write(`Gone. The link is still in /var/lib/${SERVICE_NAME}.\n`)
  return 0
}

async function makeUser(machine: Machine, user: string): Promise<void> {
  if ((await machine.run('id', ['-u', user])).code === 0) return
  const home = `/var/lib/${SERVICE_NAME}`
  const shell = '/usr/sbin/nologin'
  const quiet = ['--system', '--user-group', '--no-create-home', '--home-dir', home, '--shell', shell]
  await must(machine, 'useradd', [...quiet, user])
}

/** 32 random bytes that are readable nowhere but here and in systemd. */
async function makeSecret(machine: Machine): Promise<void> {
  const path = join(machine.root, SECRET)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  await must(machine, 'systemd-creds', ['encrypt', `--name=${SEAL_CREDENTIAL}`, '-', path], randomBytes(32))
}

function placeBundle(machine: Machine): void {
  const bundle = join(machine.root, BUNDLE)
  mkdirSync(dirname(bundle), { recursive: true, mode: 0o755 })
  if (machine.program !== bundle) {
    // Beside, then in place: the running service must not read half a program.
    copyFileSync(machine.program, `${bundle}.new`)
    chmodSync(`${bundle}.new`, 0o755)
    renameSync(`${bundle}.new`, bundle)
  }
  const start = `#!/bin/sh\nexec '${machine.node.replaceAll("'", "'\\''")}' ${BUNDLE} "$@"\n`
  replaceFile(join(machine.root, COMMAND), start, 0o755)
}

/** Returns whether the file is other than it was. */
function replaceFile(path: string, text: string, mode: number): boolean {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return false
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  writeFileSync(`${path}.new`, text)
  chmodSync(`${path}.new`, mode)
  renameSync(`${path}.new`, path)
  return true
}

function mustBeRoot(machine: Machine, command: string): void {
  if (machine.uid === 0) return
  const message = `This changes the system and needs root: sudo latchkey-agent ${command}. To only look: install-service --print`
  throw new AgentError('usage', message)
}

function mustBeVisible(path: string, what: string, mend: string): void {
  if (!HIDDEN.test(path)) return
  throw new AgentError(
    'usage',
    `${what} is ${path}, and a service sees nothing in home directories. To mend it: ${mend}.`,
  )
}

async function must(machine: Machine, program: string, argv: readonly string[], input?: Uint8Array): Promise<void> {
  const { code, said } = await machine.run(program, argv, input)
  if (code === 0) return
  const why = code === 127 ? 'is not installed' : `failed: ${said.trim() || `exit code ${code}`}`
  throw new AgentError('refused', `${program} ${argv[0] ?? ''} ${why}`)
}

const runProgram: Machine['run'] = (program, argv, input) =>
  new Promise((resolve) => {
    const child = spawn(program, [...argv], { stdio: ['pipe', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.once('error', () => resolve({ code: 127, said: '' }))
    child.once('close', (code) => resolve({ code: code ?? 1, said }))
    // A program that reads nothing closes its end early.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })

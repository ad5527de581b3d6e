// What the doctor finds on the device itself: Node, the state directory, the link and its key, proxies, the clock. The way
// to the server is doctor-server.ts.
import { constants } from 'node:fs/promises'
import { join } from 'node:path'
import { DeviceAgent, type Status } from '../core/agent.ts'
import { MADE_AFTER } from '../core/clock-floor.ts'
import type { CredentialRecord } from '../core/credentials.ts'
import { AgentError } from '../core/errors.ts'
import { credentialFile } from './credential-file.ts'
import { type Finding, fail, ok, type Probes, warn } from './doctor-findings.ts'
import { errorCode, removeFile } from './file-system.ts'
import { KEY_FILE, keyFile } from './key-file.ts'
import { systemdSeal } from './sealed-file.ts'

const LITTLE_SPACE = 1024 * 1024
const DAY_MS = 86_400_000
const CLOSE_MS = 30_000
const SET_CLOCK =
  'let the device find a time server: sudo timedatectl set-ntp true. A board without a battery needs the network first'

export function nodeFinding({ nodeVersion }: Probes): Finding {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number)
  const isGood = major > 22 || (major === 22 && minor >= 14) || (major === 20 && minor >= 19)
  return isGood
    ? ok('node', `Node ${nodeVersion}`)
    : fail('node', `Node ${nodeVersion} is not one that the agent runs on.`, 'install Node 20.19, 22.14 or newer')
}

/** Whether the directory is for this user alone, and takes what is written. It is left as it was. */
export async function stateFinding(probes: Probes, directory: string): Promise<Finding> {
  const { files, uid } = probes
  try {
    const status = await files.lstat(directory)
    if (!status.isDirectory()) {
      return fail('state', `${directory} is no directory itself.`, 'name the real directory with --state')
    }
    if (uid !== undefined && status.uid !== uid) {
      const mend = `run this as its owner: sudo -u '#${status.uid}' latchkey-agent doctor --state ${directory}`
      return fail('state', `${directory} belongs to another user (${status.uid}).`, mend)
    }
    if (uid !== undefined && (status.mode & 0o077) !== 0) {
      return fail('state', `${directory} is open to other users.`, `chmod 700 ${directory}`)
    }
    await writeSomething(probes, directory)
    const free = await probes.freeBytes(directory)
    if (free >= LITTLE_SPACE) return ok('state', `${directory} can be written`)
    return warn(
      'state',
      `The disk of ${directory} is nearly full.`,
      'make room: sudo apt clean; sudo journalctl --vacuum-size=50M',
    )
  } catch (error) {
    return trouble(directory, errorCode(error))
  }
}

async function writeSomething({ files }: Probes, directory: string): Promise<void> {
  const path = join(directory, `doctor.${process.pid}`)
  const file = await files.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    await file.writeFile('x'.repeat(4096))
    await file.sync()
  } finally {
    await file.close()
    await removeFile(files, path)
  }
}

function trouble(directory: string, code: string | undefined): Finding {
  switch (code) {
    case 'ENOENT':
      return ok('state', `${directory} is not there yet; linking makes it`)
    case 'ENOSPC':
    case 'EDQUOT':
      return fail(
        'state',
        `The disk of ${directory} is full.`,
        'make room: sudo apt clean; sudo journalctl --vacuum-size=50M',
      )
    case 'EROFS':
      return fail(
        'state',
        `The disk of ${directory} is read-only.`,
        'mount it writable, or name another directory with --state; a card that turned read-only by itself is dying',
      )
    case 'EACCES':
    case 'EPERM':
      return fail(
        'state',
        `${directory} may not be used by this user.`,
        `run this as the owner of ${directory}, or: sudo chown -R "$USER" ${directory}`,
      )
    default:
      return fail('state', `${directory} cannot be used (${code ?? 'unknown'}).`, 'look at the disk: dmesg | tail')
  }
}

/** What is remembered; nothing is asked of the server, and no token is used up. */
export async function linkFindings(
  probes: Probes,
  directory: string,
): Promise<{ readonly findings: readonly Finding[]; readonly record?: CredentialRecord }> {
  const again = 'link it again: latchkey-agent link'
  let status: Status
  let hasKey: boolean
  try {
    await probes.files.lstat(directory)
    const place = { directory, files: probes.files, uid: probes.uid, seal: systemdSeal(probes.env) }
    const keys = keyFile(place)
    hasKey = (await keys.load()) !== undefined
    const { fetch } = probes
    status = await new DeviceAgent({
      issuer: '',
      clientId: '',
      credentials: credentialFile(place),
      keys,
      fetch,
    }).status()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { findings: [notLinked()] }
    if (!(error instanceof AgentError)) throw error
    const [says = '', mend = again] = error.message.split(/ To mend it: /)
    return { findings: [fail('link', says, mend)] }
  }
  const isKeyDamaged = !hasKey && (await isThere(probes, join(directory, KEY_FILE)))
  const keyFindings: readonly Finding[] = isKeyDamaged
    ? [fail('key', `${KEY_FILE} cannot be read any more.`, again)]
    : []
  if (status.kind === 'unlinked') {
    const finding = status.damaged
      ? fail(
          'link',
          'The credentials are damaged.',
          `${again}. Or let it come back by its key: latchkey-agent token --issuer URL --client-id ID`,
        )
      : notLinked()
    return { findings: [finding, ...keyFindings] }
  }
  const { record, usable, key } = status
  const who = record.subject?.name ?? record.subject?.email
  const link =
    usable || key === 'missing' || key === 'another'
      ? ok('link', `linked${who === undefined ? '' : ` as ${who}`} at ${record.issuer}`)
      : fail('link', 'The server has ended the link.', again)
  return { record, findings: [link, ...(isKeyDamaged ? keyFindings : [keyFinding(key, again)])] }
}

function notLinked(): Finding {
  return warn('link', 'This device is not linked.', 'latchkey-agent link --issuer URL --client-id ID')
}

function keyFinding(key: Extract<Status, { kind: 'linked' }>['key'], again: string): Finding {
  switch (key) {
    case 'here':
      return ok('key', 'the key that the link is bound to is here')
    case 'unbound':
      return ok('key', 'the link is bound to no key')
    case 'missing':
      return fail('key', 'The key that the link is bound to is not here.', again)
    case 'another':
      return fail('key', 'The link is bound to the key of another device: a copied folder does not work.', again)
  }
}

async function isThere({ files }: Probes, path: string): Promise<boolean> {
  return files.lstat(path).then(
    () => true,
    () => false,
  )
}

/** Nothing where no proxy is named. `used`: requests go through it, so that the direct way says little. */
export function proxyFinding({ env, nodeVersion }: Probes): {
  readonly findings: readonly Finding[]
  readonly used: boolean
} {
  const name = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'].find(
    (each) => env[each],
  )
  if (name === undefined) return { findings: [], used: false }
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number)
  const knows = major >= 24 || (major === 22 && minor >= 21)
  if (!knows) {
    const says = `${name} is set, but Node ${nodeVersion} goes past proxies.`
    return {
      findings: [warn('proxy', says, 'use Node 24 with NODE_USE_ENV_PROXY=1, or allow the direct way')],
      used: false,
    }
  }
  if (env['NODE_USE_ENV_PROXY'] !== '1') {
    return { findings: [warn('proxy', `${name} is set, but not used.`, 'set NODE_USE_ENV_PROXY=1 too')], used: false }
  }
  return { findings: [ok('proxy', `requests go through the proxy of ${name}`)], used: true }
}

export async function clockFinding(
  probes: Probes,
  known: { readonly serverAheadMs: number | undefined; readonly record: CredentialRecord | undefined },
): Promise<Finding> {
  const now = probes.host.clock.now()
  const day = new Date(now).toISOString().slice(0, 10)
  if (now < MADE_AFTER) {
    return fail('clock', `This device believes it is ${day}: no certificate can be checked.`, SET_CLOCK)
  }
  const { serverAheadMs: ahead, record } = known
  if (ahead !== undefined && Math.abs(ahead) > CLOSE_MS) {
    const says = `The clock is ${inWords(Math.abs(ahead))} ${ahead > 0 ? 'behind' : 'ahead of'} the server's.`
    // Requests are dated by the server's clock, so only certificates suffer, and they live for months.
    return Math.abs(ahead) > DAY_MS ? fail('clock', says, SET_CLOCK) : warn('clock', says, SET_CLOCK)
  }
  const savedAt = record && Math.max(record.linkedAt, ...record.accessTokens.map(({ obtainedAt }) => obtainedAt))
  if (ahead === undefined && savedAt !== undefined && savedAt > now + CLOSE_MS) {
    return fail('clock', `This device believes it is ${day}, but it was later already.`, SET_CLOCK)
  }
  if ((await probes.isSynchronised()) === false) return warn('clock', 'The clock follows no time server.', SET_CLOCK)
  return ok('clock', ahead === undefined ? `it is ${day}` : `within ${CLOSE_MS / 1000} s of the server's`)
}

function inWords(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 120) return `${seconds} seconds`
  if (seconds < 7200) return `${Math.round(seconds / 60)} minutes`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} hours` : `${Math.round(seconds / 86_400)} days`
}

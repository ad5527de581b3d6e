import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { credentialFile } from '@latchkey/device-agent'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { serviceUnit } from '../../device-agent/src/node/service-unit.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

const PLACES = { node: '/usr/bin/node', program: '/usr/local/lib/latchkey-agent/latchkey-agent.mjs' }

let folder: string
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => removeFolder(folder))

/** Every setting of a section; one that is given twice holds both. */
function settings(unit: string, section: string): Readonly<Record<string, readonly string[]>> {
  const found: Record<string, string[]> = {}
  let current = ''
  for (const line of unit.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const heading = /^\[(\w+)\]$/.exec(line)?.[1]
    if (heading) current = heading
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? []
    expect(heading ?? name, line).toBeDefined()
    if (current === section && name !== undefined && value !== undefined) {
      found[name] = [...(found[name] ?? []), value]
    }
  }
  return found
}

/** What systemd itself makes of a unit; undefined where there is no systemd to ask. */
function analyzed(unit: string, ...argv: readonly string[]) {
  const path = join(folder, 'latchkey-agent.service')
  writeFileSync(path, unit)
  const { status, stdout, stderr, error } = spawnSync('systemd-analyze', [...argv, path], { encoding: 'utf8' })
  return error ? undefined : { status, said: `${stdout}${stderr}` }
}

it('SYS-02 the service gives away every right that it does not need', () => {
  expect(settings(serviceUnit(PLACES), 'Service')).toMatchObject({
    User: ['latchkey-agent'],
    NoNewPrivileges: ['yes'],
    ProtectSystem: ['strict'],
    ProtectHome: ['yes'],
    PrivateTmp: ['yes'],
    PrivateDevices: ['yes'],
    StateDirectory: ['latchkey-agent'],
    StateDirectoryMode: ['0700'],
    RuntimeDirectory: ['latchkey-agent'],
    RuntimeDirectoryMode: ['0750'],
    UMask: ['0077'],
    CapabilityBoundingSet: [''],
    AmbientCapabilities: [''],
    RestrictAddressFamilies: ['AF_UNIX AF_INET AF_INET6'],
    SystemCallFilter: ['@system-service'],
    LimitCORE: ['0'],
  })
})

it.each([
  // Node compiles while it runs.
  'MemoryDenyWriteExecute',
  // A symbolic link for a state directory, which STO-01 refuses.
  'DynamicUser',
  // The lock on the credentials reads /proc.
  'ProcSubset',
  'ProtectProc',
  // Loading must not fail where nothing was sealed.
  'LoadCredentialEncrypted',
])('SYS-02 what would break the agent is not there: %s', (name) => {
  expect(settings(serviceUnit(PLACES), 'Service')).not.toHaveProperty(name)
})

it('SYS-01 systemd waits for readiness and signs of life, also from a helper process', () => {
  expect(settings(serviceUnit(PLACES), 'Service')).toMatchObject({
    Type: ['notify'],
    NotifyAccess: ['all'],
    WatchdogSec: ['120'],
  })
})

it('SYS-03 it is started again after failures, for ever, but not after permanent ones; an end takes 5 s at most', () => {
  const unit = serviceUnit(PLACES)
  expect(settings(unit, 'Service')).toMatchObject({
    Restart: ['on-failure'],
    RestartPreventExitStatus: ['2 78'],
    TimeoutStopSec: ['5'],
  })
  expect(settings(unit, 'Unit')).toMatchObject({ StartLimitIntervalSec: ['0'] })
  expect(settings(unit, 'Install')).toEqual({ WantedBy: ['multi-user.target'] })
})

it('nothing holds the start back until there is a network or the right time: the agent waits and says so', () => {
  const { After, Wants, Requires } = settings(serviceUnit(PLACES), 'Unit')
  for (const targets of [After, Wants, Requires]) {
    expect(String(targets)).not.toMatch(/online|time/)
  }
})

it('SYS-02 a sealed service loads its secret, and only where one was made', () => {
  const sealedBy = '/etc/credstore.encrypted/latchkey-agent-key'
  expect(settings(serviceUnit({ ...PLACES, sealedBy }), 'Service')).toMatchObject({
    LoadCredentialEncrypted: [`latchkey-agent-key:${sealedBy}`],
  })
})

it.each([
  ['openid library:read', '"openid library:read"'],
  ['100%', '100%%'],
  ['$HOME', '$$HOME'],
  ['say "hi" \\o/', '"say \\"hi\\" \\\\o/"'],
  ['', '""'],
  ["it's; here", '"it\'s; here"'],
])('SYS-02 an argument %j means itself to systemd', (word, written) => {
  const { ExecStart } = settings(serviceUnit({ ...PLACES, runArguments: ['--name', word] }), 'Service')
  expect(ExecStart).toEqual([`${PLACES.node} ${PLACES.program} run --name ${written}`])
})

it('SYS-02 an argument cannot bring lines of its own', () => {
  expect(() => serviceUnit({ ...PLACES, runArguments: ['a\nUser=root'] })).toThrow(RangeError)
})

it('SYS-02 systemd reads the unit without a complaint, and counts it among the safe ones', () => {
  const unit = serviceUnit({
    node: process.execPath,
    program: '/usr/local/lib/latchkey-agent/latchkey-agent.mjs',
    runArguments: ['--issuer', 'https://id.example.com', '--scope', 'openid "library:read" 100% $HOME'],
    sealedBy: '/etc/credstore.encrypted/latchkey-agent-key',
  })
  const verified = analyzed(unit, 'verify', '--man=no')
  expect(verified ?? { status: 0, said: '' }).toEqual({ status: 0, said: '' })
  // 20 is 2.0 of 10; network and Node's own threads are what is left.
  const safe = analyzed(unit, 'security', '--offline=yes', '--no-pager', '--threshold=20')
  expect(safe?.status ?? 0, safe?.said).toBe(0)
})

it('STO-01 the directory as systemd makes it is one that the agent takes', async () => {
  const [mode = ''] = settings(serviceUnit(PLACES), 'Service')['StateDirectoryMode'] ?? []
  const directory = join(folder, 'state')
  mkdirSync(directory, { mode: Number.parseInt(mode, 8) })
  expect(await credentialFile({ directory }).load()).toEqual({ kind: 'none', damaged: false })
})

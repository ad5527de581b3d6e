import { spawnSync } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:https'
import { join } from 'node:path'
import { type CredentialRecord, credentialFile, keyFile } from '@latchkey/device-agent'
import { systemHost } from '@latchkey/shared'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { keyName } from '../../device-agent/src/core/keys.ts'
import { type DoctorOptions, doctor } from '../../device-agent/src/node/doctor.ts'
import type { Probes } from '../../device-agent/src/node/doctor-findings.ts'
import { systemProbes } from '../../device-agent/src/node/doctor-probes.ts'
import { systemFiles } from '../../device-agent/src/node/file-system.ts'
import { systemdSeal } from '../../device-agent/src/node/sealed-file.ts'
import { type AgentServer, agentServer, ISSUER, metadata, ok } from '../support/agent-server.ts'
import { agentTerminal } from '../support/agent-terminal.ts'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import { freePort } from '../support/free-port.ts'
import { type ServerProcess, startServer } from '../support/server-process.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { watched } from '../support/watched-files.ts'

const EVENTS = 'wss://id.northwind.example/device_events'
const NOW = Date.UTC(2030, 0, 15, 12)

let folder: string
let directory: string
let host: FakeHost
let server: AgentServer

beforeEach(() => {
  folder = temporaryFolder()
  directory = join(folder, 'state')
  host = fakeHost({ startAt: NOW })
  server = agentServer(host)
  server.on('/.well-known/oauth-authorization-server', ok({ ...metadata(), device_events_endpoint: EVENTS }))
})
afterEach(() => removeFolder(folder))

/** A device where all is well. */
function probes(more: Partial<Probes> = {}): Probes {
  return {
    host,
    env: {},
    nodeVersion: '20.20.2',
    uid: process.getuid?.(),
    files: systemFiles,
    freeBytes: async () => 1e9,
    isSynchronised: async () => true,
    lookUp: async () => ['192.0.2.7'],
    connect: async () => undefined,
    shakeHands: async () => undefined,
    fetch: server.fetch,
    sockets: (_url, _protocol, events) => {
      queueMicrotask(events.opened)
      return { seesPings: true, send: () => undefined, close: () => undefined }
    },
    ...more,
  }
}

interface Said {
  readonly code: number
  readonly ok: boolean
  readonly findings: readonly { check: string; level: string; says: string; mend?: string }[]
}

async function examined(more: Partial<Probes> = {}, options: DoctorOptions = {}): Promise<Said> {
  const stdout = agentTerminal()
  const all = probes(more)
  const asked = { state: directory, issuer: ISSUER, json: true, ...options }
  const code = await host.run(doctor({ stdout, env: all.env, host, fetch: all.fetch }, asked, all))
  return { code, ...JSON.parse(stdout.written()) }
}

/** What it has to complain about. */
function complaints({ findings }: Said) {
  return findings.filter(({ level }) => level !== 'ok')
}

const failing = (code: string) => async () => {
  throw Object.assign(new Error('the words do not matter'), { code })
}

async function link(more: Partial<CredentialRecord> = {}): Promise<void> {
  const key = await keyFile({ directory }).obtain()
  await credentialFile({ directory }).save({
    issuer: ISSUER,
    clientId: 'tv',
    linkedAt: NOW - 1000,
    subject: { sub: 'u1', name: 'Ana' },
    boundTo: await keyName(key),
    refreshToken: 'canary-refresh',
    accessTokens: [{ token: 'canary-access', tokenType: 'DPoP', obtainedAt: NOW - 1000, expiresAt: NOW + 600_000 }],
    ...more,
  })
}

it('a device where all is well: every line is ok, exit code 0, and nothing was used up or changed', async () => {
  await link()
  const before = (await readdir(directory)).sort()
  const said = await examined({}, { issuer: undefined })
  expect(complaints(said)).toEqual([])
  expect(said).toMatchObject({ code: 0, ok: true })
  expect(said.findings.map(({ check }) => check)).toEqual([
    'node',
    'state',
    'link',
    'key',
    'dns',
    'tcp',
    'tls',
    'server',
    'push',
    'clock',
  ])
  expect(server.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
    `GET ${ISSUER}/.well-known/oauth-authorization-server`,
  ])
  expect((await readdir(directory)).sort()).toEqual(before)
  expect(JSON.stringify(said)).not.toContain('canary')
})

it('people read one line a finding and the mend below it, with colours where there are some', async () => {
  const stdout = agentTerminal({ isTTY: true, columns: 80 })
  const env = { LANG: 'C.UTF-8', TERM: 'xterm' }
  const all = probes({ env, isSynchronised: async () => false })
  const code = await host.run(
    doctor({ stdout, env, host, fetch: all.fetch }, { state: directory, issuer: ISSUER }, all),
  )
  expect(code).toBe(0)
  expect(stdout.written()).toContain('\x1b[32mok  \x1b[39m  node    Node 20.20.2\n')
  expect(stdout.written()).toContain(
    `\x1b[33mwarn\x1b[39m  clock   The clock follows no time server.\n${' '.repeat(14)}→ let the device`,
  )
  const plain = agentTerminal()
  await host.run(doctor({ stdout: plain, env: {}, host, fetch: all.fetch }, { state: directory, issuer: ISSUER }, all))
  expect(plain.written()).toContain(`${' '.repeat(14)}-> let the device`)
  expect(plain.written()).not.toContain('\x1b')
})

describe('the way to the server', () => {
  it.each<[string, Partial<Probes>, string, RegExp, RegExp]>([
    ['a wrong name', { lookUp: failing('ENOTFOUND') }, 'dns', /no name id\.northwind\.example/, /typing error/],
    ['no name server', { lookUp: failing('EAI_AGAIN') }, 'dns', /cannot be looked up/, /look for the network/],
    ['a closed port', { connect: failing('ECONNREFUSED') }, 'tcp', /Nothing listens on port 443/, /start the server/],
    ['no route', { connect: failing('ENETUNREACH') }, 'tcp', /no way to/, /ip route/],
    ['a firewall', { connect: failing('ETIMEDOUT') }, 'tcp', /does not answer on port 443/, /firewall/],
    ['an expired certificate', { shakeHands: failing('CERT_HAS_EXPIRED') }, 'tls', /has expired/, /renew it/],
    ['a certificate of tomorrow', { shakeHands: failing('CERT_NOT_YET_VALID') }, 'tls', /not valid yet/, /clock/],
    ['a wrong host', { shakeHands: failing('ERR_TLS_CERT_ALTNAME_INVALID') }, 'tls', /is not for id/, /use the name/],
    [
      'an unknown authority',
      { shakeHands: failing('SELF_SIGNED_CERT_IN_CHAIN') },
      'tls',
      /does not know/,
      /NODE_EXTRA_CA_CERTS.*ca-certificates/,
    ],
    ['half a chain', { shakeHands: failing('UNABLE_TO_VERIFY_LEAF_SIGNATURE') }, 'tls', /whole chain/, /full chain/],
    ['no TLS at all', { shakeHands: failing('ERR_SSL_WRONG_VERSION_NUMBER') }, 'tls', /speak TLS/, /mend the port/],
    ['a cut handshake', { shakeHands: failing('ECONNRESET') }, 'tls', /No trusted connection/, /captive portal/],
  ])('finds %s, looks no further, and exits with 6', async (_, more, check, says, mend) => {
    const said = await examined(more)
    expect(said.code).toBe(6)
    const [finding, ...others] = complaints(said).filter(({ level }) => level === 'fail')
    expect(others).toEqual([])
    expect(finding).toMatchObject({ check, says: expect.stringMatching(says), mend: expect.stringMatching(mend) })
    expect(server.seen).toEqual([])
  })

  it.each<[string, () => void, number, RegExp, RegExp]>([
    ['is down', () => server.on(WELL_KNOWN, { status: 503 }), 6, /answered 503/, /wait and try again/],
    ['cuts', () => server.on(WELL_KNOWN, 'cut'), 6, /the connection was cut/, /log of the server/],
    ['is silent', () => server.on(WELL_KNOWN, 'silence'), 6, /did not answer within 30 s/, /log of the server/],
    [
      'has no metadata',
      () => server.on(WELL_KNOWN, { status: 404 }),
      1,
      /does not publish OAuth metadata/,
      /in a browser: is this the server/,
    ],
    [
      'says something else',
      () => server.on(WELL_KNOWN, { status: 200, text: '<h1>Welcome</h1>' }),
      1,
      /does not publish/,
      /in a browser/,
    ],
    [
      'has another name',
      () => server.on(WELL_KNOWN, ok(metadata('https://id.other.example'))),
      1,
      /calls itself https:\/\/id\.other/,
      /--issuer https:\/\/id\.other\.example/,
    ],
    [
      'redirects',
      () => server.on(WELL_KNOWN, { status: 302, headers: { location: '/' } }),
      1,
      /redirect/,
      /in a browser/,
    ],
    [
      'links no devices',
      () => server.on(WELL_KNOWN, ok({ ...metadata(), device_authorization_endpoint: undefined })),
      1,
      /does not link devices/,
      /RFC 8628/,
    ],
  ])('finds that the server %s', async (_, script, code, says, mend) => {
    script()
    const said = await examined()
    expect(said.code).toBe(code)
    expect(complaints(said)).toContainEqual({
      check: 'server',
      level: 'fail',
      says: expect.stringMatching(says),
      mend: expect.stringMatching(mend),
    })
  })

  it.each<[string, string, RegExp]>([
    ['http on the open network', 'http://id.northwind.example', /https/],
    ['no address', 'northwind', /is no address of a server/],
  ])('an issuer that is %s cannot be used', async (_, issuer, says) => {
    const said = await examined({}, { issuer })
    expect(said.code).toBe(1)
    expect(complaints(said)).toContainEqual(
      expect.objectContaining({ check: 'server', level: 'fail', says: expect.stringMatching(says) }),
    )
  })

  it('an address needs no name server; without an issuer it is said what was not looked at', async () => {
    const dead = { lookUp: failing('EAI_AGAIN'), connect: failing('ECONNREFUSED') }
    const said = await examined(dead, { issuer: 'https://[2001:db8::1]:8443' })
    expect(complaints(said).at(-1)).toMatchObject({
      check: 'tcp',
      says: expect.stringContaining('port 8443 of 2001:db8::1'),
    })
    const unknown = await examined({}, { issuer: undefined })
    expect(unknown.code).toBe(0)
    expect(complaints(unknown)).toContainEqual(
      expect.objectContaining({ check: 'server', level: 'warn', mend: 'latchkey-agent doctor --issuer URL' }),
    )
    expect((await examined({ env: { LATCHKEY_AGENT_ISSUER: ISSUER } }, { issuer: undefined })).findings).toContainEqual(
      expect.objectContaining({ check: 'server', level: 'ok' }),
    )
  })

  it.each<[string, Probes['sockets']]>([
    [
      'closes',
      (_url, _protocol, events) => {
        queueMicrotask(() => events.closed(1006))
        return { seesPings: true, send: () => undefined, close: () => undefined }
      },
    ],
    ['is silent', () => ({ seesPings: true, send: () => undefined, close: () => undefined })],
    [
      'cannot be opened',
      () => {
        throw new SyntaxError('not allowed')
      },
    ],
  ])('a push address that %s is a warning: polling works', async (_, sockets) => {
    const said = await examined({ sockets })
    expect(said.code).toBe(0)
    expect(complaints(said)).toContainEqual({
      check: 'push',
      level: 'warn',
      says: expect.stringContaining('opens no WebSocket'),
      mend: expect.stringContaining('Upgrade'),
    })
  })

  it.each<[string, string, Record<string, string>, string | undefined]>([
    ['goes past it', '20.20.2', { https_proxy: 'http://user:canary@proxy:3128' }, 'Node 20.20.2 goes past proxies'],
    ['is not told to use it', '24.1.0', { HTTPS_PROXY: 'http://proxy:3128' }, 'HTTPS_PROXY is set, but not used'],
    ['uses it', '24.1.0', { HTTPS_PROXY: 'http://user:canary@proxy:3128', NODE_USE_ENV_PROXY: '1' }, undefined],
  ])('with a proxy in the environment: Node %s', async (_, nodeVersion, env, says) => {
    const said = await examined({ nodeVersion, env })
    const checks = said.findings.map(({ check }) => check)
    if (says === undefined) expect(checks).not.toContain('dns')
    else
      expect(complaints(said)).toContainEqual(
        expect.objectContaining({ check: 'proxy', level: 'warn', says: expect.stringContaining(says) }),
      )
    expect(said.code).toBe(0)
    expect(JSON.stringify(said)).not.toContain('canary')
  })
})

const WELL_KNOWN = '/.well-known/oauth-authorization-server'

describe('the clock', () => {
  const SECOND = 1000
  const DAY = 86_400 * SECOND
  it.each<[string, number, string, RegExp, number]>([
    ['45 seconds behind', 45 * SECOND, 'warn', /is 45 seconds behind the server/, 0],
    ['an hour ahead', -3600 * SECOND, 'warn', /is 60 minutes ahead of the server/, 0],
    ['three years behind', 3 * 365 * DAY, 'fail', /is 1095 days behind/, 1],
    ['a year ahead', -365 * DAY, 'fail', /is 365 days ahead of/, 1],
  ])('%s of the server: told, with the mend', async (_, offset, level, says, code) => {
    server.on(WELL_KNOWN, ok(metadata(), { date: new Date(NOW + offset).toUTCString() }))
    const said = await examined()
    expect(complaints(said)).toContainEqual({
      check: 'clock',
      level,
      says: expect.stringMatching(says),
      mend: expect.stringContaining('timedatectl set-ntp'),
    })
    expect(said.code).toBe(code)
  })

  it('a boot at 1970 is told as what it is, beside the certificate that is "not valid yet"', async () => {
    host.clock.jump(-NOW)
    const said = await examined({ shakeHands: failing('CERT_NOT_YET_VALID') })
    expect(complaints(said).filter(({ level }) => level === 'fail')).toMatchObject([
      { check: 'tls', mend: expect.stringContaining('set the clock') },
      { check: 'clock', says: expect.stringContaining('believes it is 1970-01-01') },
    ])
    expect(said.code).toBe(1)
  })

  it('without a server the time of the last save tells that the clock went back', async () => {
    await link()
    host.clock.jump(-2 * 365 * DAY)
    const said = await examined({ connect: failing('ENETUNREACH') })
    expect(complaints(said)).toContainEqual(
      expect.objectContaining({ check: 'clock', says: expect.stringContaining('it was later already') }),
    )
  })

  it('a clock that follows nobody is a warning; where nobody knows, nothing is said', async () => {
    expect(complaints(await examined({ isSynchronised: async () => false }))).toContainEqual(
      expect.objectContaining({ check: 'clock', level: 'warn', says: 'The clock follows no time server.' }),
    )
    const unknown = await examined({ isSynchronised: async () => undefined })
    expect(unknown.findings.at(-1)).toMatchObject({ check: 'clock', level: 'ok' })
  })
})

describe('the device', () => {
  it.each(['18.20.4', '20.18.0', '22.13.1', '21.7.0'])('Node %s is too old', async (nodeVersion) => {
    const said = await examined({ nodeVersion })
    expect(said.code).toBe(1)
    expect(said.findings[0]).toMatchObject({ check: 'node', level: 'fail', mend: expect.stringContaining('20.19') })
  })

  it.each<[string, (path: string) => Promise<unknown>, RegExp, RegExp]>([
    ['open to others', (path) => chmod(path, 0o755), /open to other users/, /^chmod 700 /],
    [
      'a symbolic link',
      async (path) => {
        await rm(path, { recursive: true })
        await symlink('/tmp', path)
      },
      /no directory itself/,
      /--state/,
    ],
    [
      'a file',
      async (path) => {
        await rm(path, { recursive: true })
        await writeFile(path, '')
      },
      /no directory itself/,
      /--state/,
    ],
  ])('a state directory that is %s', async (_, spoil, says, mend) => {
    await mkdir(directory, { mode: 0o700 })
    await spoil(directory)
    const said = await examined()
    expect(said.code).toBe(1)
    expect(complaints(said)).toEqual([
      { check: 'state', level: 'fail', says: expect.stringMatching(says), mend: expect.stringMatching(mend) },
    ])
  })

  it('a directory of another user: who asks is told to become them, and not to take it away', async () => {
    await mkdir(directory, { mode: 0o700 })
    const owner = 4711
    const foreign = watched(() => undefined)
    const files = {
      ...foreign,
      lstat: async (path: string) => {
        const status = await systemFiles.lstat(path)
        return {
          mode: status.mode,
          uid: owner,
          isFile: () => status.isFile(),
          isDirectory: () => status.isDirectory(),
        }
      },
    }
    for (const uid of [0, 1000]) {
      expect(complaints(await examined({ files, uid }))).toMatchObject([
        {
          check: 'state',
          mend: `run this as its owner: sudo -u '#${owner}' latchkey-agent doctor --state ${directory}`,
        },
      ])
    }
  })

  it.each<[string, string, RegExp, RegExp]>([
    ['ENOSPC', 'write', /is full/, /make room/],
    ['EROFS', 'open-excl', /read-only/, /mount it writable/],
    ['EACCES', 'open-excl', /may not be used/, /owner/],
    ['EIO', 'sync', /cannot be used \(EIO\)/, /dmesg/],
  ])('a disk that says %s to a %s', async (code, call, says, mend) => {
    await mkdir(directory, { mode: 0o700 })
    const files = watched((made) => {
      if (made.startsWith(`${call} `)) throw Object.assign(new Error(), { code })
    })
    const said = await examined({ files })
    expect(said.code).toBe(1)
    expect(complaints(said)).toEqual([
      { check: 'state', level: 'fail', says: expect.stringMatching(says), mend: expect.stringMatching(mend) },
    ])
    expect(await readdir(directory)).toEqual([])
  })

  it('a disk that is nearly full is a warning; a directory that is not there yet is none, and is not made', async () => {
    expect((await examined()).findings).toContainEqual(expect.objectContaining({ check: 'state', level: 'ok' }))
    await expect(readdir(directory)).rejects.toThrow('ENOENT')
    await mkdir(directory, { mode: 0o700 })
    expect(complaints(await examined({ freeBytes: async () => 4096 }))).toContainEqual(
      expect.objectContaining({ check: 'state', level: 'warn', says: expect.stringContaining('nearly full') }),
    )
  })

  it.each<[string, () => Promise<unknown>, string, string, RegExp, number]>([
    ['was never linked', async () => undefined, 'link', 'warn', /is not linked/, 0],
    [
      'has an ended link',
      () => link({ refreshToken: undefined, accessTokens: [] }),
      'link',
      'fail',
      /ended the link/,
      1,
    ],
    [
      'has damaged credentials',
      async () => {
        await link()
        for (const name of await readdir(directory))
          if (name.startsWith('cred')) await writeFile(join(directory, name), '{')
      },
      'link',
      'fail',
      /credentials are damaged/,
      1,
    ],
    [
      'has credentials open to others',
      async () => {
        await link()
        await chmod(join(directory, 'credentials.json'), 0o644)
      },
      'link',
      'fail',
      /open to other users/,
      1,
    ],
    [
      'lost its key',
      async () => {
        await link()
        await rm(join(directory, 'key.json'))
      },
      'key',
      'fail',
      /is not here/,
      1,
    ],
    [
      'has a damaged key',
      async () => {
        await link()
        await writeFile(join(directory, 'key.json'), '{')
      },
      'key',
      'fail',
      /cannot be read any more/,
      1,
    ],
    ['has the key of another', () => link({ boundTo: 'another' }), 'key', 'fail', /copied folder does not work/, 1],
    ['is linked without a key', () => link({ boundTo: undefined }), 'key', 'ok', /bound to no key/, 0],
  ])('a device that %s', async (_, spoil, check, level, says, code) => {
    await spoil()
    const said = await examined()
    expect(said.code).toBe(code)
    const finding = said.findings.find((each) => each.check === check)
    expect(finding).toMatchObject({ level, says: expect.stringMatching(says) })
    if (level !== 'ok') expect(finding?.mend).toMatch(/latchkey-agent link|chmod 600/)
  })

  it('a sealed folder without its secret', async () => {
    const credentials = join(folder, 'credentials')
    await mkdir(credentials)
    await writeFile(join(credentials, 'latchkey-agent-key'), 'a secret of the machine, 32 bytes')
    const env = { CREDENTIALS_DIRECTORY: credentials }
    await keyFile({ directory, seal: systemdSeal(env) }).obtain()
    expect(complaints(await examined())).toContainEqual({
      check: 'link',
      level: 'fail',
      says: expect.stringContaining('sealed to one device'),
      mend: expect.stringContaining('inside the service'),
    })
    expect(complaints(await examined({ env }))).toMatchObject([{ check: 'link', level: 'warn' }])
  })
})

describe('with real hands', () => {
  let process_: ServerProcess
  let place: string
  let secure: Server
  beforeAll(async () => {
    place = temporaryFolder()
    process_ = await startServer({ folder: place })
    secure = createServer(await selfMadeCertificate(place), (_request, response) => response.end())
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve))
  })
  afterAll(async () => {
    await new Promise((resolve) => secure.close(resolve))
    await process_.kill('SIGKILL')
    removeFolder(place)
  })

  async function reallyExamined(issuer: string): Promise<Said> {
    const stdout = agentTerminal()
    const io = { stdout, env: {}, host: systemHost, fetch: (url: string, init: RequestInit) => fetch(url, init) }
    const code = await doctor(
      io,
      { state: directory, issuer, json: true },
      { ...systemProbes(io), isSynchronised: async () => true },
    )
    return { code, ...JSON.parse(stdout.written()) }
  }

  it('a real server passes, push and clock too', async () => {
    const said = await reallyExamined(process_.issuer)
    expect(complaints(said)).toMatchObject([{ check: 'link', level: 'warn' }])
    expect(said.code).toBe(0)
    expect(said.findings.map(({ check, level }) => `${check} ${level}`)).toEqual([
      'node ok',
      'state ok',
      'link warn',
      'tcp ok',
      'server ok',
      'push ok',
      'clock ok',
    ])
  })

  it('a port where nobody is', async () => {
    const said = await reallyExamined(`http://127.0.0.1:${await freePort()}`)
    expect(said.code).toBe(6)
    expect(complaints(said)).toContainEqual(
      expect.objectContaining({ check: 'tcp', says: expect.stringContaining('Nothing listens') }),
    )
  })

  it('a certificate that somebody made at home, and a server without one', async () => {
    const address = secure.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const said = await reallyExamined(`https://localhost:${port}`)
    expect(said.code).toBe(6)
    expect(complaints(said)).toContainEqual({
      check: 'tls',
      level: 'fail',
      says: expect.stringContaining('authority that this device does not know'),
      mend: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
    })
    const plain = await reallyExamined(`https://localhost:${process_.port}`)
    expect(complaints(plain)).toContainEqual(
      expect.objectContaining({ check: 'tls', says: expect.stringContaining('does not speak TLS') }),
    )
  })

  it('a name that nobody has (RFC 6761 §6.4)', async () => {
    const said = await reallyExamined('https://northwind.invalid')
    expect(said.code).toBe(6)
    expect(complaints(said).at(-1)).toMatchObject({ check: 'dns', level: 'fail' })
  })

  it('the disk and the time service of this machine can be asked', async () => {
    const real = systemProbes({ host: systemHost, env: {}, fetch })
    expect(await real.freeBytes(place)).toBeGreaterThan(0)
    expect([true, false, undefined]).toContain(await real.isSynchronised())
  })
})

async function selfMadeCertificate(place: string) {
  const [key, cert] = [join(place, 'tls.key'), join(place, 'tls.pem')]
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const argv = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
  const made = spawnSync('openssl', [...argv, ...names, '-keyout', key, '-out', cert], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr}`)
  return { key: await readFile(key), cert: await readFile(cert) }
}

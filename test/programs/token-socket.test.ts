// The token socket over real sockets, with the real server behind the agent: what it gives, to whom, and what it survives.
import { existsSync } from 'node:fs'
import { chmod, lstat, mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tokenSocketPath, tokenSocketPlaces } from '../../device-agent/src/node/socket-place.ts'
import { askTokenSocket, obtainToken, token } from '../../device-agent/src/node/token-client.ts'
import { type TokenSocket, type TokenSocketOptions, tokenSocket } from '../../device-agent/src/node/token-socket.ts'
import { programScene, type Scene } from './scene.ts'

let scene: Scene
let path: string
let open: TokenSocket[]
let trouble: unknown[]

beforeEach(async () => {
  scene = await programScene()
  path = join(scene.folder, 'run', 'token.sock')
  open = []
  trouble = []
})
afterEach(async () => {
  for (const each of open) await each.close()
  expect(trouble).toEqual([])
  await scene.close()
})

async function serve(changes: Partial<TokenSocketOptions> = {}): Promise<TokenSocket> {
  const { host } = scene.server
  const onTrouble = (error: unknown) => trouble.push(error)
  const served = await tokenSocket({
    path,
    agent: scene.agent(),
    audiences: [scene.resource],
    host,
    onTrouble,
    ...changes,
  })
  open.push(served)
  return served
}

interface Peer {
  readonly socket: Socket
  /** All that came until the agent closed. */
  readonly answer: Promise<string>
}

function peer(): Peer {
  const socket = connect({ path, allowHalfOpen: true })
  const answer = new Promise<string>((resolve) => {
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += String(chunk)
    })
    socket.on('error', () => undefined)
    socket.on('end', () => socket.destroy())
    socket.on('close', () => resolve(text))
  })
  return { socket, answer }
}

async function say(bytes: string | Uint8Array): Promise<Record<string, unknown>> {
  const { socket, answer } = peer()
  socket.write(bytes)
  return JSON.parse(await answer)
}

const ask = (request: unknown) => say(`${JSON.stringify(request)}\n`)

describe('what it gives', () => {
  it('SOC-01 a token of the audience, its type and its end; one refresh for all who ask', async () => {
    await serve()
    const { resource, server } = scene
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask({ resource })))
    const [first] = answers
    expect(answers).toEqual(answers.map(() => first))
    const { exp = 0, aud, cnf } = decodeJwt(String(first?.['access_token']))
    expect([aud, typeof cnf]).toEqual([resource, 'object'])
    expect(Object.keys(first ?? {}).sort()).toEqual([
      'access_token',
      'expires_at',
      'expires_in',
      'resource',
      'token_type',
    ])
    expect(first).toMatchObject({
      token_type: 'DPoP',
      resource,
      expires_at: new Date(exp * 1000).toISOString(),
      expires_in: exp - server.host.clock.now() / 1000,
    })
    expect(scene.grants.filter((grant) => grant === 'refresh_token').length).toBeLessThanOrEqual(2)
    expect(await ask({})).toEqual(first)
    // As `echo` into `socat` does it: no line feed, but an end.
    const { socket, answer } = peer()
    socket.end('{}')
    expect(JSON.parse(await answer)).toEqual(first)
  })

  it('AGT-10 asked by many programs in two processes, the link is refreshed once', async () => {
    await serve()
    const others = [scene.agent(), scene.agent()]
    const tokens = await scene.server.host.run(
      Promise.all([
        ...Array.from({ length: 8 }, async () => (await ask({}))['access_token']),
        ...others.map(async (agent) => (await agent.accessToken()).token),
      ]),
    )
    expect(new Set(tokens).size).toBe(1)
    // The first request learns the server's nonce, the second is the refresh.
    expect(scene.grants).toEqual(['refresh_token', 'refresh_token'])
  })

  it('SOC-01 headers for one request, which the API takes once', async () => {
    await serve()
    const { api, resource } = scene
    api.post('/books', { preHandler: api.requireToken({ scope: 'books:read' }) }, (request) => request.access.subject)
    const url = `${resource}/books`
    const { headers } = await ask({ authorize: { method: 'POST', url } })
    const given = headers as Record<string, string>
    expect(Object.keys(given)).toEqual(['Authorization', 'DPoP'])
    expect((await fetch(url, { method: 'POST', headers: given })).status).toBe(200)
    expect((await fetch(url, { method: 'POST', headers: given })).status).toBe(401)
    const { access_token } = await ask({})
    expect(given['Authorization']).toBe(`DPoP ${String(access_token)}`)
    expect(decodeJwt(given['DPoP'] ?? '')).toMatchObject({ htm: 'POST', htu: url })
  })

  it('SOC-01 a nonce that the API gave, told to the agent, makes headers that pass', async () => {
    const strict = await programScene({ nonces: true })
    strict.api.get('/books', { preHandler: strict.api.requireToken() }, () => 'read')
    await serve({ agent: strict.agent(), audiences: [strict.resource] })
    const authorize = { method: 'GET', url: `${strict.resource}/books` }
    const read = async (nonce?: string) => {
      const { headers } = await ask({ authorize: nonce === undefined ? authorize : { ...authorize, nonce } })
      return fetch(authorize.url, { headers: headers as Record<string, string> })
    }
    const refused = await read()
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('use_dpop_nonce'),
    ])
    const nonce = refused.headers.get('dpop-nonce') ?? ''
    expect(await (await read(nonce)).text()).toBe('read')
    // Known from then on, without being told.
    expect((await read()).status).toBe(200)
    await strict.close()
  })

  it('AGT-10 a rejected token is replaced once, and no program can make a loop of refreshes of it', async () => {
    await serve()
    const tokens = [String((await ask({}))['access_token'])]
    for (let i = 0; i < 5; i++) tokens.push(String((await ask({ rejected: tokens.at(-1) }))['access_token']))
    expect(new Set(tokens).size).toBe(2)
    await scene.server.host.advance(31_000)
    expect(tokens).not.toContain((await ask({ rejected: tokens.at(-1) }))['access_token'])
  })

  it('SOC-01 STO-06 no refresh token and no key ever leaves, however one asks', async () => {
    await serve()
    const { resource } = scene
    const url = `${resource}/x`
    const before = await scene.secrets()
    const requests: unknown[] = [
      ...[{}, { resource }, { rejected: 'x' }, { resource: 'refresh_token' }, { authorize: { method: 'GET', url } }],
      ...[{ refresh_token: true }, { key: 1 }, { grant: 'refresh_token' }, { resource: '../credentials.json' }],
      ...[{ __proto__: null }, { constructor: {} }, { resource: 'toString' }, [], null, 1],
    ]
    const answers = await Promise.all(requests.map(ask))
    await scene.server.host.advance(31_000)
    const { access_token } = await ask({})
    answers.push(await ask({ rejected: access_token }))
    const said = JSON.stringify(answers)
    const secrets = new Set([...before, ...(await scene.secrets())])
    expect(secrets.size).toBeGreaterThanOrEqual(3)
    for (const secret of secrets) expect(said).not.toContain(secret)
    expect(said).not.toMatch(/refresh_token"\s*:|"d"\s*:/)
  })
})

describe('what it refuses', () => {
  it('SOC-01 other audiences, and proofs for addresses that are not of the audience', async () => {
    const { resource } = scene
    await serve({ audiences: [resource, 'https://api.example.com/v1', 'https://api.example.com/v1/deep'] })
    const target = async (request: object) => (await ask(request))['error']
    expect(await target({ resource: 'https://other.example.com' })).toBe('invalid_target')
    expect(await target({ resource: `${resource}/` })).toBe('invalid_target')
    for (const url of [
      'https://evil.example.com/v1',
      'https://api.example.com.evil.example/v1',
      'https://api.example.com:8443/v1',
      'https://ana@api.example.com/v1',
      'https://api.example.com@evil.example/v1',
    ]) {
      expect(await target({ authorize: { method: 'GET', url } }), url).toBe('invalid_target')
      expect(await target({ resource, authorize: { method: 'GET', url } }), url).toBe('invalid_target')
    }
    for (const url of ['http://api.example.com/v1', 'file:///etc/passwd', 'books', '']) {
      expect(await target({ authorize: { method: 'GET', url } }), url).toBe('invalid_request')
    }
    // That server knows nothing of the second audience, and says so; the longest path that fits was asked for.
    const deep = await ask({ authorize: { method: 'GET', url: 'https://api.example.com/v1/deep/er' } })
    expect(deep).toMatchObject({ error: 'refused', error_description: expect.stringContaining('invalid_target') })
  })

  it('SOC-01 garbage gets an error in words, and the next program its token', async () => {
    await serve()
    const wrong: (string | Uint8Array)[] = [
      ...[
        '\n',
        'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
        '{"resource":\n',
        '[]\n',
        '"x"\n',
        'null\n',
        '{}{}\n',
        '\0\0\0\0\n',
      ],
      ...['{"resource":1}\n', '{"resouce":"x"}\n', '{"authorize":[]}\n', '{"authorize":{}}\n', '{"rejected":{}}\n'],
      ...['{"authorize":{"method":"G T","url":"https://a.example"}}\n'],
      ...['{"authorize":{"method":"GET","url":"https://a.example","nonce":"a b"}}\n'],
      ...['{"authorize":{"method":"GET","url":"https://a.example","key":"x"}}\n'],
      Uint8Array.of(0xff, 0xfe, 0x0a),
      Uint8Array.of(...Buffer.from('{"resource":"'), 0xc0, 0x80, ...Buffer.from('"}\n')),
      `${'['.repeat(4000)}\n`,
    ]
    for (const bytes of wrong) {
      expect(await say(bytes), String(bytes)).toEqual({
        error: 'invalid_request',
        error_description: expect.stringMatching(/^.+\.$/),
      })
    }
    expect(await ask({})).toHaveProperty('access_token')
  })

  it('SOC-01 more than 4 KiB is refused and not read on; 4 KiB are read', async () => {
    await serve()
    const fits = JSON.stringify({ resource: 'x'.repeat(4096 - '{"resource":""}'.length) })
    expect(fits).toHaveLength(4096)
    expect(await say(`${fits}\n`)).toMatchObject({ error: 'invalid_target' })
    expect(await say(`${fits} \n`)).toMatchObject({ error: 'invalid_request' })
    const { socket, answer } = peer()
    const chunk = Buffer.alloc(65_536, 0x61)
    let sent = 0
    const flood = () => {
      while (!socket.destroyed && sent < 64 * 1024 * 1024) {
        sent += chunk.byteLength
        if (!socket.write(chunk)) return void socket.once('drain', flood)
      }
    }
    flood()
    expect(JSON.parse(await answer)).toMatchObject({ error: 'invalid_request' })
    expect(sent).toBeLessThan(64 * 1024 * 1024)
  })

  it('SOC-01 five seconds for a request, whether silent or dripping', async () => {
    await serve()
    const { host } = scene.server
    const [silent, dripping] = [peer(), peer()]
    dripping.socket.write('{')
    await host.until(() => host.asleep().length === 2)
    await host.advance(4000)
    dripping.socket.write(' ')
    await host.advance(999)
    expect([silent.socket.destroyed, dripping.socket.destroyed]).toEqual([false, false])
    await host.advance(1)
    for (const { answer } of [silent, dripping]) {
      expect(JSON.parse(await answer)).toMatchObject({ error: 'invalid_request' })
    }
    expect(host.asleep()).toEqual([])
  })

  it('SOC-01 of a hundred connections 32 are heard, the others are told so, and no place is lost', async () => {
    await serve()
    const { host } = scene.server
    const peers = Array.from({ length: 100 }, peer)
    const closed: string[] = []
    for (const { answer } of peers) void answer.then((text) => closed.push(text))
    await host.until(() => closed.length === 68 && host.asleep().length === 32)
    for (const text of closed) expect(JSON.parse(text)).toMatchObject({ error: 'busy' })
    // Who goes away, politely or not, makes room.
    const waiting = peers.filter(({ socket }) => !socket.destroyed)
    for (const { socket } of waiting.slice(0, 16)) socket.destroy()
    for (const { socket } of waiting.slice(16)) socket.end()
    await host.until(() => closed.length === 100)
    await host.until(() => host.asleep().length === 0)
    const answers = await Promise.all(Array.from({ length: 32 }, () => ask({})))
    for (const answer of answers) expect(answer).toHaveProperty('access_token')
  })

  it('AGT-13 not linked, ended, or no network: in words, and the agent goes on', async () => {
    const other = await programScene({ linked: false })
    await serve({ agent: other.agent() })
    expect(await ask({})).toMatchObject({ error: 'unlinked', error_description: expect.stringContaining('Link it') })
    await other.close()
    await open.pop()?.close()
    scene.offline = true
    await serve()
    expect(await ask({})).toMatchObject({ error: 'unreachable' })
    scene.offline = false
    const later = await ask({})
    expect(later).toMatchObject({ error: 'unreachable', retry_after: expect.any(Number) })
    await scene.server.host.advance(2000)
    expect(await ask({})).toHaveProperty('access_token')
  })

  it('SOC-01 a failure that nobody foresaw tells programs nothing, and the operator all', async () => {
    const failure = new Error('canary-inside')
    const broken = () => Promise.reject(failure)
    await serve({ agent: { accessToken: broken, authorize: broken, hear: () => undefined } })
    expect(await ask({})).toEqual({ error: 'failed', error_description: 'The agent could not do it.' })
    expect(trouble.splice(0)).toEqual([failure])
  })
})

describe('where it is', () => {
  it('SOC-01 directory 0750, socket 0660, on no network; gone when the agent stops', async () => {
    const served = await serve()
    const modes = async () => [(await lstat(join(path, '..'))).mode & 0o777, (await lstat(path)).mode & 0o777]
    expect(await modes()).toEqual([0o750, 0o660])
    expect((await lstat(path)).isSocket()).toBe(true)
    const waiting = peer()
    await scene.server.host.until(() => scene.server.host.asleep().length === 1)
    await served.close()
    expect(await waiting.answer).toBe('')
    expect(existsSync(path)).toBe(false)
    expect(scene.server.host.asleep()).toEqual([])
  })

  it('SOC-01 a directory that strangers may enter, a link, a file in the way: refused, with the mend', async () => {
    const directory = join(path, '..')
    await mkdir(directory, { mode: 0o750 })
    for (const mode of [0o755, 0o770, 0o777]) {
      await chmod(directory, mode)
      await expect(serve()).rejects.toMatchObject({ reason: 'storage', message: expect.stringContaining('chmod 750') })
    }
    await chmod(directory, 0o750)
    await writeFile(path, 'precious')
    await expect(serve()).rejects.toMatchObject({ reason: 'storage', message: expect.stringContaining('not a socket') })
    await rename(directory, `${directory}-real`)
    await symlink(`${directory}-real`, directory)
    await expect(serve()).rejects.toMatchObject({ message: expect.stringContaining('not a directory itself') })
    await expect(serve({ uid: 4_000_000, path: join(scene.folder, 'r', 't') })).rejects.toMatchObject({
      message: expect.stringContaining('another user'),
    })
    await expect(serve({ path: join(scene.folder, 'x'.repeat(108)) })).rejects.toMatchObject({ reason: 'usage' })
    await expect(serve({ audiences: [] })).rejects.toMatchObject({ reason: 'usage' })
    expect(open).toEqual([])
  })

  it('SOC-01 a second agent is refused and disturbs nothing; what a dead one left behind is taken over', async () => {
    const first = await serve()
    await expect(serve()).rejects.toMatchObject({
      reason: 'storage',
      message: expect.stringContaining('Another agent'),
    })
    expect(await ask({})).toHaveProperty('access_token')
    await first.close()
    // As after kill -9: the name stays, and nobody answers.
    const dead = createServer()
    await new Promise<void>((resolve) => dead.listen({ path: `${path}.dead` }, () => resolve()))
    await rename(`${path}.dead`, path)
    await new Promise((resolve) => dead.close(resolve))
    expect(existsSync(path)).toBe(true)
    const second = await serve()
    expect(await ask({})).toHaveProperty('access_token')
    // The first one, stopping late, does not take the name of the second away.
    await first.close()
    expect(existsSync(path)).toBe(true)
    await second.close()
  })

  it('SOC-01 of two that start together one serves', async () => {
    const both = await scene.server.host.run(Promise.allSettled([serve(), serve()]))
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(await ask({})).toHaveProperty('access_token')
  })

  it('SOC-01 the place: option, variable, systemd, XDG, none', () => {
    const env = { LATCHKEY_AGENT_SOCKET: '/a/s', RUNTIME_DIRECTORY: '/b:/c', XDG_RUNTIME_DIR: '/d' }
    expect(tokenSocketPath('/x/s', env)).toBe('/x/s')
    expect(tokenSocketPath(undefined, env)).toBe('/a/s')
    expect(tokenSocketPath(undefined, { ...env, LATCHKEY_AGENT_SOCKET: '' })).toBe('/b/token.sock')
    expect(tokenSocketPath(undefined, { XDG_RUNTIME_DIR: '/d' })).toBe('/d/latchkey-agent/token.sock')
    expect(tokenSocketPath(undefined, {})).toBeUndefined()
    expect(tokenSocketPlaces(undefined, env)).toEqual(['/a/s'])
    expect(tokenSocketPlaces(undefined, { XDG_RUNTIME_DIR: '/d' })).toEqual([
      '/d/latchkey-agent/token.sock',
      '/run/latchkey-agent/token.sock',
    ])
  })
})

describe('the token command', () => {
  const socket = () => ({ LATCHKEY_AGENT_SOCKET: path })

  it('asks the daemon when one runs, and reads the files when none does', async () => {
    const asking = scene.io('', socket())
    expect(await token(asking, {})).toBe(0)
    const fromFiles = asking.out()
    expect(decodeJwt(fromFiles.trim())).toMatchObject({ aud: scene.resource })
    const other = await programScene()
    await serve({ agent: other.agent(), audiences: [other.resource] })
    const daemon = scene.io('', socket())
    expect(await token(daemon, {})).toBe(0)
    expect(decodeJwt(daemon.out().trim())).toMatchObject({ aud: other.resource })
    expect([asking.err(), daemon.err()]).toEqual(['', ''])
    // The daemon hands out no tokens for this one; the files do.
    const named = scene.io('', socket())
    expect(await token(named, { resource: scene.resource })).toBe(0)
    expect(named.out()).toBe(fromFiles)
    // Another state directory is another link: no daemon is asked, unless it was named too.
    const elsewhere = scene.io('', { XDG_RUNTIME_DIR: join(path, '..', '..') })
    expect(await token(elsewhere, { state: join(scene.folder, 'state') })).toBe(0)
    expect(elsewhere.out()).toBe(fromFiles)
    expect((await obtainToken(scene.io(), { state: 'x', socket: path })).token).toBe(daemon.out().trim())
    await other.close()
  })

  it('passes the daemon’s refusals on, and a daemon that falls silent is no token', async () => {
    scene.offline = true
    const served = await serve()
    await expect(token(scene.io('', socket()), {})).rejects.toMatchObject({ reason: 'unreachable' })
    await served.close()
    const mute = createServer((connection) => connection.destroy())
    await new Promise<void>((resolve) => mute.listen({ path }, () => resolve()))
    await expect(askTokenSocket(path, {})).rejects.toMatchObject({ reason: 'unreachable' })
    await new Promise((resolve) => mute.close(resolve))
    const nobody = await askTokenSocket(path, {})
    expect(nobody).toBeUndefined()
    const deaf = createServer(() => undefined)
    await new Promise<void>((resolve) => deaf.listen({ path }, () => resolve()))
    const stop = new AbortController()
    const asking = askTokenSocket(path, {}, stop.signal)
    stop.abort()
    await expect(asking).rejects.toBe(stop.signal.reason)
    await new Promise((resolve) => deaf.close(resolve))
  })
})

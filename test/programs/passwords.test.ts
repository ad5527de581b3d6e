// Tokens as passwords: the helpers of git and docker by their protocols, and git itself.
import { execFile } from 'node:child_process'
import { chmod, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { decodeJwt } from 'jose'
import { afterEach, describe, expect, it } from 'vitest'
import { dockerCredential } from '../../device-agent/src/node/docker-credential.ts'
import { gitCredential } from '../../device-agent/src/node/git-credential.ts'
import { tokenSocket } from '../../device-agent/src/node/token-socket.ts'
import { programScene, type Scene } from './scene.ts'

let scene: Scene

afterEach(() => scene.close())

const GIT = 'protocol=https\nhost=git.example.com\npath=team/books.git\n\n'

async function git(operation: string, input: string, more: Partial<Parameters<typeof gitCredential>[1]> = {}) {
  const io = scene.io(input)
  const code = await gitCredential(io, { operation, host: 'git.example.com', ...more })
  const lines = io
    .out()
    .split('\n')
    .filter((line) => line !== '')
  expect(io.err()).toBe('')
  return { code, lines, said: Object.fromEntries(lines.map((line) => line.split('=', 2) as [string, string])) }
}

async function docker(operation: string, input = '', more: Partial<Parameters<typeof dockerCredential>[1]> = {}) {
  const io = scene.io(input)
  const code = await dockerCredential(io, { operation, registry: 'registry.example.com', ...more })
  expect(io.err()).toBe('')
  return { code, out: io.out() }
}

describe('git', () => {
  it('gets a name, the token, and when it ends', async () => {
    scene = await programScene({ bound: false })
    const { code, said, lines } = await git('get', GIT)
    expect([code, Object.keys(said)]).toEqual([0, ['username', 'password', 'password_expiry_utc']])
    const { exp, aud } = decodeJwt(said['password'] ?? '')
    expect([said['username'], aud, lines[2]]).toEqual(['oauth2', scene.resource, `password_expiry_utc=${exp}`])
    const named = await git('get', 'protocol=https\r\nhost=GIT.example.com\r\nusername=x-access-token\r\n', {
      username: 'x-access-token',
    })
    expect(named.said).toMatchObject({ username: 'x-access-token', password: said['password'] })
  })

  it('gets silence for every other host, name, scheme and operation, so that it asks elsewhere', async () => {
    scene = await programScene({ bound: false })
    for (const input of [
      'protocol=https\nhost=evil.example.com\n\n',
      'protocol=https\nhost=git.example.com.evil.example\n\n',
      'protocol=https\nhost=git.example.com:8443\n\n',
      'protocol=http\nhost=git.example.com\n\n',
      'protocol=ssh\nhost=git.example.com\n\n',
      'protocol=https\nhost=git.example.com\nusername=ana\n\n',
      'protocol=https\n\nhost=git.example.com\n',
      'host=git.example.com\n\n',
      '\n',
      '',
      'nonsense',
    ]) {
      expect(await git('get', input), input).toMatchObject({ code: 0, lines: [] })
    }
    for (const operation of ['store', 'capability', 'dance']) {
      expect(await git(operation, GIT)).toMatchObject({ code: 0, lines: [] })
    }
    expect(scene.grants).toEqual([])
  })

  it('that was refused with a token says erase, and gets another next time', async () => {
    scene = await programScene({ bound: false })
    const first = (await git('get', GIT)).said['password']
    const erase = `${GIT.trimEnd()}\nusername=oauth2\npassword=${first}\n\n`
    expect(await git('erase', erase)).toMatchObject({ code: 0, lines: [] })
    const second = (await git('get', GIT)).said['password']
    expect(second).not.toBe(first)
    // Somebody else's password is no reason to refresh.
    await git('erase', `${GIT.trimEnd()}\nusername=oauth2\npassword=guess\n\n`)
    expect((await git('get', GIT)).said['password']).toBe(second)
    scene.offline = true
    expect(await git('erase', erase)).toMatchObject({ code: 0, lines: [] })
  })

  it('a token that is bound to the key is no password: said clearly, exit code 1', async () => {
    scene = await programScene()
    await expect(git('get', GIT)).rejects.toMatchObject({
      reason: 'refused',
      message: expect.stringMatching(/proof by its key.+proxy/s),
    })
    await expect(git('get', GIT, { username: 'a\nhost=evil' })).rejects.toMatchObject({ reason: 'usage' })
  })

  it('the real git clones with it, through the daemon’s socket', async () => {
    scene = await programScene({ bound: false })
    const path = join(scene.folder, 'run', 'token.sock')
    const { host } = scene.server
    const served = await tokenSocket({ path, agent: scene.agent(), audiences: [scene.resource], host })
    const asked: (string | undefined)[] = []
    const server = createServer((request, response) => {
      asked.push(request.headers.authorization)
      const known = request.headers.authorization !== undefined
      response.writeHead(known ? 404 : 401, known ? {} : { 'www-authenticate': 'Basic realm="books"' }).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const where = `127.0.0.1:${(server.address() as AddressInfo).port}`
    // git calls a program; this one hands the question to the command as it runs here.
    const bridge = createServer(async (request, response) => {
      let input = ''
      for await (const chunk of request) input += String(chunk)
      const io = scene.io(input, { LATCHKEY_AGENT_SOCKET: path })
      await gitCredential(io, { operation: (request.url ?? '').slice(1), host: where })
      response.end(io.out())
    })
    await new Promise<void>((resolve) => bridge.listen(0, '127.0.0.1', resolve))
    const helper = join(scene.folder, 'helper.mjs')
    const to = `http://127.0.0.1:${(bridge.address() as AddressInfo).port}`
    await writeFile(
      helper,
      `#!${process.execPath}
import { text } from 'node:stream/consumers'
const answer = await fetch('${to}/' + process.argv[2], { method: 'POST', body: await text(process.stdin) })
process.stdout.write(await answer.text())
`,
    )
    await chmod(helper, 0o700)
    const env = { ...process.env, HOME: scene.folder, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' }
    const fill = promisify(execFile)(
      'git',
      ['-c', `credential.helper=${helper}`, 'ls-remote', `http://${where}/books.git`],
      { env },
    )
    await expect(fill).rejects.toThrow('not found')
    const { token } = await scene.agent().accessToken()
    expect(asked.filter((each) => each !== undefined)).toContain(
      `Basic ${Buffer.from(`oauth2:${token}`).toString('base64')}`,
    )
    await served.close()
    for (const each of [server, bridge]) {
      each.closeAllConnections()
      await new Promise((resolve) => each.close(resolve))
    }
  })
})

describe('docker', () => {
  it('get: the registry, however docker writes it', async () => {
    scene = await programScene({ bound: false })
    for (const url of [
      'registry.example.com',
      'https://registry.example.com',
      'https://REGISTRY.example.com/v1/\n',
      'registry.example.com:443',
    ]) {
      const { code, out } = await docker('get', url)
      const answer: Record<string, string> = JSON.parse(out)
      expect([code, Object.keys(answer)]).toEqual([0, ['ServerURL', 'Username', 'Secret']])
      expect(answer).toMatchObject({ ServerURL: url.trim(), Username: 'oauth2' })
      expect(decodeJwt(answer['Secret'] ?? '')).toMatchObject({ aud: scene.resource })
    }
  })

  it('get for another registry: the words by which docker knows to go on without', async () => {
    scene = await programScene({ bound: false })
    for (const url of [
      'https://index.docker.io/v1/',
      'http://registry.example.com',
      'registry.example.com:5000',
      'registry.example.com.evil.example',
      'https://registry.example.com@evil.example',
      '',
    ]) {
      expect(await docker('get', url), url).toEqual({ code: 1, out: 'credentials not found in native keychain\n' })
    }
    expect(scene.grants).toEqual([])
  })

  it('store, erase, list, and what is none of them', async () => {
    scene = await programScene({ bound: false })
    expect(await docker('list', '', { username: 'ana' })).toEqual({
      code: 0,
      out: '{"https://registry.example.com":"ana"}\n',
    })
    expect(await docker('erase', 'https://registry.example.com')).toEqual({ code: 0, out: '' })
    const given = '{"ServerURL":"https://registry.example.com","Username":"ana","Secret":"canary"}'
    const stored = await docker('store', given)
    expect(stored).toMatchObject({ code: 1, out: expect.stringContaining('no docker login is needed') })
    expect(stored.out).not.toContain('canary')
    expect(await docker('dance')).toMatchObject({ code: 1, out: expect.stringContaining('get, store, erase or list') })
    expect(await docker('get', 'x', { registry: 'a b' })).toMatchObject({ code: 1 })
  })

  it('STO-06 a bound token and a missing link are said on stdout, where docker looks, in one line', async () => {
    scene = await programScene()
    const bound = await docker('get', 'registry.example.com')
    expect(bound).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^The token of this device.+proof by its key.+\n$/),
    })
    expect(bound.out).not.toContain('eyJ')
    for (const secret of await scene.secrets()) expect(bound.out).not.toContain(secret)
    await scene.close()
    scene = await programScene({ bound: false, linked: false })
    expect(await docker('get', 'registry.example.com')).toMatchObject({
      code: 1,
      out: expect.stringContaining('not linked'),
    })
  })
})

// The proxy between plain HTTP programs and an API that wants tokens, proofs and nonces: all over real ports.
import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { AgentError, type Fetch } from '@latchkey/device-agent'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ProxyOptions, proxy, type RunningProxy, startProxy } from '../../device-agent/src/node/proxy.ts'
import { programScene, type Scene } from './scene.ts'

let scenes: Scene[]
let running: RunningProxy[]
let port: number

beforeEach(() => {
  scenes = []
  running = []
})
afterEach(async () => {
  for (const each of running) await each.close()
  for (const each of scenes) await each.close()
})

/** A scene whose API tells what it got, and a proxy in front of it. */
async function start(
  how: Parameters<typeof programScene>[0] = {},
  options: Partial<ProxyOptions> = {},
): Promise<Scene> {
  const scene = await programScene(how)
  scenes.push(scene)
  const { api, resource } = scene
  const preHandler = api.requireToken({ scope: 'books:read' })
  const path = new URL(resource).pathname.replace(/\/$/, '')
  api.all(`${path}/echo*`, { preHandler }, async (request, reply) => {
    const chunks: Buffer[] = []
    for await (const chunk of request.raw) chunks.push(Buffer.from(chunk))
    const { method, url, headers, rawHeaders } = request.raw
    const body = Buffer.concat(chunks)
    reply.header('x-api', 'yes').header('set-cookie', ['a=1', 'b=2'])
    return { method, url, headers, names: rawHeaders.length / 2, length: body.length, sum: sum(body) }
  })
  await listen(scene, options)
  return scene
}

async function listen(scene: Scene, options: Partial<ProxyOptions> = {}): Promise<RunningProxy> {
  const started = await startProxy(scene.io(), { listen: '127.0.0.1:0', upstream: scene.resource, ...options })
  running.push(started)
  port = started.port
  return started
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: Record<string, unknown>
}

interface Call {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
  readonly chunked?: boolean
}

async function open(path: string, call: Call = {}): Promise<IncomingMessage> {
  const { method = 'GET', headers = {}, body, chunked = false } = call
  const length = body === undefined || chunked ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const request = httpRequest({ host: '127.0.0.1', port, path, method, headers: { ...length, ...headers } })
  if (body !== undefined) request.write(body)
  request.end()
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  return answer
}

async function ask(path: string, call: Call = {}): Promise<Answer> {
  const answer = await open(path, call)
  let text = ''
  for await (const chunk of answer.setEncoding('utf8')) text += String(chunk)
  const json: Record<string, unknown> = text.startsWith('{') ? JSON.parse(text) : {}
  return { status: answer.statusCode ?? 0, headers: answer.headers, text, json }
}

function sum(bytes: Uint8Array): number {
  return bytes.reduce((total, byte) => (total * 31 + byte) >>> 0, 7)
}

describe('a program that knows nothing of OAuth', () => {
  it('gets in: token and proof beside its request, nonces fetched on the way', async () => {
    for (const how of [{ bound: true }, { bound: true, nonces: true }, { bound: false }]) {
      await start(how)
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH']) {
        const body = method === 'GET' ? {} : { body: 'hello' }
        const answer = await ask('/echo', { method, ...body })
        expect(answer.status, `${method} ${answer.text}`).toBe(200)
        expect(answer.json).toMatchObject({ method, url: '/echo', length: method === 'GET' ? 0 : 5 })
        expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2'])
        expect(answer.headers['dpop-nonce']).toBeUndefined()
      }
      expect((await open('/echo', { method: 'HEAD' })).statusCode).toBe(200)
    }
  })

  it('AGT-10 a token that the API no longer takes is replaced once; many requests share one refresh', async () => {
    const scene = await start()
    let refusals = 0
    scene.api.addHook('onRequest', async (request, reply) => {
      if (!request.url.startsWith('/echo') || refusals++ > 0) return
      return reply.code(401).header('www-authenticate', 'DPoP error="invalid_token"').send({})
    })
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('/echo', { method: 'POST', body: 'x' })))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
    expect(scene.grants.length).toBeLessThanOrEqual(4)
  })

  it('AGT-10 a 401 that stays is passed on, after one more try', async () => {
    const scene = await programScene()
    scenes.push(scene)
    let asked = 0
    scene.api.all('/never', (_request, reply) => {
      asked++
      return reply.code(401).header('www-authenticate', 'DPoP error="invalid_token"').send({ no: true })
    })
    await listen(scene)
    expect(await ask('/never')).toMatchObject({ status: 401, json: { no: true } })
    expect(asked).toBe(2)
  })

  it('its path and query pass byte for byte, below the path of the upstream', async () => {
    for (const prefix of ['', '/v1']) {
      await start({ path: prefix })
      for (const path of [
        '/echo/a%2Fb%20c?q=%7e~&q=&x=a+b%2',
        '/echo//x/',
        "/echo/~!$&'()*,;=:@?/?",
        '/echo?',
        '/echo/%C3%A9',
      ]) {
        expect(await ask(path), path).toMatchObject({ status: 200, json: { url: prefix + path } })
      }
    }
    // The answer to these is the API's; leading out of the prefix is not.
    for (const path of [
      '/../admin',
      '/echo/../../admin',
      '/%2e%2E/admin',
      '/echo/.%2e/x',
      '/..%2fadmin',
      '/..\\admin',
      '/..',
    ]) {
      expect(await ask(path), path).toMatchObject({ status: 400, json: { error: 'invalid_request' } })
    }
  })

  it('headers of the connection, of other credentials and of browsers stay here; all others pass', async () => {
    const scene = await start()
    const { json } = await ask('/echo', {
      headers: {
        authorization: 'Bearer canary-stranger',
        dpop: 'canary-stranger',
        'proxy-authorization': 'Basic canary-stranger',
        connection: 'close, X-Hop',
        'x-hop': 'canary-stranger',
        'keep-alive': 'timeout=5',
        te: 'trailers',
        'sec-fetch-site': 'none',
        'x-mine': 'kept',
        cookie: 'a=1; b=2',
        'accept-encoding': 'gzip',
        'user-agent': 'northwind/1',
      },
    })
    const headers = json['headers'] as Record<string, string>
    expect(JSON.stringify(json)).not.toContain('canary-stranger')
    expect(headers['authorization']).toMatch(/^DPoP /)
    expect(headers).toMatchObject({ 'x-mine': 'kept', cookie: 'a=1; b=2', 'accept-encoding': 'gzip' })
    expect(headers['user-agent']).toBe('northwind/1')
    expect(headers['host']).toBe(new URL(scene.resource).host)
    const added = ['authorization', 'dpop', 'host', 'connection']
    expect(
      Object.keys(headers)
        .filter((name) => !added.includes(name))
        .sort(),
    ).toEqual(['accept-encoding', 'cookie', 'user-agent', 'x-mine'])
  })
})

describe('bodies', () => {
  it('small and large, of known length and not, with a nonce to be learnt: all arrive whole, or are refused openly', async () => {
    const big = Buffer.alloc(3 * 1024 * 1024, 'abcdefg')
    for (const chunked of [false, true]) {
      const scene = await start({ nonces: true })
      const small = await ask('/echo', { method: 'POST', body: 'x'.repeat(1000), chunked })
      expect(small).toMatchObject({ status: 200, json: { length: 1000 } })
      const large = await ask('/echo', { method: 'PUT', body: big, chunked })
      expect(large).toMatchObject({ status: 200, json: { length: big.length, sum: sum(big) } })
      // Without a nonce a body that cannot be sent again ends in the API's own answer; the next try has the nonce.
      await listen(scene)
      expect((await ask('/echo', { method: 'PUT', body: big, chunked })).status).toBe(401)
      expect((await ask('/echo', { method: 'PUT', body: big, chunked })).status).toBe(200)
    }
  })

  it('stream both ways: what dawdles is passed on before it ends', async () => {
    const scene = await programScene()
    scenes.push(scene)
    const { api } = scene
    api.post('/talk', { preHandler: api.requireToken() }, (request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200, { 'content-type': 'text/plain' })
      request.raw.on('data', (chunk) => reply.raw.write(`heard ${String(chunk)}`))
      request.raw.on('end', () => reply.raw.end('done'))
    })
    await listen(scene)
    const request = httpRequest({ host: '127.0.0.1', port, path: '/talk', method: 'POST' })
    request.write('one')
    const { host } = scene.server
    const answered = once(request, 'response')
    await host.until(() => host.asleep().includes(1000))
    await host.advance(1000)
    const [answer] = (await answered) as [IncomingMessage]
    const next = async () => String(((await once(answer, 'data')) as [Buffer])[0])
    expect(await next()).toBe('heard one')
    const second = next()
    request.write('two')
    expect(await second).toBe('heard two')
    const last = next()
    request.end()
    expect(await last).toBe('done')
  })

  it('answers pass as they are: compressed, empty, redirects that are not followed', async () => {
    const scene = await programScene()
    scenes.push(scene)
    const { api, resource } = scene
    const packed = gzipSync('hello '.repeat(100))
    api.get('/gzip', (_request, reply) => reply.header('content-encoding', 'gzip').send(packed))
    for (const status of [204, 304])
      api.get(`/${status}`, (_request, reply) => reply.code(status).header('etag', '"x"').send())
    let visits = 0
    api.get('/there', () => ({ visits: ++visits }))
    const places = { inside: `${resource}/there?x=1`, relative: '/there', outside: 'https://evil.example.com/there' }
    for (const [name, to] of Object.entries(places)) api.get(`/${name}`, (_request, reply) => reply.redirect(to, 307))
    await listen(scene)
    const chunks: Buffer[] = []
    const answer = await open('/gzip')
    for await (const chunk of answer) chunks.push(Buffer.from(chunk))
    expect(answer.headers).toMatchObject({ 'content-encoding': 'gzip', 'content-length': String(packed.length) })
    expect(Buffer.concat(chunks).equals(packed)).toBe(true)
    for (const status of [204, 304])
      expect(await ask(`/${status}`)).toMatchObject({ status, text: '', headers: { etag: '"x"' } })
    const location = async (path: string) => (await ask(path)).headers.location
    expect(await location('/inside')).toBe(`http://127.0.0.1:${port}/there?x=1`)
    expect(await location('/relative')).toBe('/there')
    expect(await location('/outside')).toBe('https://evil.example.com/there')
    expect(visits).toBe(0)
  })

  it('a program that hangs up is heard upstream; an answer that is cut is not taken for a whole one', async () => {
    const scene = await programScene()
    scenes.push(scene)
    const { api } = scene
    const gone = new Promise<void>((resolve) => {
      api.get('/long', (request, reply) => {
        reply.hijack()
        reply.raw.write('begun')
        request.raw.once('close', () => resolve())
      })
    })
    api.get('/cut', (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200, { 'content-length': '100' })
      reply.raw.write('half', () => reply.raw.destroy())
    })
    await listen(scene)
    const answer = await open('/long')
    await once(answer, 'data')
    answer.destroy()
    await gone
    await expect(ask('/cut')).rejects.toThrow('aborted')
  })
})

describe('who may use it', () => {
  it('NEG-16 no page of a browser, by Origin or Sec-Fetch-Site, and no name of somebody’s own', async () => {
    const scene = await start()
    const refused = [
      { origin: 'https://evil.example.com' },
      { origin: 'null' },
      { origin: `http://127.0.0.1:${port}` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'something new' },
      { host: 'evil.example.com' },
      { host: `evil.example.com:${port}` },
      { host: '127.0.0.1.evil.example.com' },
    ]
    for (const headers of refused) {
      expect(await ask('/echo', { headers }), JSON.stringify(headers)).toMatchObject({
        status: 403,
        json: { error: 'access_denied' },
      })
    }
    const preflight = { origin: 'https://evil.example.com', 'access-control-request-method': 'PUT' }
    const answer = await ask('/echo', { method: 'OPTIONS', headers: preflight })
    expect(answer.status).toBe(403)
    expect(answer.headers['access-control-allow-origin']).toBeUndefined()
    expect(scene.grants).toEqual([])
    for (const headers of [{ host: 'localhost' }, { host: `[::1]:${port}` }, { 'sec-fetch-site': 'none' }]) {
      expect((await ask('/echo', { headers })).status).toBe(200)
    }
  })

  it('NEG-16 a page whose origin was allowed, and no other', async () => {
    const origin = 'http://localhost:3000'
    await start({}, { allowOrigin: [origin] })
    const headers = { origin, 'sec-fetch-site': 'same-site' }
    const asked = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-a' }
    const preflight = await ask('/echo', { method: 'OPTIONS', headers: { ...headers, ...asked } })
    expect(preflight).toMatchObject({
      status: 204,
      headers: {
        'access-control-allow-origin': origin,
        'access-control-allow-methods': 'PUT',
        'access-control-allow-headers': 'x-a',
      },
    })
    const answer = await ask('/echo', { method: 'PUT', headers, body: 'x' })
    expect(answer).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': origin } })
    expect(answer.json['headers']).not.toHaveProperty('origin')
    expect((await ask('/echo', { headers: { ...headers, origin: 'http://localhost:3001' } })).status).toBe(403)
  })

  it('NEG-03 requests that are no plain requests: absolute targets, TRACE, upgrades, CONNECT, smuggling', async () => {
    const scene = await start()
    const raw = async (text: string) => {
      const socket = connect(port, '127.0.0.1')
      let answer = ''
      socket.setEncoding('utf8').on('data', (chunk) => {
        answer += String(chunk)
      })
      socket.on('error', () => undefined)
      socket.write(text)
      await once(socket, 'close')
      return /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? ''
    }
    const host = `Host: 127.0.0.1:${port}\r\n`
    expect(await raw(`GET http://evil.example.com/ HTTP/1.1\r\n${host}\r\n`)).toBe('400')
    expect(await raw(`OPTIONS * HTTP/1.1\r\n${host}\r\n`)).toBe('400')
    expect(await raw(`TRACE /echo HTTP/1.1\r\n${host}\r\n`)).toBe('405')
    expect(await raw(`GET /echo HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)).toBe('501')
    expect(await raw(`CONNECT evil.example.com:443 HTTP/1.1\r\n${host}\r\n`)).toBe('')
    expect(await raw('GET /echo HTTP/1.1\r\nConnection: close\r\n\r\n')).toBe('400')
    expect(await raw('GET /echo HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n')).toBe('403')
    expect(await raw('GET /echo HTTP/1.0\r\n\r\n')).toBe('403')
    const both = 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'
    expect(await raw(`POST /echo HTTP/1.1\r\n${host}${both}\r\n0\r\n\r\n`)).toBe('400')
    expect(scene.grants).toEqual([])
    expect((await ask('/echo')).status).toBe(200)
  })

  it('listens on this machine alone, and sends tokens to safe addresses alone', async () => {
    const scene = await programScene()
    scenes.push(scene)
    for (const listen of [
      '0.0.0.0:7180',
      '192.168.1.4:7180',
      '[::]:7180',
      ':7180',
      '7180',
      '127.0.0.1:70000',
      'evil:1',
    ]) {
      const starting = startProxy(scene.io(), { listen, upstream: scene.resource })
      await expect(starting, listen).rejects.toMatchObject({ reason: 'usage' })
    }
    for (const upstream of [
      'http://api.example.com',
      'api.example.com',
      'https://a@b.example',
      'https://a.example/?x',
      'https://a.example/#x',
    ]) {
      const starting = startProxy(scene.io(), { listen: '127.0.0.1:0', upstream })
      await expect(starting, upstream).rejects.toMatchObject({ reason: 'usage' })
    }
    for (const timeout of [0, -1, Number.NaN]) {
      const starting = startProxy(scene.io(), { listen: '127.0.0.1:0', upstream: scene.resource, timeout })
      await expect(starting).rejects.toMatchObject({ reason: 'usage' })
    }
    const first = await listen(scene)
    const second = startProxy(scene.io(), { listen: `127.0.0.1:${first.port}`, upstream: scene.resource })
    await expect(second).rejects.toMatchObject({ reason: 'storage', message: expect.stringContaining('EADDRINUSE') })
  })
})

describe('when it cannot', () => {
  it('AGT-13 not linked and no network for tokens are 503 with a hint, and it goes on by itself afterwards', async () => {
    await start({ linked: false })
    expect(await ask('/echo')).toMatchObject({
      status: 503,
      json: { error: 'unlinked', hint: expect.stringContaining('latchkey-agent link') },
    })
    const scene = await start()
    scene.offline = true
    expect(await ask('/echo')).toMatchObject({ status: 503, json: { error: 'unreachable' } })
    const later = await ask('/echo')
    expect(later.status).toBe(503)
    expect(Number(later.headers['retry-after'])).toBeGreaterThan(0)
    scene.offline = false
    await scene.server.host.advance(2000)
    expect((await ask('/echo')).status).toBe(200)
    // Offline again, a good token goes on working.
    scene.offline = true
    expect((await ask('/echo')).status).toBe(200)
  })

  it('AGT-13 started before anybody links: 503, and the first request after linking passes', async () => {
    const scene = await start()
    const linkedAgent = () => Promise.reject(new AgentError('unlinked', 'This device is not linked.'))
    let present = false
    const io = {
      ...scene.io(),
      linkedAgent: (fetch?: Fetch) => (present ? scene.io().linkedAgent(fetch) : linkedAgent()),
    }
    const started = await startProxy(io, { listen: '127.0.0.1:0', upstream: scene.resource })
    running.push(started)
    port = started.port
    expect((await ask('/echo', { method: 'POST', body: 'x' })).json).toMatchObject({ error: 'unlinked' })
    present = true
    expect((await ask('/echo', { method: 'POST', body: 'x' })).status).toBe(200)
    // Unlinked and linked again while it runs.
    await scene.agent().unlink()
    expect((await ask('/echo')).json).toMatchObject({ error: 'unlinked' })
    await scene.linkAgain()
    expect((await ask('/echo')).status).toBe(200)
  })

  it('NEG-14 a program that dawdles, is refused, and hangs up in the middle, leaves the proxy standing', async () => {
    const scene = await start({ linked: false })
    const { host } = scene.server
    const request = httpRequest({ host: '127.0.0.1', port, path: '/echo', method: 'POST' })
    request.on('error', () => undefined)
    request.write('x')
    const answered = once(request, 'response')
    await host.until(() => host.asleep().includes(1000))
    await host.advance(1000)
    const [answer] = (await answered) as [IncomingMessage]
    expect(answer.statusCode).toBe(503)
    request.destroy()
    for (const size of [1, 2 * 1024 * 1024]) {
      const cut = connect(port, '127.0.0.1')
      cut.on('error', () => undefined)
      cut.write(`POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n${'x'.repeat(size)}`)
      await host.until(() => size > 1 || host.asleep().includes(1000))
      cut.resetAndDestroy()
      await host.until(() => host.asleep().length === 0)
    }
    expect((await ask('/echo', { method: 'POST', body: 'x' })).status).toBe(503)
  })

  it('an API that is away, cuts, or keeps silent is 502 or 504', async () => {
    const scene = await programScene()
    scenes.push(scene)
    let mode: 'cut' | 'silent' = 'cut'
    const api = createServer((socket) => {
      socket.on('error', () => undefined)
      if (mode === 'cut') socket.once('data', () => socket.destroy())
      else socket.resume()
    })
    await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve))
    const upstream = `http://127.0.0.1:${(api.address() as AddressInfo).port}`
    await listen(scene, { upstream, timeout: 5 })
    expect(await ask('/x')).toMatchObject({
      status: 502,
      json: { error: 'unreachable', error_description: expect.stringContaining('the connection was cut') },
    })
    mode = 'silent'
    const silent = ask('/x', { method: 'POST', body: 'x' })
    const { host } = scene.server
    await host.until(() => host.asleep().includes(5000))
    await host.advance(5000)
    expect(await silent).toMatchObject({ status: 504, json: { error: 'unreachable' } })
    await new Promise((resolve) => api.close(resolve))
    expect(await ask('/x')).toMatchObject({
      status: 502,
      json: { error_description: expect.stringContaining('nothing listens there') },
    })
  })

  it('SYS-03 the command says where it listens and ends when told to, whatever is under way', async () => {
    const scene = await programScene()
    scenes.push(scene)
    scene.api.get('/hang', () => new Promise(() => undefined))
    const io = scene.io()
    const code = proxy(io, { listen: '127.0.0.1:0', upstream: scene.resource })
    await scene.server.host.until(() => io.err() !== '')
    const [, where = ''] =
      /^Requests to http:\/\/127\.0\.0\.1:(\d+) go to http:\/\/127\.0\.0\.1:\d+ with .*\n$/.exec(io.err()) ?? []
    port = Number(where)
    const hanging = ask('/hang')
    await scene.server.host.until(() => scene.grants.length > 0)
    io.stop()
    expect(await code).toBe(0)
    await expect(hanging).rejects.toThrow()
    expect(io.out()).toBe('')
  })

  it('STO-06 no secret on any channel: errors, answers and what the command prints', async () => {
    const scene = await start()
    const io = scene.io()
    const said = [
      await ask('/echo', { headers: { host: 'x' } }),
      await ask('/nothing'),
      await ask('/echo', { method: 'TRACE' }),
    ]
    scene.offline = true
    said.push(await ask('/echo'))
    const secrets = await scene.secrets()
    expect(secrets.length).toBeGreaterThanOrEqual(2)
    for (const secret of secrets) expect(JSON.stringify(said) + io.out() + io.err()).not.toContain(secret)
  })
})

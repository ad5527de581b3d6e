// The server of the page, seen by everybody who is not the page: other programs and other websites on the same machine.
import { connect, createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { AgentError } from '../../device-agent/src/core/errors.ts'
import type { KioskFiles } from '../../device-agent/src/node/kiosk-files.ts'
import { type KioskOptions, kioskServer } from '../../device-agent/src/node/kiosk-server.ts'
import { MOST_SOCKETS } from '../../device-agent/src/node/kiosk-sockets.ts'
import { kioskFiles, type ServedKiosk, serveKiosk, shownRequest } from '../support/kiosk-page.ts'

const files = { style: '/* style */', script: '// script' }
const open: (() => unknown)[] = []

afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

async function serve(
  options: Partial<KioskOptions> & { readonly files?: KioskFiles } = {},
): Promise<ServedKiosk & { readonly port: number }> {
  const kiosk = await serveKiosk({ files, ...options })
  open.push(() => kiosk.server.stop())
  return { ...kiosk, port: Number(new URL(kiosk.address).port) }
}

/** The status line of the answer to these bytes, and all of it. */
function send(port: number, request: string): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => {
      text += String(chunk)
    })
    socket.on('error', reject)
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text }))
  })
}

function get(port: number, path: string, host = `127.0.0.1:${port}`, method = 'GET') {
  return send(port, `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
}

/** Opens the page's socket and collects what it hears. */
function listen(port: number, how: { origin?: string; host?: string; path?: string; protocol?: string } = {}) {
  const { origin = `http://127.0.0.1:${port}`, path = '/screen', protocol = 'latchkey.screen.v1' } = how
  const headers = how.host === undefined ? {} : { host: how.host }
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocol, { origin, headers })
  open.push(() => socket.terminate())
  const heard: string[] = []
  return new Promise<{ readonly heard: readonly string[]; readonly socket: WebSocket }>((resolve, reject) => {
    socket.on('message', (data) => {
      heard.push(String(data))
      resolve({ heard, socket })
    })
    socket.on('error', reject)
  })
}

describe('the four files', () => {
  it('SES-03 come with a policy that allows nothing but themselves and their socket', async () => {
    const { port, address } = await serve({ brand: { name: 'Northwind TV' } })
    for (const [path, type] of [
      ['', 'text/html; charset=utf-8'],
      ['page.css', 'text/css; charset=utf-8'],
      ['page.js', 'text/javascript; charset=utf-8'],
      ['mark.svg', 'image/svg+xml'],
    ]) {
      const answer = await fetch(`${address}${path}`)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe(type)
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      expect(answer.headers.get('cross-origin-resource-policy')).toBe('same-origin')
      expect(answer.headers.get('content-security-policy')).toBe(
        `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src ws://127.0.0.1:${port}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'`,
      )
    }
  })

  it('take the brand: name, colour and theme, as text and nothing more', async () => {
    const name = '<script>"Northwind" & co\u202e'
    const { address } = await serve({ brand: { name, key: '#FFAA00', theme: 'dark', idle: '" onload="x' } })
    const page = await (await fetch(address)).text()
    expect(page).toContain('<title>&lt;script&gt;&quot;Northwind&quot; &amp; co</title>')
    expect(page).toContain('data-idle="&quot; onload=&quot;x"')
    expect(await (await fetch(`${address}page.css`)).text()).toBe(
      '/* style */:root { --key: #ffaa00; --on-key: #06231c; }\n',
    )
  })

  it('UX-04 have no colour that people cannot see', () => {
    const { screen } = { screen: { current: () => ({ kind: 'unlinked' }) as const, follow: () => () => undefined } }
    const start = (key: string, theme: 'dark' | 'light') => kioskServer({ screen, files, brand: { key, theme } })
    expect(() => start('#333333', 'dark')).toThrow('a contrast of 1.5 on the dark ground; at least 4.5 is needed')
    expect(() => start('#6fd3b8', 'light')).toThrow(AgentError)
    expect(() => start('red', 'dark')).toThrow('written "#rrggbb"')
    expect(() => start('#0f5c4c', 'light')).not.toThrow()
  })
})

describe('NEG-16 whoever is not the page', () => {
  it.each(['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'])('%s: GET alone', async (method) => {
    const { port } = await serve()
    const { status, text } = await get(port, '/', undefined, method)
    expect(status).toBe(method === 'GET' ? 200 : 405)
    if (method !== 'GET') expect(text.toLowerCase()).toContain('\r\nallow: get\r\n')
  })

  it('names another host: a page whose name was bent to this machine gets nothing', async () => {
    const { port } = await serve()
    const names = [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      '127.0.0.1:1',
      `127.0.0.1.evil.example:${port}`,
      '',
    ]
    for (const name of names) {
      const { status, text } = await get(port, '/', name)
      expect(status, name).toBe(421)
      expect(text).not.toContain('<html')
    }
    for (const name of [`localhost:${port}`, `LOCALHOST:${port}`]) expect((await get(port, '/', name)).status).toBe(200)
  })

  it('asks for something that is not there', async () => {
    const { port } = await serve()
    for (const path of ['/state.json', '/../package.json', '/__proto__', '/constructor', '//page.js']) {
      expect((await get(port, path)).status, path).toBe(404)
    }
    expect((await get(port, '/screen')).status).toBe(426)
  })

  it('speaks garbage', async () => {
    const { port, address } = await serve()
    expect((await send(port, '\u0000\u0001garbage\r\n\r\n')).status).toBe(400)
    expect((await get(port, `/${'x'.repeat(20_000)}`)).status).toBe(431)
    expect((await fetch(address)).status).toBe(200)
  })

  it('opens the socket from another origin, without one, by another name, path or protocol', async () => {
    const { port, screen, host } = await serve()
    screen.show({ kind: 'waiting', request: shownRequest(host) })
    const origin = `http://127.0.0.1:${port}`
    await expect(listen(port, { origin: 'https://evil.example' })).rejects.toThrow('403')
    await expect(listen(port, { origin: 'null' })).rejects.toThrow('403')
    await expect(listen(port, { origin: '' })).rejects.toThrow('403')
    await expect(listen(port, { origin: `http://127.0.0.1:${port + 1}` })).rejects.toThrow('403')
    await expect(listen(port, { origin: `http://localhost:${port}` })).rejects.toThrow('403')
    await expect(listen(port, { origin: 'http://evil.example', host: 'evil.example' })).rejects.toThrow('421')
    await expect(listen(port, { origin, path: '/' })).rejects.toThrow('404')
    await expect(listen(port, { origin, protocol: 'other' })).rejects.toThrow('400')
    expect((await listen(port)).heard[0]).toContain('WDJB-MJHT')
  })

  it('SOC-01 sends more than a press, or opens more sockets than there are screens', async () => {
    const { port } = await serve()
    const { socket } = await listen(port)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.send('x'.repeat(1_000))
    expect(await closed).toBe(1009)
    for (let n = 0; n < MOST_SOCKETS; n++) await listen(port)
    await expect(listen(port)).rejects.toThrow('503')
  })
})

it('AGT-03 the socket tells what is shown and not a word more', async () => {
  const { port, screen, host } = await serve({ onLink: () => undefined })
  screen.show({ kind: 'waiting', request: shownRequest(host) })
  const message = JSON.parse((await listen(port)).heard[0] ?? '')
  expect(Object.keys(message).sort()).toEqual(['canLink', 'screen', 'spoken', 'square', 'version'])
  expect(message).toMatchObject({ canLink: true, spoken: 'W, D, J, B. M, J, H, T.', square: { size: 33 } })
  expect(Object.keys(message.screen).sort()).toEqual([
    'expires_in',
    'lifetime',
    'opened',
    'state',
    'user_code',
    'verification_uri',
    'verification_uri_complete',
  ])
})

describe('starting and stopping', () => {
  it('says that the port is taken, and by its number', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    open.push(() => other.close())
    const address = other.address()
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0
    const message = `The screen cannot be served: port ${port} is taken by another program. Stop that one, or name another port.`
    await expect(serve({ port })).rejects.toThrow(message)
  })

  it('is for this machine alone', () => {
    const options = { screen: { current: () => ({ kind: 'unlinked' }) as const, follow: () => () => undefined }, files }
    const everywhere: string = '0.0.0.0'
    expect(() => kioskServer({ ...options, host: everywhere as '127.0.0.1' })).toThrow('127.0.0.1 or ::1, not 0.0.0.0')
  })

  it('SYS-03 stops with pages open, leaves no timer, and the port is free again', async () => {
    const { port, server, host } = await serve()
    const { socket } = await listen(port)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const idle = connect(port, '127.0.0.1')
    await new Promise((resolve) => idle.once('connect', resolve))
    await server.stop()
    await closed
    expect(host.asleep()).toEqual([])
    await serve({ port })
    idle.destroy()
  })

  it('a page is told when its own files have changed', async () => {
    const version = async (script: string) => {
      const { port } = await serve({ files: { ...files, script } })
      return JSON.parse((await listen(port)).heard[0] ?? '').version
    }
    expect(await version('1')).toBe(await version('1'))
    expect(await version('1')).not.toBe(await version('2'))
    expect(kioskFiles().script.length).toBeGreaterThan(1_000)
  })
})

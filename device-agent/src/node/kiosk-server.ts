// The kiosk page on loopback: four files and one WebSocket. Other programs and web pages on this machine can reach the
// port, so every request must name this very address (DNS rebinding) and every socket must come from this very page.
// What the page looks like is kiosk/; how a message gets through slow sockets is kiosk-sockets.ts.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Host, systemHost } from '@latchkey/shared'
import { WebSocketServer } from 'ws'
import { AgentError } from '../core/errors.ts'
import { type Brand, checkBrand } from '../kiosk/brand.ts'
import { brandStyle, markFile, pageFile } from '../kiosk/page.ts'
import { SOCKET_PATH, SOCKET_PROTOCOL } from '../kiosk/page-message.ts'
import type { ScreenSource } from '../kiosk/screen.ts'
import { errorCode } from './file-system.ts'
import { builtKioskFiles, type KioskFiles } from './kiosk-files.ts'
import { kioskSockets, MOST_SOCKETS } from './kiosk-sockets.ts'

export interface KioskOptions {
  readonly screen: ScreenSource
  /** An address of this machine alone: 127.0.0.1 unless said. */
  readonly host?: '127.0.0.1' | '::1' | undefined
  /** 7170 unless said; 0 for any that is free. */
  readonly port?: number | undefined
  readonly brand?: Brand | undefined
  /** Somebody pressed OK at the screen: the local trigger for a new code (RFC 8628 §3.5). Without it there is no button. */
  readonly onLink?: (() => void) | undefined
  readonly machine?: Host | undefined
  readonly files?: KioskFiles | undefined
}

export interface KioskServer {
  /** Resolves to the page's address. @throws AgentError `usage` when the port is taken or not allowed */
  start(): Promise<string>
  /** Resolves when the port is free and every socket is gone. */
  stop(): Promise<void>
}

const PORT = 7170
const LOOPBACK: readonly string[] = ['127.0.0.1', '::1']
const LONGEST_MESSAGE_BYTES = 16
const MOST_CONNECTIONS = 64

interface ServedFile {
  readonly type: string
  readonly body: string
}

/** @throws AgentError `usage` for a brand or an address that cannot be */
export function kioskServer(options: KioskOptions): KioskServer {
  const { screen, host = '127.0.0.1', port = PORT, machine = systemHost, onLink } = options
  if (!LOOPBACK.includes(host)) {
    throw new AgentError('usage', `The screen is for this machine alone: 127.0.0.1 or ::1, not ${host}.`)
  }
  const brand = checkBrand(options.brand ?? {})
  const { style, script } = options.files ?? builtKioskFiles()
  const served: Readonly<Record<string, ServedFile>> = {
    '/': { type: 'text/html; charset=utf-8', body: pageFile(brand) },
    '/page.css': { type: 'text/css; charset=utf-8', body: style + brandStyle(brand) },
    '/page.js': { type: 'text/javascript; charset=utf-8', body: script },
    '/mark.svg': { type: 'image/svg+xml', body: markFile(brand) },
  }
  const version = createHash('sha256').update(JSON.stringify(served)).digest('hex').slice(0, 16)
  const sockets = kioskSockets({ screen, machine, version, onLink })
  const upgrades = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: LONGEST_MESSAGE_BYTES,
    handleProtocols: (offered) => (offered.has(SOCKET_PROTOCOL) ? SOCKET_PROTOCOL : false),
  })

  const server = createServer(
    { maxHeaderSize: 8192, headersTimeout: 5_000, requestTimeout: 5_000 },
    (request, response) => {
      const refusal = refusalOf(request)
      const file = served[pathOf(request)]
      if (refusal !== undefined) refuse(response, refusal)
      else if (file === undefined) refuse(response, pathOf(request) === SOCKET_PATH ? 426 : 404)
      else {
        response.writeHead(200, { ...headers(request), 'content-type': file.type })
        response.end(file.body)
      }
    },
  )
  server.maxConnections = MOST_CONNECTIONS

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const status = refusalOf(request) ?? socketRefusalOf(request)
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      return
    }
    upgrades.handleUpgrade(request, socket, head, (accepted) => sockets.accept(accepted))
  })

  function socketRefusalOf(request: IncomingMessage): number | undefined {
    if (pathOf(request) !== SOCKET_PATH) return 404
    // Browsers always say where a socket comes from; whoever leaves it out is not our page.
    if (request.headers.origin !== `http://${request.headers.host}`) return 403
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
    if (!offered.includes(SOCKET_PROTOCOL)) return 400
    return sockets.count() >= MOST_SOCKETS ? 503 : undefined
  }

  /** DNS rebinding: a page of elsewhere whose name now points here still says its own name. */
  function refusalOf(request: IncomingMessage): number | undefined {
    const named = request.headers.host?.toLowerCase() ?? ''
    const address = server.address()
    const bound = typeof address === 'object' && address !== null ? address.port : port
    const own = ['127.0.0.1', '[::1]', 'localhost'].map((name) =>
      bound === 80 ? [name, `${name}:80`] : `${name}:${bound}`,
    )
    if (!own.flat().includes(named)) return 421
    return request.method === 'GET' ? undefined : 405
  }

  return {
    async start() {
      await new Promise<void>((resolve, reject) => {
        server.once('error', (error) => reject(startFailure(error, host, port)))
        server.listen(port, host, resolve)
      })
      sockets.start()
      const address = server.address()
      const bound = typeof address === 'object' && address !== null ? address.port : port
      return `http://${host === '::1' ? '[::1]' : host}:${bound}/`
    },
    async stop() {
      sockets.stop()
      if (!server.listening) return
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

function startFailure(error: unknown, host: string, port: number): AgentError {
  const code = errorCode(error)
  const known: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} is taken by another program. Stop that one, or name another port.`,
    EACCES: `port ${port} needs more rights than the agent has. Name one above 1023.`,
    EADDRNOTAVAIL: `this machine has no address ${host}.`,
  }
  const why = (code && known[code]) ?? `${code ?? String(error)}.`
  return new AgentError('usage', `The screen cannot be served: ${why}`, { cause: error })
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?')[0] ?? '/'
}

function refuse(response: ServerResponse, status: number): void {
  const more = status === 405 ? { allow: 'GET' } : status === 426 ? { upgrade: 'websocket' } : {}
  response.writeHead(status, {
    ...more,
    connection: 'close',
    'content-type': 'text/plain',
    'cache-control': 'no-store',
  })
  response.end(`${STATUS_CODES[status]}\n`)
}

/** Nothing but our own four files, and nobody frames or reads them. */
function headers(request: IncomingMessage): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    // Browsers of small boxes do not count ws: among 'self'.
    `connect-src ws://${request.headers.host}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ]
  return {
    'content-security-policy': policy.join('; '),
    'cache-control': 'no-store',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  }
}

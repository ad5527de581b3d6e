// The `fetch` of the proxy: by node:http, so that address and body pass byte for byte, nothing is unpacked, added or
// followed, and both directions stream. It knows nothing of tokens.
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { Readable } from 'node:stream'
import type { Host } from '@latchkey/shared'
import type { Fetch } from '../core/exchange.ts'

const CONNECT_MS = 10_000
/** RFC 9110 §15.3.5, §15.3.6, §15.4.5: these have no body, and `Response` insists. */
const BODILESS = [204, 205, 304]
const IDEMPOTENT = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']

export interface UpstreamOptions {
  readonly host: Host
  /** How long to wait for the head of the answer after the request was sent. */
  readonly answerSeconds: number
  /** How long a connection may be silent in both directions while a body is under way. */
  readonly idleSeconds: number
}

export interface Upstream {
  readonly fetch: Fetch
  /** Lets the kept connections go. */
  close(): void
}

/** The cause of a `fetch` that got no answer in time. */
export const TIMED_OUT = 'ETIMEDOUT'

export function upstream(options: UpstreamOptions): Upstream {
  const agents = { 'http:': new HttpAgent({ keepAlive: true }), 'https:': new HttpsAgent({ keepAlive: true }) }

  const attempt = (url: string, init: RequestInit): Promise<Response> => {
    const { signal } = init
    signal?.throwIfAborted()
    const { protocol, hostname, port } = new URL(url)
    const secure = protocol === 'https:'
    const request = (secure ? httpsRequest : httpRequest)({
      agent: secure ? agents['https:'] : agents['http:'],
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port: port || (secure ? 443 : 80),
      path: targetOf(url),
      method: init.method ?? 'GET',
      headers: Object.fromEntries(new Headers(init.headers)),
    })
    const onAbort = () => request.destroy(new Error('aborted'))
    signal?.addEventListener('abort', onAbort, { once: true })
    request.once('close', () => signal?.removeEventListener('abort', onAbort))
    return exchange(request, init, options)
  }

  return {
    async fetch(url, init) {
      try {
        return await attempt(url, init)
      } catch (error) {
        // The server closed a kept connection just as we took it: it has seen nothing of this request.
        const mayRepeat = IDEMPOTENT.includes(init.method ?? 'GET') && !isStream(init.body)
        if (!(error instanceof StaleConnection)) throw error
        if (mayRepeat) return attempt(url, init)
        throw error.failure
      }
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

class StaleConnection extends Error {
  readonly failure: TypeError

  constructor(failure: TypeError) {
    super('the kept connection was closed')
    this.failure = failure
  }
}

function exchange(request: ClientRequest, init: RequestInit, options: UpstreamOptions): Promise<Response> {
  const { host, answerSeconds, idleSeconds } = options
  return new Promise((resolve, reject) => {
    const settled = new AbortController()
    const fail = (cause: Error) => {
      settled.abort()
      const failure = new TypeError('fetch failed', { cause })
      const reset = 'code' in cause && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE')
      reject(request.reusedSocket && reset ? new StaleConnection(failure) : failure)
    }
    const giveUpAfter = (milliseconds: number, until: AbortSignal) =>
      host.sleep(milliseconds, until).then(
        () => request.destroy(timedOut()),
        () => undefined,
      )
    const connected = new AbortController()
    settled.signal.addEventListener('abort', () => connected.abort(), { once: true })
    giveUpAfter(CONNECT_MS, connected.signal)
    const isSecure = request.protocol === 'https:'
    request.once('socket', (socket) => {
      if (!socket.connecting) connected.abort()
      else socket.once(isSecure ? 'secureConnect' : 'connect', () => connected.abort())
    })
    request.once('finish', () => {
      if (!settled.signal.aborted) giveUpAfter(answerSeconds * 1000, settled.signal)
    })
    request.setTimeout(idleSeconds * 1000, () => request.destroy(timedOut()))
    request.on('error', fail)
    request.once('response', (answer) => {
      settled.abort()
      resolve(responseOf(answer, init.method))
    })
    send(request, init.body)
  })
}

function send(request: ClientRequest, body: RequestInit['body']): void {
  if (body === undefined || body === null) request.end()
  else if (typeof body === 'string' || body instanceof Uint8Array) request.end(body)
  else if (isStream(body)) {
    const source = Readable.from(body)
    // Whoever stops sending in the middle must not be taken for somebody who has said all.
    source.once('error', (error) => request.destroy(error))
    source.pipe(request)
  } else request.destroy(new TypeError('a body of another kind'))
}

function responseOf(answer: IncomingMessage, method = 'GET'): Response {
  const { statusCode: status = 502, statusMessage, rawHeaders } = answer
  const headers = new Headers()
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) headers.append(rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '')
  const empty = BODILESS.includes(status) || method === 'HEAD'
  if (empty) answer.resume()
  const body = empty ? null : (Readable.toWeb(answer) as NonNullable<RequestInit['body']>)
  return new Response(body, { status, headers, ...(statusMessage ? { statusText: statusMessage } : {}) })
}

/** Path and query as they were written; `URL` would tidy them. */
function targetOf(url: string): string {
  const path = url.slice(url.indexOf('/', url.indexOf('//') + 2))
  return path.split('#', 1)[0] ?? '/'
}

function isStream(body: unknown): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

function timedOut(): Error {
  return Object.assign(new Error('no answer in time'), { code: TIMED_OUT })
}

// `latchkey-agent proxy`: a program that knows nothing of OAuth calls an API through it, and each request leaves with the
// device's token and proof. Who may use it and what passes is proxy-rules.ts; how it reaches the API, upstream.ts; tokens,
// and asking again for a nonce or a fresh token, are the agent's.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import type { Host } from '@latchkey/shared'
import type { DeviceAgent } from '../core/agent.ts'
import { AgentError, isAgentError } from '../core/errors.ts'
import { unreachable } from '../core/exchange.ts'
import { errorCode } from './file-system.ts'
import type { ProgramIo, ProgramOptions } from './program-io.ts'
import { readBody } from './proxy-body.ts'
import { forwardedHeaders, objectionTo, readListen, readUpstream, returnedHeaders } from './proxy-rules.ts'
import { TIMED_OUT, upstream } from './upstream.ts'

const MOST_CONNECTIONS = 256
const ANSWER_SECONDS = 60
const IDLE_SECONDS = 300
const HEAD_MS = 10_000

export interface ProxyOptions extends Pick<ProgramOptions, 'state' | 'resource'> {
  /** `127.0.0.1:7180` and the like; port 0 takes a free one. */
  readonly listen: string
  /** The API, with a path if all requests go below one. */
  readonly upstream: string
  /** Origins of pages that may use the proxy. */
  readonly allowOrigin?: readonly string[]
  /** How long the API may take for the head of an answer, seconds. */
  readonly timeout?: number
}

export interface RunningProxy {
  readonly port: number
  /** Takes no more requests, and cuts those that are under way. */
  close(): Promise<void>
}

/** Runs until it is told to stop. @throws AgentError `usage`, `storage` */
export async function proxy(io: ProgramIo, options: ProxyOptions): Promise<number> {
  const running = await startProxy(io, options)
  const { host } = readListen(options.listen)
  const address = `http://${host.includes(':') ? `[${host}]` : host}:${running.port}`
  io.stderr.write(`Requests to ${address} go to ${readUpstream(options.upstream)} with this device’s token.\n`)
  await new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve()
    else io.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  await running.close()
  return 0
}

/** Listens, and returns when requests are taken. @throws AgentError `usage`, `storage` */
export async function startProxy(
  io: Pick<ProgramIo, 'host' | 'fetch' | 'linkedAgent'>,
  options: ProxyOptions,
): Promise<RunningProxy> {
  const place = readListen(options.listen)
  const base = readUpstream(options.upstream)
  const { host } = io
  const { timeout: answerSeconds = ANSWER_SECONDS } = options
  if (!(answerSeconds > 0)) throw new AgentError('usage', 'The timeout is a number of seconds.')
  const api = upstream({ host, answerSeconds, idleSeconds: IDLE_SECONDS })
  let found: DeviceAgent | undefined
  /** The agent of the present link: this may run before somebody links, and after somebody links anew. */
  const linked = async (): Promise<DeviceAgent> => {
    // Only what goes to the API takes the way that leaves everything as it is.
    found ??= await io.linkedAgent((url, init) =>
      url.startsWith(`${base}/`) ? api.fetch(url, init) : io.fetch(url, init),
    )
    return found
  }
  const agent: Context['agent'] = {
    async fetch(url, init, wish) {
      try {
        return await (await linked()).fetch(url, init, wish)
      } catch (error) {
        if (isAgentError(error, 'unlinked')) found = undefined
        throw error
      }
    },
  }
  const context: Context = { agent, base, host, options, hasPrefix: new URL(base).pathname !== '/' }
  const server = createServer({ headersTimeout: HEAD_MS, requestTimeout: 0 }, (request, response) => {
    forward(context, request, response).catch((error: unknown) => {
      // What is sent cannot be taken back; a cut answer at least is not taken for a whole one.
      response.destroy(error instanceof Error ? error : undefined)
    })
  })
  server.maxConnections = MOST_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new AgentError('storage', `Cannot listen on ${options.listen}: ${errorCode(cause)}.`, { cause })),
    )
    server.listen(place, () => resolve())
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      api.close()
      await closed
    },
  }
}

interface Context {
  readonly agent: Pick<DeviceAgent, 'fetch'>
  readonly base: string
  readonly hasPrefix: boolean
  readonly host: Host
  readonly options: ProxyOptions
}

async function forward(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { agent, base, hasPrefix, host, options } = context
  const { allowOrigin = [], resource } = options
  const objection = objectionTo(request, { origins: allowOrigin, hasPrefix })
  if (objection) {
    const { status, error, description } = objection
    return refuse(response, status, { error, error_description: description })
  }
  const { origin } = request.headers
  for (const [name, value] of corsHeaders(request)) response.setHeader(name, value)
  if (origin !== undefined && isPreflight(request)) {
    response.writeHead(204).end()
    return
  }
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  let answer: Response
  try {
    const body = hasBody(request) ? await readBody(request, host.sleep) : undefined
    const init = { method: request.method ?? 'GET', headers: forwardedHeaders(request), signal: gone.signal }
    const sent =
      body === undefined ? init : { ...init, body: body as NonNullable<RequestInit['body']>, duplex: 'half' as const }
    answer = await agent.fetch(base + request.url, sent, resource === undefined ? {} : { resource })
  } catch (error) {
    if (gone.signal.aborted) return
    return fail(response, new URL(base).host, error)
  }
  const local = `http://${request.headers.host}`
  for (const [name, value] of returnedHeaders(answer, { base, local })) {
    if (origin === undefined || !name.startsWith('access-control-')) response.appendHeader(name, value)
  }
  response.writeHead(answer.status, answer.statusText)
  if (!answer.body) response.end()
  else await pipeline(Readable.fromWeb(answer.body as ReadableStream<Uint8Array>), response)
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
}

/** For a page that was allowed: the API behind us knows nothing of it. */
function corsHeaders({ headers }: IncomingMessage): readonly (readonly [string, string])[] {
  if (headers.origin === undefined) return []
  const asked = headers['access-control-request-headers']
  return [
    ['access-control-allow-origin', headers.origin],
    ['vary', 'origin'],
    ['access-control-expose-headers', '*'],
    ...(headers['access-control-request-method'] === undefined
      ? []
      : ([['access-control-allow-methods', headers['access-control-request-method']]] as const)),
    ...(asked === undefined ? [] : ([['access-control-allow-headers', asked]] as const)),
  ]
}

const HINTS: Readonly<Partial<Record<AgentError['reason'], string>>> = {
  unlinked: 'Somebody has to link this device: latchkey-agent link',
  unreachable: 'The server that gives out tokens cannot be reached right now; try again.',
  storage: 'See what is wrong: latchkey-agent status',
}

function fail(response: ServerResponse, api: string, error: unknown): void {
  if (error instanceof AgentError) {
    const { reason, message, retryAfterSeconds } = error
    if (retryAfterSeconds !== undefined) response.setHeader('retry-after', Math.ceil(retryAfterSeconds))
    refuse(response, 503, { error: reason, error_description: message, hint: HINTS[reason] })
    return
  }
  const late = errorCode(error instanceof Error ? error.cause : undefined) === TIMED_OUT
  const description = late ? `${api} did not answer in time.` : unreachable(api, error).message
  const hint = 'The API itself is at fault, or the way to it; the link of this device is not.'
  refuse(response, late ? 504 : 502, { error: 'unreachable', error_description: description, hint })
}

function refuse(response: ServerResponse, status: number, body: Readonly<Record<string, string | undefined>>): void {
  // The rest of a body that nobody reads would be taken for the next request.
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', connection: 'close' })
  response.end(`${JSON.stringify(body)}\n`)
}

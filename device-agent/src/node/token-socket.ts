// The token socket: programs on this device ask the daemon for access tokens of configured audiences, or for the headers
// of one request, and for nothing else; no refresh token and no key can be had here. Where it is and who may open it is
// socket-place.ts; what is said, token-request.ts. Whatever comes in, the agent goes on.
import { createServer, type Socket } from 'node:net'
import { type Host, systemHost } from '@latchkey/shared'
import type { AccessToken, TokenWish } from '../core/agent.ts'
import type { ApiRequest } from '../core/api-request.ts'
import { AgentError } from '../core/errors.ts'
import { listenAt } from './socket-place.ts'
import {
  audienceOf,
  LARGEST_REQUEST_BYTES,
  readTokenRequest,
  type TokenAnswer,
  type TokenRefusal,
  type TokenRequest,
} from './token-request.ts'

const MOST_CONNECTIONS = 32
const PATIENCE_MS = 5000
/** A program that calls every token rejected must not become a loop of refreshes. */
const BETWEEN_REJECTIONS_MS = 30_000

/** What the socket needs of a `DeviceAgent`. */
export interface TokenSource {
  accessToken(wish: TokenWish): Promise<AccessToken>
  authorize(request: ApiRequest, wish: TokenWish): Promise<Readonly<Record<string, string>>>
  /** Takes in what came beside an API's answer, for the next proof to it. */
  hear(url: string, headers: Headers): void
}

export interface TokenSocketOptions {
  /** See `tokenSocketPath`. Its directory is made with mode 0750 when it is not there. */
  readonly path: string
  readonly agent: TokenSource
  /** Whose tokens are handed out (RFC 8707 resources); the first is for those who name none. */
  readonly audiences: readonly string[]
  readonly host?: Host
  /** Whose directory it must be; undefined where the system has no such numbers. */
  readonly uid?: number | undefined
  /** Told of what nobody expects to fail; never of what programs do wrong. */
  readonly onTrouble?: (error: unknown) => void
}

export interface TokenSocket {
  readonly path: string
  /** Cuts who is still connected, and takes the name away. */
  close(): Promise<void>
}

/** Starts to listen. @throws AgentError `storage` when the place is taken or not safe; `usage` without audiences */
export async function tokenSocket(options: TokenSocketOptions): Promise<TokenSocket> {
  const { path, audiences, host = systemHost, onTrouble } = options
  const uid = 'uid' in options ? options.uid : process.getuid?.()
  if (audiences.length === 0) throw new AgentError('usage', 'A token socket needs an audience to hand out tokens for.')
  const connected = new Set<Socket>()
  const answer = answerer({ ...options, host })
  // Half open: who says all and closes that side (as `socat` does) still wants the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const full = connected.size >= MOST_CONNECTIONS
    connected.add(socket)
    // A peer that goes away is no news, but an error without a listener ends the process.
    socket.on('error', () => undefined)
    socket.once('close', () => connected.delete(socket))
    if (full) finish(socket, host, refusal('busy', `More than ${MOST_CONNECTIONS} programs ask at once.`))
    else converse(socket, host, answer).catch((error: unknown) => onTrouble?.(error))
  })
  const leave = await listenAt(server, { path, host, uid })
  server.on('error', (error) => onTrouble?.(error))
  return {
    path,
    async close() {
      // First the name, so that the next agent finds the place free as soon as this one is done.
      await leave()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of connected) socket.destroy()
      await closed
    },
  }
}

type Answerer = (line: Uint8Array, signal: AbortSignal) => Promise<TokenAnswer>

async function converse(socket: Socket, host: Host, answer: Answerer): Promise<void> {
  const gone = new AbortController()
  socket.once('close', () => gone.abort())
  const line = await readLine(socket, host, gone.signal)
  if (line === 'gone') return
  if (line === 'late') return finish(socket, host, refusal('invalid_request', 'The request took longer than 5 s.'))
  if (line === 'long') return finish(socket, host, refusal('invalid_request', 'The request is longer than 4 KiB.'))
  const reply = await answer(line, gone.signal)
  if (!gone.signal.aborted) finish(socket, host, reply)
}

/** All up to the first line feed, or to the end of what the peer sends. */
function readLine(socket: Socket, host: Host, gone: AbortSignal): Promise<Uint8Array | 'gone' | 'late' | 'long'> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = []
    let size = 0
    const done = new AbortController()
    const end = (outcome: Uint8Array | 'gone' | 'late' | 'long') => {
      if (done.signal.aborted) return
      done.abort()
      // Nothing more is read: a peer that goes on sending waits for itself.
      socket.pause().removeAllListeners('data')
      resolve(outcome)
    }
    socket.on('data', (chunk: Uint8Array) => {
      const feed = chunk.indexOf(0x0a)
      const part = feed < 0 ? chunk : chunk.subarray(0, feed)
      size += part.byteLength
      if (size > LARGEST_REQUEST_BYTES) return end('long')
      chunks.push(part)
      if (feed >= 0) end(Buffer.concat(chunks))
    })
    socket.once('end', () => end(Buffer.concat(chunks)))
    gone.addEventListener('abort', () => end('gone'), { once: true })
    host.sleep(PATIENCE_MS, done.signal).then(
      () => end('late'),
      () => undefined,
    )
  })
}

function finish(socket: Socket, host: Host, answer: TokenAnswer): void {
  const done = new AbortController()
  socket.once('close', () => done.abort())
  socket.end(`${JSON.stringify(answer)}\n`, () => socket.destroy())
  host.sleep(PATIENCE_MS, done.signal).then(
    () => socket.destroy(),
    () => undefined,
  )
}

function answerer(options: TokenSocketOptions & { readonly host: Host }): Answerer {
  const { agent, audiences, host, onTrouble } = options
  const renewedAt = new Map<string, number>()

  /** The wish for a token; one that is called rejected counts when the last such call is long enough ago. */
  const wishFor = (resource: string, rejected: string | undefined, signal: AbortSignal): TokenWish => {
    const now = host.clock.monotonic()
    const last = renewedAt.get(resource) ?? Number.NEGATIVE_INFINITY
    if (rejected === undefined || now - last < BETWEEN_REJECTIONS_MS) return { resource, signal }
    renewedAt.set(resource, now)
    return { resource, signal, rejected }
  }

  const grant = async (request: TokenRequest, resource: string, signal: AbortSignal): Promise<TokenAnswer> => {
    const wish = wishFor(resource, request.rejected, signal)
    const { authorize } = request
    if (!authorize) {
      const { token, tokenType, secondsLeft } = await agent.accessToken(wish)
      return { access_token: token, token_type: tokenType, resource, ...expiry(host, secondsLeft) }
    }
    const { method, url, nonce } = authorize
    if (nonce !== undefined) agent.hear(url, new Headers({ 'dpop-nonce': nonce }))
    const { authorization = '', dpop } = await agent.authorize({ method, url }, wish)
    return { resource, headers: { Authorization: authorization, ...(dpop === undefined ? {} : { DPoP: dpop }) } }
  }

  return async (line, signal) => {
    const request = readTokenRequest(line)
    if (typeof request === 'string') return refusal('invalid_request', request)
    const resource = audienceOf(request, audiences)
    if (resource === undefined) return refusal('invalid_target', 'This agent hands out no tokens for that.')
    try {
      return await grant(request, resource, signal)
    } catch (error) {
      if (error instanceof AgentError) return refusalOf(error)
      if (!signal.aborted) onTrouble?.(error)
      return refusal('failed', 'The agent could not do it.')
    }
  }
}

function expiry(host: Host, secondsLeft: number | undefined): { readonly expires_at?: string; expires_in?: number } {
  if (secondsLeft === undefined) return {}
  const expires_at = new Date(host.clock.now() + secondsLeft * 1000).toISOString()
  return { expires_at, expires_in: Math.floor(secondsLeft) }
}

const REFUSALS: Readonly<Record<AgentError['reason'], TokenRefusal>> = {
  unlinked: 'unlinked',
  denied: 'unlinked',
  expired: 'unlinked',
  lost_approval: 'unlinked',
  unreachable: 'unreachable',
  refused: 'refused',
  usage: 'invalid_request',
  untrusted: 'failed',
  storage: 'failed',
}

function refusalOf({ reason, message, retryAfterSeconds }: AgentError): TokenAnswer {
  const later = retryAfterSeconds === undefined ? {} : { retry_after: Math.ceil(retryAfterSeconds) }
  return { error: REFUSALS[reason], error_description: message, ...later }
}

function refusal(error: TokenRefusal, error_description: string): TokenAnswer {
  return { error, error_description }
}

// An authorization server that answers by script, for looking at how the agent behaves: what it asks, when, and what it
// makes of every kind of answer. It issues nothing real and checks nothing; the real server has its own tests.
import {
  AgentError,
  DeviceAgent,
  type DeviceAgentOptions,
  type Fetch,
  memoryCredentials,
  memoryKeys,
} from '@latchkey/device-agent'
import { DEVICE_CODE_GRANT, type Host } from '@latchkey/shared'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'

export const ISSUER = 'https://id.northwind.example'

export interface SeenRequest {
  readonly method: string
  readonly url: string
  /** On the fake host's monotonic clock, milliseconds. */
  readonly at: number
  readonly form: Readonly<Record<string, string>>
  readonly headers: Headers
}

export type ScriptedAnswer =
  | {
      readonly status: number
      readonly json?: unknown
      readonly text?: string
      readonly headers?: Record<string, string>
    }
  /** The connection breaks: the server may have acted, the agent never hears. */
  | 'cut'
  /** Nothing ever comes. */
  | 'silence'
  /** An answer without end. */
  | 'flood'
  | ((request: SeenRequest) => ScriptedAnswer | Promise<ScriptedAnswer>)

export interface AgentServer {
  readonly fetch: Fetch
  readonly seen: readonly SeenRequest[]
  /** Requests to the token endpoint with this grant. */
  polls(): readonly SeenRequest[]
  refreshes(): readonly SeenRequest[]
  /** Queues answers for a path; the last one stays. */
  on(path: string, ...answers: readonly ScriptedAnswer[]): void
}

/** Metadata, a device authorization and a pending person are there from the start; `on` changes any of it. */
export function agentServer(host: Host, issuer = ISSUER): AgentServer {
  const seen: SeenRequest[] = []
  const scripts = new Map<string, ScriptedAnswer[]>()
  const { pathname } = new URL(issuer)
  const path = pathname === '/' ? '' : pathname
  const on = (at: string, ...answers: readonly ScriptedAnswer[]) => void scripts.set(at, [...answers])

  on(`/.well-known/oauth-authorization-server${path}`, ok(metadata(issuer)))
  on('/device_authorization', ok(deviceAuthorization()))
  on('/token', refused('authorization_pending'))

  const answerFor = async (request: SeenRequest, signal: AbortSignal | undefined): Promise<Response> => {
    const script = scripts.get(new URL(request.url).pathname)
    let next: ScriptedAnswer | undefined = script && script.length > 1 ? script.shift() : script?.[0]
    while (typeof next === 'function') next = await next(request)
    if (next === undefined) return new Response('not found', { status: 404 })
    if (next === 'cut')
      throw new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) })
    if (next === 'silence') {
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason), { once: true }))
    }
    if (next === 'flood') return new Response(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(4096)) }))
    const { status, json, text, headers } = next
    const date = new Date(host.clock.now()).toUTCString()
    return new Response(text ?? JSON.stringify(json), { status, headers: { date, ...headers } })
  }

  const withGrant = (grant: string) => () => seen.filter((request) => request.form['grant_type'] === grant)
  return {
    seen,
    on,
    polls: withGrant(DEVICE_CODE_GRANT),
    refreshes: withGrant('refresh_token'),
    fetch: async (url, init) => {
      const form = Object.fromEntries(new URLSearchParams(typeof init.body === 'string' ? init.body : ''))
      const headers = new Headers(init.headers)
      const request = { method: init.method ?? 'GET', url, at: host.clock.monotonic(), form, headers }
      seen.push(request)
      return answerFor(request, init.signal ?? undefined)
    },
  }
}

/** An agent of that server, which keeps everything in memory unless `more` says otherwise. */
export function agentAt(server: Pick<AgentServer, 'fetch'>, host: Host, more: Partial<DeviceAgentOptions> = {}) {
  const stores = { credentials: memoryCredentials(), keys: memoryKeys() }
  return new DeviceAgent({ issuer: ISSUER, clientId: 'tv', ...stores, host, fetch: server.fetch, ...more })
}

/** What it failed with. @throws where it did not, and where that is nothing that agents fail with */
export async function failureOf(work: Promise<unknown>): Promise<AgentError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof AgentError) return error
  throw new Error(`not an AgentError: ${error}`, { cause: error })
}

export function ok(json: unknown, headers: Record<string, string> = {}): ScriptedAnswer {
  return { status: 200, json, headers }
}

export function refused(
  error: string,
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): ScriptedAnswer {
  return { status: 400, json: { error, ...more }, headers }
}

export function metadata(issuer = ISSUER): Record<string, unknown> {
  const { origin } = new URL(issuer)
  return {
    issuer,
    token_endpoint: `${origin}/token`,
    device_authorization_endpoint: `${origin}/device_authorization`,
    jwks_uri: `${origin}/jwks`,
    revocation_endpoint: `${origin}/revoke`,
  }
}

export function deviceAuthorization(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    device_code: 'canary-device-code',
    user_code: 'WDJB-MJHT',
    verification_uri: `${ISSUER}/link`,
    verification_uri_complete: `${ISSUER}/link/WDJBMJHT`,
    expires_in: 600,
    interval: 5,
    ...more,
  }
}

/** A token answer; each `n` has tokens of its own, all with the word "canary" in them. */
export function tokens(n: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    access_token: `canary-access-${n}`,
    token_type: 'Bearer',
    expires_in: 600,
    refresh_token: `canary-refresh-${n}`,
    scope: 'openid library:read',
    ...more,
  }
}

/** A key of the server, its public half as a key set, and a pen. */
export async function identityKey(alg: 'RS256' | 'ES256' | 'EdDSA', kid = 'k1') {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }
  const sign = (claims: JWTPayload, header: { readonly kid?: string } = {}) =>
    new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey)
  return { keySet: { keys: [jwk] }, sign }
}

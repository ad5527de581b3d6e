// The agent's half of the protocol: one function per request, each sent once; once more only, and at once, when a proof
// lacked the server's nonce (RFC 9449 §8). Nothing here waits or keeps anything; that is agent.ts and link-request.ts.
// Expected OAuth errors are values; trouble on the way is an AgentError.
import {
  DEVICE_CODE_GRANT,
  JWT_BEARER_GRANT,
  type ProofKey,
  readScreenNumber,
  type ServerMetadata,
} from '@latchkey/shared'
import type { TokenType } from './credentials.ts'
import { AgentError } from './errors.ts'
import { exchange, type Reply, type Wire } from './exchange.ts'
import { KEY_ALGORITHM } from './keys.ts'
import { assertionFor, proofFor } from './proof.ts'
import type { Sockets } from './sockets.ts'

export interface Metadata extends ServerMetadata {
  /** RFC 7009. */
  readonly revocation_endpoint?: string
  /** RFC 8414, for RFC 7636. */
  readonly code_challenge_methods_supported?: readonly string[]
  /** RFC 9449 §5.1. */
  readonly dpop_signing_alg_values_supported?: readonly string[]
  /** A WebSocket on which a waiting device hears of its code; where there is one, `Prefer: wait` is understood too. */
  readonly device_events_endpoint?: string
  /** RFC 7591 §3. */
  readonly registration_endpoint?: string
}

export interface Client extends Wire {
  readonly metadata: Metadata
  readonly clientId: string
  /** Sent by HTTP Basic (RFC 6749 §2.3.1); a public client has none. */
  readonly clientSecret?: string | undefined
  /** Absent: nothing is heard between two polls. */
  readonly sockets?: Sockets | undefined
  /** Proofs by this key go with every request, and no token is taken that is not bound to it. Absent: Bearer. */
  readonly key?: ProofKey | undefined
}

/** What a device says of itself; the server shows it as unverified. */
export interface DeviceDescription {
  readonly name?: string | undefined
  readonly model?: string | undefined
  readonly software?: string | undefined
}

export interface DeviceAuthorization {
  readonly deviceCode: string
  readonly userCode: string
  readonly verificationUri: string
  readonly verificationUriComplete: string | undefined
  readonly expiresInSeconds: number
  readonly intervalSeconds: number
}

export interface Tokens {
  readonly accessToken: string
  readonly tokenType: TokenType
  readonly expiresInSeconds: number | undefined
  readonly refreshToken: string | undefined
  readonly scope: string | undefined
  readonly idToken: string | undefined
  /** The server's clock when it answered, epoch milliseconds. */
  readonly serverNow: number | undefined
}

/** An answer that RFC 6749 §5.2 or RFC 8628 §3.5 foresees. */
export interface Refusal {
  readonly kind: 'refused'
  readonly error: string
  readonly description: string | undefined
  /** From the body of a `slow_down`, as GitHub sends it. */
  readonly intervalSeconds: number | undefined
  readonly retryAfterSeconds: number | undefined
  /** From the body of an `authorization_pending`: what the screen is to show, as on `device_events_endpoint`. */
  readonly number: string | undefined
  /** Whether the answer was held back for as long as it was wished (RFC 7240 `Preference-Applied`). */
  readonly wasHeld: boolean
}

export type Answer<T> = { readonly kind: 'granted'; readonly value: T } | Refusal

/**
 * Fetches the server's metadata (RFC 8414 §3; OpenID Connect Discovery §4 where the former is not found).
 *
 * @throws AgentError `usage` when `issuer` is no https URL (http only on loopback); `untrusted` when the document names
 *   another issuer, compared byte for byte (RFC 8414 §3.3), or unsafe endpoints; `unreachable`.
 */
export async function discover(wire: Wire, issuer: string, signal?: AbortSignal): Promise<Metadata> {
  const url = issuerUrl(issuer)
  const path = url.pathname === '/' ? '' : url.pathname.replace(/\/$/, '')
  const accept = { headers: { accept: 'application/json' } }
  let reply = await exchange(wire, `${url.origin}/.well-known/oauth-authorization-server${path}`, accept, signal)
  if (reply.status === 404) {
    reply = await exchange(wire, `${url.origin}${path}/.well-known/openid-configuration`, accept, signal)
  }
  const { body } = reply
  if (reply.status !== 200 || !body) {
    throw new AgentError('untrusted', `${url.host} does not publish OAuth metadata (status ${reply.status}).`)
  }
  if (body['issuer'] !== issuer) {
    const said = typeof body['issuer'] === 'string' ? body['issuer'] : 'nothing'
    throw new AgentError('untrusted', `The server at ${issuer} calls itself ${said}: not the same issuer.`)
  }
  return {
    issuer,
    token_endpoint: endpoint(body, 'token_endpoint') ?? missing('token_endpoint'),
    ...optional('device_authorization_endpoint', endpoint(body, 'device_authorization_endpoint')),
    ...optional('jwks_uri', endpoint(body, 'jwks_uri')),
    ...optional('revocation_endpoint', endpoint(body, 'revocation_endpoint')),
    ...optional('registration_endpoint', endpoint(body, 'registration_endpoint')),
    ...optional('device_events_endpoint', endpoint(body, 'device_events_endpoint', 'wss:')),
    ...optional('grant_types_supported', texts(body, 'grant_types_supported')),
    ...optional('code_challenge_methods_supported', texts(body, 'code_challenge_methods_supported')),
    ...optional('dpop_signing_alg_values_supported', texts(body, 'dpop_signing_alg_values_supported')),
  }
}

/** Whether the server binds tokens to keys like ours. */
export function offersKeyBinding({ dpop_signing_alg_values_supported: algorithms }: Metadata): boolean {
  return algorithms?.includes(KEY_ALGORITHM) ?? false
}

/** Whether a device that lost its tokens may come back with its key alone. */
export function offersWayBack({ grant_types_supported: grants }: Metadata): boolean {
  return grants?.includes(JWT_BEARER_GRANT) ?? false
}

/** Whether a code can be tied to a secret of who asks for it (RFC 7636). */
export function offersCodeChallenge({ code_challenge_methods_supported: methods }: Metadata): boolean {
  return methods?.includes('S256') ?? false
}

/**
 * Asks for a device code and a user code: RFC 8628 §3.1, with RFC 8707 `resource`, the device's own description, and an
 * S256 challenge whose verifier has to come with each poll.
 */
export async function requestDeviceCode(
  client: Client,
  request: {
    readonly scope?: string | undefined
    readonly resource?: string | undefined
    readonly device?: DeviceDescription | undefined
    readonly codeChallenge?: string | undefined
    /** The screen shows the number that the server may name later. */
    readonly showsNumber?: boolean | undefined
  },
  signal?: AbortSignal,
): Promise<Answer<DeviceAuthorization>> {
  const url = client.metadata.device_authorization_endpoint
  if (!url) throw new AgentError('refused', `${client.metadata.issuer} does not link devices.`)
  const { scope, resource, device, codeChallenge, showsNumber } = request
  const claims = { device_name: device?.name, device_model: device?.model, device_software: device?.software }
  const described = { ...claims, device_display: showsNumber ? 'number' : undefined }
  const method = codeChallenge === undefined ? undefined : 'S256'
  const challenge = { code_challenge: codeChallenge, code_challenge_method: method }
  const reply = await post(client, url, { scope, resource, ...described, ...challenge }, signal)
  return answer(reply, (body) => ({
    deviceCode: text(body, 'device_code') ?? missing('device_code'),
    userCode: text(body, 'user_code') ?? missing('user_code'),
    // Google's name, from before RFC 8628 had one.
    verificationUri:
      address(body, 'verification_uri') ?? address(body, 'verification_url') ?? missing('verification_uri'),
    verificationUriComplete: address(body, 'verification_uri_complete'),
    expiresInSeconds: seconds(body, 'expires_in') || missing('expires_in'),
    // RFC 8628 §3.2: five when absent. Less than one would be a hot loop.
    intervalSeconds: Math.max(1, seconds(body, 'interval') ?? 5),
  }))
}

/**
 * Asks once whether the person has decided: RFC 8628 §3.4. With `waitSeconds` the server may hold its answer for so long
 * (RFC 7240 §4.3); one that knows nothing of it answers at once.
 */
export async function pollDeviceToken(
  client: Client,
  code: {
    readonly deviceCode: string
    readonly codeVerifier?: string | undefined
    /** What the screen shows already: a server that holds its answer need not say it again. */
    readonly shownNumber?: string | undefined
  },
  how: { readonly waitSeconds?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<Answer<Tokens>> {
  const { deviceCode, codeVerifier, shownNumber } = code
  const secrets = { device_code: deviceCode, code_verifier: codeVerifier }
  const form = { grant_type: DEVICE_CODE_GRANT, ...secrets, shown_number: shownNumber }
  return requestToken(client, form, how.signal, how.waitSeconds)
}

/** Trades a refresh token for fresh tokens: RFC 6749 §6, with RFC 8707 `resource`. */
export async function refresh(
  client: Client,
  refreshToken: string,
  resource?: string,
  signal?: AbortSignal,
): Promise<Answer<Tokens>> {
  return requestToken(client, { grant_type: 'refresh_token', refresh_token: refreshToken, resource }, signal)
}

/** Fresh tokens for the link that `client.key` is bound to, by that key alone: RFC 7523 §2.1. */
export async function signBackIn(
  client: Client & { readonly key: ProofKey },
  resource?: string,
  signal?: AbortSignal,
): Promise<Answer<Tokens>> {
  const { metadata, clientId, key } = client
  const assertion = await assertionFor(client, key, { issuer: metadata.issuer, clientId })
  return requestToken(client, { grant_type: JWT_BEARER_GRANT, assertion, resource }, signal)
}

/** A token for the client itself: RFC 6749 §4.4. Needs `clientSecret`. */
export async function clientCredentials(
  client: Client,
  request: { readonly scope?: string | undefined; readonly resource?: string | undefined },
  signal?: AbortSignal,
): Promise<Answer<Tokens>> {
  return requestToken(
    client,
    { grant_type: 'client_credentials', scope: request.scope, resource: request.resource },
    signal,
  )
}

/** Ends a token at the server: RFC 7009. Returns whether the server has such an endpoint and accepted. */
export async function revoke(client: Client, token: string, signal?: AbortSignal): Promise<boolean> {
  const url = client.metadata.revocation_endpoint
  if (!url) return false
  const reply = await post(client, url, { token, token_type_hint: 'refresh_token' }, signal)
  return reply.status === 200
}

const DOWNGRADED =
  'The server was asked for tokens bound to the key of this device and issued tokens that work for anybody; they were discarded.'

async function requestToken(
  client: Client,
  form: Form,
  signal?: AbortSignal,
  waitSeconds?: number,
): Promise<Answer<Tokens>> {
  const wish: Wish = waitSeconds === undefined ? {} : { prefer: `wait=${waitSeconds}` }
  const reply = await post(client, client.metadata.token_endpoint, form, signal, wish)
  return readTokens(client, reply)
}

/** What a token endpoint answered. @throws AgentError `untrusted` for a token of another type than was asked for */
export function readTokens(client: Client, reply: Reply): Answer<Tokens> {
  return answer(reply, (body) => {
    const tokenType: TokenType = client.key ? 'DPoP' : 'Bearer'
    const issued = text(body, 'token_type')?.toLowerCase()
    // RFC 9449 §5: somebody on the way may have taken the proof out, to get a token that works without the key.
    if (client.key && issued === 'bearer') throw new AgentError('untrusted', DOWNGRADED)
    // RFC 6749 §7.1: a token of a type that one does not understand must not be used.
    if (issued !== tokenType.toLowerCase()) {
      throw new AgentError('untrusted', `The server issued a token of another type than ${tokenType}.`)
    }
    return {
      tokenType,
      accessToken: text(body, 'access_token') ?? missing('access_token'),
      expiresInSeconds: seconds(body, 'expires_in'),
      refreshToken: text(body, 'refresh_token'),
      scope: text(body, 'scope'),
      idToken: text(body, 'id_token'),
      serverNow: reply.serverNow,
    }
  })
}

type Form = Readonly<Record<string, string | undefined>>
type Wish = Readonly<Record<string, string>>
type Body = Readonly<Record<string, unknown>>

async function post(client: Client, url: string, form: Form, signal?: AbortSignal, wish?: Wish): Promise<Reply> {
  const reply = await send(client, url, form, signal, wish)
  return client.key && reply.body?.['error'] === 'use_dpop_nonce' ? send(client, url, form, signal, wish) : reply
}

/** Sends a form once, with a fresh proof where the client has a key. */
export async function send(client: Client, url: string, form: Form, signal?: AbortSignal, wish?: Wish): Promise<Reply> {
  const body = new URLSearchParams({ client_id: client.clientId })
  for (const [name, value] of Object.entries(form)) if (value !== undefined) body.set(name, value)
  const headers: Record<string, string> = {
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded',
    ...wish,
  }
  if (client.clientSecret !== undefined) headers['authorization'] = basic(client.clientId, client.clientSecret)
  if (client.key) headers['dpop'] = await proofFor(client, client.key, { method: 'POST', url })
  return exchange(client, url, { method: 'POST', headers, body: body.toString() }, signal)
}

/** RFC 6749 §2.3.1: both halves are form-encoded before they are joined. */
function basic(id: string, secret: string): string {
  const encode = (value: string) => new URLSearchParams({ '': value }).toString().slice(1)
  return `Basic ${btoa(`${encode(id)}:${encode(secret)}`)}`
}

function answer<T>(reply: Reply, read: (body: Body) => T): Answer<T> {
  const { status, body } = reply
  if (body && status === 200) return { kind: 'granted', value: read(body) }
  const error = body && status >= 400 ? text(body, 'error') : undefined
  if (!body || error === undefined) {
    throw new AgentError('untrusted', `The server's answer (status ${status}) is not one that OAuth knows.`)
  }
  const intervalSeconds = seconds(body, 'interval')
  const description = text(body, 'error_description')
  const number = readScreenNumber(body['number'])
  const { retryAfterSeconds, wasHeld } = reply
  return { kind: 'refused', error, description, intervalSeconds, retryAfterSeconds, number, wasHeld }
}

function issuerUrl(issuer: string): URL {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined
  if (url?.search !== '' || url.hash !== '' || url.username !== '' || !isSafe(url)) {
    throw new AgentError('usage', `The issuer must be an https address (http only on this machine), not "${issuer}".`)
  }
  return url
}

function endpoint(body: Body, name: string, protocol: 'https:' | 'wss:' = 'https:'): string | undefined {
  const value = text(body, name)
  if (value === undefined) return undefined
  if (!isSafeAddress(value, protocol)) {
    throw new AgentError('untrusted', `The server's ${name} is not an ${protocol.slice(0, -1)} address.`)
  }
  return value
}

const LOOPBACK = /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

function isSafe(url: URL, protocol: 'https:' | 'wss:' = 'https:'): boolean {
  const open = protocol.replace('s:', ':')
  return url.protocol === protocol || (url.protocol === open && LOOPBACK.test(url.hostname))
}

/** Whether secrets may go there: https (or wss), or http (ws) that does not leave this machine. */
export function isSafeAddress(address: string, protocol: 'https:' | 'wss:' = 'https:'): boolean {
  return URL.canParse(address) && isSafe(new URL(address), protocol)
}

/** An address for a person: http or https, in printable ASCII, so that what is shown is what is opened. */
function address(body: Body, name: string): string | undefined {
  const value = text(body, name)
  if (value === undefined) return undefined
  if (!/^https?:\/\/[\x21-\x7e]+$/i.test(value) || !URL.canParse(value)) {
    throw new AgentError('untrusted', `The server's ${name} is not a web address.`)
  }
  return value
}

/** A text of an answer; undefined when it is absent or empty. */
export function text(body: Body, name: string): string | undefined {
  const value = body[name]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') throw new AgentError('untrusted', `The server's ${name} is not text.`)
  return value
}

function texts(body: Body, name: string): readonly string[] | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) {
    throw new AgentError('untrusted', `The server's ${name} is not a list of words.`)
  }
  return value
}

/** A duration. Some servers send it as text. */
function seconds(body: Body, name: string): number | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number) || number < 0) {
    throw new AgentError('untrusted', `The server's ${name} is not a number of seconds.`)
  }
  return number
}

export function missing(name: string): never {
  throw new AgentError('untrusted', `The server's answer has no ${name}.`)
}

function optional<N extends string, V>(name: N, value: V | undefined): { readonly [K in N]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [K in N]?: V })
}

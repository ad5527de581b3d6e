// POST /token (RFC 6749 §3.2): plain values in, the protocol's answer out.
import { DEVICE_CODE_GRANT, type GrantType, JWT_BEARER_GRANT, type TokenResponse } from '@latchkey/shared'
import type { FastifyInstance, FastifyReply } from 'fastify'
import Type, { type TProperties } from 'typebox'
import type { Provider } from '../oauth/provider.ts'
import { exchange } from '../oauth/token-endpoint.ts'
import { callerOf, formOf, refuseOtherMethods } from './oauth-scope.ts'
import {
  answer,
  CLIENT_AUTHENTICATION,
  CLIENT_ERRORS,
  CLIENT_FIELDS,
  DPOP_HEADER,
  DPOP_NONCE,
  described,
  errors,
  FORM,
  fields,
  SCOPE_FIELDS,
  text,
} from './openapi.ts'

/** Shorter than what proxies between us and a device wait for an answer. */
const LONGEST_WAIT_SECONDS = 25

export function tokenRoute(app: FastifyInstance, provider: Provider): void {
  const stopping = new AbortController()
  let held = 0

  app.post('/token', described(TOKEN), async (request, reply) => {
    const form = formOf(request)
    const seconds = held < provider.limits.waitingDevices ? secondsToWait(request.headers['prefer']) : 0
    if (seconds === 0) return send(reply, await exchange(provider, { form, ...callerOf(request) }))
    const left = new AbortController()
    reply.raw.once('close', () => left.abort())
    const signal = AbortSignal.any([left.signal, stopping.signal])
    reply.header('Preference-Applied', `wait=${seconds}`)
    held++
    try {
      const patience = { milliseconds: seconds * 1000, signal }
      return send(reply, await exchange(provider, { form, ...callerOf(request), patience }))
    } finally {
      held--
    }
  })
  refuseOtherMethods(app, '/token', ['POST'])
  // Who is held hears "not yet" and finds the next server.
  app.addHook('preClose', async () => stopping.abort())

  function send(reply: FastifyReply, tokens: TokenResponse): TokenResponse {
    if (tokens.token_type === 'DPoP') reply.header('DPoP-Nonce', provider.dpop.nonces.current())
    return tokens
  }
}

/** `Prefer: wait=25` (RFC 7240 §4.3); 0 without it. */
function secondsToWait(prefer: string | string[] | undefined): number {
  const [, seconds] = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,4})"?\s*(?:[,;]|$)/i.exec([prefer ?? ''].flat().join(',')) ?? []
  return Math.min(Number(seconds ?? 0), LONGEST_WAIT_SECONDS)
}

const VERIFIER = { code_verifier: text('The PKCE verifier, where a challenge was given (RFC 7636).') }

/** The form of one grant; the client's own fields and scopes go with every one. */
function grantForm(type: GrantType, title: string, properties: TProperties, ...required: readonly string[]) {
  const form = fields(
    { grant_type: Type.Literal(type), ...properties, ...SCOPE_FIELDS, ...CLIENT_FIELDS },
    'grant_type',
    ...required,
  )
  return { ...form, title }
}

const TOKEN = {
  tags: ['tokens'],
  summary: 'Exchange a grant for tokens',
  description:
    'RFC 6749 §3.2. A waiting device asks here again and again (RFC 8628 §3.4), no faster than its interval.',
  security: CLIENT_AUTHENTICATION,
  headers: DPOP_HEADER,
  consumes: FORM,
  body: Type.Union([
    grantForm(
      DEVICE_CODE_GRANT,
      'Device code',
      {
        device_code: text('From the device authorization.'),
        shown_number: text('The number that the screen shows already; a held answer waits for other news than that.'),
        ...VERIFIER,
      },
      'device_code',
    ),
    grantForm(
      'authorization_code',
      'Authorization code',
      { code: text('From the redirect.'), redirect_uri: text('If sent, the one of the authorization.'), ...VERIFIER },
      'code',
    ),
    grantForm(
      'refresh_token',
      'Refresh token',
      { refresh_token: text('The newest one; each is used once.') },
      'refresh_token',
    ),
    grantForm('client_credentials', 'Client credentials', {}),
    grantForm(
      JWT_BEARER_GRANT,
      'A device’s key',
      { assertion: text('A JWT signed by the key that the lost link is bound to (RFC 7523).') },
      'assertion',
    ),
  ]),
  response: {
    200: answer(
      'Tokens.',
      fields(
        {
          access_token: text('Goes to the API, which checks it.'),
          token_type: Type.String({ enum: ['Bearer', 'DPoP'] }),
          expires_in: Type.Integer({ description: 'Seconds.' }),
          scope: text('What was granted, separated by spaces.'),
          refresh_token: text('Replaces the one before; for devices and for offline_access.'),
          id_token: text('Who signed in, for openid.'),
        },
        ...['access_token', 'token_type', 'expires_in', 'scope'],
      ),
      DPOP_NONCE,
    ),
    ...errors([
      ...(['invalid_request', 'invalid_grant', 'unauthorized_client', 'unsupported_grant_type'] as const),
      ...(['invalid_scope', 'invalid_target', 'authorization_pending', 'slow_down', 'access_denied'] as const),
      ...(['expired_token', 'invalid_dpop_proof', 'use_dpop_nonce'] as const),
    ]),
    ...CLIENT_ERRORS,
  },
} as const

// What a client asks for at the authorization endpoint (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1), checked.
// The two ways in, a browser's address and a pushed request (RFC 9126), share all of it.

import { redirectUriMatches } from './clients/redirect-uri.ts'
import { OAuthError } from './errors.ts'
import { type Parameters, readCodeChallenge, readMaxAge } from './parameters.ts'
import type { Provider } from './provider.ts'
import type { AuthorizationRequest, Client } from './records.ts'
import { newPermission } from './scopes.ts'

/** How long somebody may take to sign in and answer. */
export const REQUEST_LIFE_MS = 30 * 60 * 1000
/** How long a pushed request waits for its browser (RFC 9126 §2.2). */
export const PUSHED_LIFE_SECONDS = 60
export const REQUEST_URI_PREFIX = 'urn:ietf:params:oauth:request_uri:'

const PROMPTS = ['none', 'login', 'consent', 'select_account']
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/
const LONGEST_TEXT = 2048

/** Where the answer goes: the named address if it is registered, or the only registered one. Undefined: nowhere. */
export function redirectUriOf(client: Client, parameters: Pick<Parameters, 'get'>): string | undefined {
  const named = parameters.get('redirect_uri')
  if (named === undefined) return client.redirectUris.length === 1 ? client.redirectUris[0] : undefined
  return client.redirectUris.some((registered) => redirectUriMatches(registered, named)) ? named : undefined
}

export type AskedFor = Omit<AuthorizationRequest, 'id' | 'version' | 'expiresAt' | 'pushed'>

/** Throws OAuthError; each may be told to the redirect_uri. `jkt`: the key of a DPoP proof that came along. */
export function readAuthorizationRequest(
  provider: Provider,
  client: Client,
  parameters: Parameters,
  redirectUri: string,
  jkt?: string,
): AskedFor {
  const responseType = parameters.required('response_type')
  if (responseType !== 'code') throw new OAuthError('unsupported_response_type', 'response_type must be code')
  if (!client.grantTypes.includes('authorization_code')) {
    throw new OAuthError('unauthorized_client', 'this client may not use the code flow')
  }
  if (parameters.get('request') !== undefined) throw new OAuthError('request_not_supported', 'request is not supported')
  if ((parameters.get('response_mode') ?? 'query') !== 'query') {
    throw new OAuthError('invalid_request', 'response_mode must be query')
  }
  const codeChallenge = readCodeChallenge(parameters)
  if (codeChallenge === undefined) throw new OAuthError('invalid_request', 'code_challenge is missing')
  const state = short(parameters, 'state')
  const nonce = short(parameters, 'nonce')
  const uiLocales = short(parameters, 'ui_locales')
  const maxAgeSeconds = readMaxAge(parameters)
  const boundTo = readThumbprint(parameters) ?? jkt
  if (jkt !== undefined && boundTo !== jkt)
    throw new OAuthError('invalid_dpop_proof', 'dpop_jkt is not the key of the proof')
  const permission = newPermission(provider, client.scope, {
    scope: parameters.get('scope'),
    resources: parameters.resources,
  })
  return {
    ...permission,
    clientId: client.id,
    redirectUri,
    codeChallenge,
    prompt: readPrompt(parameters),
    createdAt: provider.host.clock.now(),
    ...(state === undefined ? {} : { state }),
    ...(nonce === undefined ? {} : { nonce }),
    ...(boundTo === undefined ? {} : { jkt: boundTo }),
    ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
    ...(uiLocales === undefined ? {} : { uiLocales }),
  }
}

/** The address of an answer: `state` as it came, and `iss`, so that a client with two servers knows who speaks (RFC 9207). */
export function answerUri(
  issuer: string,
  to: { readonly redirectUri: string; readonly state?: string | undefined },
  answer: Readonly<Record<string, string>>,
): string {
  const members = { ...answer, ...(to.state === undefined ? {} : { state: to.state }), iss: issuer }
  const query = Object.entries(members).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  return `${to.redirectUri}${to.redirectUri.includes('?') ? '&' : '?'}${query.join('&')}`
}

function short(parameters: Parameters, name: string): string | undefined {
  const text = parameters.get(name)
  if (text !== undefined && text.length > LONGEST_TEXT) throw new OAuthError('invalid_request', `${name} is too long`)
  return text
}

function readPrompt(parameters: Parameters): readonly string[] {
  const prompt = (parameters.get('prompt') ?? '').split(' ').filter((word) => word !== '')
  if (!prompt.every((word) => PROMPTS.includes(word))) throw new OAuthError('invalid_request', 'prompt is unknown')
  if (prompt.includes('none') && prompt.length > 1) throw new OAuthError('invalid_request', 'prompt none stands alone')
  return prompt
}

function readThumbprint(parameters: Parameters): string | undefined {
  const jkt = parameters.get('dpop_jkt')
  if (jkt !== undefined && !THUMBPRINT.test(jkt)) throw new OAuthError('invalid_request', 'dpop_jkt is no thumbprint')
  return jkt
}

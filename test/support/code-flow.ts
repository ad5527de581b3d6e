// An app that sends its person to the authorization endpoint, as far as the browser's address goes.
import { createHash } from 'node:crypto'
import type { TestBrowser, TestServer } from './test-server.ts'

export const VERIFIER = 'a-code-verifier-that-is-long-enough-for-the-rules'
export const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url')
export const WEB_CALLBACK = 'https://app.example.com/cb'
export const NATIVE_CALLBACK = 'http://127.0.0.1/cb'

/** Clients of the code flow, beside those of the test configuration. */
export const CODE_CLIENTS = [
  {
    client_id: 'web',
    client_name: 'Northwind web',
    client_secret: { env: 'REPORTS_SECRET' },
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [WEB_CALLBACK, 'https://app.example.com/other?x=1'],
    post_logout_redirect_uris: ['https://app.example.com/bye'],
    scope: 'openid profile email offline_access library:read library:write',
  },
  {
    client_id: 'native',
    client_name: 'Northwind desktop',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [NATIVE_CALLBACK, 'com.example.app:/cb'],
    scope: 'openid offline_access library:read',
  },
]

export type AuthorizeParameters = Readonly<Record<string, string | undefined>>

/** The address of the authorization endpoint; undefined leaves a default out. */
export function authorizeUrl(parameters: AuthorizeParameters = {}): string {
  const all: AuthorizeParameters = {
    client_id: 'web',
    response_type: 'code',
    redirect_uri: WEB_CALLBACK,
    scope: 'openid library:read',
    state: 'the state',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...parameters,
  }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(all)) if (value !== undefined) query.append(name, value)
  return `/authorize?${query}`
}

/** Where the last answer sent the browser, taken apart. */
export function answerOf(location: unknown): { address: string; members: Record<string, string> } {
  const url = new URL(String(location))
  return { address: url.href.replace(url.search, ''), members: Object.fromEntries(url.searchParams) }
}

/** Signs in, consents where asked, and returns the members of the answer. */
export async function authorize(
  browser: TestBrowser,
  parameters: AuthorizeParameters = {},
): Promise<Record<string, string>> {
  let answer = await browser.open(authorizeUrl(parameters))
  if (answer.body.includes('name="password"')) {
    await browser.signIn()
    answer = await browser.open('/authorize/continue')
  }
  if (answer.statusCode === 200) answer = await browser.submit('/authorize/consent', { answer: 'approve' })
  return answerOf(answer.headers.location).members
}

/** Exchanges a code of `web`. */
export function exchangeCode(server: TestServer, code: string, fields: Record<string, string> = {}, headers = {}) {
  return server.token({ grant_type: 'authorization_code', code, code_verifier: VERIFIER, ...fields }, headers)
}

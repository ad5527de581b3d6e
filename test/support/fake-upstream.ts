// Another provider that says whatever a test wants it to: discovery, keys, tokens and userinfo behind a fetch. The real
// one is in upstream-provider.ts.
import { createHash } from 'node:crypto'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'

export const ACME = 'https://login.acme.example'

/** A provider in the configuration; whoever comes from there gets an account. `changes`: members that differ. */
export function upstreamEntry(issuer: string = ACME, changes: Readonly<Record<string, unknown>> = {}) {
  return { id: 'acme', name: 'Acme SSO', issuer, client_id: 'latchkey', accounts: 'create', ...changes }
}

export interface FakeUpstream {
  readonly issuer: string
  /** What its ID tokens say besides iss, aud, exp, iat and nonce; a member here replaces one of those. */
  claims: Record<string, unknown>
  /** What its userinfo endpoint says; its metadata names that endpoint only when this is there. */
  userinfo?: Record<string, unknown>
  /** Members of its metadata that differ from the ordinary ones. */
  metadata: Record<string, unknown>
  /** Members of the token response that differ from the ordinary ones. */
  tokens: Record<string, unknown>
  /** Signs its ID tokens; another one than it publishes makes them wrong. */
  key: CryptoKey
  /** Takes a code as often as it comes. */
  careless?: true
  /** Answers instead of it, where it returns something. */
  instead?: (path: string) => Response | Promise<Response> | undefined
  /** The paths that were asked for, in order. */
  readonly asked: string[]
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Signs somebody in at once: the address to go back to. `answer`: members of the query that differ, undefined: absent. */
  authorize(address: string, answer?: Readonly<Record<string, string | undefined>>): string
}

export async function fakeUpstream(issuer: string = ACME): Promise<FakeUpstream> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }
  const codes = new Map<string, { readonly nonce: string; readonly challenge: string; readonly redirectUri: string }>()

  const tokenFor = async (form: URLSearchParams): Promise<Response> => {
    const begun = codes.get(form.get('code') ?? '')
    if (!upstream.careless) codes.delete(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (begun?.challenge !== challenge || begun.redirectUri !== form.get('redirect_uri')) {
      return Response.json({ error: 'invalid_grant' }, { status: 400 })
    }
    const now = Math.floor(Date.now() / 1000)
    const ordinary = { iss: issuer, aud: 'latchkey', iat: now, exp: now + 300, auth_time: now, nonce: begun.nonce }
    const idToken = await new SignJWT({ ...ordinary, ...upstream.claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .sign(upstream.key)
    const tokens = { access_token: 'at', token_type: 'Bearer', expires_in: 60, id_token: idToken }
    return Response.json({ ...tokens, ...upstream.tokens })
  }

  const upstream: FakeUpstream = {
    issuer,
    claims: { sub: 'ben', name: 'Ben', email: 'ben@acme.example', email_verified: true },
    metadata: {},
    tokens: {},
    key: privateKey,
    asked: [],
    async fetch(url, init) {
      const path = url.slice(issuer.length)
      upstream.asked.push(path)
      const instead = await upstream.instead?.(path)
      if (instead !== undefined) return instead
      if (path === '/.well-known/openid-configuration') {
        return Response.json({
          issuer,
          authorization_endpoint: `${issuer}/auth`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/jwks`,
          response_types_supported: ['code'],
          id_token_signing_alg_values_supported: ['ES256'],
          authorization_response_iss_parameter_supported: true,
          ...(upstream.userinfo === undefined ? {} : { userinfo_endpoint: `${issuer}/userinfo` }),
          ...upstream.metadata,
        })
      }
      if (path === '/jwks') return Response.json({ keys: [jwk] })
      if (path === '/userinfo') return Response.json(upstream.userinfo ?? {})
      if (path === '/token' && init.body instanceof URLSearchParams) return tokenFor(init.body)
      return new Response('nothing here', { status: 404 })
    },
    authorize(address, answer = {}) {
      const { searchParams } = new URL(address)
      const asked = (name: string) => searchParams.get(name) ?? ''
      const code = `code-${codes.size}-${asked('state').slice(0, 8)}`
      codes.set(code, { nonce: asked('nonce'), challenge: asked('code_challenge'), redirectUri: asked('redirect_uri') })
      const back = new URLSearchParams()
      for (const [name, value] of Object.entries({ code, state: asked('state'), iss: issuer, ...answer })) {
        if (value !== undefined) back.append(name, value)
      }
      return `${new URL(asked('redirect_uri')).pathname}?${back}`
    },
  }
  return upstream
}

/** One fetch for several providers, by their addresses; others cannot be reached. */
export function fetchOf(...upstreams: readonly FakeUpstream[]): FakeUpstream['fetch'] {
  return async (url, init) => {
    const upstream = upstreams.find(({ issuer }) => url.startsWith(`${issuer}/`))
    if (upstream === undefined) throw new TypeError('fetch failed')
    return upstream.fetch(url, init)
  }
}

// The identity system that a company already has: npm's oidc-provider on a port of its own, with a sign-in page that
// knows everybody by a click, and browsers that go there.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'
import { cookieFetch } from './cookie-fetch.ts'

export const UPSTREAM_SECRET = 'acme: a secret/with+odd~characters, 40 of them'

export interface UpstreamProvider {
  readonly issuer: string
  /** What it says of each person, by their subject. */
  readonly people: Map<string, Readonly<Record<string, unknown>>>
  /** A browser that nobody has signed in with there. */
  visitor(): UpstreamVisitor
  close(): Promise<void>
}

export interface UpstreamVisitor {
  /** How often its sign-in page was shown. */
  readonly asked: number
  /**
   * Follows an authorization address, signs in as `subject` where asked (undefined: refuses), and returns the address to
   * go back to.
   */
  go(address: string, subject: string | undefined): Promise<string>
}

export interface UpstreamOptions {
  /** Members of its client `latchkey` besides the ordinary ones. */
  readonly client?: Readonly<Record<string, unknown>>
  readonly settings?: Readonly<Record<string, unknown>>
  /** RFC 8176 values of every sign-in. */
  readonly amr?: readonly string[]
}

/** `redirectUri`: where its client `latchkey` may be sent back to. */
export async function startUpstream(redirectUri: string, options: UpstreamOptions = {}): Promise<UpstreamProvider> {
  const people = new Map<string, Readonly<Record<string, unknown>>>()
  const http = createServer().listen(0, 'localhost')
  await once(http, 'listening')
  const issuer = `http://localhost:${(http.address() as AddressInfo).port}`
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'latchkey',
        client_secret: UPSTREAM_SECRET,
        grant_types: ['authorization_code'],
        redirect_uris: [redirectUri],
        ...options.client,
      },
    ],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'], amr: null },
    features: { devInteractions: { enabled: false }, claimsParameter: { enabled: true } },
    interactions: { url: (_ctx: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...people.get(sub) }) }),
    // Companies ask nobody whether they want to use their company's own services.
    loadExistingGrant: async ({ oidc }) => {
      const grant = new oidc.provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId })
      grant.addOIDCScope('openid profile email')
      await grant.save()
      return grant
    },
    ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, Session: 86_400, Grant: 86_400, Interaction: 600 },
    cookies: { keys: ['a secret of this test'] },
    ...options.settings,
  })
  provider.on('server_error', (_ctx, error) => console.error(error))
  const answer = provider.callback()
  http.on('request', (request, response) => {
    if (!request.url?.startsWith('/interaction/')) return answer(request, response)
    void interact(provider, request, response, options.amr)
  })
  return {
    issuer,
    people,
    visitor: () => visitor(issuer),
    async close() {
      http.closeAllConnections()
      http.close()
      await once(http, 'close')
    },
  }
}

/** Its sign-in page: one field, no password. */
async function interact(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
  amr?: readonly string[],
) {
  if (request.method !== 'POST') {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.end(`<!doctype html><link rel="icon" href="data:,"><title>Acme</title><h1>Acme sign-in</h1>
      <form method="post"><input name="subject"><button name="answer" value="yes">Sign in</button>
      <button name="answer" value="no">Cancel</button></form>`)
    return
  }
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) body += chunk
  const form = new URLSearchParams(body)
  const accountId = form.get('subject') ?? ''
  const result =
    form.get('answer') === 'no'
      ? { error: 'access_denied', error_description: '<b>not today</b>' }
      : { login: { accountId, ...(amr === undefined ? {} : { amr }) } }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false })
}

function visitor(issuer: string): UpstreamVisitor {
  const ask = cookieFetch()
  let asked = 0
  const send = async (url: string, form?: Readonly<Record<string, string>>): Promise<string> => {
    const answer = await ask(url, form && { method: 'POST', body: new URLSearchParams(form) })
    const location = answer.headers.get('location')
    const text = await answer.text()
    if (location === null && answer.status >= 400) throw new Error(`${url}: ${answer.status} ${text}`)
    return location === null ? url : new URL(location, url).href
  }
  return {
    get asked() {
      return asked
    },
    async go(address, subject) {
      let at = address
      for (let hops = 0; hops < 10 && at.startsWith(issuer); hops++) {
        const next = await send(at)
        if (next !== at) {
          at = next
          continue
        }
        asked++
        at = await send(at, subject === undefined ? { answer: 'no' } : { answer: 'yes', subject })
      }
      return at
    },
  }
}

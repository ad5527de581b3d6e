// The agent at a server that others wrote: npm's oidc-provider, its device flow approved through its own forms.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DeviceAgent, type DeviceAgentOptions, memoryCredentials, memoryKeys } from '@latchkey/device-agent'
import { DEVICE_CODE_GRANT, type Host, systemHost } from '@latchkey/shared'
import { Provider } from 'oidc-provider'
import { afterEach, expect, it } from 'vitest'
import { cookieFetch } from '../support/cookie-fetch.ts'

let http: Server

async function start(features: Record<string, unknown> = {}) {
  http = createServer().listen(0, 'localhost')
  await once(http, 'listening')
  const issuer = `http://localhost:${(http.address() as AddressInfo).port}`
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'tv',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: [DEVICE_CODE_GRANT, 'refresh_token'],
        response_types: [],
        redirect_uris: [],
      },
    ],
    scopes: ['openid', 'offline_access'],
    features: { deviceFlow: { enabled: true }, revocation: { enabled: true }, ...features },
    ttl: {
      DeviceCode: 600,
      AccessToken: 600,
      IdToken: 600,
      RefreshToken: 86_400,
      Session: 600,
      Grant: 86_400,
      Interaction: 600,
    },
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, name: 'Ana' }) }),
    cookies: { keys: ['a secret of this test'] },
  })
  provider.on('server_error', (_ctx, error) => console.error(error))
  http.on('request', provider.callback())
  return issuer
}

afterEach(async () => {
  http.closeAllConnections()
  http.close()
  await once(http, 'close')
})

/** A browser without scripts: follows redirects, keeps cookies, sends the form that it sees. */
async function approve(address: string): Promise<string> {
  const ask = cookieFetch()
  const go = async (url: string, form?: Record<string, string>): Promise<{ url: string; text: string }> => {
    const answer = await ask(url, form && { method: 'POST', body: new URLSearchParams(form) })
    const location = answer.headers.get('location')
    return location ? go(new URL(location, url).href) : { url, text: await answer.text() }
  }
  let page = await go(address)
  for (let forms = 0; forms < 6 && page.text.includes('<form'); forms++) {
    const [, action = ''] = /<form[^>]*action="([^"]+)"/.exec(page.text) ?? []
    const fields: Record<string, string> = {}
    for (const [input] of page.text.matchAll(/<input[^>]*>/g)) {
      const name = /name="([^"]+)"/.exec(input)?.[1]
      if (name) fields[name] = /value="([^"]*)"/.exec(input)?.[1] ?? 'ana'
    }
    page = await go(new URL(action, page.url).href, { ...fields, confirm: 'yes' })
  }
  return page.text
}

/** Ten times as fast: its interval is five seconds, and it measures none. */
const host: Host = {
  ...systemHost,
  clock: { now: () => systemHost.clock.now(), monotonic: () => systemHost.clock.monotonic() * 10 },
  sleep: (milliseconds, signal) => systemHost.sleep(milliseconds / 10, signal),
}

async function link(issuer: string, more: Partial<DeviceAgentOptions> = {}) {
  const agent = new DeviceAgent({
    issuer,
    clientId: 'tv',
    scope: 'openid offline_access',
    credentials: memoryCredentials(),
    keys: memoryKeys(),
    host,
    ...more,
  })
  let approving: Promise<string> | undefined
  const linked = await agent.link({
    onState(state) {
      if (state.kind === 'waiting') {
        approving ??= approve(state.request.verificationUriComplete ?? state.request.verificationUri)
      }
    },
  })
  await approving
  return { agent, linked }
}

it('AGT-01 AGT-04 AGT-08 links at oidc-provider, refreshes there, learns who approved', async () => {
  const issuer = await start()
  const { agent, linked } = await link(issuer)
  expect(linked).toMatchObject({ issuer, subject: { sub: 'ana' } })
  const first = await agent.accessToken()
  const next = await agent.accessToken({ rejected: first.token })
  expect(next.token).not.toBe(first.token)
  expect(await agent.unlink()).toBe(true)
  await expect(agent.accessToken()).rejects.toMatchObject({ reason: 'unlinked' })
})

it('AGT-08 with DPoP, where it offers that: tokens bound to the key of the device', async () => {
  const issuer = await start({ dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => true } })
  const { agent } = await link(issuer)
  const first = await agent.accessToken()
  expect(first.tokenType).toBe('DPoP')
  expect((await agent.accessToken({ rejected: first.token })).token).not.toBe(first.token)
})

it('AGT-06 refused there: says so', async () => {
  const issuer = await start()
  const agent = new DeviceAgent({
    issuer,
    clientId: 'tv',
    scope: 'openid',
    credentials: memoryCredentials(),
    keys: memoryKeys(),
    host,
  })
  const codes: string[] = []
  const linking = agent.link({
    onState: (state) => void (state.kind === 'waiting' && codes.push(state.request.verificationUriComplete ?? '')),
  })
  linking.catch(() => undefined)
  while (codes.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const page = await fetch(codes[0] ?? '')
  const text = await page.text()
  const cookie = page.headers
    .getSetCookie()
    .map((each) => each.split(';')[0])
    .join('; ')
  const fields = [...text.matchAll(/<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"/g)].map(
    ([, name = '', value = '']) => [name, value],
  )
  const form = new URLSearchParams([...fields, ['abort', 'yes']])
  await fetch(new URL(/action="([^"]+)"/.exec(text)?.[1] ?? '', issuer), {
    method: 'POST',
    headers: { cookie },
    body: form,
  })
  await expect(linking).rejects.toMatchObject({ reason: 'denied' })
})

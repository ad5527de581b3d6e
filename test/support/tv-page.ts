// A TV's browser: a page of another origin that loads the bundle, and the real server on a port of its own, by real time.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DEVICE_CODE_GRANT, systemHost } from '@latchkey/shared'
import type { Page } from 'playwright-core'
import { bundleForBrowser } from '../../device-agent/bundle-browser.mjs'
import { type FakeHost, fakeHost } from './fake-host.ts'
import { freePort } from './free-port.ts'
import { LIBRARY, type TestServer, testConfig, testServer } from './test-server.ts'

export interface ListeningServer extends TestServer {
  readonly issuer: string
}

const TV = {
  client_id: 'tv',
  client_name: 'Northwind TV app',
  token_endpoint_auth_method: 'none',
  grant_types: [DEVICE_CODE_GRANT, 'refresh_token'],
  scope: 'openid profile offline_access library:read',
}
/** Takes links without a key. */
const PLAIN_TV = { ...TV, client_id: 'plain-tv', dpop_bound_access_tokens: false }

/** The server, reached by its issuer's address; polled each second. `changes` replace members of its configuration. */
export async function listeningServer(changes: Record<string, unknown> = {}): Promise<ListeningServer> {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const config = testConfig({ issuer, limits: { poll_interval_seconds: 1 }, clients: [TV, PLAIN_TV], ...changes })
  // The page lives by the real clock, so the server must too.
  const clock = { ...systemHost.clock, jump: () => undefined }
  const host: FakeHost = { ...fakeHost(), ...systemHost, clock }
  const server = await testServer({ config, host })
  await server.app.listen({ host: '127.0.0.1', port })
  return { ...server, issuer }
}

const NAME = 'tv.northwind.example'
export const NAMED_SITE = `--host-resolver-rules=MAP ${NAME} 127.0.0.1`

export interface TvSite {
  readonly origin: string
  /** The same by a name, which no browser takes for secure; resolved by `NAMED_SITE` on its command line. */
  readonly insecureOrigin: string
  close(): Promise<void>
}

/** The only policy that the element needs: no inline style, no inline script, no eval. */
const POLICY = "default-src 'none'; script-src 'self'; connect-src *; img-src 'self'"

const tvFiles = async (): Promise<Readonly<Record<string, readonly [type: string, body: string]>>> => ({
  '/': ['text/html', '<!doctype html><html lang="en"><title>TV</title><script type="module" src="/page.js"></script>'],
  '/page.js': ['text/javascript', "import * as latchkey from '/latchkey-link.js'\nglobalThis.latchkey = latchkey"],
  '/latchkey-link.js': ['text/javascript', (await bundleForBrowser()).text],
})

export async function tvSite(): Promise<TvSite> {
  const files = await tvFiles()
  const server = createServer(({ url = '' }, response) => {
    const [type, body] = files[url] ?? []
    if (type === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': type, 'content-security-policy': POLICY }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    insecureOrigin: `http://${NAME}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** Puts the element into the page; `globalThis.link` is it, `globalThis.events` what it told. */
export async function putLink(page: Page, attributes: Readonly<Record<string, string>>, before = ''): Promise<void> {
  const all = { 'client-id': 'tv', scope: TV.scope, resource: LIBRARY, 'device-name': 'Living room TV', ...attributes }
  await page.waitForFunction('globalThis.latchkey')
  await page.evaluate(`
    globalThis.link = document.createElement('latchkey-link')
    globalThis.events = []
    for (const name of ['latchkey-state', 'latchkey-linked', 'latchkey-error'])
      document.addEventListener(name, ({ type, detail }) => events.push({ type, kind: detail.kind, reason: detail.error?.reason, restored: detail.restored, protection: detail.protection }))
    for (const [name, value] of Object.entries(${JSON.stringify(all)})) link.setAttribute(name, value)
    ${before}
    const main = document.createElement('main')
    main.append(link)
    document.body.append(main)`)
}

/** Waits until the element says that it is in that state. */
export async function inState(page: Page, state: string): Promise<void> {
  await page.waitForSelector(`latchkey-link[state=${state}]`, { state: 'attached' })
}

/** The words of one part of the element, as far as they are shown. */
export function partText(page: Page, part: string): Promise<string> {
  return page.locator(`latchkey-link [part=${part}]`).innerText()
}

/** The code as the screen shows it, with the dash that the server writes. */
export async function shownCode(page: Page): Promise<string> {
  return (await page.locator('latchkey-link [part=code] span').allInnerTexts()).join('-')
}

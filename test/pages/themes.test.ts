// Whose name, logo and colour stand on which page of the real server, and what the files of a theme may do.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { authorizeUrl, CODE_CLIENTS } from '../support/code-flow.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { type TestServer, testConfig, testServer } from '../support/test-server.ts'

const SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="15"/></svg>'
const HOUSE = { name: 'Northwind', key: { light: '#123456', dark: '#abcdef' } }
const PRIVACY = 'https://northwind.example/privacy'

let folder: string
let server: TestServer

beforeAll(async () => {
  folder = temporaryFolder()
  const logo = join(folder, 'fabrikam.svg')
  writeFileSync(logo, SVG)
  const theme = { name: 'Fabrikam <b>', logo, key: { light: '#7a1fa2', dark: '#d9a8f0' } }
  const device = {
    client_id: 'tv',
    client_name: 'Fabrikam app',
    token_endpoint_auth_method: 'none',
    dpop_bound_access_tokens: false,
    scope: 'openid library:read',
    theme,
  }
  const clients = [
    device,
    ...CODE_CLIENTS.map((client) => (client.client_id === 'web' ? { ...client, theme: { name: 'Web' } } : client)),
  ]
  server = await testServer({ config: testConfig({ theme: HOUSE, links: { privacy: PRIVACY }, clients }) })
})
afterAll(async () => {
  await server.close()
  removeFolder(folder)
})

/** The head of a page as people see it, and what says who runs it. */
function frame(html: string) {
  const [, name] = /<header class="brand">.*?<bdi>(.*?)<\/bdi>/s.exec(html) ?? []
  const [, foot = ''] = /<footer>(.*?)<\/footer>/s.exec(html) ?? []
  const sheets = [...html.matchAll(/<link rel="stylesheet" href="([^"]+)"/g)].map(([, href]) => href ?? '')
  return {
    name,
    foot,
    theme: sheets.find((href) => href.includes('/theme.')),
    logo: /<img class="logo" src="([^"]+)"/.exec(html)?.[1],
  }
}

it('UX-04 WEB-02 a client’s theme stands on the page of its device and on what becomes of it, and nowhere before', async () => {
  const { user_code } = await server.start()
  const browser = server.browser()
  const house = frame((await browser.open('/link')).body)
  expect(house).toMatchObject({ name: 'Northwind', logo: undefined })
  const code = await browser.open(`/link?user_code=${user_code}`)
  expect(frame(code.body)).toEqual(house)
  await browser.signIn()
  const device = frame((await browser.open('/link/device')).body)
  expect(device.name).toBe('Fabrikam &lt;b>')
  expect(device.logo).toMatch(/^\/assets\/logo\.[0-9a-f]{12}\.svg$/)
  expect(device.theme).not.toBe(house.theme)
  await browser.submit('/link/device', { answer: 'deny' })
  expect(frame((await browser.open('/link/device')).body)).toEqual(device)
  expect(frame((await browser.open('/link')).body)).toEqual(house)
})

it('UX-04 WEB-04 a client’s theme stands on the sign-in for it and on the question; what it does not say, the house says', async () => {
  const browser = server.browser()
  const signIn = frame((await browser.open(authorizeUrl())).body)
  expect(signIn.name).toBe('Web')
  expect(signIn.theme).toBe(frame((await server.browser().open('/link')).body).theme)
  await browser.signIn()
  const question = await browser.open('/authorize/continue')
  expect(question.body).toContain('action="/authorize/consent"')
  expect(frame(question.body)).toEqual(signIn)
  const native = await server.browser().open(authorizeUrl({ client_id: 'native', redirect_uri: 'http://127.0.0.1/cb' }))
  expect(frame(native.body).name).toBe('Northwind')
})

it('UX-04 who runs the page is said wherever another name stands at its head', async () => {
  const page = await server.browser().open('/link')
  expect(frame(page.body).foot).toContain('Secured by <bdi>Northwind TV</bdi>')
  expect(frame(page.body).foot).toContain(`<a href="${PRIVACY}">Privacy</a>`)
  const plain = await testServer()
  expect((await plain.browser().open('/link')).body).not.toContain('<footer')
  await plain.close()
})

it('SES-03 the files of a theme are served for ever, and a logo that is opened by itself may do nothing', async () => {
  const { user_code } = await server.start()
  const browser = server.browser()
  await browser.open(`/link?user_code=${user_code}`)
  await browser.signIn()
  const { logo = '', theme = '' } = frame((await browser.open('/link/device')).body)
  const picture = await browser.get(logo)
  expect(picture.headers).toMatchObject({
    'content-type': 'image/svg+xml',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
    'x-content-type-options': 'nosniff',
    'cache-control': 'public, max-age=31536000, immutable',
  })
  expect(picture.body).toBe(SVG)
  const sheet = await browser.get(theme)
  expect(sheet.headers['content-type']).toBe('text/css; charset=utf-8')
  expect(sheet.body).toMatch(
    /^:root\{--key:#7a1fa2;[^}]*\}@media \(prefers-color-scheme:dark\)\{:root\{--key:#d9a8f0;[^}]*\}\}$/,
  )
})

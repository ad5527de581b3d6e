// Another site against somebody who is signed in here, in a real browser: it posts our forms, puts our pages into frames,
// opens windows and sockets. Routes are read from the router, so that new ones are attacked as well.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { launchBrowser, takeOver } from '../support/browser.ts'
import { formTo, type HostileSite, hostileSite } from '../support/hostile-site.ts'
import { csrfIn } from '../support/page-text.ts'
import { type Route, routesOf } from '../support/routes.ts'
import { EMAIL, PASSWORD, type TestServer } from '../support/test-server.ts'
import { type WholeAccount, wholeAccount, wholeServer } from '../support/whole-account.ts'

let chromium: Browser
let hostile: HostileSite
let server: TestServer
let issuer: string
let account: WholeAccount
let contexts: BrowserContext[] = []

beforeAll(async () => {
  ;[chromium, hostile] = await Promise.all([launchBrowser(), hostileSite()])
})
afterAll(async () => {
  await chromium?.close()
  await hostile?.close()
})
beforeEach(async () => {
  ;({ server, issuer } = await wholeServer())
  account = await wholeAccount(server)
})
afterEach(async () => {
  for (const context of contexts) await context.close()
  contexts = []
  await server.close()
})

/** The owner’s browser, somewhere else on the web by now. */
async function victim(scripts = true): Promise<Page> {
  const context = await chromium.newContext({ javaScriptEnabled: scripts })
  contexts.push(context)
  await takeOver(context, issuer, account.browser)
  const page = await context.newPage()
  await page.goto(`${issuer}/link/device`)
  expect(await page.textContent('main')).toContain('Kitchen radio')
  return page
}

/** Clients post these from their own pages, and they decide nothing. */
const FROM_ANYWHERE = ['/authorize', '/logout']
/** What clients ask for, and what is there for everybody: no cookie is looked at. */
const PROTOCOL =
  /^\/(device_authorization|device_events|par|token|introspect|revoke|userinfo|register|jwks|openapi|healthz|readyz|\.well-known)/
const FIELDS = {
  ...{ answer: 'approve', user_code: 'BCDF-GHJK', email: EMAIL, password: PASSWORD, code: '000000', key: 'x' },
  ...{ name: 'Owned', session: 'others', upstream: 'acme', identity: 'identity', language: 'de', credential: '{}' },
  ...{ devices: 'yes', number: '17', letters: 'GHJK', client_id: 'tv' },
}

const addressOf = ({ url }: Route) => issuer + url.replace(/:\w+/g, () => account.idFor(url))
const routesBy = (method: string) =>
  routesOf(server.app).filter((route) => route.method === method && !/\*|^\/assets/.test(route.url))
const isOfPages = ({ url }: Route) => !FROM_ANYWHERE.includes(url) && !PROTOCOL.test(url)
/** As if it had leaked: the token of the page of the device, and the one of all other forms. */
async function leakedTokens() {
  const tokenOn = async (path: string) => csrfIn((await account.browser.open(path)).body)
  const [device, plain] = [await tokenOn('/link/device'), await tokenOn('/account/password')]
  return { device, plain }
}

/** A page with a form for each of these routes, whose answers go into frames of its own. */
const forms = (routes: readonly Route[], fieldsFor: (route: Route) => Readonly<Record<string, string>>) =>
  routes.map((route, place) => formTo(addressOf(route), { ...FIELDS, ...fieldsFor(route) }, `frame${place}`)).join('')

/** What was answered to what the page posted, until as many answers are there as forms. */
function answersTo(page: Page, count: number): Promise<ReadonlyMap<string, number>> {
  const answers = new Map<string, number>()
  return new Promise((resolve) => {
    page.on('response', (response) => {
      if (response.request().method() !== 'POST') return
      answers.set(response.url(), response.status())
      if (answers.size === count) resolve(answers)
    })
  })
}

describe('forms of another site', () => {
  it.each([
    ['neighbour', 'approve'],
    ['neighbour', 'yes'],
    ['stranger', 'yes'],
  ] as const)(
    'NEG-16 SES-02 WEB-03 sent by a script of a %s to every route that takes one (%s): refused, though the token is right',
    async (site, answer) => {
      const { device, plain } = await leakedTokens()
      const routes = routesBy('POST')
      const page = await victim()
      const before = await account.state()
      const body = forms(routes, ({ url }) => ({ answer, csrf: url === '/link/device' ? device : plain }))
      const answered = answersTo(page, routes.length)
      const submit = '<script>for (const form of document.forms) form.submit()</script>'
      await page.goto(hostile[site] + hostile.page(body + submit))
      const statuses = await answered
      for (const route of routes.filter(isOfPages))
        expect([route.url, statuses.get(addressOf(route))]).toEqual([route.url, 403])
      expect(await account.state()).toEqual(before)
      await page.goto(`${issuer}/account`)
      expect(await page.textContent('main')).toContain('Living room TV')
    },
  )

  it('NEG-16 SES-02 pressed by the person, with scripts off: refused as well', async () => {
    const { device, plain } = await leakedTokens()
    const routes = routesBy('POST').filter(isOfPages)
    const page = await victim(false)
    const before = await account.state()
    const body = forms(routes, ({ url }) => ({ answer: 'yes', csrf: url === '/link/device' ? device : plain }))
    const answered = answersTo(page, routes.length)
    await page.goto(hostile.neighbour + hostile.page(body))
    for (const button of await page.locator('button').all()) await button.press('Enter')
    const statuses = await answered
    for (const route of routes) expect([route.url, statuses.get(addressOf(route))]).toEqual([route.url, 403])
    expect(await account.state()).toEqual(before)
  })

  it('NEG-16 WEB-03 SES-02 requests of a script, whatever their method: nothing happens, and nothing can be read', async () => {
    const { plain } = await leakedTokens()
    const page = await victim()
    const before = await account.state()
    await page.goto(hostile.neighbour + hostile.page(''))
    const addresses = [...new Set(routesOf(server.app).map(addressOf))]
    // Asked of the server: what may not be read, the browser does not tell a page at all.
    const answers = new Map<string, number>()
    server.app.server.on('request', ({ method, url = '' }: IncomingMessage, response: ServerResponse) => {
      if (method === 'GET') response.on('finish', () => answers.set(new URL(url, issuer).pathname, response.statusCode))
    })
    const read = await page.evaluate(
      async ({ targets, body }) => {
        const attempts = targets.flatMap((target) => {
          const query = new URLSearchParams(body)
          const get = `${target}?${query}`
          const post = { method: 'POST', body: query, credentials: 'include' } as const
          return [
            fetch(target, { ...post, mode: 'no-cors' }).catch(() => undefined),
            fetch(get, { credentials: 'include', mode: 'no-cors' }).catch(() => undefined),
            fetch(target, post).then(
              () => `POST ${target}`,
              () => undefined,
            ),
            fetch(get, { credentials: 'include' }).then(
              () => `GET ${target}`,
              () => undefined,
            ),
          ]
        })
        return (await Promise.all(attempts)).filter((one) => typeof one === 'string')
      },
      { targets: addresses, body: { ...FIELDS, csrf: plain, answer: 'yes' } },
    )
    expect(read).toEqual([])
    expect(await account.state()).toEqual(before)
    for (const { url } of routesBy('GET').filter(isOfPages)) {
      const path = url.replace(/:\w+/g, () => account.idFor(url))
      expect([path, answers.get(path)]).toEqual([path, 403])
    }
  })

  it('WEB-03 DEV-07 DEV-22 a neighbour opens no code with our cookies, burns no tries, and changes nothing of what somebody came for', async () => {
    const { user_code, device_code } = await server.start({ device_name: 'Owned' })
    const page = await victim()
    await page.goto(hostile.neighbour + hostile.page(''))
    const wrong = [...'BCDFGHJKLM'].map((letter) => `BBBB-BBB${letter}`)
    await page.evaluate(
      async ({ address, codes }) => {
        for (const code of codes) {
          const image = new Image()
          image.src = `${address}?user_code=${code}`
          await new Promise((resolve) => {
            image.onerror = resolve
          })
          await fetch(`${address}?user_code=${code}`, { mode: 'no-cors', credentials: 'include' }).catch(
            () => undefined,
          )
        }
      },
      { address: `${issuer}/link`, codes: [user_code, ...wrong] },
    )
    expect((await server.store.deviceRequests.get(digestOf(device_code)))?.openedBy).toBeUndefined()
    await page.goto(`${issuer}/link/device`)
    expect(await page.textContent('main')).toContain('Kitchen radio')
    expect((await page.goto(`${issuer}/link?user_code=${user_code}`))?.status()).toBe(200)
    expect(await page.textContent('main')).toContain('Owned')
  })
})

describe('our pages in the hands of another site', () => {
  it('NEG-16 SES-03 in a frame, an object or an embed of a neighbour nothing of them shows', async () => {
    const page = await victim()
    const framed = routesBy('GET').filter(isOfPages).map(addressOf)
    const frames = framed.map((address) => `<iframe src="${address}"></iframe>`).join('')
    const device = `${issuer}/link/device`
    const path = hostile.page(`${frames}<object data="${device}"></object><embed src="${device}">`)
    await page.goto(hostile.neighbour + path)
    await page.waitForLoadState('networkidle')
    const shown = await Promise.all(
      page
        .frames()
        .slice(1)
        .map((frame) => frame.evaluate<string>('document.body.innerText')),
    )
    expect(shown.length).toBeGreaterThanOrEqual(framed.length)
    for (const text of shown) expect(text).not.toMatch(/Kitchen radio|Living room TV|ana@example\.com|Sign in/)
    for (const frame of page.frames().slice(1)) expect(frame.url()).not.toMatch(/^http/)
  })

  it('SES-05 a window that it opens is out of its reach', async () => {
    const page = await victim()
    await page.goto(hostile.neighbour + hostile.page('<button>Play</button>'))
    await page.evaluate(
      `document.querySelector('button').onclick = () => { window.other = open('${issuer}/link/device') }`,
    )
    const opened = page.context().waitForEvent('page')
    await page.click('button')
    const popup = await opened
    await popup.waitForLoadState()
    expect(await popup.textContent('main')).toContain('Kitchen radio')
    expect(await popup.evaluate('window.opener')).toBeNull()
    // To whoever opened it, it is as good as closed.
    await expect.poll(() => page.evaluate('window.other.closed')).toBe(true)
  })

  it('NEG-16 the socket of the page of a device is closed to it', async () => {
    const page = await victim()
    await page.goto(hostile.neighbour + hostile.page(''))
    const heard = await page.evaluate(
      (address) =>
        new Promise((resolve) => {
          const socket = new WebSocket(address, 'latchkey.page.v1')
          socket.onopen = () => resolve('open')
          socket.onerror = () => resolve('refused')
        }),
      `${issuer.replace('http', 'ws')}/link/events`,
    )
    expect(heard).toBe('refused')
  })
})

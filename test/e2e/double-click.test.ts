// A double click in a real browser, which sends the form twice and throws the first answer away: on the forms that give
// the session a new cookie.
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { appFrom } from '../support/authenticator-app.ts'
import { launchBrowser, takeOver } from '../support/browser.ts'
import { freePort } from '../support/free-port.ts'
import { type TestServer, testConfig, testServer } from '../support/test-server.ts'

let chromium: Browser
let server: TestServer
let issuer: string
let context: BrowserContext
let page: Page
let posts: string[]

beforeAll(async () => {
  chromium = await launchBrowser()
})
afterAll(() => chromium?.close())
beforeEach(async () => {
  const port = await freePort()
  issuer = `http://localhost:${port}`
  server = await testServer({ config: testConfig({ issuer }) })
  await server.app.listen({ host: '127.0.0.1', port })
})
afterEach(async () => {
  await context?.close()
  await server.close()
})

async function signedIn(javaScriptEnabled: boolean): Promise<void> {
  context = await chromium.newContext({ javaScriptEnabled })
  const owner = server.browser()
  await owner.signIn()
  await takeOver(context, issuer, owner)
  page = await context.newPage()
  posts = []
  page.on('request', (request) => {
    if (request.method() === 'POST') posts.push(request.url())
  })
}
/** Presses a button until the form has left twice. What it does is held up meanwhile, so that no answer comes first. */
async function pressTwice(name: string): Promise<void> {
  const { users } = server.store
  const { swap } = users
  let letGo = () => {}
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  users.swap = async (next) => {
    await held
    return swap(next)
  }
  const button = page.getByRole('button', { name, exact: true })
  await button.scrollIntoViewIfNeeded()
  const { x, y, width, height } = (await button.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 }
  const before = posts.length
  // Pages with scripts take no press before they have been in front for a moment.
  while (posts.length < before + 2) await page.mouse.click(x + width / 2, y + height / 2)
  letGo()
  users.swap = swap
}
const shown = (text: string) => page.getByText(text).first().waitFor()

it.each([
  ['with scripts', true],
  ['without scripts', false],
])('SES-01 UX-03 a double click %s leaves its person signed in, with what came of it', async (_how, scripts) => {
  await signedIn(scripts)
  await page.goto(`${issuer}/account/password`)
  await page.getByLabel('New password').fill('a wholly different sentence')
  await pressTwice('Save')
  await shown('Your password is changed.')

  await page.goto(`${issuer}/account/second-factor`)
  await page.getByRole('button', { name: 'Set up codes from an app' }).click()
  await shown('Scan this square')
  const app = appFrom(await page.content())
  await page.locator('input[name=code]').fill(app.code(server.host.clock.now()))
  await pressTwice('Turn on')
  await shown('Keep these recovery codes')
  const codes = await page.locator('ol li, ul li').allInnerTexts()
  await page.getByRole('button', { name: 'I have kept them' }).click()

  await page.goto(`${issuer}/account/second-factor`)
  await pressTwice('Make new recovery codes')
  await shown('Keep these recovery codes')
  expect(await page.locator('ol li, ul li').allInnerTexts()).not.toEqual(codes)
  expect((await page.goto(`${issuer}/account`))?.status()).toBe(200)
})

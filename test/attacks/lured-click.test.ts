// A double click that another site asks for, on a page that closes at its first press: the second press lands on what lay
// beneath, which is our yes. In a real browser. Without a screen it takes every window for the one in front, so the lure
// opens as a tab, which covers as much. In the pages time passes when the test lets it.
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { DOUBLE_CLICK_MS } from '../../verifier-web/src/browser/front.ts'
import { launchBrowser, takeOver } from '../support/browser.ts'
import { authorizeUrl, NATIVE_CALLBACK } from '../support/code-flow.ts'
import { type HostileSite, hostileSite } from '../support/hostile-site.ts'
import { signedIn } from '../support/signed-in.ts'
import { EMAIL, type TestServer } from '../support/test-server.ts'
import { wholeServer } from '../support/whole-account.ts'

const NOON = Date.UTC(2030, 0, 15, 12)
const APPROVE = 'button[value=approve]'

let chromium: Browser
let hostile: HostileSite
let server: TestServer
let issuer: string
let context: BrowserContext
let started: { readonly user_code: string; readonly device_code: string }

beforeAll(async () => {
  ;[chromium, hostile] = await Promise.all([launchBrowser(), hostileSite()])
})
afterAll(async () => {
  await chromium?.close()
  await hostile?.close()
})
beforeEach(async () => {
  ;({ server, issuer } = await wholeServer())
  started = await server.start({ device_name: 'Living room TV' })
  context = await chromium.newContext({ hasTouch: true, viewport: { width: 1000, height: 1200 } })
  await takeOver(context, issuer, await signedIn(server, EMAIL))
  await context.clock.install({ time: NOON })
  await context.clock.pauseAt(NOON + 1_000)
})
afterEach(async () => {
  await context.close()
  await server.close()
})

const stateOf = async () => (await server.store.deviceRequests.get(digestOf(started.device_code)))?.state
const addresses = () => ({
  device: `${issuer}/link?user_code=${started.user_code}`,
  consent: issuer + authorizeUrl({ client_id: 'native', redirect_uri: NATIVE_CALLBACK }),
})
type Asked = keyof ReturnType<typeof addresses>

/** Playwright has every page believe that it is in front; from now on this one knows. */
async function see(page: Page): Promise<void> {
  const session = await context.newCDPSession(page)
  await session.send('Emulation.setFocusEmulationEnabled', { enabled: false })
}

/** The next click on the page: where it lands, and whether it is ignored. */
async function watch(page: Page): Promise<() => Promise<unknown>> {
  await page.evaluate(`void (heard = new Promise((resolve) => addEventListener('click', ({ target, defaultPrevented }) =>
    resolve([target.value, defaultPrevented ? 'ignored' : 'taken']))))`)
  return () => page.evaluate('heard')
}

/**
 * Somebody leaves our question open for another site, which brings it back beneath a page of its own and asks for a double
 * click there: they give it. By then the question has been there for a while.
 */
async function lured(asked: Asked): Promise<{ readonly page: Page; readonly heard: () => Promise<unknown> }> {
  const page = await context.newPage()
  await page.goto(addresses()[asked])
  const question = page.url()
  const lure = hostile.page('Double click!<script>addEventListener("mousedown", () => close())</script>')
  const play = `window.open('${hostile.stranger}${lure}'); location = '${question}'`
  await page.goto(hostile.stranger + hostile.page(`<button onclick="${play}">Play</button>`))
  const opened = context.waitForEvent('page')
  await page.click('button')
  const above = await opened
  await above.waitForLoadState()
  await page.waitForURL(question)
  const { x = 0, y = 0, width = 0, height = 0 } = (await page.locator(APPROVE).boundingBox()) ?? {}
  const place = [x + width / 2, y + height / 2] as const
  const heard = await watch(page)
  await see(page)
  await see(above)
  await page.clock.runFor(10_000)
  expect(await page.evaluate('document.hasFocus()')).toBe(false)

  const closed = above.waitForEvent('close')
  await above.mouse.move(...place)
  // It takes its answer with it when it closes.
  const pressed = above.mouse.down().catch(() => undefined)
  await closed
  await pressed
  await expect.poll(() => page.evaluate('document.hasFocus()')).toBe(true)
  await page.mouse.click(...place, { clickCount: 2 })
  return { page, heard }
}

describe('a lured double click', () => {
  it('NEG-16 WEB-02 on a tab that closes above the device’s page links nothing; who then looks and says yes is heard', async () => {
    const { page, heard } = await lured('device')
    expect(await heard()).toEqual(['approve', 'ignored'])
    expect(await stateOf()).toBe('pending')
    await page.clock.runFor(DOUBLE_CLICK_MS)
    await page.click(APPROVE)
    await page.locator('h1', { hasText: 'Allowed' }).waitFor()
    expect(await stateOf()).toBe('approved')
  })

  it('NEG-16 above the question of an app signs nobody in', async () => {
    const { page, heard } = await lured('consent')
    expect(await heard()).toEqual(['approve', 'ignored'])
    expect(page.url()).toContain(issuer)
    expect(await server.store.consents.byUser(server.user.id)).toEqual([])
  })

  it('NEG-16 where the script does not come it is a yes, as docs/security.md says: this is what the script is for', async () => {
    await context.route(/\/steady\./, (route) => route.abort())
    const { page } = await lured('device')
    await page.locator('h1', { hasText: 'Allowed' }).waitFor()
    expect(await stateOf()).toBe('approved')
  })

  it.each(['device', 'consent'] as const)(
    'NEG-16 the second half of a double click on the page of another site, which leads here, is none (%s)',
    async (asked) => {
      const page = await context.newPage()
      await page.goto(addresses()[asked])
      const question = page.url()
      await page.goto(hostile.stranger + hostile.page(`<a href="${question}">Double click!</a>`))
      await page.click('a')
      await page.waitForURL(question)
      const heard = await watch(page)
      await page.clock.runFor(DOUBLE_CLICK_MS - 1)
      await page.click(APPROVE)
      expect(await heard()).toEqual(['approve', 'ignored'])
      await page.clock.runFor(1)
      const answered = page.waitForRequest((request) => request.method() === 'POST')
      await page.click(APPROVE)
      expect((await answered).postData()).toContain('answer=approve')
    },
  )
})

it.each([
  ['visibilitychange', `document.dispatchEvent(new Event('visibilitychange'))`],
  ['pageshow', `window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`],
])('NEG-16 a page that the browser shows again waits as long, told by %s', async (_name, shown) => {
  const page = await context.newPage()
  await page.goto(addresses().device)
  await page.clock.runFor(10_000)
  const heard = await watch(page)
  await page.evaluate(shown)
  await page.click(APPROVE)
  expect(await heard()).toEqual(['approve', 'ignored'])
})

describe('who means it', () => {
  const WAYS: Readonly<Record<string, (page: Page) => Promise<void>>> = {
    'a click, at once': (page) => page.click(APPROVE),
    'a tap, at once': (page) => page.tap(APPROVE),
    'Enter on the button, at once': (page) => page.press(APPROVE, 'Enter'),
    'the space bar on the button, at once': (page) => page.press(APPROVE, 'Space'),
    'what a screen reader presses, at once': (page) => page.dispatchEvent(APPROVE, 'click', { detail: 1 }),
  }

  it.each(Object.entries(WAYS))('WEB-02 UX-07 %s is a yes', async (_way, answer) => {
    const page = await context.newPage()
    await page.goto(addresses().device)
    await answer(page)
    await page.locator('h1', { hasText: 'Allowed' }).waitFor()
    expect(await stateOf()).toBe('approved')
  })
})

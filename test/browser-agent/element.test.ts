import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { axeFindings } from '../support/axe.ts'
import { launchBrowser } from '../support/browser.ts'
import { decodeQr } from '../support/qr-decode.ts'
import { inState, partText, putLink, type TvSite, tvSite } from '../support/tv-page.ts'

const ISSUER = 'https://id.northwind.example'
const COMPLETE = 'https://northwind.example/link?user_code=WDJB-MJHT'
const STARTED = {
  device_code: 'a-device-code-that-no-screen-shows',
  user_code: 'WDJB-MJHT',
  verification_uri: 'https://northwind.example/link',
  verification_uri_complete: COMPLETE,
  expires_in: 600,
  interval: 5,
}
const PENDING = { status: 400, body: { error: 'authorization_pending' } }

const PAPER = { light: 'background: #f5f4f1; color: #1c1b19', dark: 'background: #131412; color: #f1efe9' } as const

let browser: Browser
let site: TvSite
let context: BrowserContext
let page: Page
/** What the server says next; undefined: nothing at all. */
let toStart: Readonly<Record<string, unknown>>
let toPoll: { readonly status: number; readonly body: Readonly<Record<string, unknown>> } | undefined
let starts: number
let polls: number
/** What the element said that it can show. */
let display: string | null

beforeAll(async () => {
  ;[browser, site] = await Promise.all([launchBrowser(), tvSite()])
})
afterAll(async () => {
  await browser.close()
  await site.close()
})
beforeEach(async () => {
  toStart = STARTED
  toPoll = PENDING
  starts = 0
  polls = 0
  context = await browser.newContext({ viewport: { width: 1280, height: 720 } })
  page = await context.newPage()
  await page.route(`${ISSUER}/**`, (route) => {
    const headers = { 'access-control-allow-origin': '*' }
    const say = (json: unknown, status = 200) => route.fulfill({ status, headers, json })
    const { pathname } = new URL(route.request().url())
    if (pathname === '/start') {
      starts++
      display = new URLSearchParams(route.request().postData() ?? '').get('device_display')
      return say(toStart)
    }
    if (pathname !== '/token') {
      return say({
        issuer: ISSUER,
        token_endpoint: `${ISSUER}/token`,
        device_authorization_endpoint: `${ISSUER}/start`,
      })
    }
    polls++
    return toPoll ? say(toPoll.body, toPoll.status) : route.abort()
  })
  await page.goto(site.origin)
})
afterEach(() => context.close())

/** A clock that stands still until `pass` moves it: the page's own code sleeps by it. */
const OWN_TIME = `
  let now = 1e6
  const sleepers = new Set()
  const turn = () => new Promise((resolve) => setTimeout(resolve))
  link.host = {
    clock: { now: () => 1.9e12 + now, monotonic: () => now },
    entropy: (size) => crypto.getRandomValues(new Uint8Array(size)),
    sleep: (milliseconds, signal) => new Promise((resolve, reject) => {
      const sleeper = { at: now + milliseconds, resolve }
      sleepers.add(sleeper)
      signal?.addEventListener('abort', () => { sleepers.delete(sleeper); reject(signal.reason) })
    }),
  }
  globalThis.pass = async (seconds) => {
    now += seconds * 1000
    for (const sleeper of sleepers) if (sleeper.at <= now) { sleepers.delete(sleeper); sleeper.resolve() }
    await turn()
  }`

const put = (attributes: Record<string, string> = {}) =>
  putLink(page, { issuer: ISSUER, autostart: '', ...attributes }, OWN_TIME)
const pass = (seconds: number) => page.evaluate(`pass(${seconds})`)
const insides = () => page.evaluate<string>('link.shadowRoot.innerHTML')
const focusedPart = () => page.evaluate('link.shadowRoot.activeElement?.part.value ?? document.activeElement.tagName')

describe('<latchkey-link>', () => {
  for (const [width, height] of [
    [1920, 1080],
    [1280, 720],
    [480, 800],
  ] as const) {
    for (const colorScheme of ['light', 'dark'] as const) {
      it(`QR-01 QR-05 shows a square that a phone reads, at ${width}x${height} on a ${colorScheme} page`, async () => {
        await page.setViewportSize({ width, height })
        await page.emulateMedia({ colorScheme })
        await page.evaluate(`document.documentElement.style.cssText = '${PAPER[colorScheme]}'`)
        await put()
        await inState(page, 'waiting')
        expect(await decodeQr(await page.screenshot())).toBe(COMPLETE)
        const [side, modules, colours] = await page.evaluate<readonly [number, number, readonly string[]]>(`(() => {
          const picture = link.shadowRoot.querySelector('[part=qr] svg')
          const { x, y, width } = picture.querySelector('path').getBBox()
          const fills = [...picture.children].map((each) => getComputedStyle(each).fill)
          return [picture.viewBox.baseVal.width, width, [...fills, x + ' ' + y]]
        })()`)
        expect(side - modules).toBe(8)
        expect(colours).toEqual(['rgb(255, 255, 255)', 'rgb(0, 0, 0)', '4 4'])
      })
    }
  }

  it('AGT-03 shows address and code as text, whatever the square says; letters in groups', async () => {
    await put()
    await inState(page, 'waiting')
    expect(await partText(page, 'address')).toBe('northwind.example/link')
    const code = page.locator('latchkey-link [part=code]')
    expect(await code.locator('span').allInnerTexts()).toEqual(['WDJB', 'MJHT'])
    expect(await code.getAttribute('aria-label')).toBe('Code: W D J B, M J H T')
  })

  it('QR-02 shows text alone when there is no square, or none that is large enough to scan', async () => {
    const { verification_uri_complete: _none, ...without } = STARTED
    const long = { ...STARTED, verification_uri_complete: `https://northwind.example/${'x'.repeat(100)}` }
    for (const answer of [without, long]) {
      toStart = { ...answer, user_code: 'ABCDEFGH' }
      await page.reload()
      await put()
      await inState(page, 'waiting')
      expect(await page.locator('latchkey-link [part=qr]').isVisible()).toBe(false)
      expect(await page.locator('latchkey-link [part=code] span').allInnerTexts()).toEqual(['ABCD', 'EFGH'])
      expect(await page.locator('latchkey-link [part=line]').allInnerTexts()).toContain(
        'Enter this code there, and say yes',
      )
    }
  })

  it('DEV-23 AGT-03 the number for the phone takes the place of the square; the code stays; a new code has none', async () => {
    await put()
    await inState(page, 'waiting')
    expect(display).toBe('number')
    toPoll = { status: 400, body: { error: 'authorization_pending', number: '58' } }
    await pass(5)
    await inState(page, 'opened')
    expect(await partText(page, 'number')).toBe('58')
    expect(await partText(page, 'title')).toBe('Continue on your phone')
    expect(await partText(page, 'status')).toBe('Check that your phone shows this code, and tap 58')
    expect(await page.locator('latchkey-link [part=code] span').allInnerTexts()).toEqual(['WDJB', 'MJHT'])
    expect(await page.locator('latchkey-link :is([part=qr], [part=line]):visible').count()).toBe(0)
    toPoll = undefined
    await pass(5)
    await inState(page, 'retrying')
    expect(await partText(page, 'number')).toBe('58')
    toPoll = PENDING
    await pass(10)
    await inState(page, 'opened')
    await pass(600)
    await inState(page, 'expired')
    expect(await page.locator('latchkey-link [part=number]').textContent()).toBe('')
    await page.keyboard.press('Enter')
    await inState(page, 'waiting')
    expect(await page.locator('latchkey-link [part=number]').isVisible()).toBe(false)
    expect(await page.locator('latchkey-link [part=qr]').isVisible()).toBe(true)
  })

  it('counts down, and waits through a network that fails, in words', async () => {
    await put()
    await inState(page, 'waiting')
    expect(await partText(page, 'time')).toBe('10:00 left')
    toPoll = undefined
    await pass(5)
    await inState(page, 'retrying')
    expect(await partText(page, 'status')).toBe('No network. Trying again in 10 s.')
    expect(await partText(page, 'time')).toBe('9:55 left')
    toPoll = PENDING
    await pass(10)
    await inState(page, 'waiting')
    expect(await page.locator('latchkey-link [part=status]').isVisible()).toBe(false)
  })

  it('AGT-02 AGT-07 takes the code off the screen at its end, and starts no other by itself; OK does', async () => {
    await put()
    await inState(page, 'waiting')
    await pass(600)
    await inState(page, 'expired')
    expect(await insides()).not.toMatch(/WDJB|W D J B|<path|northwind\.example/)
    const asked = [starts, polls]
    for (let hour = 0; hour < 5; hour++) await pass(3600)
    expect([starts, polls]).toEqual(asked)
    expect(await partText(page, 'status')).toBe('Press OK for a new one.')
    expect(await focusedPart()).toBe('button')
    toStart = { ...STARTED, user_code: 'QQQQ-ZZZZ' }
    await page.keyboard.press('Enter')
    await inState(page, 'waiting')
    expect(await page.locator('latchkey-link [part=code] span').allInnerTexts()).toEqual(['QQQQ', 'ZZZZ'])
    expect(starts).toBe(2)
  })

  it('AGT-02 asks for nothing before somebody wants it; OK twice is one code', async () => {
    await putLink(page, { issuer: ISSUER })
    await inState(page, 'idle')
    expect(starts).toBe(0)
    await page.keyboard.press('Enter')
    await page.evaluate('link.start()')
    await inState(page, 'waiting')
    expect(starts).toBe(1)
  })

  it('leaves the focus where the person is', async () => {
    await page.evaluate(
      `document.body.append(document.createElement('input')); document.querySelector('input').focus()`,
    )
    await put()
    await inState(page, 'waiting')
    await pass(600)
    await inState(page, 'expired')
    expect(await focusedPart()).toBe('INPUT')
    await page.keyboard.press('Tab')
    expect(await focusedPart()).toBe('button')
  })

  it('AGT-17 stops asking when it leaves the page, and goes on with the same code when it comes back', async () => {
    await put()
    await inState(page, 'waiting')
    await page.evaluate('link.remove()')
    const before = polls
    await pass(60)
    expect(polls).toBe(before)
    expect(await insides()).not.toContain('WDJB')
    await page.evaluate('document.body.append(link)')
    await inState(page, 'waiting')
    expect(await page.locator('latchkey-link [part=code] span').allInnerTexts()).toEqual(['WDJB', 'MJHT'])
    expect(starts).toBe(1)
  })

  it('is clean for axe in every state, in light and in dark', async () => {
    await page.evaluate(`document.body.innerHTML = '<header><h1>TV</h1></header>'`)
    await put()
    const look = async (state: string) => {
      await inState(page, state)
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        await page.evaluate(`document.documentElement.style.cssText = '${PAPER[colorScheme]}'`)
        expect([state, await axeFindings(page)]).toEqual([state, []])
      }
    }
    await look('waiting')
    toPoll = { status: 400, body: { error: 'authorization_pending', number: '58' } }
    await pass(5)
    await look('opened')
    toPoll = undefined
    await pass(5)
    await look('retrying')
    toPoll = { status: 400, body: { error: 'access_denied' } }
    await pass(10)
    await look('denied')
    await page.keyboard.press('Enter')
    await inState(page, 'waiting')
    await pass(600)
    await look('expired')
    toPoll = { status: 400, body: { error: 'invalid_client' } }
    await page.keyboard.press('Enter')
    await inState(page, 'waiting')
    await pass(5)
    await look('failed')
    toPoll = { status: 200, body: { access_token: 'a', token_type: 'Bearer', expires_in: 60, refresh_token: 'r' } }
    await page.keyboard.press('Enter')
    await inState(page, 'waiting')
    await pass(5)
    await look('linked')
  })

  it('is themed by custom properties, by ::part and by words of one’s own', async () => {
    await put()
    await inState(page, 'waiting')
    await page.evaluate(`{
      const sheet = new CSSStyleSheet()
      sheet.replaceSync('latchkey-link { --latchkey-ink: rgb(1, 2, 3) } latchkey-link::part(code) { color: rgb(4, 5, 6) }')
      document.adoptedStyleSheets = [sheet]
      link.words = { linkTitle: 'Mit dem Telefon anmelden' }
    }`)
    const colour = (part: string) =>
      page.evaluate<string>(`getComputedStyle(link.shadowRoot.querySelector('[part=${part}]')).color`)
    expect([await colour('title'), await colour('code')]).toEqual(['rgb(1, 2, 3)', 'rgb(4, 5, 6)'])
    expect(await partText(page, 'title')).toBe('Mit dem Telefon anmelden')
  })

  it('shows what the server says as text, and nothing of it as markup', async () => {
    toPoll = { status: 400, body: { error: 'server_bug', error_description: '<img src=x onerror=alert(1)>' } }
    await put()
    await inState(page, 'waiting')
    await pass(5)
    await inState(page, 'failed')
    expect(await partText(page, 'status')).toContain('<img src=x')
    expect(await page.locator('latchkey-link img').count()).toBe(0)
  })
})

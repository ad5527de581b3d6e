// Every page in every state, in a real browser under the real policy: nothing for axe to find in either theme, nothing
// wider than the smallest phone, nothing too small to hit, nothing that a stranger's words could turn into markup.
import { STYLESHEET } from '@latchkey/verifier-web'
import { gallery } from '@latchkey/verifier-web/gallery'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { axeFindings } from '../support/axe.ts'
import { launchBrowser } from '../support/browser.ts'
import { type GalleryServer, serveGallery } from './gallery-server.ts'
import { PSEUDO } from './pseudo-locale.ts'

const SIDEWAYS = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
const SMALL_CONTROLS = `[...document.querySelectorAll('a, button, input:not([type=hidden])')]
  .filter((control) => (control.closest('label') ?? control).getBoundingClientRect().height < 47.9)
  .map((control) => control.outerHTML)`
// Everything that the pages are made of; whatever else is in the tree came out of somebody's string.
const FOREIGN = `[...document.querySelectorAll('*')].filter((element) =>
  !/^(html|head|meta|title|link|body|header|main|svg|rect|circle|path|g|bdi|span|h1|h2|p|form|input|label|div|button|a|ul|li|figure|figcaption|section|strong|small)$/.test(element.localName) ||
  [...element.attributes].some(({ name }) => name.startsWith('on') || name === 'style')).map((element) => element.outerHTML)`

let browser: Browser
let page: Page
const complaints: string[] = []

beforeAll(async () => {
  browser = await launchBrowser()
  page = await browser.newPage({ viewport: { width: 320, height: 640 } })
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`))
})

beforeEach(() => {
  complaints.length = 0
})

afterAll(() => browser.close())

async function inspect(url: string) {
  // Reduced motion: a colour that is still fading would be measured halfway.
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
  await page.goto(url)
  expect.soft(await page.evaluate(SIDEWAYS), 'scrolls sideways at 320 px').toBe(0)
  expect.soft(await page.evaluate(SMALL_CONTROLS), 'controls lower than 48 px').toEqual([])
  expect.soft(await page.evaluate(FOREIGN), 'markup out of a string').toEqual([])
  expect.soft(await axeFindings(page), 'axe, light').toEqual([])
  await page.emulateMedia({ colorScheme: 'dark' })
  expect.soft(await axeFindings(page), 'axe, dark').toEqual([])
  expect(complaints, 'what the browser complained about').toEqual([])
}

describe('the gallery', () => {
  let server: GalleryServer
  beforeAll(async () => {
    server = await serveGallery()
  })
  afterAll(() => server.close())

  it.each(gallery)('UX-04 UX-07 SES-03 NEG-15 $name', async ({ name }) => {
    await inspect(`${server.origin}/${name}`)
  })

  it('SES-03 the stylesheet is really in force, so what was measured is what people see', async () => {
    await page.goto(`${server.origin}/link`)
    expect(STYLESHEET.path).toMatch(/^\/assets\/style\.[0-9a-f]{12}\.css$/)
    expect(await page.evaluate("getComputedStyle(document.querySelector('.sheet')).borderRadius")).toBe('16px')
  })
})

describe('the gallery in a right-to-left language with longer sentences', () => {
  let server: GalleryServer
  beforeAll(async () => {
    server = await serveGallery({ locale: PSEUDO })
  })
  afterAll(() => server.close())

  const ordinary = gallery.filter(({ name }) =>
    /^(link|sign-in|device|consent|logout|logged-out|outcome|problem)/.test(name),
  )

  it.each(ordinary)('UX-07 UX-08 $name', async ({ name }) => {
    await inspect(`${server.origin}/${name}`)
    const left = await page.evaluate<string>("document.title + ' ' + document.body.innerText")
    // Names, codes, addresses and the configured sentences are data; every other word is in the catalogue.
    const data =
      /Northwind (TV|N55|Player)|app\.example\.com|Living room TV|app 4\.2|ana@example\.com|(?<![a-z])A(?![a-z])|See your library|See what you watch|WDJB-MJHT|[WDJBMHT]( [WDJBMHT]){7}|2001:[0-9a-f:]+|https:\/\/|req-4f1c/g
    expect(left.replace(data, '').match(/[a-z]+/gi)).toBeNull()
  })

  it('UX-08 lang and dir are the page’s, codes stay left to right, and the layout is mirrored', async () => {
    await page.goto(`${server.origin}/device-same-network`)
    expect(await page.evaluate("document.documentElement.lang + ' ' + document.documentElement.dir")).toBe('he rtl')
    expect(await page.locator('.screen bdi').getAttribute('dir')).toBe('ltr')
    const deny = await page.locator('button[value=deny]').boundingBox()
    const approve = await page.locator('button[value=approve]').boundingBox()
    expect(deny?.x).toBeGreaterThan(approve?.x ?? Number.POSITIVE_INFINITY)
  })
})

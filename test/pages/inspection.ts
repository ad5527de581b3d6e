// What every page must be, in a real browser under the real policy: nothing for axe to find, nothing wider than the
// smallest phone, nothing too small to hit, nothing that a stranger's words could turn into markup.
import type { Chrome } from '@latchkey/verifier-web'
import { gallery } from '@latchkey/verifier-web/gallery'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { axeFindings, contrastFindings } from '../support/axe.ts'
import { launchBrowser } from '../support/browser.ts'
import { type GalleryServer, serveGallery } from './gallery-server.ts'

const SIDEWAYS = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
const SMALL_CONTROLS = `[...document.querySelectorAll('a, button, input:not([type=hidden])')]
  .filter((control) => control.closest('[hidden]') === null)
  .filter((control) => (control.closest('label') ?? control).getBoundingClientRect().height < 47.9)
  .map((control) => control.outerHTML)`
// Everything that the pages are made of; whatever else is in the tree came out of somebody's string.
const FOREIGN = `[...document.querySelectorAll('*')].filter((element) =>
  !element.matches('img.logo[src^="/assets/logo."], script[src^="/assets/"]') && !/^(html|head|meta|title|link|body|header|main|svg|rect|circle|path|g|bdi|span|h1|h2|p|form|input|label|div|button|a|ul|li|figure|figcaption|section|strong|small|footer|time|noscript|template)$/.test(element.localName) ||
  [...element.attributes].some(({ name }) => name.startsWith('on') || name === 'style')).map((element) => element.outerHTML)`

// Words that stick out of what they stand on.
const CUT = `[...document.querySelectorAll('a, button, h1, h2, p:not(.heard), li, label')]
  .filter((element) => element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== 'inline')
  .map((element) => element.outerHTML)`

// Shows another page in the document that is open, so that neither the browser nor axe begins anew for each of many.
const SHOW = `async (address) => {
  const next = new DOMParser().parseFromString(await (await fetch(address)).text(), 'text/html')
  const { lang, dir } = next.documentElement
  Object.assign(document.documentElement, { lang, dir })
  document.documentElement.style.fontSize = ''
  document.title = next.title
  const sheets = (of) => [...of.querySelectorAll('link[rel=stylesheet]')]
  const wanted = sheets(next).map((sheet) => sheet.getAttribute('href'))
  for (const sheet of sheets(document)) if (!wanted.includes(sheet.getAttribute('href'))) sheet.remove()
  for (const href of wanted) {
    if (sheets(document).some((sheet) => sheet.getAttribute('href') === href)) continue
    const sheet = Object.assign(document.createElement('link'), { rel: 'stylesheet', href })
    const loaded = new Promise((resolve) => sheet.addEventListener('load', resolve))
    document.head.append(sheet)
    await loaded
  }
  document.body.replaceWith(document.adoptNode(next.body))
}`

/** The pages without those whose words are hostile. */
export const ordinaryPages: readonly { readonly name: string }[] = gallery.filter(
  ({ name }) => !/^(script|reversed|long|wordy|piled)-/.test(name),
)

export interface Inspection {
  page(): Page
  /** Opens a page of the gallery. */
  open(name: string): Promise<void>
  /** Opens it and looks at it in these colour schemes. */
  inspect(name: string, schemes?: readonly ('light' | 'dark')[]): Promise<void>
  /** Shows it and looks at what a language may change: everything but colours, and its room for text of twice the size. */
  inspectWords(name: string): Promise<void>
}

/** One browser and one server for the tests of a file; `around` is what all its pages have in common. */
export function inspection(around: Partial<Chrome> = {}): Inspection {
  let browser: Browser
  let page: Page
  let server: GalleryServer
  const complaints: string[] = []

  beforeAll(async () => {
    server = await serveGallery(around)
    browser = await launchBrowser()
    page = await browser.newPage({ viewport: { width: 320, height: 640 } })
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('requestfailed', (request) => {
      // A page that was left takes what it had still asked for with it, such as the tab's icon.
      if (request.failure()?.errorText !== 'net::ERR_ABORTED') complaints.push(`failed: ${request.url()}`)
    })
  })
  beforeEach(() => {
    complaints.length = 0
  })
  afterAll(async () => {
    await browser.close()
    await server.close()
  })

  const open = async (name: string) => void (await page.goto(`${server.origin}/${name}`))
  return {
    page: () => page,
    open,
    async inspect(name, schemes = ['light', 'dark']) {
      // Reduced motion: a colour that is still fading would be measured halfway.
      await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
      await open(name)
      expect.soft(await page.evaluate(SIDEWAYS), 'scrolls sideways at 320 px').toBe(0)
      expect.soft(await page.evaluate(SMALL_CONTROLS), 'controls lower than 48 px').toEqual([])
      expect.soft(await page.evaluate(FOREIGN), 'markup out of a string').toEqual([])
      for (const colorScheme of schemes) {
        await page.emulateMedia({ colorScheme })
        const findings = colorScheme === schemes[0] ? axeFindings(page) : contrastFindings(page)
        expect.soft(await findings, `axe, ${colorScheme}`).toEqual([])
      }
      expect(complaints, 'what the browser complained about').toEqual([])
    },
    async inspectWords(name) {
      if (page.url() === 'about:blank') await open(name)
      await page.evaluate(`(${SHOW})('/${name}')`)
      expect.soft(await page.evaluate(SIDEWAYS), 'scrolls sideways at 320 px').toBe(0)
      expect.soft(await page.evaluate(SMALL_CONTROLS), 'controls lower than 48 px').toEqual([])
      expect.soft(await axeFindings(page, ['color-contrast']), 'axe').toEqual([])
      // A style that the debugger sets is none of the page's, so its policy stays in force.
      await page.evaluate("document.documentElement.style.fontSize = '200%'")
      expect.soft(await page.evaluate(SIDEWAYS), 'scrolls sideways at 320 px with large text').toBe(0)
      expect.soft(await page.evaluate(CUT), 'cut off with large text').toEqual([])
      expect(complaints, 'what the browser complained about').toEqual([])
    },
  }
}

// Where somebody is after a try that failed, in a real browser on the smallest phone: at the field, with the reason in
// sight.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { axeFindings } from '../support/axe.ts'
import { launchBrowser } from '../support/browser.ts'
import { type GalleryServer, serveGallery } from './gallery-server.ts'

let server: GalleryServer
let browser: Browser
let page: Page

beforeAll(async () => {
  server = await serveGallery()
  browser = await launchBrowser()
  page = await browser.newPage({ viewport: { width: 320, height: 568 } })
})
afterAll(async () => {
  await browser.close()
  await server.close()
})

const DRAWN = 'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))'

/** What has the focus, and which of it and of the reason is not in sight as a whole. */
const LOOK = `(() => {
  const focused = document.activeElement
  const reason = document.querySelector('.notice.bad:not([hidden])[id]') ?? document.querySelector('.notice.bad:not([hidden])') ?? document.querySelector('.lead')
  const isHidden = (one) => {
    const { top, bottom } = one.getBoundingClientRect()
    return top < 0 || bottom > innerHeight
  }
  return {
    at: focused.id || focused.tagName,
    outlined: focused.tagName === 'H1' && getComputedStyle(focused).outlineStyle !== 'none',
    hidden: [focused, reason].filter(isHidden).map((one) => one.outerHTML.slice(0, 80)),
  }
})()`

const AT_FIELDS = [
  ['link-format', 'user_code'],
  ['link-unknown', 'user_code'],
  ['link-too-many', 'user_code'],
  ['sign-in-wrong', 'password'],
  ['sign-in-nameless', 'email'],
  ['sign-in-too-many', 'password'],
  ['sign-in-locked', 'password'],
  ['code-wrong', 'code'],
  ['code-too-many', 'code'],
  ['forgot-format', 'email'],
  ['forgot-too-many', 'email'],
  ['reset-short', 'password'],
  ['reset-code-wrong', 'code'],
  ['reset-code-too-many', 'code'],
  ['factor-set-up-wrong', 'code'],
  ['password-short', 'password'],
  ['device-letters-wrong', 'letters'],
  ['device-letters-last', 'letters'],
] as const

const AT_HEADINGS = [
  'sign-in-passkey-refused',
  'sign-in-passkey-late',
  'factor-set-up-late',
  'passkeys-failed',
  'outcome-mismatch',
  'problem-stale-form',
  'problem-another-code',
  'problem-not-found',
] as const

describe.each([...AT_FIELDS, ...AT_HEADINGS.map((name) => [name, 'H1'] as const)])('after an error: %s', (name, at) => {
  it(`UX-03 UX-04 UX-07 the focus is at ${at}, and the reason is in sight beside it`, async () => {
    await page.goto(`${server.origin}/${name}`)
    await page.evaluate(DRAWN)
    expect(await page.evaluate(LOOK)).toEqual({ at, outlined: false, hidden: [] })
    expect(await axeFindings(page)).toEqual([])
  })
})

it('UX-07 a page without an error leaves the focus where it is', async () => {
  for (const name of ['link', 'sign-in', 'code', 'factor-set-up', 'password', 'device-letters']) {
    await page.goto(`${server.origin}/${name}`)
    await page.evaluate(DRAWN)
    expect(await page.evaluate('document.activeElement.tagName'), name).toBe('BODY')
  }
})

// What a person does with the pages: keyboard, screen reader, zoom, their own colours.
import { normaliseUserCode } from '@latchkey/shared'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { launchBrowser } from '../support/browser.ts'
import { type GalleryServer, serveGallery } from './gallery-server.ts'

let browser: Browser
let page: Page
let server: GalleryServer

beforeAll(async () => {
  browser = await launchBrowser()
  server = await serveGallery()
})

beforeEach(async () => {
  await page?.close()
  page = await browser.newPage({ viewport: { width: 390, height: 844 } })
})

afterAll(async () => {
  await browser.close()
  await server.close()
})

/** Tabs through the page once; each stop is what has the focus and whether that can be seen. */
async function tabStops(): Promise<readonly string[]> {
  const stops: string[] = []
  for (;;) {
    await page.keyboard.press('Tab')
    const stop = await page.evaluate<string>(`(() => {
      const at = document.activeElement
      if (at === document.body) return ''
      const { outlineStyle, outlineWidth } = getComputedStyle(at)
      const { top, bottom } = at.getBoundingClientRect()
      const seen = outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2 && top >= 0 && bottom <= innerHeight
      return (at.name || at.textContent) + (at.value ? '=' + at.value : '') + (seen ? '' : ' UNSEEN')
    })()`)
    if (stop === '' || stops.includes(stop)) return stops
    stops.push(stop)
  }
}

/** Does something that posts a form, and waits until the server has answered. */
async function posting(act: () => Promise<void>): Promise<void> {
  await Promise.all([page.waitForEvent('load'), act()])
}

it('UX-07 UX-04 the decision is reached by keyboard alone, every stop visibly focused', async () => {
  await page.goto(`${server.origin}/device-other-network`)
  expect(await tabStops()).toEqual(['English', 'Switch', 'answer=deny', 'answer=approve', 'answer=report'])
})

it('UX-07 UX-04 DEV-23 so are the proofs, in the order they are read', async () => {
  await page.goto(`${server.origin}/device-number`)
  const out = ['answer=deny', 'answer=report']
  expect(await tabStops()).toEqual(['English', 'Switch', 'number=17', 'number=58', 'number=92', ...out])
  await page.goto(`${server.origin}/device-letters`)
  expect(await tabStops()).toEqual(['English', 'Switch', 'letters', 'answer=approve', ...out])
})

it('UX-07 the code entry and sign-in pages are reached by keyboard alone', async () => {
  await page.goto(`${server.origin}/link-signed-in`)
  expect(await tabStops()).toEqual(['English', 'user_code', 'Continue', 'Sign out', 'Your account'])
  await page.goto(`${server.origin}/sign-in`)
  const typed = ['email', 'password', 'Forgot your password?', 'Sign in', 'Type another code']
  expect(await tabStops()).toEqual(['English', 'Sign in with a passkey', ...typed])
  await page.goto(`${server.origin}/sign-in-no-passkeys`)
  expect(await tabStops()).toEqual(['English', ...typed])
  await page.goto(`${server.origin}/code`)
  expect(await tabStops()).toEqual(['English', 'code', 'Continue', 'Start again'])
})

it('UX-07 UX-04 consent and signing out are reached by keyboard alone', async () => {
  await page.goto(`${server.origin}/consent-unproven`)
  expect(await tabStops()).toEqual(['English', 'Switch', 'answer=deny', 'answer=approve'])
  await page.goto(`${server.origin}/logout-devices`)
  expect(await tabStops()).toEqual(['English', 'devices=yes', 'answer=no', 'answer=yes'])
})

it('SES-03 UX-07 answers, codes and sign-ins are posted without any script', async () => {
  await page.goto(`${server.origin}/device-same-network`)
  await posting(() => page.getByRole('button', { name: 'Not mine' }).press('Enter'))
  await page.goto(`${server.origin}/device-same-network`)
  await posting(() => page.getByRole('button', { name: 'Yes, link it' }).press('Space'))
  await page.goto(`${server.origin}/device-same-network`)
  await posting(() => page.getByRole('button', { name: 'Someone sent me this code' }).press('Enter'))
  await page.goto(`${server.origin}/device-number`)
  await posting(() => page.getByRole('button', { name: '58' }).press('Enter'))
  await page.goto(`${server.origin}/device-letters`)
  await page.getByLabel('The last 4 letters on its screen').fill('mjht')
  await posting(() => page.keyboard.press('Enter'))
  await page.goto(`${server.origin}/device-same-network`)
  await posting(() => page.getByRole('button', { name: 'Switch' }).press('Enter'))
  await page.goto(`${server.origin}/link`)
  await page.getByLabel('Code').fill('wdjb mjht')
  await posting(() => page.keyboard.press('Enter'))
  await page.goto(`${server.origin}/sign-in`)
  await page.getByLabel('Email').fill('ana@example.com')
  await page.getByLabel('Password').fill('correct horse')
  await posting(() => page.keyboard.press('Enter'))
  expect(server.posts).toEqual([
    '/link/device csrf=canned-csrf-token&answer=deny',
    '/link/device csrf=canned-csrf-token&answer=approve',
    '/link/device csrf=canned-csrf-token&answer=report',
    '/link/device csrf=canned-csrf-token&number=58',
    '/link/device csrf=canned-csrf-token&letters=mjht&answer=approve',
    '/sign-out csrf=canned-csrf-token',
    '/link csrf=canned-csrf-token&user_code=wdjb+mjht',
    '/sign-in csrf=canned-csrf-token&email=ana%40example.com&password=correct+horse',
  ])
})

it('SES-03 OI-07 consent and sign-out are posted without any script, devices only when ticked', async () => {
  const before = server.posts.length
  await page.goto(`${server.origin}/consent-web`)
  await posting(() => page.getByRole('button', { name: 'No, go back' }).press('Enter'))
  await page.goto(`${server.origin}/consent-web`)
  await posting(() => page.getByRole('button', { name: 'Yes, sign in' }).press('Space'))
  await page.goto(`${server.origin}/logout-devices`)
  await posting(() => page.getByRole('button', { name: 'Yes, sign out' }).click())
  await page.goto(`${server.origin}/logout-devices`)
  await page.getByRole('checkbox', { name: 'Sign out my devices too', exact: true }).press('Space')
  await posting(() => page.getByRole('button', { name: 'Yes, sign out' }).click())
  await page.goto(`${server.origin}/logout-alone`)
  await posting(() => page.getByRole('button', { name: 'No, stay' }).click())
  expect(server.posts.slice(before)).toEqual([
    '/authorize/consent csrf=canned-csrf-token&answer=deny',
    '/authorize/consent csrf=canned-csrf-token&answer=approve',
    '/logout/confirm csrf=canned-csrf-token&answer=yes',
    '/logout/confirm csrf=canned-csrf-token&devices=yes&answer=yes',
    '/logout/confirm csrf=canned-csrf-token&answer=no',
  ])
})

it('OI-07 without a script, Enter on the box sends the answer that changes nothing', async () => {
  await page.goto(`${server.origin}/logout-devices`)
  await posting(() => page.getByRole('checkbox').press('Enter'))
  expect(server.posts.at(-1)).toBe('/logout/confirm csrf=canned-csrf-token&answer=no')
})

it.each([
  'wdjb mjht',
  'WDJB\u2013MJHT',
  'WDJB\u00A0MJHT',
  'WD\u200BJB\u200B\u200FMJHT\u200E',
  '\n wdjb\r\nmjht \n',
  ' W D J B - M J H T ',
])('UX-02 UX-01 pasting %j reaches the server as a code that it can read', async (pasted) => {
  await page.goto(`${server.origin}/link`)
  await page.getByLabel('Code').focus()
  await page.keyboard.insertText(pasted)
  await posting(() => page.keyboard.press('Enter'))
  const body = server.posts.at(-1)?.replace('/link ', '')
  expect(normaliseUserCode(new URLSearchParams(body).get('user_code') ?? '')).toBe('WDJBMJHT')
})

it('UX-07 a screen reader hears the code letter by letter', async () => {
  await page.goto(`${server.origin}/device-same-network`)
  const heard = await page.locator('figure').ariaSnapshot()
  expect(heard).toContain('Its screen must show')
  expect(heard).toContain('W D J B M J H T')
  expect(heard).not.toContain('WDJB-MJHT')
})

it('UX-03 a wrong code is explained beside the field, with what was typed still there', async () => {
  await page.goto(`${server.origin}/link-unknown`)
  const field = page.getByLabel('Code')
  expect(await field.inputValue()).toBe('WDJB-MJHX')
  const spoken = await page.locator('main').ariaSnapshot()
  expect(spoken).toMatch(/alert[\s\S]*press OK on the device for a new one/)
  const ids = (await field.getAttribute('aria-describedby'))?.split(' ') ?? []
  expect(ids).toEqual(['problem', 'hint'])
  for (const id of ids) expect(await page.locator(`#${id}`).count()).toBe(1)
})

it('UX-04 text at 200 % on the smallest phone still fits, and answers stay pressable', async () => {
  await page.setViewportSize({ width: 320, height: 640 })
  const names = [
    ...['link-unknown', 'sign-in-wrong', 'device-other-network', 'outcome-approved', 'long-device'],
    ...['consent-unproven', 'long-consent', 'logout-devices', 'long-logout', 'logged-out'],
  ]
  for (const name of names) {
    await page.goto(`${server.origin}/${name}`)
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    expect.soft(await page.evaluate('document.documentElement.scrollWidth'), name).toBe(320)
    const outside = `[...document.querySelectorAll('main *')].filter((element) => !element.closest('.heard, svg')
      && element.getBoundingClientRect().right > document.querySelector('main').getBoundingClientRect().right)
      .map((element) => element.outerHTML)`
    expect.soft(await page.evaluate(outside), name).toEqual([])
  }
})

it('WEB-04 refusing is as easy to hit as agreeing: same size, side by side', async () => {
  for (const width of [320, 390, 1280]) {
    await page.setViewportSize({ width, height: 800 })
    for (const name of ['device-same-network', 'consent-web']) {
      await page.goto(`${server.origin}/${name}`)
      const deny = await page.locator('button[value=deny]').boundingBox()
      const approve = await page.locator('button[value=approve]').boundingBox()
      expect(deny?.width).toBeCloseTo(approve?.width ?? 0, 0)
      expect(deny?.height).toBe(approve?.height)
      expect(deny?.y).toBe(approve?.y)
    }
  }
})

it('UX-04 edges of controls and the focus ring stand out 3:1 from what is around them, in both themes', async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.goto(`${server.origin}/link`)
    const token = (name: string) =>
      page.evaluate<string>(`getComputedStyle(document.documentElement).getPropertyValue('--${name}')`)
    const card = await token('card')
    for (const name of ['edge', 'key', 'bad', 'good', 'warn', 'quiet']) {
      expect.soft(contrast(await token(name), card), `${colorScheme} ${name}`).toBeGreaterThanOrEqual(3)
    }
  }
})

it('UX-04 with reduced motion nothing moves, and with forced colours buttons keep an edge', async () => {
  await page.emulateMedia({ reducedMotion: 'reduce', forcedColors: 'active' })
  await page.goto(`${server.origin}/device-same-network`)
  const style = await page.evaluate<readonly string[]>(
    "[...document.querySelectorAll('.answers button')].map((b) => getComputedStyle(b)).map((s) => s.transitionDuration + ' ' + s.borderTopStyle)",
  )
  expect(style).toEqual(['0s solid', '0s solid', '0s solid'])
})

/** WCAG 2.2 contrast ratio of two `#rrggbb` colours. */
function contrast(one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a)
  return ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05)
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.trim().slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

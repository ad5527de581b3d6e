// The messages as a mail program shows them: nothing to load, nothing that runs, nothing made of a stranger's words.
import { negotiateLocale } from '@latchkey/verifier-web'
import { noticeGallery } from '@latchkey/verifier-web/gallery'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { axeFindings } from '../support/axe.ts'
import { launchBrowser } from '../support/browser.ts'
import { PSEUDO } from './pseudo-locale.ts'

const ENGLISH = negotiateLocale('en')
const SIDEWAYS = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
const FOREIGN = `[...document.querySelectorAll('*')].filter((element) =>
  !/^(html|head|meta|title|style|body|main|h1|p|small|bdi|a)$/.test(element.localName) ||
  [...element.attributes].some(({ name }) => name.startsWith('on') || name === 'style')).map((element) => element.outerHTML)`

let browser: Browser
let page: Page
const asked: string[] = []

beforeAll(async () => {
  browser = await launchBrowser()
  page = await browser.newPage({ viewport: { width: 320, height: 640 } })
  page.on('request', (request) => asked.push(request.url()))
})
afterAll(() => browser.close())

describe.each([
  ['in English', ENGLISH],
  ['in a right-to-left language with longer sentences', PSEUDO],
])('a notice %s', (_name, locale) => {
  it.each(noticeGallery)('WEB-10 UX-04 UX-07 NEG-15 $name', async ({ message }) => {
    const { subject, html } = message(locale)
    asked.length = 0
    await page.emulateMedia({ colorScheme: 'light' })
    await page.setContent(html)
    expect(await page.title()).toBe(subject)
    expect.soft(await page.evaluate(SIDEWAYS), 'scrolls sideways at 320 px').toBe(0)
    expect.soft(await page.evaluate(FOREIGN), 'markup out of a string').toEqual([])
    expect.soft(await axeFindings(page), 'axe, light').toEqual([])
    await page.emulateMedia({ colorScheme: 'dark' })
    expect.soft(await axeFindings(page), 'axe, dark').toEqual([])
    expect(asked, 'what it loads').toEqual([])
    const links = await page.evaluate<string[]>('[...document.links].map(({ href }) => href)')
    for (const link of links)
      expect(link).toMatch(/^https:\/\/id\.example\.com\/((undo|reset-password)\/c2VhbGVk|account)$/)
  })
})

it.each(noticeGallery)('WEB-10 NEG-15 $name says the same in text, in short lines of its own', ({ message }) => {
  const { subject, text } = message(ENGLISH)
  expect(subject).toMatch(/^[\w -]+$/)
  expect(text.split('\n')[0]).toBe(subject)
  expect(text).not.toMatch(/[\r\u0000\u2028\u202A-\u202E\u2066-\u2069]/)
  const addresses = text.match(/(?:https?:\/\/|www\.(?=\S)|\b[a-z]+\.example|@[a-z])\S*/gi) ?? []
  for (const address of addresses) expect(address).toMatch(/^https:\/\/id\.example\.com\//)
  const quoted = text.split('\n').filter((line) => line.includes('“'))
  for (const line of quoted) expect(line).toMatch(/^ {2}“.{1,80}”$/u)
})

it('UX-08 the pseudo-language leaves no sentence of a notice in English', () => {
  for (const { name, message } of noticeGallery) {
    if (/script|reversed|long|link/.test(name)) continue
    const { text } = message(PSEUDO)
    const data = /Northwind TV|Living room TV|https:\/\/\S+|203\.0\.113\.7|UTC/g
    expect(text.replace(data, '').match(/[a-z]+/gi), name).toBeNull()
  }
})

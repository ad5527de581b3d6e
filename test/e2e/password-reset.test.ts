// "Forgot your password?" in a real browser, from the television's code and back to it, with and without scripts.
import { systemHost } from '@latchkey/shared'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ANSWER_AFTER_MS } from '../../server/src/ops/notices.ts'
import { axeFindings } from '../support/axe.ts'
import { launchBrowser } from '../support/browser.ts'
import { fakeHost } from '../support/fake-host.ts'
import { freePort } from '../support/free-port.ts'
import { type MailServer, startMailServer } from '../support/mail-server.ts'
import { resetConfig, resetPath } from '../support/reset-mail.ts'
import { EMAIL, type TestServer, testServer } from '../support/test-server.ts'

let chromium: Browser
let mail: MailServer
let server: TestServer
let issuer: string
let context: BrowserContext
const complaints: string[] = []

beforeAll(async () => {
  chromium = await launchBrowser()
})
afterAll(() => chromium?.close())
beforeEach(async () => {
  complaints.length = 0
  mail = await startMailServer()
  const port = await freePort()
  issuer = `http://localhost:${port}`
  const host = { ...fakeHost(), clock: { ...systemHost.clock, jump: () => undefined } }
  server = await testServer({ config: resetConfig(mail.url, { issuer }), host })
  await server.app.listen({ host: '127.0.0.1', port })
})
afterEach(async () => {
  await context?.close()
  await server.host.run(server.close())
  await mail.close()
  expect(complaints).toEqual([])
})

async function newPage(scripts: boolean): Promise<Page> {
  context = await chromium.newContext({ javaScriptEnabled: scripts, viewport: { width: 320, height: 700 } })
  const page = await context.newPage()
  // The answers 400 and 404 are part of the story.
  page.on('console', (message) => {
    if (!/the server responded with a status of 40[04]/.test(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  return page
}

describe.each([
  ['with scripts', true],
  ['without scripts', false],
])('a forgotten password %s', (_name, scripts) => {
  it('UX-05 UX-07 SES-03 SES-06 a message, a new password, and the television is still waiting', async () => {
    const page = await newPage(scripts)
    const looks = async () => {
      if (scripts) expect(await axeFindings(page)).toEqual([])
    }
    const { user_code } = await server.start({ device_name: 'Living room TV' })
    await page.goto(`${issuer}/link?user_code=${user_code}`)
    await page.getByRole('link', { name: 'Forgot your password?' }).click()
    await looks()
    await page.getByLabel('Email').fill('ana')
    await page.getByRole('button', { name: 'Send the message' }).click()
    expect(await page.textContent('[role=alert]')).toContain('Type your whole email address')
    await page.getByLabel('Email').fill(EMAIL)
    await page.getByRole('button', { name: 'Send the message' }).click()
    await page.waitForURL(`${issuer}/reset-password/sent`)
    await looks()

    await server.host.advance(ANSWER_AFTER_MS.most)
    await server.host.until(() => mail.mails.length === 1)
    const [message] = mail.mails
    await page.goto(issuer + resetPath(message ?? { text: '' }, issuer))
    expect(page.url()).toBe(`${issuer}/reset-password/new`)
    await looks()
    expect(await page.getByLabel('Email').inputValue()).toBe(EMAIL)
    const field = page.getByLabel('New password')
    await field.fill('too short')
    await page.getByRole('button', { name: 'Save' }).click()
    expect(await page.textContent('[role=alert]')).toContain('15 characters')
    await looks()
    await field.fill('a wholly different sentence')
    if (scripts) {
      await page.getByLabel('Show the password').check()
      expect(await field.getAttribute('type')).toBe('text')
    }
    await page.getByRole('button', { name: 'Save' }).click()
    await page.waitForURL(`${issuer}/link/device`)
    expect(await page.textContent('main')).toContain('Living room TV')

    await page.goto(issuer + resetPath(message ?? { text: '' }, issuer))
    expect(await page.textContent('h1')).toBe('This message no longer works')
    await looks()
  })
})

import { createServer, type Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchBrowser } from '../support/browser.ts'
import { decodeQr } from '../support/qr-decode.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { inTerminal, pictureOfSquare, processesIn, type TerminalProcess } from '../support/terminal.ts'

const DEMO = [process.execPath, fileURLToPath(new URL('../../server/bin/latchkey.js', import.meta.url)), 'demo']
const EMAIL = 'demo@example.com'

describe('npm run demo', () => {
  let folder: string
  let browser: Browser
  let occupant: Server
  const started: TerminalProcess[] = []
  beforeAll(async () => {
    folder = temporaryFolder()
    browser = await launchBrowser()
    occupant = createServer()
    await new Promise<void>((resolve) => {
      // Somebody else may have it already: then it is as taken as it should be.
      occupant.once('error', () => resolve())
      occupant.listen({ port: 8080, host: 'localhost' }, resolve)
    })
  })
  afterAll(async () => {
    for (const demo of started) demo.interrupt()
    await Promise.all(started.map((demo) => demo.ended))
    await browser.close()
    occupant.close()
    removeFolder(folder)
  })

  async function start() {
    const demo = inTerminal(DEMO, folder)
    started.push(demo)
    const [, port] = await demo.until(/Port 8080 is taken; using (\d+)\./)
    const [, issuer] = await demo.until(/Latchkey {2}(http:\/\/localhost:\d+)/)
    const [, password = ''] = await demo.until(new RegExp(`Sign in as {2}${EMAIL} {3}password {2}(\\S+)`))
    expect(issuer).toBe(`http://localhost:${port}`)
    await demo.until(/waiting · \d+:\d\d left/)
    const address = await decodeQr(pictureOfSquare(demo.raw()))
    expect(address).toMatch(new RegExp(`^${issuer}/link\\?user_code=[A-Z]{4}-[A-Z]{4}$`))
    const userCode = address.slice(-9)
    expect(demo.text()).toContain(`${issuer}/link`)
    return { demo, address, userCode, password }
  }

  async function openOnPhone(address: string) {
    const phone = await browser.newContext({ javaScriptEnabled: false })
    const page = await phone.newPage()
    await page.goto(address)
    return { phone, page }
  }

  async function signIn(page: Page, password: string) {
    await page.getByLabel('Email').fill(EMAIL)
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Sign in' }).click()
  }

  it('AGT-03 shows a square; what it says opens the page, a person agrees, the TV and the box call the API', async () => {
    const { demo, address, userCode, password } = await start()
    const { phone, page } = await openOnPhone(address)
    // The code leaves the address at once.
    expect(page.url()).not.toContain(userCode)
    // Its last letters are shown to nobody who has not signed in.
    expect(await page.textContent('main')).toContain(`${userCode.slice(0, 5)}••••`)
    await signIn(page, password)

    const shown = await page.textContent('main')
    for (const words of ['Living room TV', 'Northwind N55', 'Northwind TV app', userCode, EMAIL]) {
      expect(shown).toContain(words)
    }
    expect(shown).toContain('See your library and what you watch')
    await page.getByRole('button', { name: 'Yes, link it' }).click()
    // Which of both, is for who is faster: this page or the TV.
    expect(await page.textContent('h1')).toMatch(/^(Allowed\. Go back to Living room TV|Living room TV is ready)$/)

    const [text] = await demo.until(/Linked as Demo \(demo@example\.com\)[\s\S]*That was all of it/)
    expect(text).toMatch(/GET http:\/\/localhost:\d+\/library\n\s+200 \{"library_of":"usr_[\w-]+"/)
    expect(text).toMatch(/GET http:\/\/localhost:\d+\/screen\n\s+200 \{"reported_by":"demo-box"/)
    await phone.close()

    demo.interrupt()
    expect(await demo.ended).toBe(0)
    expect(demo.text()).toMatch(/Stopped\.\n*$/)
    expect(processesIn(folder)).toEqual([])
  })

  it.each([
    ['a no', 'Not mine', /Press Enter for a new code\. /],
    [
      'a report',
      'Someone sent me this code',
      /Press Enter for a new code\. [\s\S]*was reported[\s\S]*The demo lifts that\./,
    ],
  ])('AGT-02 after %s it says so, and shows a new code when somebody presses Enter', async (_name, answer, then) => {
    const { demo, address, userCode, password } = await start()
    const { phone, page } = await openOnPhone(address)
    await signIn(page, password)
    await page.getByRole('button', { name: answer }).click()
    await demo.until(/The phone said no: nothing is linked\.\n\s+Press Enter for a new code\. $/)
    const before = demo.raw().length

    demo.enter()
    await demo.until(then)
    await demo.until(/Press Enter for a new code\. [\s\S]*waiting · \d+:\d\d left/)
    const next = await decodeQr(pictureOfSquare(demo.raw().slice(before)))
    expect(next).not.toContain(userCode)
    await page.goto(next)
    await page.getByRole('button', { name: 'Not mine' }).click()
    await demo.until(/Press Enter for a new code\. [\s\S]*Press Enter for a new code\. $/)
    await phone.close()

    // While it waits for Enter, too.
    demo.interrupt()
    expect(await demo.ended).toBe(0)
    expect(demo.text()).toMatch(/Stopped\.\n*$/)
    expect(processesIn(folder)).toEqual([])
  })

  it('works a second time in the same folder, with a new password; Ctrl-C ends it while it waits', async () => {
    const first = await start()
    first.demo.interrupt()
    expect(await first.demo.ended).toBe(0)
    // The cursor comes back, wherever it was stopped.
    expect(first.demo.raw()).toContain('\x1b[?25h')

    const { demo, address, password } = await start()
    const { phone, page } = await openOnPhone(address)
    await signIn(page, first.password)
    expect(await page.textContent('h1')).toBe('Sign in')
    await signIn(page, password)
    expect(await page.textContent('h1')).toBe('Is this your device?')
    await phone.close()

    demo.interrupt()
    expect(await demo.ended).toBe(0)
    expect(processesIn(folder)).toEqual([])
  })
})

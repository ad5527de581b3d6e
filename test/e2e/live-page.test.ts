// The page of a device while it is open: in a real browser, with scripts and without, on a server whose clock the test
// holds.
import { once } from 'node:events'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { launchBrowser, takeOver } from '../support/browser.ts'
import { freePort } from '../support/free-port.ts'
import { signedIn } from '../support/signed-in.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { EMAIL, type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const PROTOCOL = 'latchkey.page.v1'
const TV = { device_name: 'Living room TV' }
const NOON = Date.UTC(2030, 0, 15, 12)

let browser: Browser
let server: TestServer
let origin: string
let folder: string
/** What looks after sockets once a second, when the test says so. */
let everySecond: (() => Promise<void>)[]
let contexts: BrowserContext[]

beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())
beforeEach(async () => {
  folder = temporaryFolder()
  contexts = []
  origin = `http://127.0.0.1:${await freePort()}`
  await start()
})
afterEach(async () => {
  for (const context of contexts) await context.close()
  await server.close()
  removeFolder(folder)
})

async function start(host = server?.host): Promise<void> {
  everySecond = []
  server = await testServer({
    config: testConfig({ issuer: origin, database: `sqlite:${folder}/latchkey.db` }),
    ...(host !== undefined && { host }),
    every: (milliseconds, work) => {
      if (milliseconds === 1_000) everySecond.push(async () => void (await work()))
      return () => undefined
    },
  })
  await server.app.listen({ host: '127.0.0.1', port: Number(new URL(origin).port) })
}

async function pass(milliseconds: number): Promise<void> {
  await server.host.advance(milliseconds)
  for (const work of everySecond) await work()
}

interface Person {
  readonly page: Page
  readonly context: BrowserContext
  /** How often the server has told the page something. */
  told(): number
}

/** Somebody who is signed in, on the page of the device with this code. */
async function arrive(userCode: string, how: { scripts?: boolean; deaf?: boolean } = {}): Promise<Person> {
  const { scripts = true, deaf = false } = how
  const like = await signedIn(server, EMAIL)
  const context = await browser.newContext({ javaScriptEnabled: scripts, viewport: { width: 390, height: 844 } })
  contexts.push(context)
  await takeOver(context, origin, like)
  if (deaf) await context.routeWebSocket(/./, (socket) => socket.close())
  const page = await context.newPage()
  let frames = 0
  page.on('websocket', (socket) => socket.on('framereceived', () => frames++))
  // Time stands still in the page too, until the test lets it pass.
  await page.clock.install({ time: NOON })
  await page.clock.pauseAt(NOON + 1_000)
  await page.goto(`${origin}/link?user_code=${userCode}`)
  expect(await page.textContent('h1')).toBe('Is this your device?')
  if (scripts && !deaf) await expect.poll(() => frames).toBe(1)
  return { page, context, told: () => frames }
}

/** Lets time pass in the page, half a second at a time, until `reach` gives `wanted`. */
async function passUntil<T>(page: Page, reach: () => T | Promise<T>, wanted: T): Promise<void> {
  const step = async () => {
    await page.clock.runFor(500)
    return reach()
  }
  await expect.poll(step, { timeout: 20_000 }).toBe(wanted)
}

const heading = (page: Page, text: string) => page.locator('h1', { hasText: text }).waitFor()
const said = (page: Page) => page.locator('[data-live]').textContent()

describe('after a yes', () => {
  it('WEB-05 UX-03 the page waits for the device, and says in place that it is ready; a reload says the same', async () => {
    const { device_code, user_code } = await server.start(TV)
    const { page } = await arrive(user_code)
    await page.press('text=Yes, link it', 'Enter')
    await heading(page, 'Allowed. Waiting for Living room TV…')
    expect(await said(page)).toBe('')
    await page.focus('text=Link another device')
    const onwardsAt = (await page.locator('.next').first().boundingBox())?.y
    expect((await server.poll(device_code)).statusCode).toBe(200)
    await heading(page, 'Living room TV is ready')
    expect(await page.locator('.picture').getAttribute('class')).toBe('picture good')
    expect(await page.textContent('.lead')).toBe('Go back to it; you can close this page.')
    expect(await said(page)).toBe('Living room TV is ready')
    expect(await page.title()).toBe('Device linked · Northwind TV')
    expect((await page.locator('.next').first().boundingBox())?.y).toBe(onwardsAt)
    // Who is at the way on stays there.
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Link another device')
    await page.reload()
    expect(await page.textContent('h1')).toBe('Living room TV is ready')
    expect(await page.locator('[data-live]').count()).toBe(0)
  })

  it('SES-03 without scripts it says where to go, and when it is fetched again what has become of it', async () => {
    const { device_code, user_code } = await server.start(TV)
    const { page } = await arrive(user_code, { scripts: false })
    await page.press('text=Yes, link it', 'Enter')
    expect(await page.textContent('h1')).toBe('Allowed. Go back to Living room TV')
    expect(await page.textContent('.lead')).toBe('It goes on by itself; you can close this page.')
    await server.poll(device_code)
    await page.reload()
    expect(await page.textContent('h1')).toBe('Living room TV is ready')
  })

  it.each([true, false])(
    'WEB-05 a device that does not come in time: the page says so, scripts %s',
    async (scripts) => {
      const { user_code } = await server.start(TV)
      const { page } = await arrive(user_code, { scripts })
      await page.press('text=Yes, link it', 'Enter')
      await heading(page, scripts ? 'Allowed. Waiting' : 'Allowed. Go back')
      await pass(600_000)
      if (!scripts) await page.reload()
      await heading(page, 'Living room TV did not answer in time')
      expect(await page.textContent('.lead')).toBe('So it was not linked. Press OK on it for a new code.')
      expect(await page.title()).toBe('The device did not answer in time · Northwind TV')
      expect(await page.textContent('.next a')).toBe('Type the new code')
      expect(await page.textContent('main')).not.toContain('Linked to')
    },
  )

  it('DEV-22 a link that has ended since is not called ready', async () => {
    const { device_code, user_code } = await server.start(TV)
    const { page } = await arrive(user_code, { scripts: false })
    await page.press('text=Yes, link it', 'Enter')
    const { refresh_token } = (await server.poll(device_code)).json()
    await server.post('/revoke', { client_id: 'tv', token: refresh_token })
    await page.reload()
    expect(await page.textContent('h1')).toBe('This code was already used')
  })

  it('NEG-11 the server is gone for a while: the page promises nothing it cannot keep, and hears again when it is back', async () => {
    const { device_code, user_code } = await server.start(TV)
    const { page } = await arrive(user_code)
    await page.press('text=Yes, link it', 'Enter')
    await heading(page, 'Allowed. Waiting for Living room TV…')
    const { host } = server
    await server.close()
    await passUntil(page, () => page.textContent('h1'), 'Allowed. Go back to Living room TV')
    await start(host)
    // The person comes back to the page.
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await heading(page, 'Allowed. Waiting for Living room TV…')
    await server.poll(device_code)
    await heading(page, 'Living room TV is ready')
  })

  it('NEG-11 a restart is not noticed: the page comes back by itself', async () => {
    const { device_code, user_code } = await server.start(TV)
    const { page } = await arrive(user_code)
    await page.press('text=Yes, link it', 'Enter')
    await heading(page, 'Allowed. Waiting for Living room TV…')
    const { host } = server
    await server.close()
    await start(host)
    await server.poll(device_code)
    await passUntil(page, () => page.textContent('h1'), 'Living room TV is ready')
  })
})

describe('before an answer', () => {
  it('UX-06 UX-03 the time runs down in the page’s words; the last minute is said once; at the end the page says that it is over', async () => {
    const { user_code } = await server.start(TV)
    const { page } = await arrive(user_code)
    expect(await page.textContent('.left')).toBe('9 minutes left to answer')
    const answersAt = (await page.locator('.answers').boundingBox())?.y
    await page.clock.runFor(60_000)
    expect(await page.textContent('.left')).toBe('8 minutes left to answer')
    expect(await said(page)).toBe('')
    await page.clock.runFor(470_000)
    expect(await page.textContent('.left')).toBe('1 minute left to answer')
    await page.clock.runFor(1_000)
    await page.locator('.left', { hasText: 'Only 59 seconds left to answer.' }).waitFor()
    // Who is about to answer meets the answers where they were.
    expect((await page.locator('.answers').boundingBox())?.y).toBe(answersAt)
    const once = await said(page)
    expect(once).toContain('Only 59 seconds left to answer. After that, press OK')
    await page.clock.runFor(20_000)
    expect(await page.textContent('.left strong')).toBe('Only 39 seconds left to answer.')
    expect(await said(page)).toBe(once)
    await pass(590_000)
    await heading(page, 'This code has run out')
  })

  it('UX-06 the server’s clock counts: a page that comes back to the network is corrected', async () => {
    const { user_code } = await server.start(TV)
    const { page, told } = await arrive(user_code)
    await server.host.advance(300_000)
    const { host } = server
    await server.close()
    await start(host)
    await passUntil(page, told, 2)
    await page.clock.runFor(1_000)
    expect(await page.textContent('.left')).toBe('4 minutes left to answer')
  })

  it('UX-06 without a connection the time runs down all the same, and the page is fetched again once it is over', async () => {
    const { user_code } = await server.start(TV)
    const { page } = await arrive(user_code, { deaf: true })
    await page.clock.runFor(550_000)
    expect(await page.textContent('.left strong')).toBe('Only 40 seconds left to answer.')
    await server.host.advance(590_000)
    await page.clock.runFor(42_000)
    await heading(page, 'This code has run out')
  })

  it('UX-06 a page whose clock is ahead of the server’s is fetched again, but not again and again', async () => {
    const { user_code } = await server.start(TV)
    const { page } = await arrive(user_code, { deaf: true })
    let fetched = 0
    page.on('framenavigated', () => fetched++)
    await page.clock.runFor(592_000)
    await expect.poll(() => fetched).toBe(1)
    await page.locator('.left', { hasText: '9 minutes left' }).waitFor()
    await page.clock.runFor(60_000)
    expect([fetched, await page.textContent('.left')]).toEqual([1, '8 minutes left to answer'])
  })

  it.each([
    ['approve', 'Allowed. '],
    ['deny', 'Nothing was linked'],
  ] as const)('WEB-05 answered in another tab (%s): this one says so', async (answer, outcome) => {
    const { user_code } = await server.start(TV)
    const { page, context } = await arrive(user_code)
    const other = await context.newPage()
    await other.goto(`${origin}/link?user_code=${user_code}`)
    await other.press(`button[value=${answer}]`, 'Enter')
    await heading(other, outcome)
    await heading(page, outcome)
    expect(page.url()).toBe(`${origin}/link/device`)
  })

  it('SES-03 without scripts an answer is taken as ever', async () => {
    const { device_code, user_code } = await server.start(TV)
    const { page } = await arrive(user_code, { scripts: false })
    await page.click('text=Not mine')
    expect(await page.textContent('h1')).toBe('Nothing was linked')
    expect((await server.poll(device_code)).json().error).toBe('access_denied')
  })
})

describe('the door', () => {
  /** A browser that has opened this code. */
  async function opener(userCode: string, email = EMAIL): Promise<TestBrowser> {
    const person = await signedIn(server, email)
    await person.open(`/link?user_code=${userCode}`)
    return person
  }
  function connect(person: TestBrowser | undefined, how: { origin?: string | undefined; protocol?: string } = {}) {
    const cookie = [...(person?.cookies ?? [])].map(([name, value]) => `${name}=${value}`).join('; ')
    const { origin: from = origin, protocol = PROTOCOL } = how
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/link/events`, protocol, {
      headers: { cookie, ...('origin' in how && how.origin === undefined ? {} : { origin: from }) },
    })
    socket.on('error', () => undefined)
    const heard: { readonly event: string }[] = []
    socket.on('message', (data) => heard.push(JSON.parse(data.toString())))
    const refused = once(socket, 'unexpected-response').then(([, answer]) => Number(answer.statusCode))
    const closed = once(socket, 'close').then(([code]) => Number(code))
    return { socket, heard, refused, closed, opened: once(socket, 'open') }
  }

  it('SES-02 only a page of ours is let in: another origin, none, and a plain GET are refused', async () => {
    const { user_code } = await server.start()
    const person = await opener(user_code)
    const others = [
      'https://evil.example',
      'null',
      `${origin}.evil.example`,
      origin.replace('http', 'https'),
      undefined,
    ]
    for (const from of others) expect([from, await connect(person, { origin: from }).refused]).toEqual([from, 403])
    expect(await connect(person, { protocol: 'latchkey.device.v1' }).refused).toBe(400)
    expect((await person.get('/link/events')).statusCode).toBe(404)
    const page = connect(person)
    await page.opened
    expect(page.socket.protocol).toBe(PROTOCOL)
  })

  it('SES-01 nobody signed in, a session that was made up, and one that opened no code are refused', async () => {
    await server.start()
    expect(await connect(undefined).refused).toBe(404)
    const stranger = server.browser()
    stranger.cookies.set('latchkey-session', 'made-up')
    expect(await connect(stranger).refused).toBe(404)
    expect(await connect(await signedIn(server, EMAIL)).refused).toBe(404)
  })

  it('DEV-22 another session hears of its own device alone', async () => {
    const [one, two] = [await server.start(), await server.start()]
    const [ana, ben] = [await opener(one.user_code), await opener(two.user_code, 'ben@example.com')]
    const [hers, his] = [connect(ana), connect(ben)]
    await Promise.all([hers.opened, his.opened])
    await ana.open(`/link?user_code=${one.user_code}`)
    await ana.submit('/link/device', { answer: 'approve' })
    await server.poll(one.device_code)
    expect(await hers.closed).toBe(1000)
    expect(hers.heard.at(-1)).toEqual({ event: 'linked' })
    // Nor does he when he brings her code.
    await ben.open(`/link?user_code=${one.user_code}`)
    await pass(30_000)
    expect(his.heard.map(({ event }) => event)).toEqual(['open'])
  })

  it('SES-01 DEV-22 a socket ends with its session, and with the device that it was about', async () => {
    const [one, two] = [await server.start(), await server.start()]
    const [ana, ben] = [await opener(one.user_code), await opener(two.user_code, 'ben@example.com')]
    const [hers, his] = [connect(ana), connect(ben)]
    await Promise.all([hers.opened, his.opened])
    await ana.submit('/sign-out', {})
    const three = await server.start()
    await ben.open(`/link?user_code=${three.user_code}`)
    await pass(30_000)
    expect([await hers.closed, await his.closed]).toEqual([1008, 1008])
  })

  it('SES-01 an open page keeps no session alive', async () => {
    const { user_code } = await server.start()
    const ana = await opener(user_code)
    const page = connect(ana)
    await page.opened
    const before = (await server.store.sessions.byUser(server.user.id)).map(({ usedAt }) => usedAt)
    for (let minute = 0; minute < 5; minute++) await pass(60_000)
    expect((await server.store.sessions.byUser(server.user.id)).map(({ usedAt }) => usedAt)).toEqual(before)
  })

  it('NEG-14 a browser has four sockets, and one that leaves makes room', async () => {
    const { user_code } = await server.start()
    const ana = await opener(user_code)
    const four = [connect(ana), connect(ana), connect(ana), connect(ana)]
    await Promise.all(four.map(({ opened }) => opened))
    expect(await connect(ana).refused).toBe(503)
    four[0]?.socket.close()
    await four[0]?.closed
    const page = connect(ana)
    await page.opened
    page.socket.send('{"event":"approved"}')
    expect(await page.closed).toBe(1008)
  })
})

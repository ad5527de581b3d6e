// The stories of phishing from beginning to end, on a listening server, with people in real browsers, scripts on and off,
// and a phisher who holds the device: what they get, and what they hear.
import { once } from 'node:events'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { launchBrowser, takeOver } from '../support/browser.ts'
import {
  AWAY,
  type Elsewhere,
  elsewhereConfig,
  elsewhereServer,
  from,
  HOME,
  type Started,
} from '../support/elsewhere.ts'
import { freePort } from '../support/free-port.ts'

let chromium: Browser
let place: Elsewhere
let issuer: string
let contexts: BrowserContext[]
let sockets: WebSocket[]

beforeAll(async () => {
  chromium = await launchBrowser()
})
afterAll(() => chromium?.close())
beforeEach(async () => {
  contexts = []
  sockets = []
  const port = await freePort()
  issuer = `http://localhost:${port}`
  place = await elsewhereServer({ config: elsewhereConfig({ issuer }) })
  await place.server.app.listen({ host: '127.0.0.1', port })
})
afterEach(async () => {
  for (const context of contexts) await context.close()
  for (const socket of sockets) socket.terminate()
  await place.server.close()
})

/** Everything that the device of a flow hears over its socket. */
async function listens({
  device_code,
}: Started): Promise<{ readonly heard: string[]; readonly ended: Promise<unknown> }> {
  const socket = new WebSocket(`${issuer.replace('http', 'ws')}/device_events`, 'latchkey.device.v1')
  sockets.push(socket)
  const heard: string[] = []
  socket.on('message', (data) => heard.push(data.toString()))
  await once(socket, 'open')
  socket.send(JSON.stringify({ device_code }))
  return { heard, ended: once(socket, 'close') }
}

describe.each([
  ['with scripts', true],
  ['without scripts', false],
])('%s', (_how, scripts) => {
  /** Another browser of `name`, who is signed in. */
  async function person(name: string, address = AWAY): Promise<Page> {
    const context = await chromium.newContext({ javaScriptEnabled: scripts, extraHTTPHeaders: from(address) })
    contexts.push(context)
    context.setDefaultTimeout(10_000)
    await takeOver(context, issuer, await place.person(name, address))
    return context.newPage()
  }
  /** Somebody who falls for it. */
  async function approves(name: string, { user_code }: Started): Promise<void> {
    const browser = await place.person(name)
    await browser.open(`/link?user_code=${user_code}`)
    await browser.submit('/link/device', { answer: 'approve' })
  }
  const bring = (page: Page, { user_code }: Started) => page.goto(`${issuer}/link?user_code=${user_code}`)
  const title = (page: Page) => page.textContent('h1')
  const press = (page: Page, answer: string) => page.press(`button[name=answer][value=${answer}]`, 'Enter')
  const tokenOf = (page: Page) =>
    page.locator('form[action="/link/device"] input[name=csrf]').first().getAttribute('value')
  const error = async (started: Started) => (await place.poll(started)).json().error
  const stateOf = async (started: Started) => (await place.record(started))?.state

  /** Posts the answer by a form that stands on a page of ours already, with a token that was seen elsewhere. */
  async function replay(page: Page, csrf: string | null, said: Record<string, string>): Promise<number> {
    const path = `${issuer}/link/device`
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' }
    const data = new URLSearchParams({ csrf: csrf ?? '', ...said }).toString()
    return (await page.context().request.post(path, { headers, data, maxRedirects: 0 })).status()
  }

  it('NEG-08 SES-02 no other browser answers for the page of one: not of another account, not of the same', async () => {
    const code = await place.start('usual')
    const owner = await person('ana', HOME)
    await bring(owner, code)
    const csrf = await tokenOf(owner)
    expect(csrf).toMatch(/^[\w-]{43,}$/)
    for (const [name, saw] of [
      ['eve', 'This code was already used'],
      ['ana', 'Is this your device?'],
    ] as const) {
      const other = await place.person(name, HOME)
      const approve = { csrf: csrf ?? '', answer: 'approve' }
      expect((await other.submit('/link/device', approve)).statusCode, `${name}, who brought no code`).toBe(403)
      expect((await other.open(`/link?user_code=${code.user_code}`)).body).toContain(saw)
      expect((await other.submit('/link/device', approve)).statusCode, `${name}, who did`).toBe(403)
    }
    expect(await stateOf(code)).toBe('pending')
    await press(owner, 'approve')
    expect(await stateOf(code)).toBe('approved')
  })

  it('NEG-08 denied, back, approve: it stays denied, by the button and by the form that was there', async () => {
    const code = await place.start('usual')
    const page = await person('ana', HOME)
    await bring(page, code)
    const csrf = await tokenOf(page)
    await press(page, 'deny')
    expect(await title(page)).toBe('Nothing was linked')
    await page.goBack()
    expect(await page.locator('button[value=approve]').count()).toBe(0)
    expect(await replay(page, csrf, { answer: 'approve' })).toBe(303)
    await bring(page, code)
    expect(await page.locator('button[value=approve]').count()).toBe(0)
    expect([await stateOf(code), await error(code)]).toEqual(['denied', 'access_denied'])
  })

  it('NEG-08 DEV-22 two people bring one code in the same moment: one sees the device, the other that it is used', async () => {
    const code = await place.start('usual')
    const pages = [await person('bo', HOME), await person('cy', HOME)]
    await Promise.all(pages.map((page) => bring(page, code)))
    const titles = await Promise.all(pages.map(title))
    expect([...titles].sort()).toEqual(['Is this your device?', 'This code was already used'])
    const winner = titles.indexOf('Is this your device?')
    expect((await place.record(code))?.openedBy).toBe(`usr_${['bo', 'cy'][winner]}@example.com`)
  })

  it('DEV-23 a code that was sent to somebody elsewhere wants the number: a guess, and there is no second one in any browser', async () => {
    const code = await place.start('usual', { shows: true })
    const device = await listens(code)
    const victim = await person('ana')
    await bring(victim, code)
    const right = await place.shown(code)
    const offered = await victim.locator('button[name=number]').allTextContents()
    expect(offered).toContain(right)
    expect(offered).toHaveLength(3)
    // Which of them it is stands nowhere that the browser got.
    const html = await victim.content()
    for (const number of offered) expect(html.split(`value="${number}"`)).toHaveLength(2)
    const second = await person('ana')
    await bring(second, code)
    expect(await second.locator('button[name=number]').allTextContents()).toEqual(offered)
    const csrf = await tokenOf(second)

    const wrong = offered.find((number) => number !== right)
    await victim.press(`button[name=number][value="${wrong}"]`, 'Enter')
    expect(await stateOf(code)).toBe('denied')
    expect(await replay(second, csrf, { number: right })).toBe(303)
    await second.goto(`${issuer}/link/device`)
    expect(await second.locator('button[name=number]').count()).toBe(0)
    expect([await stateOf(code), await error(code)]).toEqual(['denied', 'access_denied'])
    await device.ended
    expect(device.heard.at(-1)).toBe('{"event":"denied"}')
  })

  it('DEV-22 WEB-05 one report ends what the phisher has of everybody, and what they would begin next; their devices hear no more than a no', async () => {
    const victims = ['cy', 'dee', 'eli']
    const taken: { readonly code: Started; readonly refresh_token: string }[] = []
    for (const name of victims) {
      const code = await place.start('warn')
      await approves(name, code)
      const { refresh_token } = (await place.poll(code)).json()
      taken.push({ code, refresh_token })
    }
    const [waiting, approved, code] = [await place.start('warn'), await place.start('warn'), await place.start('warn')]
    await approves('flo', approved)
    const devices = [await listens(waiting), await listens(code)]

    const wary = await person('ana')
    await bring(wary, code)
    await press(wary, 'report')
    expect(await title(wary)).toMatch(/Thank you/)

    for (const { refresh_token } of taken) {
      const refresh = { grant_type: 'refresh_token', client_id: 'warn', refresh_token }
      expect((await place.server.token(refresh, from(HOME))).json().error).toBe('invalid_grant')
    }
    expect([await error(waiting), await error(approved), await error(code)]).toEqual(Array(3).fill('access_denied'))
    const next = await place.server.post('/device_authorization', { client_id: 'warn' }, from(HOME))
    expect([next.statusCode, next.json().error]).toEqual([429, 'temporarily_unavailable'])
    expect(next.body).not.toMatch(/report|freeze|frozen|victim|ana/i)
    // Over the socket and by asking: the same as when somebody just says no.
    for (const { heard, ended } of devices) {
      await ended
      expect(heard.filter((message) => message !== '{"event":"opened"}')).toEqual(['{"event":"denied"}'])
    }
    const plain = await place.start('allow', { address: '203.0.113.5' })
    const other = await place.person('gus')
    await other.open(`/link?user_code=${plain.user_code}`)
    await other.submit('/link/device', { answer: 'deny' })
    expect((await place.poll(plain)).body).toBe((await place.poll(code)).body)
  })
})

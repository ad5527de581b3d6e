import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { demoApi } from '../../server/src/demo/demo-api.ts'
import { axeFindings } from '../support/axe.ts'
import { launchBrowser } from '../support/browser.ts'
import { freePort } from '../support/free-port.ts'
import { decodeQr } from '../support/qr-decode.ts'
import { inState, type ListeningServer, listeningServer, partText, shownCode } from '../support/tv-page.ts'

const SERVE = fileURLToPath(new URL('../../device-agent/examples/tv/serve.mjs', import.meta.url))

describe('the example app, by arrow keys and OK alone', () => {
  let browser: Browser
  let server: ListeningServer
  let api: FastifyInstance
  let serving: ChildProcess
  let page: Page
  beforeAll(async () => {
    const apiPort = await freePort()
    const resource = `http://127.0.0.1:${apiPort}`
    server = await listeningServer({ apis: [{ resource, scopes: { 'library:read': 'See your library' } }] })
    api = await demoApi(server.issuer, resource)
    await api.listen({ host: '127.0.0.1', port: apiPort })
    const settings = ['--port', '0', '--issuer', server.issuer, '--client-id', 'tv', '--api', resource]
    serving = spawn(process.execPath, [SERVE, ...settings], { stdio: ['ignore', 'pipe', 'inherit'] })
    const address = await new Promise<string>((resolve, reject) => {
      let said = ''
      serving.stdout?.setEncoding('utf8').on('data', (text: string) => {
        said += text
        const found = /http:\/\/localhost:\d+/.exec(said)?.[0]
        if (found !== undefined) resolve(found)
      })
      serving.once('exit', () => reject(new Error(`the example ended: ${said}`)))
    })
    browser = await launchBrowser()
    page = await browser.newPage({ viewport: { width: 1920, height: 1080 } })
    await page.goto(address)
  })
  afterAll(async () => {
    serving.kill()
    await browser.close()
    await Promise.all([api.close(), server.close()])
  })

  const focused = () => page.evaluate<string>('document.activeElement.textContent')
  const press = async (...keys: readonly string[]) => {
    for (const key of keys) await page.keyboard.press(key)
  }

  it('signs in with the phone, chooses, signs out, and signs in again', async () => {
    await inState(page, 'waiting')
    expect(await axeFindings(page)).toEqual([])
    const code = await shownCode(page)
    for (const [width, height] of [
      [1920, 1080],
      [1280, 720],
    ] as const) {
      await page.setViewportSize({ width, height })
      expect(await decodeQr(await page.screenshot())).toBe(`${server.issuer}/link?user_code=${code}`)
      const square = await page.locator('latchkey-link [part=qr]').boundingBox()
      expect(square?.width).toBeGreaterThanOrEqual(width / 4)
      for (const part of ['title', 'code', 'qr', 'time']) {
        const box = await page.locator(`latchkey-link [part=${part}]`).boundingBox()
        if (!box) throw new Error(`${part} is not shown`)
        expect(box.x).toBeGreaterThanOrEqual(width * 0.05 - 1)
        expect(box.x + box.width).toBeLessThanOrEqual(width * 0.95 + 1)
        expect(box.y + box.height).toBeLessThanOrEqual(height * 0.95 + 1)
      }
    }
    await server.decide(code, 'approve')
    await page.waitForSelector('.grid')
    expect(await page.locator('h2').innerText()).toBe('Ana’s library')
    expect(await axeFindings(page)).toEqual([])

    expect(await focused()).toBe('The Long Walk')
    await press('ArrowRight')
    expect(await focused()).toBe('Harbour Lights')
    await press('ArrowLeft', 'ArrowLeft')
    expect(await focused()).toBe('The Long Walk')
    await press('Enter')
    expect(await page.locator('#hint').innerText()).toContain('The Long Walk')

    await page.reload()
    await page.waitForSelector('.grid')
    await press('ArrowUp')
    expect(await focused()).toBe('Sign out')
    await press('Enter')
    await inState(page, 'waiting')
    expect(await shownCode(page)).not.toBe(code)
    await server.decide(await shownCode(page), 'deny')
    await inState(page, 'denied')
    await press('Enter')
    await inState(page, 'waiting')
    expect(await partText(page, 'title')).toBe('Sign in with your phone')
  })
})

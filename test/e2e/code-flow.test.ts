import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchBrowser } from '../support/browser.ts'
import { authorizeUrl } from '../support/code-flow.ts'
import { type ServerProcess, startServer } from '../support/server-process.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { EMAIL, PASSWORD } from '../support/test-server.ts'

describe('the code flow in a real browser', () => {
  let folder: string
  let server: ServerProcess
  let chromium: Browser
  let app: Server
  let callback: string
  const arrived: string[] = []
  beforeAll(async () => {
    folder = temporaryFolder()
    app = createServer((request, response) => {
      if (request.url?.startsWith('/cb')) arrived.push(request.url)
      response.setHeader('content-type', 'text/html').end('<h1>Back in the app</h1>')
    })
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
    callback = `http://127.0.0.1:${(app.address() as AddressInfo).port}/cb`
    const client = {
      client_id: 'desktop',
      client_name: 'Northwind desktop',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
      redirect_uris: ['http://127.0.0.1/cb'],
      scope: 'openid library:read',
    }
    server = await startServer({ folder, config: { clients: [client] } })
    chromium = await launchBrowser()
  })
  afterAll(async () => {
    await chromium?.close()
    await server?.kill('SIGKILL')
    app?.close()
    removeFolder(folder)
  })

  it('SES-04 AZ-12 sign-in and consent lead back to the app of another origin; the policy lets exactly that form through', async () => {
    const page = await (await chromium.newContext({ javaScriptEnabled: false })).newPage()
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    const asked = authorizeUrl({ client_id: 'desktop', redirect_uri: callback })
    await page.goto(server.issuer + asked)
    await page.fill('input[name=email]', EMAIL)
    await page.fill('input[name=password]', PASSWORD)
    await page.click('form[action$="/sign-in"] button')
    expect(await page.textContent('h1')).toContain('Northwind desktop')
    expect(await page.textContent('main')).toContain('127.0.0.1')
    await page.click('button[value=approve]')
    expect(await page.textContent('h1')).toBe('Back in the app')
    expect(arrived.at(-1)).toMatch(/^\/cb\?code=[\w-]{43}&state=the%20state&iss=http/)

    await page.goto(server.issuer + asked)
    await page.click('button[value=deny]')
    expect(arrived.at(-1)).toContain('error=access_denied')
    expect(complaints).toEqual([])
    await page.context().close()
  })
})

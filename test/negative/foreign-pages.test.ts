import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TestServer, testServer } from '../support/test-server.ts'

describe('a page of another site that sends people here', () => {
  let server: TestServer
  beforeEach(async () => {
    server = await testServer()
  })
  afterEach(() => server.close())

  const foreign = { 'sec-fetch-site': 'cross-site' }

  it('DEV-07 WEB-03 burns nobody’s tries and opens nothing: the code waits in the field', async () => {
    const browser = server.browser(foreign)
    await browser.signIn().catch(() => undefined)
    const person = server.browser()
    await person.signIn()
    for (const [name, value] of person.cookies) browser.cookies.set(name, value)
    for (let tries = 0; tries < 8; tries++) {
      const page = await browser.open(`/link?user_code=WDJB-MJH${'BCDFGHJK'[tries]}`)
      expect(page.statusCode).toBe(200)
      expect(page.body).toContain(`value="WDJB-MJH${'BCDFGHJK'[tries]}"`)
    }
    const { user_code } = await server.start()
    const device = await person.open(`/link?user_code=${user_code}`)
    expect(device.body).toContain('value="approve"')
  })

  it('WEB-02 the person goes on by a press of their own, and the right device is shown', async () => {
    const { user_code } = await server.start({ device_name: 'Living room TV' })
    const browser = server.browser()
    await browser.signIn()
    const page = await server.app.inject({
      url: `/link?user_code=${user_code}`,
      headers: { ...foreign, cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    })
    expect(page.headers.location).toBe('/link')
    for (const { name, value } of page.cookies) browser.cookies.set(name, value)
    expect((await browser.open('/link')).body).toContain(`value="${user_code}"`)
    await browser.submit('/link', { user_code })
    expect((await browser.open('/link/device')).body).toContain('Living room TV')
  })
})

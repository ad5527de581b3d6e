// What a page of another site can do by sending people to /link with a code, and what a person does without one.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TestServer, testServer } from '../support/test-server.ts'

describe.each(['cross-site', 'same-site'])('a page of another site (%s) that sends people here', (site) => {
  let server: TestServer
  beforeEach(async () => {
    server = await testServer()
  })
  afterEach(() => server.close())

  const foreign = { 'sec-fetch-site': site }

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
    const device = await browser.open('/link/device')
    expect(device.body).toContain('Living room TV')
    expect(device.body).toContain('A website brought you here with its code')
  })
})

describe.each(['none', 'same-origin'])('whoever comes by themselves (%s)', (site) => {
  it('WEB-02 is at the device at once, which tells of a link', async () => {
    const server = await testServer()
    const { user_code } = await server.start({ device_name: 'Living room TV' })
    const browser = server.browser({ 'sec-fetch-site': site })
    await browser.signIn()
    const page = await browser.open(`/link?user_code=${user_code}`)
    expect(page.body).toContain('Living room TV')
    expect(page.body).toContain('Its code came with a link')
    await server.close()
  })
})

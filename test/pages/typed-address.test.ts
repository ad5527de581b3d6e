// The address of /link as people type it who read it off a television: with capitals, with a slash too many, or cut short.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestServer, testConfig, testServer } from '../support/test-server.ts'

describe.each([
  ['at the root', 'http://localhost:8080', ''],
  ['below a path', 'http://localhost:8080/id', '/id'],
])('an issuer %s', (_name, issuer, base) => {
  let server: TestServer
  beforeAll(async () => {
    server = await testServer({ config: testConfig({ issuer }) })
  })
  afterAll(() => server.close())

  it.each(['/', '/link/', '/LINK', '/Link', '/LINK/', '/?', '/LINK?utm=x'])(
    'WEB-01 %s, typed off a screen, leads to /link',
    async (typed) => {
      const browser = server.browser({ 'sec-fetch-site': 'none' })
      for (const method of ['GET', 'HEAD'] as const) {
        const answer = await server.app.inject({ method, url: base + typed })
        expect([answer.statusCode, answer.headers.location]).toEqual([303, `${base}/link`])
      }
      expect((await browser.open(base + typed)).body).toContain('name="user_code"')
    },
  )

  it.each(['/', '/link/', '/LINK', '/Link/'])('WEB-01 WEB-06 %s keeps the code that stands in it', async (typed) => {
    const { user_code } = (await server.post(`${base}/device_authorization`, { client_id: 'tv' })).json()
    const browser = server.browser()
    const answer = await browser.get(`${base}${typed}?user_code=${user_code}`)
    expect([answer.statusCode, answer.headers.location]).toEqual([303, `${base}/link?user_code=${user_code}`])
    expect(answer.headers['cache-control']).toBe('no-store')
    expect((await browser.open(String(answer.headers.location))).body).toContain(user_code.slice(0, 5))
  })

  it('SES-06 what stands in it as a code is no address', async () => {
    for (const code of ['//evil.example', 'x&next=//evil.example', '\r\nLocation: //evil.example']) {
      const answer = await server.app.inject({ url: `${base}/LINK?user_code=${encodeURIComponent(code)}` })
      expect(answer.headers.location).toBe(`${base}/link?user_code=${encodeURIComponent(code)}`)
    }
    const twice = await server.app.inject({ url: `${base}/LINK?user_code=a&user_code=b` })
    expect(twice.headers.location).toBe(`${base}/link`)
  })

  it.each([
    '/Link/device',
    '/LINK/DEVICE',
    '/Sign-In',
    '/sign-in/',
    '/Account',
    '/ACCOUNT/',
    '/links',
    '/link//',
    '//',
  ])('WEB-01 no other address is taken for another one: %s is not there', async (path) => {
    expect((await server.app.inject({ url: base + path })).statusCode).toBe(404)
  })

  it('WEB-01 SES-02 a form is taken at its own address alone', async () => {
    for (const path of ['/', '/link/', '/LINK']) {
      const browser = server.browser()
      await browser.open(`${base}/link`)
      const answer = await browser.submit(base + path, { user_code: 'WDJB-MJHT' })
      expect([answer.statusCode, answer.headers.location]).toEqual([404, undefined])
    }
  })
})

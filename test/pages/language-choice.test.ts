// Which language the server answers in, and the page where somebody says so; by forms alone, as without scripts.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { authorizeUrl, CODE_CLIENTS } from '../support/code-flow.ts'
import { EMAIL, PASSWORD, type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

let server: TestServer
beforeAll(async () => {
  const tv = {
    client_id: 'tv',
    token_endpoint_auth_method: 'none',
    dpop_bound_access_tokens: false,
    scope: 'openid library:read',
  }
  server = await testServer({ config: testConfig({ clients: [tv, ...CODE_CLIENTS] }) })
})
afterAll(() => server.close())

const langOf = (html: string) => /<html lang="([^"]+)" dir="([^"]+)">/.exec(html)?.slice(1).join(' ')
const choiceOn = (html: string) => /<header.*?<a href="([^"]+)"/s.exec(html)?.[1]

/** Follows the link at the head of the page, picks a language, and answers where that leads. */
async function choose(browser: TestBrowser, html: string, language: string): Promise<string | undefined> {
  const page = await browser.open(choiceOn(html) ?? 'no link')
  expect(page.statusCode).toBe(200)
  const [, from] = /name="from" value="([^"]+)"/.exec(page.body) ?? []
  const answer = await browser.submit('/language', { language, ...(from === undefined ? {} : { from }) })
  expect(answer.statusCode).toBe(303)
  return answer.headers.location
}

it('UX-08 the page lists every language in its own words, marked as what they are, and says which one is in use', async () => {
  const { body } = await server.browser({ 'accept-language': 'fr-CA' }).open('/language')
  expect(langOf(body)).toBe('fr ltr')
  const offered = [...body.matchAll(/<button [^>]*>/g)].map(([tag]) => tag)
  expect(offered).toHaveLength(8)
  expect(body).toMatch(
    /<button type="submit" name="language" value="ar"><bdi lang="ar" dir="rtl">العربية<\/bdi><\/button>/,
  )
  expect(offered.filter((tag) => tag.includes('aria-current="true"'))).toEqual([expect.stringContaining('value="fr"')])
  expect(choiceOn(body)).toBeUndefined()
})

it('UX-08 what a person chose wins over what the app asked for, and that over what the browser says', async () => {
  const browser = server.browser({ 'accept-language': 'ja' })
  expect(langOf((await browser.open('/link')).body)).toBe('ja ltr')
  const asked = await browser.open(authorizeUrl({ ui_locales: 'xx de' }))
  expect(langOf(asked.body)).toBe('de ltr')
  expect(await choose(browser, asked.body, 'ar')).toBe('/sign-in')
  expect(langOf((await browser.open('/sign-in')).body)).toBe('ar rtl')
  expect(langOf((await browser.open('/link')).body)).toBe('ar rtl')
  expect(langOf((await browser.open('/nothing-here')).body)).toBe('ar rtl')
})

it('UX-05 UX-08 a failed sign-in keeps the address in the field in another language, until somebody is signed in', async () => {
  const browser = server.browser()
  const field = (html: string) => /<input id="email"[^>]*? value="([^"]*)"/.exec(html)?.[1]
  const failed = await browser.signIn('Nobody@Example.com', 'a wrong password')
  expect([failed.statusCode, field(failed.body)]).toEqual([403, 'Nobody@Example.com'])
  expect(await choose(browser, failed.body, 'de')).toBe('/sign-in')
  expect(field((await browser.open('/sign-in')).body)).toBe('nobody@example.com')
  // What is no address may be a password in the wrong field.
  const other = server.browser()
  await other.signIn('correct horse battery', 'ana')
  expect(field((await other.open('/sign-in')).body)).toBeUndefined()
  await browser.signIn()
  await browser.open('/account')
  await browser.submit('/sign-out', {})
  expect(field((await browser.open('/sign-in')).body)).toBeUndefined()
})

it('UX-08 the choice is a cookie of a year that no script reads, and a value that is no language counts for nothing', async () => {
  const browser = server.browser()
  await browser.open('/language')
  const { cookies } = await browser.submit('/language', { language: 'zh-Hans' })
  expect(cookies).toEqual([
    { name: 'latchkey-language', value: 'zh-Hans', path: '/', httpOnly: true, sameSite: 'Lax', maxAge: 31_536_000 },
  ])
  for (const nonsense of ['xx', '%00', '"><script>', 'zh', '__proto__']) {
    browser.cookies.set('latchkey-language', nonsense)
    expect(langOf((await browser.open('/link')).body)).toBe('en ltr')
  }
})

it('UX-08 SES-02 behind https the cookie is bound to the host', async () => {
  const secure = await testServer({
    config: testConfig({ issuer: 'https://id.example.com', listen: { trusted_proxies: ['127.0.0.1'] } }),
  })
  const browser = secure.browser({ 'x-forwarded-proto': 'https' })
  await browser.open('/language')
  const { cookies } = await browser.submit('/language', { language: 'de' })
  expect(cookies).toEqual([expect.objectContaining({ name: '__Host-latchkey-language', secure: true, path: '/' })])
  expect(langOf((await browser.open('/link')).body)).toBe('de ltr')
  await secure.close()
})

it('UX-08 WEB-02 whoever chooses on the way loses nothing of what they came for', async () => {
  const { user_code } = await server.start({ device_name: 'Living room TV' })
  const browser = server.browser()
  const signIn = await browser.open(`/link?user_code=${user_code}`)
  expect(await choose(browser, signIn.body, 'es')).toBe('/sign-in')
  expect((await browser.open('/sign-in')).body).toContain(user_code.slice(0, 4))
  await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD })
  const device = await browser.open('/link/device')
  expect(device.body).toContain('Living room TV')
  expect(await choose(browser, device.body, 'pt')).toBe('/link/device')
  const again = await browser.open('/link/device')
  expect(langOf(again.body)).toBe('pt ltr')
  expect(again.body).toContain('Living room TV')
  // The answer that the page before showed still counts: it is the same device in other words.
  expect((await browser.submit('/link/device', { answer: 'deny' })).statusCode).toBe(303)
})

it('UX-08 after a page that answered a form, the errand says where to go on', async () => {
  const browser = server.browser()
  await browser.open('/link')
  const problem = await browser.submit('/link', { user_code: 'nonsense' })
  expect(problem.statusCode).toBe(400)
  expect(await choose(browser, problem.body, 'de')).toBe('/link')
  // A page below one that is on the list leads back to that one.
  await browser.signIn()
  const device = await browser.open('/account/devices/none')
  expect(choiceOn(device.body)).toBe('/language?from=/account')
  const nowhere = await browser.open('/nothing-here')
  expect(choiceOn(nowhere.body)).toBe('/language')
  expect(await choose(browser, nowhere.body, 'fr')).toBe('/link')
})

it('SES-06 UX-08 an address that is not on the list of our pages leads nowhere', async () => {
  const browser = server.browser()
  const hostile = [
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '/link/../language',
    '/link?user_code=WDJB-MJHT',
    '%2F%2Fevil.example',
    '/sign-out',
    'javascript:alert(1)',
  ]
  for (const from of hostile) {
    const page = await browser.open(`/language?from=${encodeURIComponent(from)}`)
    expect(page.statusCode).toBe(200)
    expect(page.body).not.toContain('name="from"')
    const answer = await browser.submit('/language', { language: 'de', from })
    expect([from, answer.headers.location]).toEqual([from, '/link'])
  }
})

it('SES-04 UX-08 another site changes nobody’s language, and a tag that is none is refused', async () => {
  const browser = server.browser()
  await browser.open('/language')
  expect((await browser.submit('/language', { language: 'de' }, { 'sec-fetch-site': 'cross-site' })).statusCode).toBe(
    403,
  )
  expect((await browser.submit('/language', { language: 'de', csrf: 'x' })).statusCode).toBe(403)
  expect((await browser.submit('/language', { language: 'tlh' })).statusCode).toBe(400)
  expect((await browser.submit('/language', {})).statusCode).toBe(400)
  expect(browser.cookies.has('latchkey-language')).toBe(false)
})

it('WEB-04 UX-08 what a device may do is said in the language of the page, else in English, else as it is there', async () => {
  const words = { en: 'See your library', de: 'Deine Bibliothek sehen', 'zh-Hans': '查看你的媒体库' }
  const apis = [{ resource: 'https://library.example.com', scopes: { read: words, write: { fr: 'Tout modifier' } } }]
  const tv = {
    client_id: 'tv',
    token_endpoint_auth_method: 'none',
    dpop_bound_access_tokens: false,
    scope: 'read write',
  }
  const other = await testServer({ config: testConfig({ apis, clients: [tv] }) })
  try {
    const { user_code } = await other.start()
    const said: string[][] = []
    for (const language of ['de-AT', 'zh-CN', 'ja']) {
      const browser = other.browser({ 'accept-language': language })
      await browser.open(`/link?user_code=${user_code}`)
      await browser.signIn()
      const { body } = await browser.open('/link/device')
      said.push(
        ['Deine Bibliothek sehen', '查看你的媒体库', 'See your library', 'Tout modifier'].filter((one) =>
          body.includes(one),
        ),
      )
    }
    expect(said).toEqual([
      ['Deine Bibliothek sehen', 'Tout modifier'],
      ['查看你的媒体库', 'Tout modifier'],
      ['See your library', 'Tout modifier'],
    ])
  } finally {
    await other.close()
  }
})

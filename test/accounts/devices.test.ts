// What a person sees of their devices and apps, and that removing one removes it.
import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { authorize, authorizeUrl, CODE_CLIENTS, exchangeCode, WEB_CALLBACK } from '../support/code-flow.ts'
import { enrolledDevice, enrolmentConfig, ownToken } from '../support/enrolment.ts'
import { textOf } from '../support/page-text.ts'
import { signedIn } from '../support/signed-in.ts'
import {
  basic,
  EMAIL,
  LIBRARY,
  SECRETS,
  type TestBrowser,
  type TestServer,
  testConfig,
  testServer,
} from '../support/test-server.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const REPORTS = basic('reports', SECRETS.REPORTS_SECRET)
const WEB = basic('web', SECRETS.REPORTS_SECRET)
const SCOPE = 'openid offline_access library:read'

const ofDevices = { token_endpoint_auth_method: 'none', dpop_bound_access_tokens: false, scope: SCOPE }
const config = testConfig({
  apis: [{ resource: LIBRARY, scopes: { 'library:read': 'See your library' }, introspection_clients: ['reports'] }],
  clients: [
    ...CODE_CLIENTS.map((client) => ({ ...client, scope: SCOPE })),
    {
      ...ofDevices,
      client_id: 'tv',
      client_name: 'Northwind TV app',
      grant_types: [DEVICE_CODE_GRANT, 'refresh_token'],
    },
    { ...ofDevices, client_id: 'once', grant_types: [DEVICE_CODE_GRANT] },
    {
      client_id: 'reports',
      client_secret: { env: 'REPORTS_SECRET' },
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['client_credentials'],
      scope: 'library:read',
    },
  ],
})

const links = (html: string, part: string): readonly string[] =>
  [...html.matchAll(new RegExp(`href="(/account/${part}/[^"]+)"`, 'g'))].map(([, path = '']) => path)

describe('/account', () => {
  let server: TestServer
  let ana: TestBrowser
  beforeEach(async () => {
    server = await testServer({ config })
    ana = await signedIn(server, EMAIL)
  })
  afterEach(() => server.close())

  /** The page of the one device there is. */
  const devicePath = async () => links((await ana.open('/account')).body, 'devices')[0] ?? ''
  const remove = async (path: string, answer = 'yes') => {
    await ana.open(`${path}/remove`)
    return ana.submit(`${path}/remove`, { answer })
  }
  const refresh = (refresh_token: string, headers = {}) =>
    server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token }, headers)
  const isActive = async (token: string): Promise<boolean> =>
    (await server.post('/introspect', { token }, REPORTS)).json().active

  it('WEB-09 wants a sign-in, and comes back here after it', async () => {
    for (const path of ['/account', '/account/sessions', '/account/activity', '/account/sign-out']) {
      const stranger = server.browser()
      expect((await stranger.get(path)).headers.location).toBe('/sign-in')
      expect((await stranger.get('/sign-in')).statusCode).toBe(200)
      expect((await stranger.signIn()).headers.location).toBe(path)
    }
  })

  it('WEB-09 shows each device by name, app, last use and place, the one that was used last first', async () => {
    await server.link({ device_name: 'Kitchen radio' })
    await server.host.advance(3 * DAY)
    const tv = await server.link({ device_name: 'Living room TV', device_model: 'Northwind N55' })
    await server.host.advance(2 * 60 * MINUTE)
    ana = await signedIn(server, EMAIL)
    expect(textOf((await ana.open('/account')).body)).toMatch(
      /Living room TV Northwind TV app Last used 2 hours ago .*Kitchen radio Northwind TV app Last used 3 days ago/,
    )
    await refresh(tv.refresh_token)
    const { body } = await ana.open('/account')
    expect(textOf(body)).toContain('Living room TV Northwind TV app Last used just now')
    const [path = ''] = links(body, 'devices')
    const page = textOf((await ana.open(path)).body)
    expect(page).toContain('says it is Northwind N55')
    expect(page).toContain('Last used just now From 127.0.0.1')
    expect(page).toContain('Linked 2 hours ago')
    expect(page).toMatch(/It can .*See your library .*Stay signed in until you remove it/)
  })

  it('WEB-09 last use is the last time that tokens were asked for, and from where', async () => {
    const { refresh_token } = await server.link()
    const answer = await server.app.inject({
      method: 'POST',
      url: '/token',
      remoteAddress: '198.51.100.4',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'tv', refresh_token }).toString(),
    })
    expect(answer.statusCode).toBe(200)
    expect(textOf((await ana.open(await devicePath())).body)).toContain('Last used just now From 198.51.100.4')
  })

  it('WEB-09 points at what was not used for long', async () => {
    await server.link({ device_name: 'Guest room TV' })
    await server.host.advance(61 * DAY)
    ana = await signedIn(server, EMAIL)
    expect(textOf((await ana.open('/account')).body)).toContain('Not used for 2 months')
    expect(textOf((await ana.open(await devicePath())).body)).toContain('Remove it if it is not yours any more.')
  })

  it('WEB-09 RT-10 removing a device ends all of its tokens with that very answer', async () => {
    const gone = await server.link({ device_name: 'Living room TV' })
    const kept = await server.link({ device_name: 'Kitchen radio' })
    const path = links((await ana.open('/account')).body, 'devices').at(-1) ?? ''
    const question = textOf((await ana.open(`${path}/remove`)).body)
    const device = /Remove (.+?) \?/.exec(question)?.[1]
    expect(question).toContain('this cannot be undone')
    const [removed, other] = device === 'Living room TV' ? [gone, kept] : [kept, gone]
    expect(await isActive(removed.access_token)).toBe(true)

    const before = server.host.clock.now()
    expect((await ana.submit(`${path}/remove`, { answer: 'yes' })).headers.location).toBe('/account')
    expect(await isActive(removed.access_token)).toBe(false)
    expect((await refresh(removed.refresh_token)).json().error).toBe('invalid_grant')
    expect(server.host.clock.now() - before).toBeLessThan(1000)
    expect(await isActive(other.access_token)).toBe(true)
    expect((await refresh(other.refresh_token)).statusCode).toBe(200)

    const after = await ana.open('/account')
    expect(textOf(after.body)).toContain(`${device} was removed.`)
    expect(links(after.body, 'devices')).toHaveLength(1)
    // Said once.
    expect(textOf((await ana.open('/account')).body)).not.toContain('was removed.')
    expect((await ana.open(path)).statusCode).toBe(404)
  })

  it('WEB-03 WEB-09 looking, thinking better of it, or a form of elsewhere removes nothing', async () => {
    const { access_token } = await server.link()
    const path = await devicePath()
    await ana.open(`${path}/remove`)
    expect((await remove(path, 'no')).headers.location).toBe(path)
    expect((await ana.submit(`${path}/remove`, { csrf: 'forged', answer: 'yes' })).statusCode).toBe(403)
    const crossSite = { 'sec-fetch-site': 'cross-site' }
    expect((await ana.submit(`${path}/remove`, { answer: 'yes' }, crossSite)).statusCode).toBe(403)
    expect(await isActive(access_token)).toBe(true)
  })

  it('WEB-09 another person’s device is answered as one that never was, and stays as it is', async () => {
    const { access_token } = await server.link()
    const path = await devicePath()
    const bo = await signedIn(server, 'bo@example.com')
    const unknown = path.replace(/.{8}$/, 'AAAAAAAA')
    await bo.open('/account')
    for (const [method, suffix] of [
      ['get', ''],
      ['get', '/remove'],
      ['post', ''],
      ['post', '/remove'],
    ] as const) {
      const ask = (address: string) =>
        method === 'get' ? bo.get(address + suffix) : bo.submit(address + suffix, { answer: 'yes', name: 'Bo’s' })
      const [theirs, none] = [await ask(path), await ask(unknown)]
      expect(theirs.statusCode).toBe(404)
      const same = (body: string) => body.replace(/Reference [^<]*|req-\w+/g, '')
      expect(same(theirs.body)).toBe(same(none.body))
    }
    expect(await isActive(access_token)).toBe(true)
    expect(textOf((await ana.open('/account')).body)).not.toContain('Bo’s')
  })

  it('WEB-09 NEG-15 a new name is the person’s own: one line, shown to them, and taken back by an empty one', async () => {
    await server.link({ device_name: 'TV-4711' })
    const path = await devicePath()
    const rename = async (name: string) => {
      await ana.open(path)
      const answer = await ana.submit(path, { name })
      expect(answer.headers.location).toBe(path)
      return (await ana.open(path)).body
    }
    expect(textOf(await rename('  Living\u202E room   TV '))).toContain('Living room TV says it is TV-4711')
    expect(textOf((await ana.open('/account')).body)).toContain('Living room TV')
    expect(await rename('<script>alert(1)</script>')).toContain('&lt;script>alert(1)&lt;/script>')
    const [family] = await server.store.families.byUser(server.user.id)
    expect(family?.label).toBe('<script>alert(1)</script>')
    await rename('x'.repeat(5000))
    expect((await server.store.families.byUser(server.user.id))[0]?.label).toHaveLength(64)
    expect(textOf(await rename(' '))).not.toContain('says it is')
    expect((await server.store.families.byUser(server.user.id))[0]).not.toHaveProperty('label')
  })

  it('WEB-09 a link that gives no more tokens is not shown once its last one has run out', async () => {
    const { device_code, user_code } = await server.start({ client_id: 'once' })
    await server.decide(user_code, 'approve')
    const { access_token } = (await server.poll(device_code, { client_id: 'once' })).json()
    expect(await devicePath()).not.toBe('')
    await server.host.advance(10 * MINUTE)
    expect(await isActive(access_token)).toBe(false)
    ana = await signedIn(server, EMAIL)
    expect(textOf((await ana.open('/account')).body)).toContain('No device is linked')
  })

  it('WEB-09 RT-10 apps stand apart; removing one ends it everywhere, and it has to ask again', async () => {
    const signInToApp = async () => {
      const { code = '' } = await authorize(ana, { scope: SCOPE })
      return (await exchangeCode(server, code, { redirect_uri: WEB_CALLBACK }, WEB)).json()
    }
    const [first, second] = [await signInToApp(), await signInToApp()]
    const tv = await server.link()
    const { body } = await ana.open('/account')
    const [path = '', ...others] = links(body, 'apps')
    expect(others).toEqual([])
    expect(links(body, 'devices')).toHaveLength(1)
    expect(textOf((await ana.open(path)).body)).toMatch(/Northwind web .*See your library/)

    await remove(path)
    const renew = (refresh_token: string) => server.token({ grant_type: 'refresh_token', refresh_token }, WEB)
    for (const { access_token, refresh_token } of [first, second]) {
      expect(await isActive(access_token)).toBe(false)
      expect((await renew(refresh_token)).json().error).toBe('invalid_grant')
    }
    expect(await isActive(tv.access_token)).toBe(true)
    expect(links((await ana.open('/account')).body, 'apps')).toEqual([])
    // It was allowed before, so it was not asked about again; now it is.
    expect(textOf((await ana.open(authorizeUrl({ scope: SCOPE }))).body)).toContain('Sign in to')
  })

  it('WEB-09 RT-10 signing out everywhere ends every browser, and devices and apps where that was ticked', async () => {
    const link = await server.link()
    const waiting = await server.start()
    await server.decide(waiting.user_code, 'approve')
    const other = await signedIn(server, EMAIL)
    const bo = await signedIn(server, 'bo@example.com')

    await ana.open('/account/sign-out')
    expect((await ana.submit('/account/sign-out', { answer: 'no', devices: 'yes' })).headers.location).toBe('/account')
    expect(await isActive(link.access_token)).toBe(true)

    await ana.open('/account/sign-out')
    expect((await ana.submit('/account/sign-out', { answer: 'yes' })).headers.location).toBe('/signed-out')
    // Pressed twice, and loaded again.
    expect((await ana.submit('/account/sign-out', { answer: 'yes' })).headers.location).toBe('/signed-out')
    for (let loads = 0; loads < 2; loads++) {
      expect(textOf((await ana.open('/signed-out')).body)).toContain('You’re signed out Devices that you linked stay')
    }
    expect(await isActive(link.access_token)).toBe(true)
    for (const browser of [ana, other]) expect((await browser.get('/account')).headers.location).toBe('/sign-in')
    expect((await bo.get('/account')).statusCode).toBe(200)

    ana = await signedIn(server, EMAIL)
    await ana.open('/account/sign-out')
    await ana.submit('/account/sign-out', { answer: 'yes', devices: 'yes' })
    expect(await isActive(link.access_token)).toBe(false)
    expect((await refresh(link.refresh_token)).json().error).toBe('invalid_grant')
    // Allowed and not fetched yet: that goes as well.
    expect((await server.poll(waiting.device_code)).json().error).toBe('access_denied')
    expect((await server.store.sessions.byUser(server.user.id)).length).toBe(0)
  })
})

describe('devices that set themselves up', () => {
  let server: TestServer
  beforeEach(async () => {
    server = await testServer({ config: enrolmentConfig() })
  })
  afterEach(() => server.close())

  it('WEB-09 DCR-06 are shown to whoever set them up, and removed: no new token, none that is good', async () => {
    const { device, clientId } = await enrolledDevice(server)
    const { access_token } = (await ownToken(server, device, clientId)).json()
    const ana = await signedIn(server, EMAIL)
    const path = `/account/enrolled/${clientId}`
    expect(links((await ana.open('/account')).body, 'enrolled')).toEqual([path])
    expect(textOf((await ana.open(path)).body)).toMatch(/Hall box .*It acts as itself, not as you\. .*See your library/)
    const bo = await signedIn(server, 'bo@example.com')
    expect((await bo.open(path)).statusCode).toBe(404)

    await ana.open(`${path}/remove`)
    expect((await ana.submit(`${path}/remove`, { answer: 'yes' })).headers.location).toBe('/account')
    expect((await ownToken(server, device, clientId)).json().error).toBe('invalid_client')
    expect((await server.post('/introspect', { token: access_token }, REPORTS)).json()).toEqual({ active: false })
    expect(textOf((await ana.open('/account')).body)).toContain('Hall box was removed.')
    expect((await ana.open(path)).statusCode).toBe(404)
  })
})

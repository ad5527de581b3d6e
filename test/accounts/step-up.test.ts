// A device that wants a stronger sign-in (`acr_values`): asked for is what could do, at once told is what cannot, and
// whoever adds what was missing comes back to the device.
import { afterEach, describe, expect, it } from 'vitest'
import { type Addition, additionsThat, type Ways, waysThat } from '../../server/src/accounts/reach.ts'
import type { UpstreamSettings } from '../../server/src/accounts/upstream-settings.ts'
import { addUser } from '../../server/src/accounts/users.ts'
import { earnsOneOf } from '../../server/src/oauth/acr.ts'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import type { Passkey } from '../../server/src/oauth/records.ts'
import { appFrom } from '../support/authenticator-app.ts'
import { fieldIn, textOf } from '../support/page-text.ts'
import { addPasskey, questionIn } from '../support/passkey-pages.ts'
import { softwarePasskey } from '../support/software-passkey.ts'
import { EMAIL, PASSWORD, type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const MINUTE = 60_000
const ACR = {
  pwd: ['pwd'],
  two: ['pwd', 'mfa'],
  phr: ['pop', 'user'],
  phrh: ['hwk', 'user'],
  code: ['otp'],
  card: ['sc'],
} as const

let server: TestServer
afterEach(() => server?.close())

/** A person who signed in with the password before the device asked for `acr`. */
async function withPassword(acr: string, minutesAgo = 1) {
  server = await testServer({ config: testConfig({ acr: ACR }) })
  const browser = server.browser()
  await browser.signIn()
  await server.host.advance(minutesAgo * MINUTE)
  const started = await server.start({ scope: 'openid', acr_values: acr, device_name: 'Living room TV' })
  return { browser, started, bring: () => browser.open(`/link?user_code=${started.user_code}`) }
}

const links = (html: string) => [...html.matchAll(/<a class="button[^"]*" href="([^"]+)"/g)].map(([, href]) => href)
const approvedBy = async (browser: TestBrowser, deviceCode: string) => {
  expect((await browser.open('/link/device')).body).toContain('name="answer" value="approve"')
  await browser.submit('/link/device', { answer: 'approve' })
  return (await server.poll(deviceCode)).statusCode
}

describe('an account that has nothing strong enough', () => {
  it('OI-06 WEB-08 UX-05 is told so at once, adds a passkey, and goes on with the device by it', async () => {
    const { browser, started, bring } = await withPassword('phr', 11)
    const weak = await bring()
    expect(weak.statusCode).toBe(403)
    expect(textOf(weak.body)).toContain('Nothing that you sign in with is enough for it')
    expect(weak.body).not.toContain('name="password"')
    expect(links(weak.body)).toEqual(['/account/passkeys'])
    // Still somebody else's device, perhaps.
    expect(weak.body).toContain('name="answer" value="report"')

    await browser.open('/account/passkeys')
    expect((await browser.submit('/account/passkeys', {})).headers.location).toBe('/sign-in')
    const asked = await browser.open('/sign-in')
    // The page of the account takes a password, whatever the device wants.
    expect(asked.body).toContain('name="password"')
    expect(textOf(asked.body)).not.toContain('stronger')
    expect((await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD })).headers.location).toBe(
      '/account/passkeys',
    )
    const passkey = softwarePasskey()
    const added = await addPasskey(browser, passkey)
    const page = await browser.open(String(added.headers.location))
    expect(textOf(page.body)).toContain('Your passkey is ready. Next time, sign in with it. Go on with the device')
    expect(links(page.body)).toEqual(['/link/device'])

    expect((await browser.get('/link/device')).headers.location).toBe('/sign-in')
    const again = await browser.open('/sign-in')
    expect(textOf(again.body)).toContain(`This device needs a stronger sign-in. Sign in once more as ${EMAIL}`)
    expect(again.body).not.toContain('name="password"')
    const answer = await browser.submit('/sign-in/passkey', { credential: passkey.answer(questionIn(again.body)) })
    expect(answer.headers.location).toBe('/link/device')
    expect(await approvedBy(browser, started.device_code)).toBe(200)
    // Nothing waits any more.
    await browser.open('/link/device')
    expect((await browser.open(String(added.headers.location))).body).not.toContain('Go on with the device')
  })

  it('OI-06 WEB-08 is led to codes of an app where they would do, and back once they are kept', async () => {
    const { browser, started, bring } = await withPassword('two')
    expect(links((await bring()).body)).toEqual(['/account/second-factor'])
    await browser.open('/account/second-factor')
    const page = await browser.submit('/account/second-factor', {})
    const app = appFrom(page.body)
    const key = fieldIn(page.body, 'key')
    await browser.submit('/account/second-factor/on', { key, code: app.code(server.host.clock.now()) })
    await browser.open('/account/second-factor/recovery-codes')
    const kept = await browser.submit('/account/second-factor/recovery-codes/kept', {})
    expect(kept.headers.location).toBe('/link/device')
    await server.host.advance(MINUTE)
    await browser.open('/link/device')
    await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD })
    await browser.open('/sign-in/code')
    await browser.submit('/sign-in/code', { code: app.code(server.host.clock.now()) })
    expect(await approvedBy(browser, started.device_code)).toBe(200)
  })

  it('OI-06 is told that nothing would do where nothing would, and is led nowhere', async () => {
    const { bring } = await withPassword('card')
    const weak = await bring()
    expect(textOf(weak.body)).toContain('No way to sign in here is enough for it')
    expect(weak.body).not.toContain('/account')
  })

  it('OI-06 who came back from the account and switches to another one keeps the device, which is that one’s now', async () => {
    const { browser, started, bring } = await withPassword('pwd', 11)
    const other = 'bo@example.com'
    const bo = await addUser(server.store, server.host, { email: other, password: PASSWORD })
    await bring()
    // Not fresh enough there: the way leads back to the account.
    await browser.open('/account/passkeys')
    await browser.submit('/account/passkeys', {})
    await browser.open('/sign-in')
    await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD })
    expect((await browser.open('/link/device')).body).toContain('name="answer"')
    const openedBy = async () => (await server.store.deviceRequests.get(digestOf(started.device_code)))?.openedBy
    expect(await openedBy()).toBe(server.user.id)
    await browser.submit('/sign-out', {})
    expect((await browser.signIn(other)).headers.location).toBe('/link/device')
    const page = textOf((await browser.open('/link/device')).body)
    expect(page).toContain(started.user_code)
    expect(page).toContain(other)
    expect(await openedBy()).toBe(bo?.id ?? 'nobody')
  })
})

describe('an account that has something strong enough', () => {
  it('OI-06 WEB-08 is asked for that and nothing else: not the password, and no passkey of another kind', async () => {
    const { browser, started, bring } = await withPassword('phrh')
    const [own, shared] = [softwarePasskey(), softwarePasskey({ synced: true })]
    await addPasskey(browser, own)
    await addPasskey(browser, shared)
    const asked = await bring()
    expect(asked.body).toContain('This device needs a stronger sign-in.')
    expect(asked.body).not.toContain('name="password"')
    const allowed = ({ allowCredentials = [] }: ReturnType<typeof questionIn>) => allowCredentials.map(({ id }) => id)
    expect(allowed(questionIn(asked.body))).toEqual([own.id])
    // Asked for once more by a page that was open for long.
    expect(allowed((await browser.get('/sign-in/passkey')).json().options)).toEqual([own.id])
    await browser.submit('/sign-in/passkey', { credential: own.answer(questionIn(asked.body)) })
    expect(await approvedBy(browser, started.device_code)).toBe(200)
  })

  it('WEB-08 a device that wants a recent sign-in and got a strong one before is not said to want a stronger one', async () => {
    server = await testServer({ config: testConfig({ acr: ACR }) })
    const browser = server.browser()
    await browser.signIn()
    await server.host.advance(MINUTE)
    const { user_code } = await server.start({ acr_values: 'pwd', max_age: '10' })
    const asked = await browser.open(`/link?user_code=${user_code}`)
    expect(asked.body).toContain('name="password"')
    expect(asked.body).not.toContain('stronger')
  })
})

describe('what a sign-in could amount to', () => {
  const upstream = (trustAmr: boolean): UpstreamSettings => ({
    id: `acme-${trustAmr}`,
    name: 'Acme SSO',
    issuer: 'https://acme.example',
    clientId: 'us',
    scope: ['openid'],
    accounts: 'known',
    emailDomains: [],
    trustAmr,
    trustEmail: false,
  })
  const none: Ways<Pick<Passkey, 'synced'>> = { password: false, secondFactor: false, passkeys: [], upstreams: [] }
  const password = { ...none, password: true }
  const own = { ...none, passkeys: [{ synced: false }] }
  const shared = { ...none, passkeys: [{ synced: true }] }
  const trusted = { ...none, upstreams: [upstream(true)] }
  const other = { ...none, upstreams: [upstream(false)] }
  const wants = (acr: string) => (amr: readonly string[]) => earnsOneOf(ACR, [acr], amr)

  it.each<[string, Partial<typeof none>, string]>([
    ['a password', password, 'pwd'],
    ['a password with codes', { ...password, secondFactor: true }, 'pwd two code'],
    ['a passkey of one device', own, 'phr phrh'],
    ['a passkey that is copied', shared, 'phr'],
    ['a passkey that may want a code', { ...own, secondFactor: true }, 'phr phrh code'],
    ['a provider that is believed: whatever it may say', trusted, 'pwd two phr phrh code card'],
    ['a provider that is not', other, ''],
    ['a provider that is not, with codes', { ...other, secondFactor: true }, 'code'],
  ])('OI-06 %s', (_name, ways, reached) => {
    const all = { ...none, ...ways }
    const found = Object.keys(ACR).filter((acr) => {
      const { password: typed, passkeys, upstreams } = waysThat(wants(acr), all)
      return typed || passkeys.length > 0 || upstreams.length > 0
    })
    expect(found.join(' ')).toBe(reached)
  })

  const terms = { passkeys: true, upstreams: [upstream(true), upstream(false)] }
  it.each<[string, string, Partial<typeof none>, Partial<typeof terms>, readonly (Addition['kind'] | 'Acme SSO')[]]>([
    ['a passkey', 'phr', password, { upstreams: [] }, ['passkey']],
    ['none where browsers know none', 'phr', password, { passkeys: false, upstreams: [] }, []],
    ['codes after the password', 'two', password, { upstreams: [] }, ['second_factor']],
    ['codes after a provider', 'code', other, { upstreams: [] }, ['second_factor']],
    ['the password before the codes', 'two', other, { upstreams: [] }, ['password']],
    ['a provider that is believed, and no other', 'card', password, {}, ['Acme SSO']],
    ['a passkey of one device beside one that is copied', 'phrh', shared, { upstreams: [] }, ['passkey']],
    ['nothing', 'card', password, { upstreams: [] }, []],
  ])('OI-06 what could be added: %s', (_name, acr, ways, offered, added) => {
    const found = additionsThat(wants(acr), { ...none, ...ways }, { ...terms, ...offered })
    expect(found.map((one) => (one.kind === 'upstream' ? one.provider : one.kind))).toEqual(added)
  })
})

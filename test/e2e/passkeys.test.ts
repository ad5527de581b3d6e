// Passkeys in a real browser, with its own virtual authenticator (WebAuthn Level 3 §11): the script, the policy of the
// pages, the form that brings the answer.
import { systemHost } from '@latchkey/shared'
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { appFrom } from '../support/authenticator-app.ts'
import { axeFindings } from '../support/axe.ts'
import { launchBrowser } from '../support/browser.ts'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import { freePort } from '../support/free-port.ts'
import { EMAIL, PASSWORD, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const MINUTE = 60_000

interface Phone {
  readonly page: Page
  readonly context: BrowserContext
  readonly cdp: CDPSession
  readonly authenticator: string
}

let chromium: Browser
let issuer: string
let host: FakeHost
let server: TestServer
let phone: Phone
/** The server's clock is the machine's, and so much ahead of it. */
let late = 0
const complaints: string[] = []

beforeAll(async () => {
  chromium = await launchBrowser()
  const port = await freePort()
  issuer = `http://localhost:${port}`
  const { clock } = systemHost
  host = { ...fakeHost(), clock: { ...clock, now: () => clock.now() + late, jump: () => undefined } }
  server = await testServer({ config: testConfig({ issuer }), host })
  await server.app.listen({ host: '127.0.0.1', port })
})
afterAll(async () => {
  await chromium?.close()
  await server?.close()
})
beforeEach(async () => {
  complaints.length = 0
  phone = await newPhone()
})
afterEach(async () => {
  expect(complaints).toEqual([])
  await phone.context.close()
  for (const { id } of await server.store.passkeys.byUser(server.user.id)) await server.store.passkeys.delete(id)
})

async function newPhone(scripts = true): Promise<Phone> {
  const context = await chromium.newContext({ javaScriptEnabled: scripts, viewport: { width: 390, height: 844 } })
  const page = await context.newPage()
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  const cdp = await context.newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      ctap2Version: 'ctap2_1',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return { page, context, cdp, authenticator: authenticatorId }
}

async function signInByPassword({ page }: Phone) {
  await page.goto(`${issuer}/sign-in`)
  await page.getByLabel('Email').fill(EMAIL)
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.waitForURL(`${issuer}/link`)
}

async function addPasskey({ page }: Phone) {
  await page.goto(`${issuer}/account/passkeys`)
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await page.waitForURL(`${issuer}/account/passkeys/*`)
}

/** Nobody touches the sensor, and nobody answers the browser's own question. */
async function away({ cdp, authenticator }: Phone, isAway: boolean) {
  await cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId: authenticator, enabled: !isAway })
}

async function amrNow() {
  const [newest] = [...(await server.store.sessions.byUser(server.user.id))].sort(
    (one, other) => other.authenticatedAt - one.authenticatedAt,
  )
  return newest?.amr
}

describe('a passkey in a real browser', () => {
  it('LOG-05 UX-05 made on the account’s page, then one touch signs in, and the TV’s code is still known', async () => {
    await signInByPassword(phone)
    await addPasskey(phone)
    expect(await phone.page.textContent('.notice.good')).toContain('Your passkey is ready.')
    expect(await axeFindings(phone.page)).toEqual([])
    const { credentials } = await phone.cdp.send('WebAuthn.getCredentials', { authenticatorId: phone.authenticator })
    expect(credentials).toMatchObject([{ isResidentCredential: true, rpId: 'localhost', userName: EMAIL }])
    await phone.context.clearCookies()

    await away(phone, true)
    const started = await server.start({ scope: 'openid', device_name: 'Living room TV' })
    await phone.page.goto(`${issuer}/link?user_code=${started.user_code}`)
    expect(await phone.page.textContent('h1')).toBe('Sign in')
    await away(phone, false)
    await phone.page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await phone.page.waitForURL(`${issuer}/link/device`)
    expect(await phone.page.textContent('main')).toContain('Living room TV')
    await phone.page.getByRole('button', { name: 'Yes, link it' }).press('Enter')
    const { id_token } = (await server.poll(started.device_code)).json()
    const claims = JSON.parse(Buffer.from(String(id_token).split('.')[1] ?? '', 'base64url').toString())
    expect(claims.amr).toEqual(['pop', 'hwk', 'user', 'mfa'])
  })

  it('LOG-05 UX-05 the browser offers it for the email field: nothing is pressed, nothing is typed', async () => {
    await signInByPassword(phone)
    await addPasskey(phone)
    await phone.context.clearCookies()
    // The virtual authenticator answers a conditional question as a person does who picks the first entry of the list.
    await phone.page.goto(`${issuer}/sign-in`)
    await phone.page.waitForURL(`${issuer}/link`)
    expect(await phone.page.textContent('main')).toContain(EMAIL)
    expect(await amrNow()).toEqual(['pop', 'hwk', 'user', 'mfa'])
  })

  it('LOG-05 UX-03 whoever has none is told what to do, in the same place, and signs in with the password', async () => {
    await phone.page.goto(`${issuer}/sign-in`)
    await phone.page.getByLabel('Email').fill(EMAIL)
    await phone.page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await phone.page.getByText('No passkey was used. Try again, or sign in with your password.').waitFor()
    expect(await axeFindings(phone.page)).toEqual([])
    expect(await phone.page.getByLabel('Email').inputValue()).toBe(EMAIL)
    await phone.page.getByLabel('Password').fill(PASSWORD)
    await phone.page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await phone.page.waitForURL(`${issuer}/link`)
  })

  it('LOG-05 a removed one is refused, and the browser is told to forget it', async () => {
    await signInByPassword(phone)
    await addPasskey(phone)
    const left = async () =>
      (await phone.cdp.send('WebAuthn.getCredentials', { authenticatorId: phone.authenticator })).credentials
    const [kept] = await left()
    await phone.page.getByRole('button', { name: 'Remove this passkey' }).click()
    await phone.page.waitForURL(`${issuer}/account/passkeys`)
    expect(await phone.page.textContent('main')).toContain('The passkey is removed.')
    await expect.poll(left).toEqual([])
    if (kept === undefined) throw new Error('no passkey was made')
    await phone.cdp.send('WebAuthn.addCredential', { authenticatorId: phone.authenticator, credential: kept })
    await phone.context.clearCookies()
    // One answer, and then nobody is there: else the page that refuses it would be answered at once, again and again.
    await phone.page.route(`${issuer}/sign-in/passkey`, async (route) => {
      await away(phone, true)
      await route.continue()
    })
    await phone.page.goto(`${issuer}/sign-in`)
    await phone.page.getByText('This passkey does not work here.').waitFor()
    expect(complaints.splice(0)).toEqual([expect.stringContaining('403 (Forbidden)')])
  })

  it('LOG-05 none is made twice on one device', async () => {
    await signInByPassword(phone)
    await addPasskey(phone)
    await phone.page.goto(`${issuer}/account/passkeys`)
    await phone.page.getByRole('button', { name: 'Add a passkey' }).click()
    await phone.page.getByText('This device has a passkey for you already.').waitFor()
    expect(await server.store.passkeys.byUser(server.user.id)).toHaveLength(1)
  })

  it('LOG-05 a page that was open for long asks with a question that is fresh', async () => {
    await signInByPassword(phone)
    await addPasskey(phone)
    await phone.context.clearCookies()
    // Nobody picks from a list here: the button is pressed, when the first question has long run out.
    await phone.page.addInitScript('PublicKeyCredential.isConditionalMediationAvailable = async () => false')
    await phone.page.clock.install()
    await phone.page.goto(`${issuer}/sign-in`)
    const asked = phone.page.waitForResponse(`${issuer}/sign-in/passkey`)
    late += 4 * MINUTE
    await phone.page.clock.runFor(4 * MINUTE)
    expect((await asked).status()).toBe(200)
    late += 2 * MINUTE
    await phone.page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await phone.page.waitForURL(`${issuer}/link`)
  })
})

describe('with scripts off', () => {
  it('SES-03 UX-05 no button that does nothing is shown; password and codes work', async () => {
    await phone.context.close()
    phone = await newPhone(false)
    await phone.page.goto(`${issuer}/sign-in`)
    expect(await phone.page.getByRole('button').allTextContents()).toEqual(['Sign in'])
    await signInByPassword(phone)
    await phone.page.goto(`${issuer}/account/passkeys`)
    expect(await phone.page.getByRole('button').allTextContents()).toEqual([])
    expect(await phone.page.textContent('noscript')).toContain('scripts are off')
    await phone.page.goto(`${issuer}/account/password`)
    expect(await phone.page.getByRole('checkbox', { name: 'Show the password' }).count()).toBe(0)
    await phone.page.goto(`${issuer}/account/second-factor`)
    await phone.page.getByRole('button', { name: 'Set up codes from an app' }).click()
    const app = appFrom(await phone.page.content())
    await phone.page.getByRole('textbox', { name: 'Code' }).fill(app.code(host.clock.now()))
    await phone.page.getByRole('button', { name: 'Turn on' }).click()
    expect(await phone.page.locator('.codes li').count()).toBe(10)
    expect(await phone.page.getByRole('button').allTextContents()).toEqual(['I have kept them'])
    const { secondFactor: _, ...user } = (await server.store.users.get(server.user.id)) ?? server.user
    await server.store.users.swap(user)
  })
})

describe('after a yes', () => {
  it.each([true, false])('SES-03 a passkey is offered where one can be made, scripts %s', async (scripts) => {
    await phone.context.close()
    phone = await newPhone(scripts)
    await signInByPassword(phone)
    const { user_code } = await server.start({ device_name: 'Living room TV' })
    await phone.page.goto(`${issuer}/link?user_code=${user_code}`)
    await phone.page.getByRole('button', { name: 'Yes, link it' }).press('Enter')
    await phone.page.getByRole('link', { name: 'Link another device' }).waitFor()
    const offer = phone.page.getByRole('link', { name: 'Next time, sign in with a passkey' })
    if (scripts) await offer.waitFor()
    expect(await offer.count()).toBe(scripts ? 1 : 0)
  })
})

describe('a password, shown', () => {
  it('UX-05 whoever wants to see what they type can', async () => {
    await signInByPassword(phone)
    await phone.page.goto(`${issuer}/account/password`)
    const field = phone.page.getByLabel('New password')
    await field.fill('vexing jumpers of wool')
    await phone.page.getByLabel('Show the password').check()
    expect(await field.getAttribute('type')).toBe('text')
    await phone.page.getByLabel('Show the password').uncheck()
    expect(await field.getAttribute('type')).toBe('password')
  })
})

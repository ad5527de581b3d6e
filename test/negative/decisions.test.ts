import { join } from 'node:path'
import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { fakeHost } from '../support/fake-host.ts'
import { keptLog } from '../support/kept-log.ts'
import { csrfIn, titleOf } from '../support/page-text.ts'
import { signedIn } from '../support/signed-in.ts'
import { createStoredClient } from '../support/stored-client.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { type TestBrowser, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

describe('deciding', () => {
  let server: TestServer
  beforeEach(async () => {
    server = await testServer()
  })
  afterEach(() => server.close())

  const pollError = async (code: string) => (await server.poll(code)).json().error
  const record = (deviceCode: string) => server.store.deviceRequests.get(digestOf(deviceCode))
  const subject = async (deviceCode: string) => decodeJwt((await server.poll(deviceCode)).json().access_token).sub

  /** A person who has the device's page open. */
  async function looking(email: string, userCode: string): Promise<TestBrowser> {
    const browser = await signedIn(server, email)
    const page = await browser.open(`/link?user_code=${userCode}`)
    expect(page.body).toContain('name="answer"')
    return browser
  }
  const answer = (browser: TestBrowser, value: string) => browser.submit('/link/device', { answer: value })

  it('NEG-08 DEV-22 two people bring a code: it is the first one’s, and the second reads that it was used', async () => {
    const { user_code, device_code } = await server.start()
    const ana = await looking('ana2@example.com', user_code)
    const bo = await signedIn(server, 'bo@example.com')
    expect(titleOf((await bo.open(`/link?user_code=${user_code}`)).body)).toBe('This code was already used')
    await answer(ana, 'approve')
    expect(titleOf((await ana.open('/link/device')).body)).toBe('Device allowed')
    expect(await subject(device_code)).toBe('usr_ana2@example.com')
  })

  it('NEG-08 DEV-22 at once: of two people who bring a code one sees the device, and that one’s answer counts', async () => {
    const { user_code, device_code } = await server.start()
    const people = await Promise.all(['ana2@example.com', 'bo@example.com'].map((email) => signedIn(server, email)))
    const pages = await Promise.all(people.map((browser) => browser.open(`/link?user_code=${user_code}`)))
    const titles = pages.map((page) => titleOf(page.body))
    expect([...titles].sort()).toEqual(['Is this your device?', 'This code was already used'])
    for (const browser of people) await answer(browser, 'approve')
    const winner = titles.indexOf('Is this your device?') === 0 ? 'usr_ana2@example.com' : 'usr_bo@example.com'
    expect((await record(device_code))?.decision?.userId).toBe(winner)
    expect(await subject(device_code)).toBe(winner)
  })

  it.each([
    ['approve', 'deny'],
    ['deny', 'approve'],
    ['approve', 'approve'],
  ])('NEG-08 at once, %s against %s: one decision is kept, and the device hears that one', async (one, other) => {
    const { user_code, device_code } = await server.start()
    // One account, two browsers.
    const browsers = [await looking('bo@example.com', user_code), await looking('bo@example.com', user_code)] as const
    await Promise.all([answer(browsers[0], one), answer(browsers[1], other)])
    const kept = (await record(device_code))?.state
    expect([one, other].map((said) => (said === 'approve' ? 'approved' : 'denied'))).toContain(kept)
    const title = kept === 'approved' ? 'Device allowed' : 'Nothing was linked'
    for (const browser of browsers) expect(titleOf((await browser.open('/link/device')).body)).toBe(title)
    if (kept === 'approved') expect(await subject(device_code)).toBe('usr_bo@example.com')
    else expect(await pollError(device_code)).toBe('access_denied')
  })

  it('NEG-08 a double click is harmless, and a change of mind changes nothing', async () => {
    const { user_code, device_code } = await server.start()
    const browser = await looking('bo@example.com', user_code)
    for (const answers of [await answer(browser, 'approve'), await answer(browser, 'approve')]) {
      expect(answers.statusCode).toBe(303)
    }
    await answer(browser, 'deny')
    expect(titleOf((await browser.open('/link/device')).body)).toBe('Device allowed')
    expect(await subject(device_code)).toBe('usr_bo@example.com')
    await answer(browser, 'deny')
    expect((await record(device_code))?.state).toBe('redeemed')
  })

  it('NEG-08 approved after the deadline: the page says expired, the device hears expired_token', async () => {
    const { user_code, device_code } = await server.start()
    const browser = await looking('bo@example.com', user_code)
    await server.host.advance(10 * MINUTE)
    await answer(browser, 'approve')
    expect(titleOf((await browser.open('/link/device')).body)).toBe('This code has run out')
    expect(await pollError(device_code)).toBe('expired_token')
    expect((await record(device_code))?.state).toBe('pending')
  })

  it.each([
    [10_001, 'approved'],
    [10_000, 'pending'],
  ])('NEG-08 with %i ms left, one interval and five seconds, an answer leaves it %s', async (left, state) => {
    const { user_code, device_code } = await server.start()
    const browser = await looking('bo@example.com', user_code)
    await server.host.advance(10 * MINUTE - left)
    await answer(browser, 'approve')
    expect((await record(device_code))?.state).toBe(state)
  })

  it('NEG-08 a device that was slowed down comes later, so its page closes earlier', async () => {
    const { user_code, device_code } = await server.start()
    const browser = await looking('bo@example.com', user_code)
    for (let polls = 0; polls < 6; polls++) await server.poll(device_code)
    // It was told 30 seconds.
    await server.host.advance(10 * MINUTE - 35_000)
    await answer(browser, 'approve')
    expect((await record(device_code))?.state).toBe('pending')
    expect(titleOf((await browser.open('/link/device')).body)).toBe('This code has run out')
  })

  it('NEG-08 a page answers for the device that it showed, not for the one opened since', async () => {
    const [first, second] = [await server.start(), await server.start()]
    const browser = await looking('bo@example.com', first.user_code)
    const oldPage = await browser.get('/link/device')
    const csrf = csrfIn(oldPage.body)
    await browser.open(`/link?user_code=${second.user_code}`)
    const refused = await browser.submit('/link/device', { csrf, answer: 'approve' })
    expect(refused.statusCode).toBe(403)
    expect([(await record(first.device_code))?.state, (await record(second.device_code))?.state]).toEqual([
      'pending',
      'pending',
    ])
  })

  it.each(['', 'maybe', 'APPROVE'])('NEG-08 the answer "%s" is none', async (value) => {
    const { user_code, device_code } = await server.start()
    const browser = await looking('bo@example.com', user_code)
    expect((await answer(browser, value)).statusCode).toBe(400)
    expect((await record(device_code))?.state).toBe('pending')
  })

  it('NEG-09 an account closed between approval and poll: access_denied, and no link', async () => {
    const { user_code, device_code } = await server.start()
    await answer(await looking('bo@example.com', user_code), 'approve')
    const bo = await server.store.users.byEmail('bo@example.com')
    if (bo === undefined) throw new Error('no account')
    await server.store.users.swap({ ...bo, disabledAt: server.host.clock.now() })
    expect(await pollError(device_code)).toBe('access_denied')
    expect((await record(device_code))?.state).toBe('approved')
  })

  it('DEV-16 a code that was used is used, whatever became of the account', async () => {
    const { user_code, device_code } = await server.start()
    await answer(await looking('bo@example.com', user_code), 'approve')
    expect(await pollError(device_code)).toBeUndefined()
    const bo = await server.store.users.byEmail('bo@example.com')
    if (bo === undefined) throw new Error('no account')
    await server.store.users.swap({ ...bo, disabledAt: server.host.clock.now() })
    expect(await pollError(device_code)).toBe('invalid_grant')
  })

  it('NEG-09 CLI-11 a client closed between approval and poll: invalid_client, at the refresh too', async () => {
    const id = 'kitchen-tv'
    await createStoredClient(server, { id, grantTypes: [DEVICE_CODE_GRANT, 'refresh_token'] })
    const disable = async (disabledAt?: number) => {
      const client = await server.store.clients.get(id)
      if (client === undefined) throw new Error('no client')
      const { disabledAt: _, ...open } = client
      await server.store.clients.swap(disabledAt === undefined ? open : { ...open, disabledAt })
    }
    const { user_code, device_code } = await server.start({ client_id: id })
    await answer(await looking('bo@example.com', user_code), 'approve')
    await disable(1)
    const refused = await server.poll(device_code, { client_id: id })
    expect([refused.statusCode, refused.json().error]).toEqual([401, 'invalid_client'])
    await disable()
    const { refresh_token } = (await server.poll(device_code, { client_id: id })).json()
    await disable(1)
    const refresh = await server.token({ grant_type: 'refresh_token', client_id: id, refresh_token })
    expect([refresh.statusCode, refresh.json().error]).toEqual([401, 'invalid_client'])
  })

  it('NEG-10 a clock set forward and back: what ran out stays so, what was used stays so', async () => {
    const [late, used] = [await server.start(), await server.start()]
    await server.decide(used.user_code, 'approve')
    expect((await server.poll(used.device_code)).statusCode).toBe(200)
    server.host.clock.jump(HOUR)
    expect(await pollError(late.device_code)).toBe('expired_token')
    server.host.clock.jump(-2 * HOUR)
    expect(await pollError(late.device_code)).toBe('expired_token')
    expect(await pollError(used.device_code)).toBe('invalid_grant')
  })

  it('NEG-10 a clock set back or forward gives no negative and no longer lives', async () => {
    for (const jump of [-HOUR, HOUR, -HOUR]) {
      server.host.clock.jump(jump)
      const started = await server.start()
      expect(started.expires_in).toBe(600)
      const browser = server.browser()
      await browser.open(`/link?user_code=${started.user_code}`)
      await browser.signIn()
      const page = await browser.open('/link/device')
      expect(page.body).toContain('name="answer"')
      expect(page.body).not.toMatch(/-\d+ (seconds|minutes)/)
      await answer(browser, 'approve')
      const tokens = (await server.poll(started.device_code)).json()
      expect(tokens.expires_in).toBe(600)
      const { iat, exp } = decodeJwt(tokens.access_token)
      expect(Number(exp) - Number(iat)).toBe(600)
    }
  })

  it('NEG-10 set back, a waiting code still ends when its time has passed, twice as late at most', async () => {
    const { device_code } = await server.start()
    server.host.clock.jump(-HOUR)
    await server.host.advance(20 * MINUTE)
    expect(await pollError(device_code)).toBe('expired_token')
  })
})

describe('a server that stops in between', () => {
  let folder: string
  beforeEach(() => {
    folder = temporaryFolder()
  })
  afterEach(() => removeFolder(folder))

  it('NEG-11 OPS-06 codes, approvals, links and signed-in browsers go on; pacing starts anew', async () => {
    const config = await testConfig({ database: `sqlite:${join(folder, 'latchkey.db')}` })
    const host = fakeHost()
    const before = await testServer({ config, host })
    const [pending, approved] = [await before.start(), await before.start()]
    await before.poll(pending.device_code)
    await before.decide(approved.user_code, 'approve')
    const { refresh_token } = await before.link()
    const lost = await before.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token })
    const { keys } = (await before.app.inject('/jwks')).json()
    const browser = before.browser()
    await browser.signIn()
    await before.close()

    const after = await testServer({ config, host })
    expect((await after.poll(pending.device_code)).json().error).toBe('authorization_pending')
    expect((await after.poll(approved.device_code)).statusCode).toBe(200)
    expect((await after.poll(approved.device_code)).json().error).toBe('invalid_grant')
    const again = await after.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token })
    expect(again.json().refresh_token).toBe(lost.json().refresh_token)
    expect((await after.app.inject('/jwks')).json().keys).toEqual(keys)
    const same = after.browser()
    for (const [name, value] of browser.cookies) same.cookies.set(name, value)
    expect((await same.open('/link')).body).toContain('ana@example.com')
    await after.close()
  })

  it('one that starts with its clock turned back says so, and one whose clock is right says nothing', async () => {
    const config = await testConfig({ database: `sqlite:${join(folder, 'latchkey.db')}` })
    const host = fakeHost()
    const started = async () => {
      const log = keptLog()
      const server = await testServer({ config, host, logger: log.logger })
      await server.link()
      await server.close()
      return log.events('clock_behind').map(({ level, seconds }) => ({ level, seconds }))
    }
    expect(await started()).toEqual([])
    await host.advance(HOUR)
    expect(await started()).toEqual([])
    host.clock.jump(-MINUTE)
    expect(await started()).toEqual([])
    host.clock.jump(-HOUR)
    expect(await started()).toEqual([{ level: 40, seconds: 3660 }])
  })

  it('NEG-11 stopped between redeeming and issuing: one more poll gives the tokens, once', async () => {
    const server = await testServer()
    const { device_code, user_code } = await server.start()
    await server.decide(user_code, 'approve')
    const { insert } = server.store.families
    server.store.families.insert = () => Promise.reject(new Error('the plug was pulled'))
    expect((await server.poll(device_code)).statusCode).toBe(500)
    expect((await server.store.deviceRequests.get(digestOf(device_code)))?.state).toBe('redeemed')
    server.store.families.insert = insert
    expect((await server.poll(device_code)).statusCode).toBe(200)
    expect((await server.poll(device_code)).json().error).toBe('invalid_grant')
    await server.close()
  })
})

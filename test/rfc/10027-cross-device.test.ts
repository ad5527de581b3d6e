// What stands between a device and a person who is not in front of it (RFC 10027 §6.1): one account a code, recent and
// strong sign-ins, and an operator's way to end it all. Next door: the ladder (10027-ladder), reports (10027-report).
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { REPORTS_PER_ACCOUNT } from '../../server/src/oauth/device/containment.ts'
import { MOST_WRONG_LETTERS } from '../../server/src/oauth/device/device-request.ts'
import { SHARE_OF_NETWORK, STARTS_PER_KEY } from '../../server/src/oauth/device/device-starts.ts'
import { FREEZE_MS, WINDOW_MS } from '../../server/src/oauth/device/freezes.ts'
import { TOLERABLE_YEARLY_RISK, WRONG_CODES, yearlyGuessingRisk } from '../../server/src/oauth/device/guessing.ts'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { keptLog } from '../support/kept-log.ts'
import { titleOf } from '../support/page-text.ts'
import { serverTerminal } from '../support/server-terminal.ts'
import { signedIn } from '../support/signed-in.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import {
  EMAIL,
  ISSUER,
  LIBRARY,
  PASSWORD,
  type TestBrowser,
  type TestServer,
  testConfig,
  testServer,
} from '../support/test-server.ts'

const MINUTE = 60_000

let server: TestServer
afterEach(() => server?.close())

const record = (deviceCode: string) => server.store.deviceRequests.get(digestOf(deviceCode))
const showsDevice = (body: string) => body.includes('name="answer"')

/** Types the code on the page, as far as the page that it leads to. */
async function type(browser: TestBrowser, code: string) {
  const answer = await browser.submit('/link', { user_code: code })
  return answer.headers.location === undefined ? answer : browser.open(String(answer.headers.location))
}

describe('one account a code', () => {
  const log = keptLog()
  beforeEach(async () => {
    server = await testServer({ logger: log.logger })
  })
  const person = (name: string) => signedIn(server, `${name}@example.com`)

  it('DEV-22 the first account that brings it owns it; a second one is refused, flagged and put on record', async () => {
    const { user_code, device_code } = await server.start()
    const [ana, bo] = [await person('ana2'), await person('bo')]
    expect(showsDevice((await ana.open(`/link?user_code=${user_code}`)).body)).toBe(true)
    expect(await record(device_code)).toMatchObject({ openedBy: 'usr_ana2@example.com', state: 'pending' })
    await server.host.advance(1_000)
    await bo.open('/link')
    const refused = await type(bo, user_code)
    expect([refused.statusCode, titleOf(refused.body)]).toEqual([400, 'This code was already used'])
    // Whoever is the second to bring a code may have had it sent, and would ask for a new one next.
    expect(refused.body).toContain('Nobody from support will ever ask for this.')
    expect(await record(device_code)).toMatchObject({
      openedBy: 'usr_ana2@example.com',
      contestedAt: server.host.clock.now(),
    })
    expect(log.text()).toMatch(/"event":"contested"[^\n]*"userId":"usr_bo@example.com"/)
    // The owner goes on, in another browser too.
    const other = await person('ana2')
    await other.open(`/link?user_code=${user_code}`)
    await other.submit('/link/device', { answer: 'approve' })
    expect(decodeJwt((await server.poll(device_code)).json().access_token).sub).toBe('usr_ana2@example.com')
  })

  it('DEV-22 a code that went to many people and was approved by one: who comes later is on record, with the link', async () => {
    const { user_code, device_code } = await server.start()
    await server.decide(user_code, 'approve')
    await server.poll(device_code)
    const { familyId } = (await record(device_code)) ?? {}
    const page = await (await person('cy')).open(`/link?user_code=${user_code}`)
    expect(titleOf(page.body)).toBe('Check the code')
    expect(log.text()).toMatch(
      new RegExp(`"event":"contested"[^\\n]*"userId":"usr_cy@example.com","familyId":"${familyId}"`),
    )
    expect((await record(device_code))?.contestedAt).toBeDefined()
  })

  it('DEV-22 DEV-07 another’s code counts as a wrong one: there is nothing to find out by trying', async () => {
    const browser = await person('dee')
    for (let times = 0; times < 5; times++) {
      const { user_code } = await server.start()
      await (await person('eve')).open(`/link?user_code=${user_code}`)
      expect((await browser.open(`/link?user_code=${user_code}`)).statusCode).toBe(400)
    }
    const { user_code } = await server.start()
    expect((await browser.open(`/link?user_code=${user_code}`)).statusCode).toBe(429)
  })

  it('DEV-22 WEB-04 "Switch" gives the code back: the same browser goes on with another account', async () => {
    const { user_code, device_code } = await server.start()
    const browser = await person('fay')
    await browser.open(`/link?user_code=${user_code}`)
    const out = await browser.submit('/sign-out', {})
    expect([out.statusCode, out.headers.location]).toEqual([303, '/sign-in'])
    const freed = await record(device_code)
    expect(freed).not.toHaveProperty('openedBy')
    await browser.open('/sign-in')
    await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD })
    expect(showsDevice((await browser.open('/link/device')).body)).toBe(true)
    await browser.submit('/link/device', { answer: 'approve' })
    expect((await record(device_code))?.decision?.userId).toBe(server.user.id)
    expect(await record(device_code)).not.toHaveProperty('contestedAt')
  })

  it('DEV-22 to sign out does not free what somebody else opened, nor what was decided', async () => {
    const [opened, decided] = [await server.start(), await server.start()]
    const gus = await person('gus')
    await gus.open(`/link?user_code=${opened.user_code}`)
    const hal = await person('hal')
    await hal.open(`/link?user_code=${opened.user_code}`)
    await hal.open('/link')
    await hal.submit('/sign-out', {})
    expect((await record(opened.device_code))?.openedBy).toBe('usr_gus@example.com')
    await gus.open(`/link?user_code=${decided.user_code}`)
    await gus.submit('/link/device', { answer: 'deny' })
    await gus.open('/link')
    await gus.submit('/sign-out', {})
    expect(await record(decided.device_code)).toMatchObject({ openedBy: 'usr_gus@example.com', state: 'denied' })
  })

  it('DEV-07 fifty wrong codes from everybody raise the alarm, once', async () => {
    const before = log.text().split('many_wrong_codes').length
    for (let account = 0; account < 11; account++) {
      const browser = await signedIn(server, `g${account}@example.com`)
      for (let times = 0; times < 5; times++) await browser.open('/link?user_code=BBBB-BBBB')
    }
    // From one address they would have had to stop at twenty; the log says nothing then.
    expect(log.text().split('many_wrong_codes').length).toBe(before)
    const proxied = await testServer({
      config: testConfig({ listen: { trusted_proxies: ['127.0.0.1'] } }),
      logger: log.logger,
    })
    for (let account = 0; account < 11; account++) {
      const headers = { 'x-forwarded-for': `192.0.2.${account}` }
      const browser = await signedIn(proxied, `g${account}@example.com`, headers)
      for (let times = 0; times < 5; times++) await browser.open('/link?user_code=BBBB-BBBB')
    }
    await proxied.close()
    expect(log.text().match(/"event":"many_wrong_codes"/g)).toHaveLength(1)
  })
})

describe('how a person must have signed in', () => {
  const start = (fields: Record<string, string>) => server.start({ scope: 'openid library:read', ...fields })
  const claimsOf = async (deviceCode: string) => {
    const tokens = (await server.poll(deviceCode)).json()
    return [decodeJwt(tokens.id_token), decodeJwt(tokens.access_token)]
  }

  it.each([
    ['60', 61_000],
    ['0', 1_000],
  ])(
    'OI-06 WEB-08 max_age %s: an older sign-in is repeated before the page, and auth_time says so',
    async (max_age, age) => {
      server = await testServer()
      const browser = server.browser()
      await browser.signIn()
      await server.host.advance(age)
      const { user_code, device_code } = await start({ max_age })
      const asked = await browser.open(`/link?user_code=${user_code}`)
      expect(asked.body).toContain('name="password"')
      // No way around: the page itself asks again.
      expect((await browser.open('/link/device')).body).toContain('name="password"')
      await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD })
      const signedInAt = Math.floor(server.host.clock.now() / 1000)
      expect(showsDevice((await browser.open('/link/device')).body)).toBe(true)
      await browser.submit('/link/device', { answer: 'approve' })
      for (const claims of await claimsOf(device_code)) expect(claims['auth_time']).toBe(signedInAt)
    },
  )

  it('OI-06 max_age: a recent sign-in will do, and one that was made for the device stays good until it runs out', async () => {
    server = await testServer()
    const browser = server.browser()
    await browser.signIn()
    await server.host.advance(30_000)
    const { user_code, device_code } = await start({ max_age: '60' })
    expect(showsDevice((await browser.open(`/link?user_code=${user_code}`)).body)).toBe(true)
    // Too old by the time of the answer.
    await server.host.advance(31_000)
    await browser.submit('/link/device', { answer: 'approve' })
    expect((await record(device_code))?.state).toBe('pending')
    expect((await browser.open('/link/device')).body).toContain('name="password"')
    await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD })
    await browser.open('/link/device')
    await server.host.advance(2 * MINUTE)
    await browser.submit('/link/device', { answer: 'approve' })
    expect((await record(device_code))?.state).toBe('approved')
  })

  it.each(['-1', 'soon', '1.5'])('OI-06 max_age %s is invalid_request', async (max_age) => {
    server = await testServer()
    const answer = await server.post('/device_authorization', { client_id: 'tv', max_age })
    expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_request'])
  })

  it('OI-06 MET-06 without configured values there are none: nothing is advertised, and asking is invalid_request', async () => {
    server = await testServer()
    const metadata = (await server.app.inject('/.well-known/openid-configuration')).json()
    expect(metadata).not.toHaveProperty('acr_values_supported')
    const answer = await server.post('/device_authorization', { client_id: 'tv', acr_values: 'phr' })
    expect([answer.statusCode, answer.json().error]).toEqual([400, 'invalid_request'])
  })

  describe('with values of acr', () => {
    beforeEach(async () => {
      server = await testServer({
        config: testConfig({ acr: { 'urn:example:password': ['pwd'], phr: ['hwk', 'user'] } }),
      })
    })

    it('OI-06 OI-03 MET-06 a sign-in that fits may answer, and the tokens say what it was', async () => {
      const metadata = (await server.app.inject('/.well-known/openid-configuration')).json()
      expect(metadata.acr_values_supported).toEqual(['urn:example:password', 'phr'])
      expect(metadata.claims_supported).toContain('acr')
      const { user_code, device_code } = await start({ acr_values: 'unknown urn:example:password' })
      await server.decide(user_code, 'approve')
      for (const claims of await claimsOf(device_code)) expect(claims['acr']).toBe('urn:example:password')
    })

    it('OI-06 WEB-08 an account that could have none that fits is told so without being asked; nothing is linked', async () => {
      const browser = server.browser()
      await browser.signIn()
      await server.host.advance(1_000)
      const { user_code, device_code } = await start({ acr_values: 'phr' })
      const page = await browser.open(`/link?user_code=${user_code}`)
      expect([page.statusCode, titleOf(page.body)]).toEqual([403, 'This device needs a stronger sign-in'])
      await browser.submit('/link/device', { answer: 'approve' })
      expect((await record(device_code))?.state).toBe('pending')
    })

    it('OI-06 a stronger sign-in is more than what was asked for, and the strongest is told', async () => {
      const { user_code, device_code } = await start({ acr_values: 'urn:example:password' })
      const browser = await signedIn(server, EMAIL)
      const session = await server.store.sessions.byCookie(digestOf(browser.cookies.get('latchkey-session') ?? ''))
      if (session === undefined) throw new Error('no session')
      await server.store.sessions.swap({ ...session, amr: ['pwd', 'hwk', 'user'] })
      await browser.open(`/link?user_code=${user_code}`)
      await browser.submit('/link/device', { answer: 'approve' })
      for (const claims of await claimsOf(device_code)) expect(claims['acr']).toBe('phr')
    })

    it('OI-06 only unknown values are invalid_request', async () => {
      const answer = await server.post('/device_authorization', { client_id: 'tv', acr_values: 'gold constructor' })
      expect(answer.json().error).toBe('invalid_request')
    })
  })
})

describe('an operator looks into it', () => {
  let folder: string
  let run: (words: string) => ReturnType<ReturnType<typeof serverTerminal>['run']>
  beforeEach(async () => {
    folder = temporaryFolder()
    const database = `sqlite:${join(folder, 'latchkey.db')}`
    server = await testServer({ config: testConfig({ database }) })
    // The secret that the test servers use.
    const secret = Buffer.alloc(32, 7).toString('base64url')
    writeFileSync(join(folder, 'master-secret'), secret, { mode: 0o600 })
    const config = join(folder, 'latchkey.json')
    const apis = [{ resource: LIBRARY, scopes: { 'library:read': 'See your library' } }]
    writeFileSync(config, JSON.stringify({ issuer: ISSUER, database, apis }))
    const { run: runWords } = serverTerminal({ LATCHKEY_CONFIG: config })
    run = (words) => runWords(words.split(' '))
  })
  afterEach(async () => {
    await server.close()
    removeFolder(folder)
  })

  async function linked(clientId = 'tv', email = EMAIL) {
    const started = await server.start({ client_id: clientId, device_name: 'Den TV', scope: 'library:read' })
    const browser = await signedIn(server, email)
    await browser.open(`/link?user_code=${started.user_code}`)
    await browser.submit('/link/device', { answer: 'approve' })
    const tokens = (await server.poll(started.device_code, { client_id: clientId })).json()
    const refresh = async () =>
      (await server.token({ grant_type: 'refresh_token', client_id: clientId, refresh_token: tokens.refresh_token }))
        .statusCode
    const { familyId = '' } = (await record(started.device_code)) ?? {}
    return { ...started, familyId, refresh }
  }

  it('DEV-22 link list tells whose links there are, for people and for scripts, and no secret', async () => {
    const { familyId } = await linked()
    await linked('other-tv', 'bo@example.com')
    const { code, out } = await run('link list')
    expect([code, out.length]).toEqual([0, 2])
    const at = '2030-01-15T12:00:00.000Z'
    expect(out).toContain([familyId, EMAIL, 'tv', 'Den TV', at, at, 'active'].join('\t'))
    const json = (await run('link list --json')).out.map((line) => JSON.parse(line))
    expect(json).toContainEqual({
      id: familyId,
      user: EMAIL,
      client_id: 'tv',
      scope: 'library:read',
      device: { name: 'Den TV' },
      created_at: at,
      used_at: at,
      state: 'active',
    })
    expect(JSON.stringify(json)).not.toMatch(/sealed|current|digest/i)
  })

  it.each([
    ['--code', (link: { user_code: string }) => `--code ${link.user_code.toLowerCase()}`],
    ['an id', (link: { familyId: string }) => link.familyId],
    ['--client', () => '--client tv'],
    ['--user', () => `--user ${EMAIL.toUpperCase()}`],
    ['--client and --user', () => `--client tv --user ${EMAIL}`],
  ])('DEV-22 link revoke by %s ends that link at once, and no other', async (_name, words) => {
    const [meant, other] = [await linked(), await linked('other-tv', 'bo@example.com')]
    const done = await run(`link revoke ${words(meant)}`)
    expect(done).toMatchObject({
      code: 0,
      out: [meant.familyId],
      err: [expect.stringMatching(/^Ended 1 link, and closed 0 codes/)],
    })
    expect([await meant.refresh(), await other.refresh()]).toEqual([400, 200])
    expect((await run('link list')).out.find((line) => line.startsWith(meant.familyId))).toMatch(/\trevoked$/)
    const again = await run(`link revoke ${words(meant)}`)
    expect([again.code, again.out]).toEqual([1, []])
  })

  it('DEV-22 link revoke by a span of time takes what was made in it', async () => {
    const before = await linked()
    await server.host.advance(MINUTE)
    const within = [await linked(), await linked('other-tv', 'bo@example.com')]
    await server.host.advance(MINUTE)
    const after = await linked()
    const done = await run('link revoke --since 2030-01-15T12:01Z --until 2030-01-15T13:02+01:00')
    expect([...done.out].sort()).toEqual(within.map((link) => link.familyId).sort())
    expect(await Promise.all([before, ...within, after].map((link) => link.refresh()))).toEqual([200, 400, 400, 200])
  })

  it('DEV-22 an approval that no device has fetched yet is ended too: it never becomes a link', async () => {
    const [meant, other] = [await server.start(), await server.start()]
    await server.decide(meant.user_code, 'approve')
    expect((await run('link revoke --client tv')).err[0]).toMatch(/closed 1 code\b/)
    expect((await server.poll(meant.device_code)).json().error).toBe('access_denied')
    // Undecided: nobody said yes, so only its own code ends it.
    expect((await server.poll(other.device_code)).json().error).toBe('authorization_pending')
    expect((await run(`link revoke --code ${other.user_code}`)).code).toBe(0)
    expect((await server.poll(other.device_code)).json().error).toBe('access_denied')
  })

  it.each([
    ['link revoke', 2, /say which/],
    ['link revoke --code nonsense', 2, /WDJB-MJHT/],
    ['link revoke --since yesterday', 2, /--since takes/],
    ['link revoke --until 2030-01-15T12:00', 2, /--until takes/],
    ['link revoke --code BBBB-BBBB', 1, /not given out/],
    ['link revoke --user nobody@example.com', 1, /no account/],
    ['link revoke --client nobody', 1, /nothing to end/],
    ['link revoke unknown', 1, /nothing to end/],
  ])('%s: exit code %i, one line', async (words, exit, said) => {
    await linked()
    const { code, out, err } = await run(words)
    expect([code, out, err]).toEqual([exit, [], [expect.stringMatching(said)]])
  })
})

describe('the risk assessment', () => {
  const text = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8')

  it('DEV-25 answers every mitigation of RFC 10027 §6.1: done, or why not', () => {
    for (let mitigation = 1; mitigation <= 17; mitigation++) {
      const row = text.split('\n').find((line) => line.startsWith(`| §6.1.${mitigation} `))
      const [, , done = '', refused = ''] = row?.split('|').map((cell) => cell.trim()) ?? []
      expect([mitigation, `${done}${refused}`]).toEqual([mitigation, expect.stringMatching(/[a-z]{3}/)])
    }
  })

  it('DEV-25 says when to take another way, and which', () => {
    const section = text.slice(text.indexOf('## When not to use the device flow'))
    for (const way of ['authorization code flow with PKCE', 'FIDO', 'CIBA', 'client_credentials']) {
      expect(section).toContain(way)
    }
    for (const refused of ['password grant', 'implicit flow']) expect(section).toContain(`| ${refused}`)
  })

  it('DEV-25 DEV-08 DEV-21 its numbers are those of the server', () => {
    const highest = Math.floor((TOLERABLE_YEARLY_RISK * 20 ** 8) / (52_560 * WRONG_CODES.inAll.most))
    expect(yearlyGuessingRisk(highest)).toBeLessThanOrEqual(TOLERABLE_YEARLY_RISK)
    expect(yearlyGuessingRisk(highest + 1)).toBeGreaterThan(TOLERABLE_YEARLY_RISK)
    expect(text).toContain(`(N = ${highest + 1})`)
    expect(yearlyGuessingRisk(3000).toFixed(2)).toBe('0.31')
    expect((1500 * 1.2) / SHARE_OF_NETWORK).toBe(3000)
    expect(text).toContain(`One key: ${STARTS_PER_KEY.most} in ten minutes.`)
    expect([FREEZE_MS, WINDOW_MS]).toEqual([60 * MINUTE, 24 * 60 * MINUTE])
    expect(text).toContain('Nothing begins any more, for an hour,')
    expect(text).toContain('What began there in the last 24 hours is ended')
    expect([REPORTS_PER_ACCOUNT, MOST_WRONG_LETTERS]).toEqual([3, 3])
    expect(text).toContain("One account's reports shut others out three times in 24 hours")
    expect(text).toContain('| three, then the code ends |')
  })
})

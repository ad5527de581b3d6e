import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import fc from 'fast-check'
import type { LightMyRequestResponse } from 'fastify'
import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import { basic, ISSUER, PASSWORD, SECRETS, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const MINUTE = 60_000
const errorOf = (answer: LightMyRequestResponse): string => answer.json().error

/** A host whose next draws of eight bytes, the user codes, are these; everything else stays random. */
function drawing(codes: readonly (readonly number[])[]): FakeHost {
  const host = fakeHost()
  const draws = [...codes]
  return { ...host, entropy: (size) => Uint8Array.from((size === 8 && draws.shift()) || host.entropy(size)) }
}

describe('RFC 8628: the answer to a device', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await testServer()
  })
  afterAll(() => server.close())

  it('DEV-02 DEV-09 all six members, ten minutes and five seconds, kept nowhere', async () => {
    const answer = await server.post('/device_authorization', { client_id: 'tv', scope: 'openid' })
    expect(answer.statusCode).toBe(200)
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' })
    expect(answer.headers['content-type']).toMatch(/^application\/json/)
    const body = answer.json()
    expect(body).toEqual({
      device_code: expect.any(String),
      user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      verification_uri: `${ISSUER}/link`,
      verification_uri_complete: `${ISSUER}/link?user_code=${body.user_code}`,
      expires_in: 600,
      interval: 5,
    })
  })

  it('DEV-03 the device_code is 256 random bits, known to the server by its digest alone', async () => {
    const codes = await Promise.all([1, 2, 3, 4].map(async () => (await server.start()).device_code))
    expect(new Set(codes).size).toBe(4)
    for (const code of codes) {
      expect(Buffer.from(code, 'base64url')).toHaveLength(32)
      const record = await server.store.deviceRequests.get(digestOf(code))
      expect(record?.state).toBe('pending')
      expect(JSON.stringify(record)).not.toContain(code)
    }
  })

  it('DEV-04 the user code is kept under a keyed digest', async () => {
    const { user_code, device_code } = await server.start()
    const letters = user_code.replace('-', '')
    const record = await server.store.deviceRequests.get(digestOf(device_code))
    expect(JSON.stringify(record)).not.toMatch(new RegExp(`${letters}|${user_code}`))
    expect(record?.userCodeDigest).toBeDefined()
    // Twenty to the eighth is soon tried: a digest without a key would give the code away.
    expect(record?.userCodeDigest).not.toBe(digestOf(letters))
    expect(record?.userCodeDigest).not.toBe(digestOf(user_code))
  })

  it('DEV-10 the address to type is short and without the code; the complete one carries nothing else', async () => {
    const answer = (await server.post('/device_authorization', { client_id: 'tv', device_name: 'Den' })).json()
    expect(answer.verification_uri).not.toContain(answer.user_code)
    const complete = new URL(answer.verification_uri_complete)
    expect([...complete.searchParams.keys()]).toEqual(['user_code'])
    expect(answer.verification_uri_complete.length).toBeLessThanOrEqual(62)
    expect(answer.verification_uri_complete).not.toContain(answer.device_code)
  })

  it('DEV-17 who asked, from where, when, and what it says of itself are kept for the page', async () => {
    const claims = { device_name: ' Den\u0007  TV ', device_model: 'NW-55', device_software: '4.\u202e2' }
    const { device_code } = await server.start(claims)
    expect(await server.store.deviceRequests.get(digestOf(device_code))).toMatchObject({
      clientId: 'tv',
      address: '127.0.0.1',
      createdAt: server.host.clock.now(),
      device: { name: 'Den TV', model: 'NW-55', software: '4.2' },
    })
  })

  it('DEV-17 a claim is one short line, and an empty one is none', async () => {
    const { device_code } = await server.start({ device_name: '𠮷'.repeat(80), device_model: ' \u200b ' })
    const record = await server.store.deviceRequests.get(digestOf(device_code))
    expect(record?.device).toEqual({ name: '𠮷'.repeat(64) })
  })

  it.each([
    ['ticks', '✓ ✔ ✔️ ✅ ☑️ 🗸 🗹 ⍻ √ 🆗'],
    ['locks and keys', '🔒 🔓 🔏 🔐 🔑 🗝️'],
    ['shields and badges', '🛡️ 📛 🏅 🎖️ 🔰 ⭐ ★ 💯'],
    ['warnings', '⚠️ ⚠ ⛔ 🚫 🛑 🚨 ❗ ☢️'],
    ['pictures outside of the blocks of pictures', '‼ ⁉ ℹ © ® ™ 〰 〽 ㊗ ㊙'],
    ['signs of a font of their own', '\uE000 \uF8FF \u{F0000} \u{10FFFD}'],
    ['what we have the eye look at', '👁️ 👁️\u200d🗨️ 👀'],
    ['pictures of whatever kind', '📺 🏠 👍🏽 🇩🇪 → ■ 🮱'],
  ])('DEV-17 WEB-04 NEG-15 %s are no part of a claim: such signs are ours', async (_name, signs) => {
    for (const sign of signs.split(' ')) {
      const claims = { device_name: `${sign} Verified${sign}TV ${sign}`, device_model: sign }
      const { device_code } = await server.start(claims)
      const record = await server.store.deviceRequests.get(digestOf(device_code))
      expect([sign, record?.device]).toEqual([sign, { name: 'Verified TV' }])
    }
  })

  it.each([
    'Ana’s 55″ TV (4×4) – №1 & more!',
    'テレビ① ㈱ノースウィンド',
    'تلفاز غرفة ٣',
    'हॉल का टीवी',
    'Küche_2 <b> + 100 % °C § 3 № 7',
    'TV 1️⃣',
  ])('DEV-17 words stay, in whatever script: %s', async (name) => {
    const { device_code } = await server.start({ device_name: name })
    const record = await server.store.deviceRequests.get(digestOf(device_code))
    expect(record?.device).toEqual({ name: name.replace('\uFE0F\u20E3', '') })
  })
})

describe('RFC 8628: codes are not given out twice', () => {
  const SAME = [1, 2, 3, 4, 5, 6, 7, 8]
  const OTHER = [9, 9, 9, 9, 9, 9, 9, 9]

  it('DEV-04 a code that lives, or lived within the last day, is drawn again', async () => {
    const host = drawing([SAME, SAME, OTHER, SAME, [7, 7, 7, 7, 7, 7, 7, 7]])
    const server = await testServer({ host })
    const first = (await server.start()).user_code
    const second = (await server.start()).user_code
    expect(second).not.toBe(first)
    await host.advance(23 * 60 * MINUTE)
    await server.store.purge(host.clock.now())
    expect((await server.start()).user_code).not.toBe(first)
    await server.close()
  })

  it('DEV-04 after a day it may come again', async () => {
    const host = drawing([SAME, SAME])
    const server = await testServer({ host })
    const first = (await server.start()).user_code
    await host.advance(25 * 60 * MINUTE)
    await server.store.purge(host.clock.now())
    expect((await server.start()).user_code).toBe(first)
    await server.close()
  })

  it('DEV-04 OPS-05 when no free code is found: 503, Retry-After, and nothing else is said', async () => {
    const server = await testServer({ host: drawing(Array.from({ length: 20 }, () => SAME)) })
    await server.start()
    const answer = await server.post('/device_authorization', { client_id: 'tv' })
    expect([answer.statusCode, errorOf(answer)]).toEqual([503, 'temporarily_unavailable'])
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    await server.close()
  })
})

describe('RFC 8628: the device asks', () => {
  let server: TestServer
  beforeEach(async () => {
    server = await testServer()
  })
  afterEach(() => server.close())

  it('DEV-11 it must say who it is and which code it has', async () => {
    const { device_code } = await server.start()
    const grant = { grant_type: DEVICE_CODE_GRANT }
    expect(errorOf(await server.token({ ...grant, client_id: 'tv' }))).toBe('invalid_request')
    expect(errorOf(await server.token({ ...grant, client_id: 'tv', device_code: '' }))).toBe('invalid_request')
    const nobody = await server.token({ ...grant, device_code })
    expect([nobody.statusCode, errorOf(nobody)]).toEqual([401, 'invalid_client'])
    const pending = await server.poll(device_code)
    expect([pending.statusCode, errorOf(pending)]).toEqual([400, 'authorization_pending'])
    expect(pending.json()).not.toHaveProperty('interval')
  })

  it('DEV-12 an early poll gets slow_down with the interval that holds from now on', async () => {
    const { device_code } = await server.start()
    await server.poll(device_code)
    await server.host.advance(4_000)
    const early = await server.poll(device_code)
    expect(early.statusCode).toBe(400)
    expect(early.json()).toMatchObject({ error: 'slow_down', interval: 10 })
    expect((await server.poll(device_code)).json()).toMatchObject({ error: 'slow_down', interval: 15 })
    await server.host.advance(15_000)
    expect(errorOf(await server.poll(device_code))).toBe('authorization_pending')
  })

  it('DEV-12 waiting is measured without the wall clock', async () => {
    const { device_code } = await server.start()
    await server.poll(device_code)
    server.host.clock.jump(8_000)
    expect(errorOf(await server.poll(device_code))).toBe('slow_down')
    await server.host.advance(10_000)
    server.host.clock.jump(-60_000)
    expect(errorOf(await server.poll(device_code))).toBe('authorization_pending')
  })

  it('DEV-13 whatever a device did, waiting as told gets it an answer in one poll', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 9_000 }), { maxLength: 6 }), async (gaps) => {
        const { device_code, interval } = await server.start()
        let told = interval
        const poll = async (): Promise<string> => {
          const { error, interval: now = told } = (await server.poll(device_code)).json()
          told = now
          return error
        }
        for (const gap of gaps) {
          await poll()
          await server.host.advance(gap)
        }
        await poll()
        await server.host.advance(told * 1000)
        expect(await poll()).toBe('authorization_pending')
      }),
      { numRuns: 25 },
    )
  })

  it('DEV-14 denied: access_denied until the deadline, then expired_token', async () => {
    const { device_code, user_code } = await server.start()
    await server.decide(user_code, 'deny')
    for (let polls = 0; polls < 3; polls++) {
      const answer = await server.poll(device_code)
      expect([answer.statusCode, errorOf(answer)]).toEqual([400, 'access_denied'])
    }
    await server.host.advance(10 * MINUTE)
    expect(errorOf(await server.poll(device_code))).toBe('expired_token')
  })

  it('DEV-09 DEV-14 both codes end at one moment; who comes later hears expired_token for a day', async () => {
    const { device_code, expires_in } = await server.start()
    await server.host.advance(expires_in * 1000 - 1)
    expect(errorOf(await server.poll(device_code))).toBe('authorization_pending')
    await server.host.advance(1)
    for (const later of [0, 60 * MINUTE, 22 * 60 * MINUTE]) {
      await server.host.advance(later)
      await server.store.purge(server.host.clock.now())
      const answer = await server.poll(device_code)
      expect([answer.statusCode, errorOf(answer)]).toEqual([400, 'expired_token'])
    }
    await server.host.advance(61 * MINUTE)
    await server.store.purge(server.host.clock.now())
    expect(errorOf(await server.poll(device_code))).toBe('invalid_grant')
  })

  it('DEV-14 approved and not fetched in time: expired_token, and no tokens', async () => {
    const { device_code, user_code } = await server.start()
    await server.decide(user_code, 'approve')
    await server.host.advance(10 * MINUTE)
    expect(errorOf(await server.poll(device_code))).toBe('expired_token')
    expect((await server.poll(device_code)).json()).not.toHaveProperty('access_token')
  })

  it('DEV-14 unknown, or of another client: invalid_grant, the same words', async () => {
    const { device_code, user_code } = await server.start()
    const foreign = await server.poll(device_code, { client_id: 'other-tv' })
    const unknown = await server.poll('unknown', { client_id: 'other-tv' })
    expect([foreign.statusCode, errorOf(foreign)]).toEqual([400, 'invalid_grant'])
    expect(foreign.body).toBe(unknown.body)
    // Not even once it is approved.
    await server.decide(user_code, 'approve')
    expect((await server.poll(device_code, { client_id: 'other-tv' })).body).toBe(unknown.body)
    expect((await server.poll(device_code)).statusCode).toBe(200)
  })

  it('DEV-15 an approved code gives tokens once, later polls invalid_grant', async () => {
    const { device_code, user_code } = await server.start()
    expect(errorOf(await server.poll(device_code))).toBe('authorization_pending')
    await server.decide(user_code, 'approve')
    const tokens = await server.poll(device_code)
    expect(tokens.statusCode).toBe(200)
    expect(tokens.json()).toMatchObject({ token_type: 'Bearer', expires_in: 600 })
    for (const later of [0, 11 * MINUTE]) {
      await server.host.advance(later)
      const again = await server.poll(device_code)
      expect([again.statusCode, errorOf(again)]).toEqual([400, 'invalid_grant'])
    }
  })

  it('DEV-15 NEG-07 of many polls at once exactly one gets tokens, and one family is made', async () => {
    const { device_code, user_code } = await server.start()
    await server.decide(user_code, 'approve')
    const answers = await Promise.all(Array.from({ length: 12 }, () => server.poll(device_code)))
    const won = answers.filter((answer) => answer.statusCode === 200)
    expect(won).toHaveLength(1)
    for (const lost of answers.filter((answer) => answer.statusCode !== 200)) {
      expect(['invalid_grant', 'slow_down']).toContain(errorOf(lost))
    }
    // The winner's link lives: nobody's failed attempt took it along.
    const { refresh_token } = won[0]?.json() ?? {}
    const refreshed = await server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token })
    expect(refreshed.statusCode).toBe(200)
  })

  it('DEV-16 an approved pick-up is never delayed, however early it comes', async () => {
    const { device_code, user_code } = await server.start()
    await server.poll(device_code)
    await server.poll(device_code)
    await server.decide(user_code, 'approve')
    expect((await server.poll(device_code)).statusCode).toBe(200)
  })

  it("DEV-16 polls that fail authentication, or are another client's, count for nothing", async () => {
    const posted = { client_id: 'posted', client_secret: SECRETS.POSTED_SECRET }
    const { device_code } = (await server.post('/device_authorization', posted)).json()
    const grant = { grant_type: DEVICE_CODE_GRANT, device_code }
    // As libraries do: Basic first, then in the form; and then somebody else altogether.
    const attempts = [
      await server.token(grant, basic('posted', SECRETS.POSTED_SECRET)),
      await server.token({ ...grant, ...posted, client_secret: 'wrong' }),
      await server.poll(device_code),
    ]
    expect(attempts.map(errorOf)).toEqual(['invalid_client', 'invalid_client', 'invalid_grant'])
    expect(errorOf(await server.token({ ...grant, ...posted }))).toBe('authorization_pending')
  })

  it('DEV-16 the order: used before expired, expired before denied or early', async () => {
    const [used, denied, early] = [await server.start(), await server.start(), await server.start()]
    await server.decide(used.user_code, 'approve')
    await server.poll(used.device_code)
    await server.decide(denied.user_code, 'deny')
    await server.host.advance(10 * MINUTE - 1)
    await server.poll(early.device_code)
    await server.host.advance(1)
    expect(errorOf(await server.poll(used.device_code))).toBe('invalid_grant')
    expect(errorOf(await server.poll(denied.device_code))).toBe('expired_token')
    expect(errorOf(await server.poll(early.device_code))).toBe('expired_token')
  })

  it('DEV-16 scope is what was asked at the start: a poll can narrow the token, not widen it', async () => {
    const { device_code, user_code } = await server.start({ scope: 'library:read library:write' })
    await server.decide(user_code, 'approve')
    const wider = await server.poll(device_code, { scope: 'library:read openid' })
    expect(errorOf(wider)).toBe('invalid_scope')
    const narrow = await server.poll(device_code, { scope: 'library:read' })
    expect(decodeJwt(narrow.json().access_token)['scope']).toBe('library:read')
  })

  it('DEV-15 a client without the refresh grant gets none', async () => {
    const posted = { client_id: 'posted', client_secret: SECRETS.POSTED_SECRET }
    const { device_code, user_code } = (await server.post('/device_authorization', posted)).json()
    await server.decide(user_code, 'approve')
    const tokens = (await server.token({ grant_type: DEVICE_CODE_GRANT, device_code, ...posted })).json()
    expect(tokens).not.toHaveProperty('refresh_token')
    expect(tokens.scope).toBe('library:read')
  })
})

describe('RFC 8628: limits are settings', () => {
  it('DEV-09 lifetime and interval are what the configuration says', async () => {
    const limits = { device_code_seconds: 1800, poll_interval_seconds: 10 }
    const server = await testServer({ config: await testConfig({ limits }) })
    const { device_code, ...rest } = await server.start()
    expect(rest).toMatchObject({ expires_in: 1800, interval: 10 })
    await server.poll(device_code)
    await server.host.advance(9_000)
    expect((await server.poll(device_code)).json()).toMatchObject({ error: 'slow_down', interval: 15 })
    await server.close()
  })

  it('DEV-03 DEV-04 LOG-01 RT-02 RT-09 KEY-04 SES-01 nothing in the database opens anything', async () => {
    const host = fakeHost()
    const server = await testServer({ host })
    const browser = server.browser()
    const { device_code, user_code } = await server.start()
    await browser.open(`/link?user_code=${user_code}`)
    await browser.signIn()
    await browser.open('/link/device')
    await browser.submit('/link/device', { answer: 'approve' })
    const first = (await server.poll(device_code)).json()
    const refresh = { grant_type: 'refresh_token', client_id: 'tv', refresh_token: first.refresh_token }
    const second = (await server.token(refresh)).json()
    const { store } = server
    const request = await store.deviceRequests.get(digestOf(device_code))
    const dump = JSON.stringify([
      request,
      await store.families.get(request?.familyId ?? ''),
      await store.sessions.byCookie(digestOf(browser.cookies.get('latchkey-session') ?? '')),
      await store.users.all(),
      await store.signingKeys.all(),
    ])
    expect(dump).toContain('sealedSuccessor')
    expect(dump).toContain('sealedPrivateKey')
    expect(dump).toContain('openedRequestId')
    const secrets = [device_code, user_code, user_code.replace('-', ''), PASSWORD, first.refresh_token]
    secrets.push(second.refresh_token, first.access_token, browser.cookies.get('latchkey-session') ?? 'missing', '"d":')
    for (const secret of secrets) expect(dump).not.toContain(secret)
    await server.close()
  })
})

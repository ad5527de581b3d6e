// What the device authorization endpoint does with those who ask too much, too often, or for what is not for devices
// (RFC 8628 §5, RFC 10027 §6.1.7-12).
import { ConfigError, parseConfig } from '@latchkey/server'
import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import type { LightMyRequestResponse } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { riskProblem } from '../../server/src/commands/serve.ts'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { createSlicedThrottle, sameNetwork } from '../../server/src/oauth/throttle.ts'
import { dpopClient, newDeviceKey, signedBy } from '../support/dpop-client.ts'
import { fakeHost } from '../support/fake-host.ts'
import { signedIn } from '../support/signed-in.ts'
import { LIBRARY, SECRETS, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const MINUTE = 60_000
const errorOf = (answer: LightMyRequestResponse): unknown => answer.json().error
const PROXY = { trusted_proxies: ['127.0.0.1'] }

let server: TestServer
afterEach(() => server?.close())

const start = (fields: Record<string, string> = {}, address = '192.0.2.1') =>
  server.post('/device_authorization', { client_id: 'tv', ...fields }, { 'x-forwarded-for': address })

/** As many flows as asked for, a few at a time; returns how many got a code. */
async function begin(amount: number, address: (index: number) => string): Promise<number> {
  let codes = 0
  for (let index = 0; index < amount; index++) {
    if ((await start({}, address(index))).statusCode === 200) codes += 1
  }
  return codes
}

describe('who may begin', () => {
  const problems = (client: Record<string, unknown>): readonly string[] => {
    try {
      parseConfig({ clients: [{ client_id: 'tv', grant_types: [DEVICE_CODE_GRANT], ...client }] } as never, {})
      return []
    } catch (error) {
      if (error instanceof ConfigError) return error.problems
      throw error
    }
  }

  it('DEV-18 a client that anybody can claim to be must say so; there is no way into that by leaving something out', () => {
    expect(problems({})).toEqual([
      expect.stringMatching(/client_secret: needed .* "token_endpoint_auth_method": "none"/),
    ])
    expect(problems({ token_endpoint_auth_method: 'none' })).toEqual([])
  })

  it('DEV-18 a client that nobody registered gets no code', async () => {
    server = await testServer()
    const answer = await start({ client_id: 'stranger' })
    expect([answer.statusCode, errorOf(answer)]).toEqual([401, 'invalid_client'])
  })

  it('DEV-20 scopes that an API keeps from devices are invalid_scope, and not among those given without asking', async () => {
    const apis = [
      {
        resource: LIBRARY,
        scopes: { 'library:read': 'See your library', 'library:write': 'Change it', 'reports:read': 'Read reports' },
        device_scopes: ['library:read', 'reports:read'],
      },
    ]
    server = await testServer({ config: testConfig({ apis }) })
    expect(errorOf(await start({ scope: 'library:write' }))).toBe('invalid_scope')
    expect(errorOf(await start({ scope: 'library:read library:write' }))).toBe('invalid_scope')
    expect((await start({ scope: 'library:read' })).statusCode).toBe(200)
    const { scope } = await server.link()
    expect(scope.split(' ')).toContain('library:read')
    expect(scope).not.toContain('library:write')
  })

  it.each([
    ['public', { token_endpoint_auth_method: 'none' }, { client_id: 'box' }],
    [
      'with a secret in it',
      { token_endpoint_auth_method: 'client_secret_post', client_secret: { env: 'POSTED_SECRET' } },
      { client_id: 'box', client_secret: SECRETS.POSTED_SECRET },
    ],
  ])(
    'DEV-20 DEV-19 a device client, %s, gets key-bound tokens unless its entry says otherwise',
    async (_name, how, who) => {
      const client = { client_id: 'box', grant_types: [DEVICE_CODE_GRANT], scope: 'library:read', ...how }
      server = await testServer({ config: testConfig({ clients: [client] }) })
      const device = await dpopClient(server)
      const started = (await device.post('/device_authorization', who)).json()
      await server.decide(started.user_code, 'approve')
      const grant = { grant_type: DEVICE_CODE_GRANT, device_code: started.device_code, ...who }
      expect(errorOf(await server.token(grant))).toBe('invalid_dpop_proof')
      expect((await device.post('/token', grant)).json()).toMatchObject({ token_type: 'DPoP' })
    },
  )

  it('DEV-24 a serial number as proof of presence is not built: nothing names it, and to send one changes nothing', async () => {
    server = await testServer()
    const metadata = (await server.app.inject('/.well-known/oauth-authorization-server')).body
    const described = (await server.app.inject('/openapi.json')).body
    for (const document of [metadata, described]) expect(document).not.toMatch(/serial|presence/i)
    const { user_code, device_code } = (await start({ device_serial: '1234' })).json()
    expect(JSON.stringify(await server.store.deviceRequests.get(digestOf(device_code)))).not.toContain('1234')
    const browser = await signedIn(server, 'bo@example.com')
    expect((await browser.open(`/link?user_code=${user_code}`)).body).not.toMatch(/serial/i)
  })
})

describe('how many may begin', () => {
  it('DEV-21 one key begins ten times in ten minutes, and what it does more costs its neighbours nothing', async () => {
    server = await testServer({ config: testConfig({ limits: { live_device_codes: 20 } }) })
    const [greedy, neighbour] = [await dpopClient(server), await dpopClient(server)]
    const ask = (device: typeof greedy) => device.post('/device_authorization', { client_id: 'tv' })
    for (let times = 0; times < 10; times++) expect((await ask(greedy)).statusCode).toBe(200)
    for (let times = 0; times < 10; times++) {
      const refused = await ask(greedy)
      expect([refused.statusCode, errorOf(refused)]).toEqual([429, 'temporarily_unavailable'])
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
      expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(600)
    }
    // Of the twelve codes that the network may have, ten are taken.
    expect((await ask(neighbour)).statusCode).toBe(200)
    expect((await ask(neighbour)).statusCode).toBe(200)
    await server.host.advance(11 * MINUTE)
    expect((await ask(greedy)).statusCode).toBe(200)
  })

  it('DEV-21 five hundred televisions of one hotel boot at once, and a hundred of them twice', async () => {
    server = await testServer({ config: testConfig({ listen: PROXY }) })
    expect(await begin(600, () => '192.0.2.1')).toBe(600)
    const one = await start({}, '192.0.2.1')
    expect([one.statusCode, errorOf(one), one.headers['cache-control']]).toEqual([
      429,
      'temporarily_unavailable',
      'no-store',
    ])
    // Others are not touched: another network, and another client in the same one.
    expect((await start({}, '192.0.2.2')).statusCode).toBe(200)
    expect((await start({ client_id: 'other-tv' }, '192.0.2.1')).statusCode).toBe(200)
    // As soon as it says, it works.
    await server.host.advance(Number(one.headers['retry-after']) * 1000)
    expect((await start({}, '192.0.2.1')).statusCode).toBe(200)
  }, 60_000)

  it('DEV-21 IPv6 counts by /64', async () => {
    const limits = { live_device_codes: 10 }
    server = await testServer({ config: testConfig({ listen: PROXY, limits }) })
    expect(await begin(8, (index) => `2001:db8:1:2::${index + 1}`)).toBe(6)
    expect((await start({}, '2001:db8:1:3::1')).statusCode).toBe(200)
  })

  it('DEV-21 no more codes live at once than configured; one that was decided or has run out makes room', async () => {
    const limits = { live_device_codes: 5 }
    server = await testServer({ config: testConfig({ listen: PROXY, limits }) })
    expect(await begin(4, (index) => `192.0.2.${index}`)).toBe(4)
    await server.host.advance(MINUTE)
    const { user_code } = (await start({}, '127.0.0.1')).json()
    const full = await start({}, '192.0.2.10')
    expect([full.statusCode, errorOf(full), full.headers['retry-after']]).toEqual([
      429,
      'temporarily_unavailable',
      String(9 * 60),
    ])
    await server.decide(user_code, 'deny')
    expect((await start({}, '192.0.2.11')).statusCode).toBe(200)
    expect((await start({}, '192.0.2.12')).statusCode).toBe(429)
    await server.host.advance(9 * MINUTE)
    expect(await begin(5, (index) => `192.0.2.${20 + index}`)).toBe(4)
  })

  it('DEV-21 a refused request, and a wall clock that jumps, take nobody’s place', async () => {
    server = await testServer({ config: testConfig({ limits: { live_device_codes: 5 } }) })
    for (let times = 0; times < 20; times++) await start({ scope: 'nothing:known' })
    expect(await begin(4, () => '127.0.0.1')).toBe(3)
    server.host.clock.jump(60 * MINUTE)
    expect((await start()).statusCode).toBe(429)
  })

  it('DEV-21 in any window no more events than allowed, and waiting as told is enough', async () => {
    const host = fakeHost()
    const throttle = createSlicedThrottle({ most: 7, windowSeconds: 60 }, host.clock)
    const allowed: number[] = []
    for (let second = 0; second < 600; second += 1) {
      const wait = throttle.secondsToWait('a')
      if (wait === 0) {
        throttle.count('a')
        allowed.push(host.clock.monotonic())
      } else {
        expect(wait).toBeLessThanOrEqual(63)
      }
      await host.advance(1_000)
    }
    for (const at of allowed) {
      expect(allowed.filter((other) => other >= at && other < at + 60_000).length).toBeLessThanOrEqual(7)
    }
    while (throttle.secondsToWait('a') === 0) throttle.count('a')
    await host.advance(throttle.secondsToWait('a') * 1000)
    expect(throttle.secondsToWait('a')).toBe(0)
    expect(throttle.secondsToWait('b')).toBe(0)
  })

  it('DEV-08 a server that lets too many codes live says so when it starts', () => {
    const told = (live_device_codes: number) => riskProblem(testConfig({ limits: { live_device_codes } }))
    expect(riskProblem(testConfig())).toBeUndefined()
    expect(told(1900)).toBeUndefined()
    expect(told(2000)).toMatch(/^With 2000 live codes, a year of guessing hits one with 21 %: .*docs\/security\.md/)
    expect(told(50_000)).toMatch(/100 %/)
  })
})

describe('one network or two', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['::ffff:192.0.2.1', '192.0.2.1', true],
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', true],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['192.168.1.5', '192.168.1.77', true],
    ['::ffff:192.168.1.5', '192.168.1.77', true],
    ['192.168.1.5', '192.168.2.5', false],
    ['10.1.2.3', '10.1.2.4', true],
    ['10.1.2.3', '10.1.3.3', false],
    ['172.16.0.1', '172.16.0.2', true],
    ['172.32.0.1', '172.32.0.2', false],
    ['110.1.2.3', '110.1.2.4', false],
  ])('DEV-23 %s and %s: %s', (one, other, same) => {
    expect(sameNetwork(one, other)).toBe(same)
    expect(sameNetwork(other, one)).toBe(same)
  })
})

describe('a secret in every box', () => {
  const clients = [
    {
      client_id: 'boxed',
      client_name: 'Northwind box',
      token_endpoint_auth_method: 'client_secret_post',
      client_secret: { env: 'POSTED_SECRET' },
      dpop_bound_access_tokens: false,
      grant_types: [DEVICE_CODE_GRANT],
      scope: 'library:read',
    },
    {
      client_id: 'public',
      client_name: 'Northwind box',
      token_endpoint_auth_method: 'none',
      dpop_bound_access_tokens: false,
      grant_types: [DEVICE_CODE_GRANT],
      scope: 'library:read',
    },
  ]
  const UNPROVEN = 'We can’t check that it’s really this app'

  async function pageFor(who: Record<string, string>): Promise<string> {
    const { user_code } = (await server.post('/device_authorization', who)).json()
    const browser = await signedIn(server, 'bo@example.com')
    return (await browser.open(`/link?user_code=${user_code}`)).body
  }

  it('DEV-19 WEB-04 the page says of it what it says of a public client: that nobody can check who asks', async () => {
    server = await testServer({ config: testConfig({ clients }) })
    for (const who of [{ client_id: 'boxed', client_secret: SECRETS.POSTED_SECRET }, { client_id: 'public' }]) {
      const page = await pageFor(who)
      expect(page).toContain('name="answer"')
      expect(page).toContain('Northwind box')
      expect(page).toContain(UNPROVEN)
    }
  })

  it('DEV-19 only a key of its own lets the page name who asks', async () => {
    const key = await newDeviceKey()
    const own = {
      ...clients[1],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...key.jwk, alg: 'ES256' }] },
    }
    server = await testServer({ config: testConfig({ clients: [own] }) })
    const seconds = Math.floor(server.host.clock.now() / 1000)
    const assertion = await signedBy(key, {
      iss: 'public',
      sub: 'public',
      aud: server.config.issuer,
      iat: seconds,
      exp: seconds + 30,
      jti: 'one',
    })
    const page = await pageFor({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    })
    expect(page).toContain('Northwind box')
    expect(page).not.toContain(UNPROVEN)
  })
})

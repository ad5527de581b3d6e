import { DEVICE_CODE_GRANT, JWK_THUMBPRINT_URI, JWT_BEARER_GRANT } from '@latchkey/shared'
import type { LightMyRequestResponse } from 'fastify'
import { decodeJwt, exportJWK } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TokenFamily } from '../../server/src/oauth/records.ts'
import {
  type DeviceKey,
  type DpopClient,
  dpopClient,
  linkWithKey,
  newDeviceKey,
  signedBy,
} from '../support/dpop-client.ts'
import { keptLog } from '../support/kept-log.ts'
import { signedIn } from '../support/signed-in.ts'
import { ISSUER, LIBRARY, REPORTS, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const DAY = 24 * 60 * 60_000
const GOOD = [200, undefined]
const REFUSED = [400, 'invalid_grant']
const outcome = (answer: LightMyRequestResponse) => [answer.statusCode, answer.json().error]

const publicClient = (client_id: string, ...grants: readonly string[]) => ({
  client_id,
  token_endpoint_auth_method: 'none',
  ...(grants.length === 0 ? {} : { grant_types: [DEVICE_CODE_GRANT, ...grants] }),
  scope: 'openid offline_access library:read library:write reports:read',
})

const CONFIG = testConfig({
  clients: [
    publicClient('app'),
    publicClient('other'),
    publicClient('no-refresh', JWT_BEARER_GRANT),
    publicClient('no-rescue', 'refresh_token'),
  ],
})

describe('Rescue: a device signs itself back in with the key of its link', () => {
  const log = keptLog()
  let server: TestServer
  let device: DpopClient
  beforeEach(async () => {
    server = await testServer({ config: CONFIG, logger: log.logger })
    device = await dpopClient(server)
  })
  afterEach(() => server.close())

  interface Changes {
    readonly claims?: Readonly<Record<string, unknown>>
    readonly header?: Readonly<Record<string, unknown>>
    readonly key?: DeviceKey
  }

  let count = 0
  const assertion = ({ claims = {}, header = {}, key = device.key }: Changes = {}) => {
    count += 1
    const usual = {
      iss: 'app',
      sub: JWK_THUMBPRINT_URI + key.jkt,
      aud: ISSUER,
      exp: server.host.clock.now() / 1000 + 60,
      jti: `rescue ${count}`,
    }
    return signedBy(key, { ...usual, ...claims }, { typ: 'JWT', jwk: key.jwk, ...header })
  }
  const send = (by: DpopClient, signed: string, fields: Readonly<Record<string, string>> = {}) =>
    by.post('/token', { grant_type: JWT_BEARER_GRANT, client_id: 'app', assertion: signed, ...fields })
  const rescue = async (changes: Changes = {}, fields: Readonly<Record<string, string>> = {}) =>
    send(device, await assertion(changes), fields)
  const link = (fields: Readonly<Record<string, string>> = {}) =>
    linkWithKey(server, device, { client_id: 'app', scope: 'openid offline_access library:read', ...fields })
  const refresh = (token: string | undefined, by = device) =>
    by.post('/token', { grant_type: 'refresh_token', client_id: 'app', refresh_token: token ?? '' })
  const familyOf = async (accessToken: string): Promise<TokenFamily> => {
    const family = await server.store.families.get(String(decodeJwt(accessToken)['link']))
    if (family === undefined) throw new Error('no link')
    return family
  }
  const revokeLink = async (accessToken: string) => {
    const family = await familyOf(accessToken)
    await server.store.families.swap({ ...family, revokedAt: server.host.clock.now() })
  }

  it('DP-05 the same link goes on, with new tokens that are bound to the same key', async () => {
    const lost = await link()
    const answer = await rescue()
    expect(outcome(answer)).toEqual(GOOD)
    expect(answer.json()).toMatchObject({ token_type: 'DPoP', scope: 'openid offline_access library:read' })
    const before = decodeJwt(lost.access_token)
    const after = decodeJwt(answer.json().access_token)
    for (const claim of ['sub', 'aud', 'client_id', 'link', 'cnf', 'auth_time', 'amr']) {
      expect([claim, after[claim]]).toEqual([claim, before[claim]])
    }
    expect(outcome(await refresh(answer.json().refresh_token))).toEqual(GOOD)
    expect(log.events().some((event) => event['event'] === 'rescued')).toBe(true)
  })

  it('RT-07 the refresh tokens from before are dead: the last one, and the one before it', async () => {
    for (const rotations of [0, 1]) {
      const { access_token, refresh_token } = await link()
      if (rotations > 0) await refresh(refresh_token)
      expect(outcome(await rescue())).toEqual(GOOD)
      expect(outcome(await refresh(refresh_token))).toEqual(REFUSED)
      // Somebody holds a token that was rescued away: as with any old token, the link ends.
      expect((await familyOf(access_token)).revokedAt).toBeDefined()
      expect(outcome(await rescue())).toEqual(REFUSED)
    }
  })

  it('an answer that was lost again costs one more assertion', async () => {
    await link()
    await rescue()
    const second = await rescue()
    expect(outcome(second)).toEqual(GOOD)
    expect(outcome(await refresh(second.json().refresh_token))).toEqual(GOOD)
  })

  it('DEV-15 a device whose pick-up was lost has its link all the same', async () => {
    const asked = (await device.post('/device_authorization', { client_id: 'app', scope: 'library:read' })).json()
    await server.decide(asked.user_code, 'approve')
    const poll = { grant_type: DEVICE_CODE_GRANT, client_id: 'app', device_code: asked.device_code }
    await device.post('/token', poll)
    expect(outcome(await device.post('/token', poll))).toEqual(REFUSED)
    const answer = await rescue()
    expect([answer.statusCode, answer.json().scope]).toEqual([200, 'library:read'])
  })

  it('a client that is given no refresh tokens gets none here either', async () => {
    await linkWithKey(server, device, { client_id: 'no-refresh', scope: 'library:read' })
    const answer = await rescue({ claims: { iss: 'no-refresh' } }, { client_id: 'no-refresh' })
    expect(outcome(answer)).toEqual(GOOD)
    expect(answer.json()).not.toHaveProperty('refresh_token')
  })

  it('less than was allowed may be asked for, more not; a refusal costs nothing', async () => {
    const fields = { client_id: 'app', scope: 'library:read library:write reports:read', resource: [LIBRARY, REPORTS] }
    await linkWithKey(server, device, fields)
    const narrowed = await rescue({}, { scope: 'library:read' })
    expect([narrowed.statusCode, narrowed.json().scope]).toEqual([200, 'library:read'])
    const other = await rescue({}, { resource: REPORTS })
    expect([other.statusCode, decodeJwt(other.json().access_token).aud]).toEqual([200, REPORTS])
    const signed = await assertion()
    expect(outcome(await send(device, signed, { scope: 'openid' }))).toEqual([400, 'invalid_scope'])
    expect(outcome(await send(device, signed, { resource: 'https://x.example.com' }))).toEqual([400, 'invalid_target'])
    expect(outcome(await send(device, signed))).toEqual(GOOD)
  })

  it.each(['ES256', 'EdDSA', 'PS256', 'RS256'] as const)('by a key for %s', async (alg) => {
    device = await dpopClient(server, { key: await newDeviceKey(alg) })
    await link()
    expect(outcome(await rescue())).toEqual(GOOD)
  })

  describe('invalid_grant', () => {
    it('the link was revoked, or has ended by itself', async () => {
      const { access_token } = await link()
      await revokeLink(access_token)
      expect(outcome(await rescue())).toEqual(REFUSED)
      await link()
      await server.host.advance(90 * DAY - 1000)
      expect(outcome(await rescue())).toEqual(GOOD)
      await server.host.advance(90 * DAY + 1000)
      expect(outcome(await rescue())).toEqual(REFUSED)
    })

    it('there never was one', async () => {
      expect(outcome(await rescue())).toEqual(REFUSED)
    })

    it('of several links the latest counts: when that is revoked, no older one opens', async () => {
      await link()
      await server.host.advance(1000)
      const ben = await signedIn(server, 'ben@example.com')
      const latest = await linkWithKey(server, device, { client_id: 'app', scope: 'library:read' }, ben)
      const answer = await rescue()
      expect(decodeJwt(answer.json().access_token).sub).toBe(decodeJwt(latest.access_token).sub)
      await revokeLink(latest.access_token)
      expect(outcome(await rescue())).toEqual(REFUSED)
    })

    it('another key: one that signs for itself, for the link’s key, or beside the link’s proof', async () => {
      await link()
      const thief = await dpopClient(server)
      const { key } = thief
      const theirs = JWK_THUMBPRINT_URI + device.key.jkt
      expect(outcome(await send(thief, await assertion({ key })))).toEqual(REFUSED)
      expect(outcome(await send(thief, await assertion({ key, claims: { sub: theirs } })))).toEqual(REFUSED)
      const borrowed = { key, claims: { sub: theirs }, header: { jwk: device.key.jwk } }
      expect(outcome(await send(thief, await assertion(borrowed)))).toEqual(REFUSED)
      // An assertion that was overheard, before it was used.
      expect(outcome(await send(thief, await assertion()))).toEqual(REFUSED)
      expect(outcome(await send(device, await assertion({ key })))).toEqual(REFUSED)
      expect(outcome(await rescue())).toEqual(GOOD)
    })

    it('CLI-09 a replayed assertion, also after a restart of nothing but the nonces', async () => {
      await link()
      const signed = await assertion()
      const first = await send(device, signed)
      expect(outcome(first)).toEqual(GOOD)
      expect(outcome(await send(device, signed))).toEqual(REFUSED)
      const { store, host } = server
      const again = await testServer({ config: CONFIG, store: { ...store, close: async () => undefined }, host })
      const sameDevice = await dpopClient(again, { key: device.key })
      expect(outcome(await send(sameDevice, signed))).toEqual(REFUSED)
      await again.close()
      // The replays did no harm to who is in.
      expect(outcome(await refresh(first.json().refresh_token))).toEqual(GOOD)
    })

    it('CLI-09 of one assertion sent several times at once, one is good', async () => {
      await link()
      await rescue()
      const signed = await assertion()
      const answers = await Promise.all([1, 2, 3, 4].map(() => send(device, signed)))
      expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 400, 400, 400])
    })

    it('CLI-08 an old assertion, or one made for later', async () => {
      await link()
      const now = server.host.clock.now() / 1000
      for (const exp of [now, now - 60, now + 301, undefined]) {
        expect(outcome(await rescue({ claims: { exp } }))).toEqual(REFUSED)
      }
      expect(outcome(await rescue({ claims: { iat: now + 62 } }))).toEqual(REFUSED)
      expect(outcome(await rescue({ claims: { nbf: now + 62 } }))).toEqual(REFUSED)
      expect(outcome(await rescue({ claims: { exp: now + 300 } }))).toEqual(GOOD)
    })

    it.each<[string, Record<string, unknown>]>([
      ['for the token endpoint', { aud: `${ISSUER}/token` }],
      ['for somebody else too', { aud: [ISSUER, 'https://login.example.com'] }],
      ['for nobody', { aud: undefined }],
      ['by nobody', { iss: undefined }],
      ['by another client', { iss: 'other' }],
      ['of no key', { sub: undefined }],
      ['of a client', { sub: 'app' }],
      ['without jti', { jti: undefined }],
    ])('CLI-06 CLI-07 an assertion %s', async (_what, claims) => {
      await link()
      expect(outcome(await rescue({ claims }))).toEqual(REFUSED)
    })

    it('another client’s link, with the same key', async () => {
      await link()
      expect(outcome(await rescue({ claims: { iss: 'other' } }, { client_id: 'other' }))).toEqual(REFUSED)
      expect(outcome(await rescue({}, { client_id: 'other' }))).toEqual(REFUSED)
      await linkWithKey(server, device, { client_id: 'other', scope: 'library:write' })
      const answer = await rescue({ claims: { iss: 'other' } }, { client_id: 'other' })
      expect([answer.statusCode, answer.json().scope]).toEqual([200, 'library:write'])
    })

    it('NEG-06 CLI-10 what is no assertion: no key in it, a private one, no signature, another type, garbage', async () => {
      await link()
      expect(outcome(await rescue({ header: { jwk: undefined } }))).toEqual(REFUSED)
      const secret = await exportJWK(device.key.privateKey)
      expect(outcome(await rescue({ header: { jwk: secret } }))).toEqual(REFUSED)
      expect(outcome(await rescue({ header: { jwk: { ...device.key.jwk, y: device.key.jwk.x } } }))).toEqual(REFUSED)
      expect(outcome(await rescue({ header: { typ: 'dpop+jwt' } }))).toEqual(REFUSED)
      const signed = await assertion()
      for (const text of ['x', 'a.b.c', signed.slice(0, -4), `${signed.split('.').slice(0, 2).join('.')}.`]) {
        expect(outcome(await send(device, text))).toEqual(REFUSED)
      }
      const none = Buffer.from('{"alg":"none"}').toString('base64url')
      expect(outcome(await send(device, signed.replace(/^[^.]+/, none)))).toEqual(REFUSED)
    })

    it('NEG-09 the account was closed since', async () => {
      await link()
      const user = await server.store.users.get(server.user.id)
      if (user === undefined) throw new Error('no user')
      await server.store.users.swap({ ...user, disabledAt: server.host.clock.now() })
      expect(outcome(await rescue())).toEqual(REFUSED)
    })
  })

  it('without a proof: invalid_dpop_proof, and the assertion is still good', async () => {
    await link()
    const signed = await assertion()
    const bare = await server.token({ grant_type: JWT_BEARER_GRANT, client_id: 'app', assertion: signed })
    expect(outcome(bare)).toEqual([400, 'invalid_dpop_proof'])
    expect(outcome(await send(device, signed))).toEqual(GOOD)
  })

  it('without an assertion: invalid_request; by a client that may not: unauthorized_client', async () => {
    const nothing = await device.post('/token', { grant_type: JWT_BEARER_GRANT, client_id: 'app' })
    expect(outcome(nothing)).toEqual([400, 'invalid_request'])
    await linkWithKey(server, device, { client_id: 'no-rescue', scope: 'library:read' })
    const answer = await rescue({ claims: { iss: 'no-rescue' } }, { client_id: 'no-rescue' })
    expect(outcome(answer)).toEqual([400, 'unauthorized_client'])
  })

  it('MET-03 the metadata tells of it', async () => {
    const metadata = (await server.app.inject('/.well-known/oauth-authorization-server')).json()
    expect(metadata.grant_types_supported).toContain(JWT_BEARER_GRANT)
  })
})

import { createHmac, createPublicKey } from 'node:crypto'
import { join } from 'node:path'
import { openStore } from '@latchkey/server'
import { JWT_BEARER_ASSERTION } from '@latchkey/shared'
import type { LightMyRequestResponse } from 'fastify'
import { exportJWK, importJWK, type JWTHeaderParameters, SignJWT, UnsecuredJWT } from 'jose'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Config } from '../../server/src/config.ts'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { type DeviceKey, newDeviceKey } from '../support/dpop-client.ts'
import { assertionBy } from '../support/enrolment.ts'
import { fakeHost } from '../support/fake-host.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { basic, ISSUER, SECRETS, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const ALGORITHMS = ['ES256', 'EdDSA', 'PS256', 'RS256'] as const
const GRANT = { grant_type: 'client_credentials' }
const outcome = (answer: LightMyRequestResponse) => [answer.statusCode, answer.json().error]
const GOOD = [200, undefined]
const REFUSED = [401, 'invalid_client']

describe('RFC 7523: a client proves who it is by its key', () => {
  const keys = new Map<string, DeviceKey>()
  const keyOf = (name: string): DeviceKey => {
    const key = keys.get(name)
    if (key === undefined) throw new Error(`no key ${name}`)
    return key
  }
  let config: Config
  let server: TestServer

  beforeAll(async () => {
    for (const alg of ALGORITHMS) keys.set(alg, await newDeviceKey(alg))
    for (const name of ['first', 'second', 'stranger']) keys.set(name, await newDeviceKey())
    const signer = {
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: [GRANT.grant_type],
      scope: 'library:read',
    }
    config = testConfig({
      clients: [
        ...ALGORITHMS.map((alg) => ({ client_id: alg, ...signer, jwks: { keys: [{ ...keyOf(alg).jwk, alg }] } })),
        {
          client_id: 'signer',
          ...signer,
          jwks: {
            keys: [
              { ...keyOf('first').jwk, kid: '1' },
              { ...keyOf('second').jwk, kid: '2' },
            ],
          },
        },
        { client_id: 'other', ...signer, jwks: { keys: [keyOf('stranger').jwk] } },
        {
          client_id: 'reports',
          client_secret: { env: 'REPORTS_SECRET' },
          grant_types: ['client_credentials'],
          scope: 'library:read',
        },
      ],
    })
  })
  beforeEach(async () => {
    server = await testServer({ config })
  })
  afterEach(() => server.close())

  /** What the token endpoint says to an assertion of `signer`, changed as told. */
  const present = async (
    claims: Readonly<Record<string, unknown>> = {},
    header: Partial<JWTHeaderParameters> = {},
    more: { readonly key?: string; readonly fields?: Readonly<Record<string, string>> } = {},
  ) => {
    const assertion = await assertionBy(server, keyOf(more.key ?? 'first'), 'signer', claims, header)
    return server.token({ ...GRANT, ...assertion, ...more.fields })
  }
  const seconds = () => server.host.clock.now() / 1000

  it.each(ALGORITHMS)('CLI-06 CLI-10 a client whose key is for %s', async (alg) => {
    const answer = await server.token({ ...GRANT, ...(await assertionBy(server, keyOf(alg), alg)) })
    expect(outcome(answer)).toEqual(GOOD)
    expect(answer.json()).toMatchObject({ token_type: 'Bearer', scope: 'library:read' })
  })

  it('CLI-06 at the other endpoints where clients prove who they are, too', async () => {
    const { access_token } = (await present()).json()
    for (const path of ['/introspect', '/revoke']) {
      const assertion = await assertionBy(server, keyOf('first'), 'signer')
      expect((await server.post(path, { token: access_token, ...assertion })).statusCode).toBe(200)
      expect(outcome(await server.post(path, { token: access_token, ...assertion }))).toEqual(REFUSED)
    }
  })

  describe('CLI-06 who it is of', () => {
    it('CLI-06 the same client_id in the body is fine, another one is not', async () => {
      expect(outcome(await present({}, {}, { fields: { client_id: 'signer' } }))).toEqual(GOOD)
      expect(outcome(await present({}, {}, { fields: { client_id: 'other' } }))).toEqual(REFUSED)
    })

    it.each<[string, Record<string, unknown>]>([
      ['another iss', { iss: 'other' }],
      ['another sub', { sub: 'other' }],
      ['iss and sub of another client', { iss: 'other', sub: 'other' }],
      ['no iss', { iss: undefined }],
      ['no sub', { sub: undefined }],
      ['iss that is no text', { iss: ['signer'] }],
    ])('CLI-06 %s: invalid_client', async (_what, claims) => {
      const answer = await present(claims)
      expect(outcome(answer)).toEqual(REFUSED)
      expect(answer.headers['www-authenticate']).toMatch(/^Basic /)
    })

    it.each([
      ['another type', 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer'],
      ['the type in capitals', JWT_BEARER_ASSERTION.toUpperCase()],
      ['the type of the grant', 'urn:ietf:params:oauth:grant-type:jwt-bearer'],
      ['no type', ''],
    ])('CLI-06 %s: invalid_client', async (_what, client_assertion_type) => {
      expect(outcome(await present({}, {}, { fields: { client_assertion_type } }))).toEqual(REFUSED)
    })

    it('CLI-06 a type without an assertion, and what is no JWT at all: invalid_client', async () => {
      const type = { ...GRANT, client_assertion_type: JWT_BEARER_ASSERTION }
      expect(outcome(await server.token(type))).toEqual(REFUSED)
      for (const client_assertion of ['x', '..', 'a.b.c', 'eyJhbGciOiJFUzI1NiJ9.bm8.c2ln', '.e30.']) {
        expect(outcome(await server.token({ ...type, client_id: 'signer', client_assertion }))).toEqual(REFUSED)
      }
    })

    it('CLI-02 CLI-03 it is the only way of its client, and the only one in a request', async () => {
      expect(outcome(await server.token({ ...GRANT, client_id: 'signer' }))).toEqual(REFUSED)
      expect(outcome(await server.token({ ...GRANT, client_id: 'signer', client_secret: 'x' }))).toEqual(REFUSED)
      const assertion = await assertionBy(server, keyOf('first'), 'reports')
      expect(outcome(await server.token({ ...GRANT, ...assertion }))).toEqual(REFUSED)
      const both = { ...GRANT, ...(await assertionBy(server, keyOf('first'), 'signer')) }
      expect(outcome(await server.token(both, basic('reports', SECRETS.REPORTS_SECRET)))).toEqual([
        400,
        'invalid_request',
      ])
      expect(outcome(await server.token({ ...both, client_secret: 'x' }))).toEqual([400, 'invalid_request'])
    })
  })

  describe('CLI-07 whom it is for', () => {
    it('CLI-07 our issuer, as text or as the only one of a list', async () => {
      expect(outcome(await present({ aud: ISSUER }))).toEqual(GOOD)
      expect(outcome(await present({ aud: [ISSUER] }))).toEqual(GOOD)
    })

    it.each([
      ['the token endpoint', `${ISSUER}/token`],
      ['the issuer with a slash', `${ISSUER}/`],
      ['somebody else', 'https://login.example.com'],
      ['somebody else beside us', [ISSUER, 'https://login.example.com']],
      ['us twice', [ISSUER, ISSUER]],
      ['nobody', []],
      ['nobody at all', undefined],
    ])('CLI-07 %s: invalid_client', async (_what, aud) => {
      expect(outcome(await present({ aud }))).toEqual(REFUSED)
    })
  })

  describe('CLI-08 when it is good', () => {
    it('CLI-08 up to five minutes ahead, and not a moment past its end', async () => {
      expect(outcome(await present({ exp: seconds() + 300 }))).toEqual(GOOD)
      expect(outcome(await present({ exp: seconds() + 301 }))).toEqual(REFUSED)
      expect(outcome(await present({ exp: seconds() + 1 }))).toEqual(GOOD)
      expect(outcome(await present({ exp: seconds() }))).toEqual(REFUSED)
      expect(outcome(await present({ exp: undefined }))).toEqual(REFUSED)
      expect(outcome(await present({ exp: '9999999999' }))).toEqual(REFUSED)
    })

    it('CLI-08 a clock that is a minute ahead is forgiven, in nbf and in iat', async () => {
      for (const claim of ['nbf', 'iat']) {
        expect(outcome(await present({ [claim]: seconds() + 60 }))).toEqual(GOOD)
        expect(outcome(await present({ [claim]: seconds() + 62 }))).toEqual(REFUSED)
        expect(outcome(await present({ [claim]: 'now' }))).toEqual(REFUSED)
      }
    })
  })

  describe('CLI-09 once', () => {
    it('CLI-09 the same assertion again is invalid_client; of several at once one is good', async () => {
      const assertion = { ...GRANT, ...(await assertionBy(server, keyOf('first'), 'signer')) }
      const answers = await Promise.all([1, 2, 3, 4].map(() => server.token(assertion)))
      expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 401, 401, 401])
      expect(outcome(await server.token(assertion))).toEqual(REFUSED)
    })

    it('CLI-09 the same jti in another assertion counts too, but not that of another client', async () => {
      expect(outcome(await present({ jti: 'one' }))).toEqual(GOOD)
      expect(outcome(await present({ jti: 'one', exp: seconds() + 61 }))).toEqual(REFUSED)
      const other = await assertionBy(server, keyOf('stranger'), 'other', { jti: 'one' })
      expect(outcome(await server.token({ ...GRANT, ...other }))).toEqual(GOOD)
    })

    it.each([[undefined], [''], [7], ['x'.repeat(257)]])('CLI-09 without a jti of use: invalid_client', async (jti) => {
      expect(outcome(await present({ jti }))).toEqual(REFUSED)
    })

    it('CLI-09 who cannot sign uses up nobody’s jti; an assertion that was refused is not remembered either', async () => {
      expect(outcome(await present({ jti: 'one' }, {}, { key: 'stranger' }))).toEqual(REFUSED)
      expect(outcome(await present({ jti: 'one', aud: 'https://login.example.com' }))).toEqual(REFUSED)
      expect(outcome(await present({ jti: 'one' }))).toEqual(GOOD)
    })

    it('CLI-09 kept by its digest, as long as the assertion could come again', async () => {
      const exp = seconds() + 60
      await present({ jti: 'a telling jti', exp })
      const mark = await server.store.spent.get(digestOf('jti client signer a telling jti'))
      expect(JSON.stringify(mark)).not.toContain('telling')
      expect(mark?.expiresAt).toBeGreaterThanOrEqual(exp * 1000)
      await server.store.purge(exp * 1000)
      expect(await server.store.spent.get(mark?.id ?? '')).toBeDefined()
    })

    it('CLI-09 a restart forgets nothing', async () => {
      const folder = temporaryFolder()
      const database = `sqlite:${join(folder, 'latchkey.db')}`
      const host = fakeHost()
      const first = await testServer({ config, host, store: await openStore(database) })
      const assertion = { ...GRANT, ...(await assertionBy(first, keyOf('first'), 'signer')) }
      expect(outcome(await first.token(assertion))).toEqual(GOOD)
      await first.close()
      const second = await testServer({ config, host, store: await openStore(database) })
      expect(outcome(await second.token(assertion))).toEqual(REFUSED)
      const fresh = { ...GRANT, ...(await assertionBy(second, keyOf('first'), 'signer')) }
      expect(outcome(await second.token(fresh))).toEqual(GOOD)
      await second.close()
      removeFolder(folder)
    })
  })

  describe('CLI-10 by which key', () => {
    it('CLI-10 CLI-11 either of two keys, by its kid or by none; a wrong kid, another key: invalid_client', async () => {
      expect(outcome(await present({}, { kid: '1' }))).toEqual(GOOD)
      expect(outcome(await present({}, { kid: '2' }, { key: 'second' }))).toEqual(GOOD)
      expect(outcome(await present({}, {}, { key: 'second' }))).toEqual(GOOD)
      expect(outcome(await present({}, { kid: '2' }))).toEqual(REFUSED)
      expect(outcome(await present({}, { kid: '3' }))).toEqual(REFUSED)
      expect(outcome(await present({}, {}, { key: 'stranger' }))).toEqual(REFUSED)
    })

    it('CLI-10 keys that the header brings along, or points to, are not looked at', async () => {
      const { jwk } = keyOf('stranger')
      const headers: Partial<JWTHeaderParameters>[] = [
        { jwk },
        { jku: 'https://app.example.com/jwks' },
        { x5u: 'https://app.example.com/chain' },
      ]
      for (const header of headers) {
        expect(outcome(await present({}, header, { key: 'stranger' }))).toEqual(REFUSED)
        expect(outcome(await present({}, header))).toEqual(GOOD)
      }
    })

    it.each([
      ['client-authentication+jwt', GOOD],
      ['JWT', GOOD],
      [undefined, GOOD],
      ['at+jwt', REFUSED],
      ['dpop+jwt', REFUSED],
    ])('CLI-10 typ %s', async (typ, expected) => {
      expect(outcome(await present({}, typ === undefined ? {} : { typ }))).toEqual(expected)
    })

    it('CLI-10 an extension that must be understood is not', async () => {
      const assertion = await assertionBy(server, keyOf('first'), 'signer')
      const [, payload, signature] = assertion.client_assertion.split('.')
      const header = Buffer.from('{"alg":"ES256","crit":["x"],"x":1}').toString('base64url')
      const client_assertion = [header, payload, signature].join('.')
      expect(outcome(await server.token({ ...GRANT, ...assertion, client_assertion }))).toEqual(REFUSED)
    })

    it('CLI-10 no signature, a symmetric one by the public key, another alg than the key’s: invalid_client', async () => {
      const claims = { iss: 'RS256', sub: 'RS256', aud: ISSUER, exp: seconds() + 60 }
      const type = { ...GRANT, client_assertion_type: JWT_BEARER_ASSERTION }
      const none = new UnsecuredJWT({ ...claims, jti: 'n' }).encode()
      expect(outcome(await server.token({ ...type, client_assertion: none }))).toEqual(REFUSED)

      const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const body = `${encode({ alg: 'HS256' })}.${encode({ ...claims, jti: 'h' })}`
      const { jwk } = keyOf('RS256')
      const pem = createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
      const forged = `${body}.${createHmac('sha256', pem).update(body).digest('base64url')}`
      expect(outcome(await server.token({ ...type, client_assertion: forged }))).toEqual(REFUSED)

      // The very key, and a good signature, but not what the key was registered for.
      const sameKey = await importJWK(await exportJWK(keyOf('RS256').privateKey), 'PS256')
      const crossed = await new SignJWT({ ...claims, jti: 'c' }).setProtectedHeader({ alg: 'PS256' }).sign(sameKey)
      expect(outcome(await server.token({ ...type, client_assertion: crossed }))).toEqual(REFUSED)
    })

    it('CLI-10 Ed25519 may go by either of its names', async () => {
      const { privateKey } = keyOf('EdDSA')
      const client_assertion = await new SignJWT({
        iss: 'EdDSA',
        sub: 'EdDSA',
        aud: ISSUER,
        jti: 'e',
        exp: seconds() + 60,
      })
        .setProtectedHeader({ alg: 'Ed25519' })
        .sign(privateKey)
      const type = { ...GRANT, client_assertion_type: JWT_BEARER_ASSERTION }
      expect(outcome(await server.token({ ...type, client_assertion }))).toEqual(GOOD)
    })

    it('NEG-06 one of more than 8 KiB is refused unread', async () => {
      const answer = await present({ padding: 'x'.repeat(8192) })
      expect(outcome(answer)).toEqual([400, 'invalid_request'])
      const deep = JSON.parse(`${'['.repeat(50)}${']'.repeat(50)}`)
      expect(outcome(await present({ deep }))).toEqual(REFUSED)
    })
  })

  it('CLI-10 CLI-11 private, symmetric and weak keys are refused where they are written', () => {
    const { jwk } = keyOf('first')
    for (const bad of [
      { kty: 'oct', k: 'c2VjcmV0' },
      { ...jwk, d: jwk.x },
      { kty: 'RSA', e: 'AQ', n: 'AQAB' },
    ]) {
      const client = { client_id: 'a', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [bad] } }
      expect(() => testConfig({ clients: [client] })).toThrow('clients[0].jwks: key 0')
    }
  })

  it('CLI-11 keys are told inline: an address of keys is an unknown setting', () => {
    const client = {
      client_id: 'signer',
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: [GRANT.grant_type],
    }
    expect(() => testConfig({ clients: [{ ...client, jwks_uri: 'https://app.example.com/jwks' }] })).toThrow(
      'clients[0].jwks_uri: unknown setting',
    )
    expect(() => testConfig({ clients: [client] })).toThrow('clients[0].jwks')
  })

  describe('CLI-05 who fails and fails', () => {
    const fail = (remoteAddress = '192.0.2.1', clientId = 'reports') =>
      server.app.inject({
        method: 'POST',
        url: '/token',
        remoteAddress,
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...basic(clientId, 'wrong') },
        payload: 'grant_type=client_credentials',
      })
    const succeed = (remoteAddress = '192.0.2.1') =>
      server.app.inject({
        method: 'POST',
        url: '/token',
        remoteAddress,
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...basic('reports', SECRETS.REPORTS_SECRET) },
        payload: 'grant_type=client_credentials',
      })

    it('CLI-05 waits, with the right secret too; other networks and other clients do not', async () => {
      for (let tries = 0; tries < 20; tries++) expect(outcome(await fail())).toEqual(REFUSED)
      const answer = await succeed()
      expect(outcome(answer)).toEqual([429, 'invalid_client'])
      expect(answer.headers['retry-after']).toBe('60')
      expect(outcome(await succeed('192.0.2.2'))).toEqual(GOOD)
      expect(outcome(await fail('192.0.2.1', 'nobody'))).toEqual(REFUSED)
      await server.host.advance(60_000)
      expect(outcome(await succeed())).toEqual(GOOD)
    })

    it('CLI-05 a household of IPv6 addresses is one; assertions count as secrets do', async () => {
      for (let tries = 0; tries < 20; tries++) await fail(`2001:db8::${tries + 1}`)
      expect((await succeed('2001:db8::ffff')).statusCode).toBe(429)
      expect((await succeed('2001:db8:0:1::1')).statusCode).toBe(200)
      for (let tries = 0; tries < 20; tries++) await present({}, {}, { key: 'stranger' })
      expect((await present()).statusCode).toBe(429)
    })
  })
})

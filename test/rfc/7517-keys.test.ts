import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildApp, openStore } from '@latchkey/server'
import { createResourceServer } from '@latchkey/shared/resource-server'
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  decodeProtectedHeader,
  errors,
  exportJWK,
  generateKeyPair,
  type JSONWebKeySet,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KEEP_MS, LEAD_MS } from '../../server/src/oauth/keys/signing-key-life.ts'
import { openSigningKeys, rotateSigningKey } from '../../server/src/oauth/keys/signing-keys.ts'
import { createVault } from '../../server/src/oauth/keys/vault.ts'
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../../server/src/oauth/records.ts'
import { type Store, StoreUnavailable } from '../../server/src/oauth/store.ts'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import { statusOf } from '../support/fake-issuer.ts'
import { keptLog } from '../support/kept-log.ts'
import { type Rounds, rounds } from '../support/rounds.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { basic, ISSUER, LIBRARY, SECRETS, type TestServer, testConfig, testServer } from '../support/test-server.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

let server: TestServer
let host: FakeHost
let round: Rounds
afterEach(() => server.close())

/** The master secret of every test server. */
const vault = () => createVault(new Uint8Array(32).fill(7), host.entropy)
const start = async (...options: Parameters<typeof testServer>) => {
  host = fakeHost()
  round = rounds()
  server = await testServer({ host, every: round.every, ...options[0] })
  await round.go(MINUTE)
}
/** As `latchkey keys rotate` does it, in a process that the server does not know. */
const rotate = (how: 'overlap' | 'emergency', alg: SigningAlgorithm = 'ES256', store: Store = server.store) =>
  rotateSigningKey(store.signingKeys, vault(), alg, host.clock, how)

const jwks = async (): Promise<JSONWebKeySet> => (await server.app.inject('/jwks')).json()
const kidsOf = ({ keys }: JSONWebKeySet, alg: SigningAlgorithm = 'ES256') =>
  keys.filter((key) => key.alg === alg).map((key) => key.kid)
const kids = async (alg?: SigningAlgorithm) => kidsOf(await jwks(), alg)
const kidOf = (token: string) => decodeProtectedHeader(token).kid

/** What a client library makes of a token, with the key set that it holds. */
async function verdict(token: string, set: JSONWebKeySet, options: JWTVerifyOptions = {}): Promise<string> {
  try {
    const currentDate = new Date(host.clock.now())
    await jwtVerify(token, createLocalJWKSet(set), { issuer: ISSUER, currentDate, ...options })
    return 'good'
  } catch (error) {
    if (error instanceof errors.JOSEError) return error.code
    throw error
  }
}

async function accessToken(): Promise<string> {
  const form = { grant_type: 'client_credentials', scope: 'library:read' }
  const answer = await server.token(form, basic('reports', SECRETS.REPORTS_SECRET))
  return answer.json().access_token
}

const userinfo = (token: string) =>
  server.app.inject({ url: '/userinfo', headers: { authorization: `Bearer ${token}` } })

describe('RFC 7517: the keys that anybody may read', () => {
  beforeEach(() => start())

  it('KEY-01 are public members alone, each with its own kid, use, alg and kty', async () => {
    await rotate('overlap')
    await round.go(MINUTE)
    const { keys } = await jwks()
    expect(keys.map(({ kty, crv, alg }) => [kty, crv, alg])).toEqual([
      ['EC', 'P-256', 'ES256'],
      ['EC', 'P-256', 'ES256'],
      ['RSA', undefined, 'RS256'],
      ['OKP', 'Ed25519', 'EdDSA'],
    ])
    const members = { EC: ['crv', 'x', 'y'], RSA: ['n', 'e'], OKP: ['crv', 'x'] }
    for (const key of keys) {
      const own = members[key.kty as keyof typeof members]
      expect(Object.keys(key).sort()).toEqual(['kty', 'kid', 'use', 'alg', ...own].sort())
      expect(key.use).toBe('sig')
      expect(key.kid).toBe(await calculateJwkThumbprint(key))
    }
    expect(new Set(keys.map((key) => key.kid)).size).toBe(keys.length)
  })

  it('KEY-03 API-09 may be kept an hour, and are the same text until a key comes or goes', async () => {
    const first = await server.app.inject('/jwks')
    expect(first.headers['content-type']).toMatch(/^application\/json/)
    expect(first.headers['cache-control']).toBe('public, max-age=3600')
    await round.go(MINUTE)
    const again = { 'if-none-match': String(first.headers.etag) }
    expect(await server.app.inject({ url: '/jwks', headers: again })).toMatchObject({ statusCode: 304, body: '' })
    await rotate('overlap')
    await round.go(MINUTE)
    const changed = await server.app.inject({ url: '/jwks', headers: again })
    expect(changed.statusCode).toBe(200)
    expect(changed.headers.etag).not.toBe(first.headers.etag)
    expect(changed.body).not.toBe(first.body)
  })

  it('KEY-02 an access token is ES256 and an id_token RS256, of 2048 bits, unless somebody asks otherwise', async () => {
    const { access_token, id_token = '' } = await server.link({ scope: 'openid library:read' })
    expect(decodeProtectedHeader(access_token).alg).toBe('ES256')
    expect(decodeProtectedHeader(id_token).alg).toBe('RS256')
    const set = await jwks()
    expect(await verdict(access_token, set, { audience: LIBRARY, typ: 'at+jwt' })).toBe('good')
    expect(await verdict(id_token, set, { audience: 'tv', typ: 'JWT' })).toBe('good')
    const rsa = set.keys.find((key) => key.kty === 'RSA')
    expect(Buffer.from(rsa?.n ?? '', 'base64url').length * 8).toBeGreaterThanOrEqual(2048)
  })

  it('JWT-06 id_token and access token are signed by the same server and never stand for each other', async () => {
    const { access_token, id_token = '' } = await server.link({ scope: 'openid library:read' })
    const set = await jwks()
    // A client that reads an access token as an id_token, and the other way round.
    expect(await verdict(access_token, set, { audience: 'tv' })).toBe('ERR_JWT_CLAIM_VALIDATION_FAILED')
    expect(await verdict(access_token, set, { typ: 'JWT' })).toBe('ERR_JWT_CLAIM_VALIDATION_FAILED')
    expect(await verdict(id_token, set, { audience: LIBRARY })).toBe('ERR_JWT_CLAIM_VALIDATION_FAILED')
    // An API, even one that goes by the client's name.
    const ask = async (token: string, audience: string) => {
      const fetch = async (url: string | URL | Request) =>
        new Response((await server.app.inject(new URL(String(url)).pathname)).body, {
          headers: { 'content-type': 'application/json' },
        })
      const api = createResourceServer({ issuer: ISSUER, audience, clock: host.clock, fetch })
      const request = { authorization: `Bearer ${token}`, method: 'GET', url: '/' }
      return statusOf(api.check(request))
    }
    expect(await ask(access_token, LIBRARY)).toBe(200)
    expect(await ask(id_token, LIBRARY)).toBe(401)
    expect(await ask(id_token, 'tv')).toBe(401)
    // The server itself.
    expect((await userinfo(access_token)).statusCode).toBe(200)
    expect((await userinfo(id_token)).statusCode).toBe(401)
    const hinted = (token: string) => server.browser().get(`/logout?id_token_hint=${token}`)
    expect((await hinted(access_token)).statusCode).toBe(400)
    expect((await hinted(id_token)).statusCode).not.toBe(400)
  })

  it('API-09 are served while the database is away', async () => {
    const before = (await server.app.inject('/jwks')).body
    server.store.signingKeys.all = async () => {
      throw new StoreUnavailable('away')
    }
    await round.go(MINUTE)
    const away = await server.app.inject('/jwks')
    expect([away.statusCode, away.body]).toEqual([200, before])
    expect(await verdict(await accessToken(), away.json())).toBe('good')
  })
})

describe('RFC 7517: algorithms', () => {
  it.each(SIGNING_ALGORITHMS)(
    'KEY-02 %s may be chosen for access tokens by an API, for id_tokens by a client',
    async (alg) => {
      const config = testConfig()
      const apis = config.apis.map((api) => ({ ...api, access_token_signing_alg: alg }))
      const clients = config.clients.map((client) => ({ ...client, idTokenAlg: alg }))
      await start({ config: { ...config, apis, clients } })
      const { access_token, id_token = '' } = await server.link({ scope: 'openid library:read' })
      for (const token of [access_token, id_token]) {
        expect(decodeProtectedHeader(token).alg).toBe(alg)
        expect(await verdict(token, await jwks())).toBe('good')
      }
      expect((await userinfo(access_token)).statusCode).toBe(200)
    },
  )
})

describe('OpenID Connect Core §10.1.1: a key follows another', () => {
  it('KEY-03 by command, noticed within a minute: published for two hours before it signs', async () => {
    await start()
    const [old] = await kids()
    const { made } = await rotate('overlap')
    await round.go(MINUTE)
    expect(await kids()).toEqual([old, made?.id])
    await host.advance(LEAD_MS - 1)
    expect(kidOf(await accessToken())).toBe(old)
    await host.advance(1)
    expect(kidOf(await accessToken())).toBe(made?.id)
    // The other algorithms go on with what they have.
    expect(await kids('RS256')).toHaveLength(1)
  })

  it('KEY-03 what the old one signed verifies until it ends, by jose and by the server, however long it lives', async () => {
    const longest = 86_400
    const limits = { user_token_seconds: longest, client_token_seconds: longest }
    await start({ config: testConfig({ limits }) })
    const early = await server.link({ scope: 'openid library:read' })
    await rotate('overlap')
    await round.go(MINUTE)
    await host.advance(LEAD_MS - 1)
    const last = await server.link({ scope: 'openid library:read' })
    expect(kidOf(last.access_token)).toBe(kidOf(early.access_token))
    await host.advance(1)
    expect(kidOf(await accessToken())).not.toBe(kidOf(last.access_token))
    for (let hour = 0; hour < 24; hour++) {
      await round.go(MINUTE)
      expect(await verdict(last.access_token, await jwks(), { audience: LIBRARY })).toBe('good')
      expect((await userinfo(last.access_token)).statusCode).toBe(200)
      await host.advance(HOUR)
    }
    expect(await verdict(last.access_token, await jwks())).toBe('ERR_JWT_EXPIRED')
    expect(await kids()).toContain(kidOf(last.access_token))
    await host.advance(HOUR)
    expect(await kids()).not.toContain(kidOf(last.access_token))
    // Its private half does not outlive it.
    await round.go(MINUTE)
    expect(await server.store.signingKeys.get(kidOf(last.access_token) ?? '')).toBeUndefined()
  })

  it('KEY-03 by itself every 90 days; who fetches the set once an hour never meets a stranger', async () => {
    await start()
    const first = await kids()
    let held = await jwks()
    const signers = new Set<string | undefined>()
    await host.advance(89 * DAY)
    for (let hour = 0; hour < 60; hour++) {
      // Just before the next fetch, with all that happened in this hour.
      await host.advance(HOUR - MINUTE)
      await round.go(MINUTE)
      const token = await accessToken()
      signers.add(kidOf(token))
      expect(await verdict(token, held)).toBe('good')
      await host.advance(MINUTE)
      held = await jwks()
    }
    expect(signers.size).toBe(2)
    expect(await kids()).not.toEqual(first)
    for (const alg of SIGNING_ALGORITHMS) expect(await kids(alg)).toHaveLength(1)
  })

  it('KEY-03 never by itself where the configuration says so', async () => {
    await start({ config: testConfig({ limits: { signing_key_days: 0 } }) })
    const before = await jwks()
    await host.advance(999 * DAY)
    await round.go(MINUTE)
    expect(await jwks()).toEqual(before)
  })

  it('KEY-03 the start waits for no new key, however long it has been due; the first round makes it', async () => {
    await start()
    const { signingKeys } = server.store
    await host.advance(200 * DAY)
    const opened = await openSigningKeys(signingKeys, vault(), host.clock, 90)
    expect(await signingKeys.all()).toHaveLength(SIGNING_ALGORITHMS.length)
    expect((await opened.upkeep()).map((key) => key.alg)).toEqual([...SIGNING_ALGORITHMS])
    expect(await opened.upkeep()).toEqual([])
    expect(await signingKeys.all()).toHaveLength(2 * SIGNING_ALGORITHMS.length)
  })

  it('KEY-03 looks at the table at least once a minute, and no more when it is closed', async () => {
    await start()
    expect(Math.min(...round.running())).toBeLessThanOrEqual(MINUTE)
    await server.app.close()
    expect(round.running()).toEqual([])
  })
})

describe('emergency rotation', () => {
  beforeEach(() => start())

  it('KEY-03 drops the key and its tokens at once, waiting successors too; the new one signs', async () => {
    const before = await server.link({ scope: 'openid library:read' })
    await rotate('overlap')
    await round.go(MINUTE)
    expect(await verdict(before.access_token, await jwks())).toBe('good')
    expect((await userinfo(before.access_token)).statusCode).toBe(200)

    const { made, dropped } = await rotate('emergency')
    expect(dropped).toBe(2)
    await round.go(MINUTE)
    expect(await kids()).toEqual([made?.id])
    expect(await verdict(before.access_token, await jwks())).toBe('ERR_JWKS_NO_MATCHING_KEY')
    expect((await userinfo(before.access_token)).statusCode).toBe(401)
    expect((await server.store.signingKeys.all()).filter((key) => key.alg === 'ES256')).toHaveLength(1)

    const after = await server.link({ scope: 'openid library:read' })
    expect(kidOf(after.access_token)).toBe(made?.id)
    expect(await verdict(after.access_token, await jwks())).toBe('good')
    expect((await userinfo(after.access_token)).statusCode).toBe(200)
    // The id_token was signed by another key.
    expect(await verdict(before.id_token ?? '', await jwks())).toBe('good')
  })

  it('KEY-03 an id_token whose key was dropped is no hint any more', async () => {
    const { id_token } = await server.link({ scope: 'openid' })
    const hinted = () => server.browser().get(`/logout?id_token_hint=${id_token}`)
    expect((await hinted()).statusCode).not.toBe(400)
    await rotate('emergency', 'RS256')
    await round.go(MINUTE)
    expect((await hinted()).statusCode).toBe(400)
    expect(await verdict(id_token ?? '', await jwks())).toBe('ERR_JWKS_NO_MATCHING_KEY')
  })

  it('KEY-03 a link survives it: its refresh token brings a good access token', async () => {
    const { refresh_token } = await server.link()
    await rotate('emergency')
    await round.go(MINUTE)
    const answer = await server.token({ grant_type: 'refresh_token', client_id: 'tv', refresh_token })
    expect(await verdict(answer.json().access_token, await jwks())).toBe('good')
  })

  it('KEY-03 one write is enough: a command that is cut off after it has dropped the key', async () => {
    const { access_token } = await server.link({ scope: 'openid library:read' })
    server.store.signingKeys.delete = async () => {
      throw new StoreUnavailable('away')
    }
    await expect(rotate('emergency')).rejects.toThrow(StoreUnavailable)
    await round.go(MINUTE)
    expect(await verdict(access_token, await jwks())).toBe('ERR_JWKS_NO_MATCHING_KEY')
    expect((await userinfo(access_token)).statusCode).toBe(401)
    expect(await verdict(await accessToken(), await jwks())).toBe('good')
  })

  it('KEY-03 a key that was dropped while another does not open is gone all the same', async () => {
    const { signingKeys } = server.store
    const { access_token } = await server.link({ scope: 'openid library:read' })
    const [rsa] = (await signingKeys.all()).filter((key) => key.alg === 'RS256')
    if (rsa === undefined) throw new Error('no key')
    await rotate('emergency')
    await signingKeys.insert({ ...rsa, id: 'stranger', generation: 99, sealedPrivateKey: 'c2VhbGVk' })
    await round.go(MINUTE)
    expect(await verdict(access_token, await jwks())).toBe('ERR_JWKS_NO_MATCHING_KEY')
    expect((await userinfo(access_token)).statusCode).toBe(401)
    expect(await verdict(await accessToken(), await jwks())).toBe('good')
  })
})

describe('several servers on one database', () => {
  const SECRET = new Uint8Array(32).fill(7)
  let folder: string
  beforeEach(() => {
    folder = temporaryFolder()
  })
  afterEach(() => removeFolder(folder))

  const open = () => openStore(`sqlite:${join(folder, 'latchkey.db')}`)

  it('KEY-03 that start, and rotate, at the same moment make one key of each algorithm between them', async () => {
    await start()
    const first = await open()
    const stores = [first, await open(), await open()]
    const opened = await Promise.all(stores.map((store) => openSigningKeys(store.signingKeys, vault(), host.clock, 90)))
    const count = async () => (await first.signingKeys.all()).length
    expect(await count()).toBe(SIGNING_ALGORITHMS.length)

    await host.advance(90 * DAY)
    const made = await Promise.all(opened.map((keys) => keys.upkeep()))
    expect(made.flat()).toHaveLength(SIGNING_ALGORITHMS.length)
    expect(await count()).toBe(2 * SIGNING_ALGORITHMS.length)

    const ordered = await Promise.all(stores.map((store) => rotate('overlap', 'ES256', store)))
    expect(ordered.map(({ made: key }) => key)).toEqual([undefined, undefined, undefined])
    const now = await Promise.all(stores.map((store) => rotate('emergency', 'ES256', store)))
    expect(now.filter(({ made: key }) => key !== undefined)).toHaveLength(1)
    await Promise.all(opened.map((keys) => keys.upkeep()))
    expect(new Set(opened.map((keys) => keys.active('ES256').kid)).size).toBe(1)
    expect(new Set(opened.map((keys) => keys.jwks)).size).toBe(1)
    await Promise.all(stores.map((store) => store.close()))
  })

  it('KEY-03 follow each other without a restart: one signs, the other knows the key by then', async () => {
    await start({ store: await open() })
    const others = rounds()
    const other = await buildApp({
      config: server.config,
      store: await open(),
      host,
      masterSecret: SECRET,
      every: others.every,
    })
    await host.advance(90 * DAY)
    await round.go(MINUTE)
    await others.go(MINUTE)
    await host.advance(LEAD_MS)
    const token = await accessToken()
    expect((await jwks()).keys).toHaveLength(2 * SIGNING_ALGORITHMS.length)
    expect(await verdict(token, (await other.inject('/jwks')).json())).toBe('good')
    await host.advance(KEEP_MS)
    await round.go(MINUTE)
    await others.go(MINUTE)
    expect((await other.inject('/jwks')).json()).toEqual(await jwks())
    await other.close()
  })
})

describe('private keys', () => {
  it('KEY-04 are sealed on the disk and stand in no log, whatever happens to them', async () => {
    const folder = temporaryFolder()
    const log = keptLog()
    await start({ store: await openStore(`sqlite:${join(folder, 'latchkey.db')}`), logger: log.logger })
    const privates: string[] = []
    const look = async () => {
      for (const key of await server.store.signingKeys.all()) {
        const jwk = JSON.parse(vault().unseal('signing-key', key.sealedPrivateKey) ?? '') as Record<string, string>
        for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi']) {
          const value = jwk[member]
          if (value !== undefined) privates.push(value)
        }
      }
    }
    await look()
    await host.advance(90 * DAY)
    await round.go(MINUTE)
    await look()
    await rotate('emergency')
    await look()
    // One that does not open: the server says so, and says no more.
    const broken = await openSigningKeys(server.store.signingKeys, vault(), host.clock, 90)
    const [sample] = await server.store.signingKeys.all()
    if (sample === undefined) throw new Error('no key')
    const stranger = { ...sample, id: 'stranger', generation: 99, sealedPrivateKey: 'c2VhbGVk' }
    await server.store.signingKeys.insert(stranger)
    await round.go(MINUTE)
    await expect(broken.upkeep()).rejects.toThrow(/^a signing key does not open with this master secret/)

    expect(privates.length).toBeGreaterThan(14)
    const disk = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'))
    const everything = [...disk, log.text(), (await server.app.inject('/jwks')).body].join('\n')
    expect(log.text()).toContain('a new signing key')
    expect(log.text()).toContain('could not be looked after')
    for (const value of privates) {
      const bytes = Buffer.from(value, 'base64url')
      for (const form of [value, bytes.toString('hex'), bytes.toString('base64'), bytes.toString('latin1')]) {
        expect(everything.includes(form)).toBe(false)
      }
    }
    removeFolder(folder)
  })

  it('KEY-04 another master secret opens none of them: one sentence, and nothing is made', async () => {
    await start()
    const { signingKeys } = server.store
    const before = await signingKeys.all()
    const foreign = createVault(new Uint8Array(32).fill(8), host.entropy)
    const sentence =
      'a signing key does not open with this master secret: restore the secret that belongs to this database'
    await expect(openSigningKeys(signingKeys, foreign, host.clock, 90)).rejects.toThrow(new Error(sentence))
    for (const how of ['overlap', 'emergency'] as const) {
      const attempt = rotateSigningKey(signingKeys, foreign, 'ES256', host.clock, how)
      await expect(attempt).rejects.toThrow(new Error(sentence))
    }
    expect(await signingKeys.all()).toEqual(before)
  })

  it('KEY-04 who writes to the database cannot make the server publish a key of theirs, or sign with it', async () => {
    await start()
    const { signingKeys } = server.store
    const [own] = (await signingKeys.all()).filter((key) => key.alg === 'ES256')
    if (own === undefined) throw new Error('no key')
    const { publicKey } = await generateKeyPair('ES256')
    const theirs = await exportJWK(publicKey)
    const id = await calculateJwkThumbprint(theirs)
    await signingKeys.insert({ ...own, id, generation: 2, publishedAt: host.clock.now(), ...{ publicJwk: theirs } })
    await round.go(MINUTE)
    expect((await server.app.inject('/jwks')).body).not.toContain(theirs.x)
    expect(await kids()).toEqual([own.id])
  })
})

// What an API takes and refuses, token by token. Fetching the issuer's keys: issuer-keys.test.ts. Proofs: dpop.test.ts.
import { createResourceServer, type Need, type ResourceServer } from '@latchkey/shared/resource-server'
import { base64url, type JWTPayload, SignJWT } from 'jose'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import {
  AUDIENCE,
  type FakeIssuer,
  fakeIssuer,
  ISSUER,
  makeSigningKey,
  refusalOf,
  type SigningKey,
  signToken,
  trusting,
  userClaims,
} from '../support/fake-issuer.ts'

const bare = { method: 'GET', url: '/books' }

let key: SigningKey
let host: FakeHost
let issuer: FakeIssuer
let api: ResourceServer

beforeAll(async () => {
  key = await makeSigningKey('k1')
})

beforeEach(() => {
  host = fakeHost()
  issuer = fakeIssuer(key)
  api = createResourceServer(trusting(issuer, host))
})

const claims = (changes?: JWTPayload) => userClaims(host.clock.now(), changes)
const bearer = (token: string, need?: Need) => api.check({ ...bare, authorization: `Bearer ${token}` }, need)

async function expectInvalid(token: string) {
  const error = await refusalOf(bearer(token))
  expect(error.status).toBe(401)
  expect(error.body.error).toBe('invalid_token')
  expect(error.headers['WWW-Authenticate']).toMatch(
    /^Bearer realm="https:\/\/api\.example\.com", error="invalid_token", error_description="[^"\\]+", DPoP algs="[\w ]+"$/,
  )
  expect(error.headers['Cache-Control']).toBe('no-store')
}

describe('a good token', () => {
  it('API-04 gives subject, client, scopes and expiry', async () => {
    const access = await bearer(await signToken(key, claims({ scope: 'library:read library:write' })))
    expect(access).toMatchObject({ subject: 'user-1', clientId: 'tv', actor: 'user' })
    expect([...access.scopes]).toEqual(['library:read', 'library:write'])
    expect(access.expiresAt).toBe(host.clock.now() + 600_000)
    expect(access.claims.jti).toBe('j1')
  })

  it.each(['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'])('API-04 may be signed with %s', async (alg) => {
    const other = await makeSigningKey('other', alg)
    issuer.publish(key, other)
    await expect(bearer(await signToken(other, claims()))).resolves.toMatchObject({ subject: 'user-1' })
  })

  it('API-04 typ may be spelt application/at+jwt, aud may be a list, the scheme in any case', async () => {
    const token = await signToken(key, claims({ aud: ['https://other.example.com', AUDIENCE] }), {
      typ: 'application/at+jwt',
    })
    await expect(api.check({ ...bare, authorization: `bEARER ${token}` })).resolves.toBeDefined()
  })

  it('API-04 is taken up to 60 s after exp and no longer', async () => {
    const token = await signToken(key, claims())
    await host.advance(600_000 + 59_000)
    await expect(bearer(token)).resolves.toBeDefined()
    await host.advance(1_000)
    await expectInvalid(token)
  })
})

describe('no token', () => {
  it.each([undefined, [], 'Basic dHY6c2VjcmV0', 'Digest username="x"'])(
    'API-02 %s gets a challenge without an error code',
    async (authorization) => {
      const error = await refusalOf(api.check({ ...bare, authorization }))
      expect(error.status).toBe(401)
      expect(error.headers['WWW-Authenticate']).toBe(
        'Bearer realm="https://api.example.com", DPoP algs="ES256 RS256 PS256 EdDSA Ed25519"',
      )
      expect(error.body.error).toBeUndefined()
    },
  )

  it('API-01 a token in query or form alone counts as none', async () => {
    const token = await signToken(key, claims())
    for (const request of [
      { method: 'GET', url: `/books?access_token=${token}`, authorization: undefined },
      { method: 'POST', url: '/books', authorization: undefined, form: { access_token: token } },
    ]) {
      const error = await refusalOf(api.check(request))
      expect(error.status).toBe(401)
      expect(error.body.error).toBeUndefined()
    }
    expect(issuer.asked).toEqual([])
  })
})

describe('a malformed request', () => {
  it('API-01 API-03 a second method beside the header is invalid_request, even with a good token', async () => {
    const authorization = `Bearer ${await signToken(key, claims())}`
    for (const request of [
      { ...bare, authorization, url: '/books?page=2&access%5Ftoken=x' },
      { ...bare, authorization, form: { access_token: 'x' } },
      { ...bare, authorization, form: new URLSearchParams('access_token=x') },
      { ...bare, authorization: [authorization, authorization] },
      { ...bare, authorization: [authorization, 'Basic dHY6c2VjcmV0'] },
    ]) {
      const error = await refusalOf(api.check(request))
      expect(error.status).toBe(400)
      expect(error.headers['WWW-Authenticate']).toContain('error="invalid_request"')
    }
  })

  it.each([
    '',
    ' ',
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Bearer a,b',
    'Bearer "a"',
    'Bearer a\u0000b',
    'Bearer a\r\nX: y',
    'Bearer ä',
    'Bearer \ud800',
    '\u0000',
    ',',
  ])('API-03 NEG-03 NEG-04 %j is invalid_request', async (authorization) => {
    const error = await refusalOf(api.check({ ...bare, authorization }))
    expect(error.status).toBe(400)
    expect(error.body.error).toBe('invalid_request')
    expect(issuer.asked).toEqual([])
  })

  it('NEG-06 more than 8 KiB is refused before anything is parsed or fetched', async () => {
    await expectInvalid('a'.repeat(8_193))
    await expectInvalid(await signToken(key, claims({ padding: 'x'.repeat(8_192) })))
    await expectInvalid('='.repeat(1_000_000))
    expect(issuer.asked).toEqual([])
  })
})

describe('a token that is not ours', () => {
  it.each<[string, JWTPayload]>([
    ['another issuer', { iss: 'https://evil.example.com' }],
    ['the issuer with a slash more', { iss: `${ISSUER}/` }],
    ['another API', { aud: 'https://other.example.com' }],
    ['a part of our audience', { aud: `${AUDIENCE}/admin` }],
    ['the client as audience (an id token)', { aud: 'tv' }],
    ['nbf in the future', { nbf: 4_000_000_000 }],
    ['a scope that is no string', { scope: ['library:read'] }],
    ['a subject that is no string', { sub: 7 as unknown as string }],
    ['a client that is no string', { client_id: { toString: 'tv' } }],
    ['an exp that is no number', { exp: '4000000000' as unknown as number }],
  ])('API-04 %s: invalid_token', async (_, changes) => {
    await expectInvalid(await signToken(key, claims(changes)))
  })

  it.each(['iss', 'aud', 'exp', 'sub', 'client_id', 'iat', 'jti'])('API-04 without %s: invalid_token', async (name) => {
    await expectInvalid(await signToken(key, claims({ [name]: undefined })))
  })

  it.each(['JWT', 'dpop+jwt', 'logout+jwt', 'at+jwt2', '', undefined])(
    'API-04 JWT-06 typ %s: invalid_token',
    async (typ) => {
      await expectInvalid(await signToken(key, claims(), { typ }))
    },
  )

  it('API-04 a changed payload or signature: invalid_token', async () => {
    const [header, , signature] = (await signToken(key, claims())).split('.')
    await expectInvalid(`${header}.${base64url.encode(JSON.stringify(claims({ sub: 'user-2' })))}.${signature}`)
    const [, payload] = (await signToken(key, claims())).split('.')
    await expectInvalid(`${header}.${payload}.${base64url.encode(new Uint8Array(64))}`)
    await expectInvalid(`${header}.${payload}.AA`)
  })

  it('API-06 a DPoP-bound token sent as Bearer: 401', async () => {
    await expectInvalid(await signToken(key, claims({ cnf: { jkt: 'x'.repeat(43) } })))
    await expectInvalid(await signToken(key, claims({ cnf: {} })))
  })
})

describe('a forged header', () => {
  const unsigned = (header: unknown, payload: unknown, signature = 'AA') =>
    `${base64url.encode(JSON.stringify(header))}.${base64url.encode(JSON.stringify(payload))}.${signature}`

  it('API-05 alg none in any spelling: invalid_token', async () => {
    for (const alg of ['none', 'None', 'NONE', '', null, 0, ['ES256']]) {
      await expectInvalid(unsigned({ alg, kid: 'k1', typ: 'at+jwt' }, claims()))
    }
    const nothing = unsigned({ alg: 'none', kid: 'k1', typ: 'at+jwt' }, claims(), '')
    expect((await refusalOf(bearer(nothing))).status).toBe(401)
  })

  it('API-05 HS256 with the public key as secret: invalid_token', async () => {
    const rsa = await makeSigningKey('rsa', 'RS256')
    issuer.publish(rsa)
    for (const secret of [rsa.publicJwk.n, JSON.stringify(rsa.publicJwk), JSON.stringify({ keys: [rsa.publicJwk] })]) {
      const token = await new SignJWT(claims())
        .setProtectedHeader({ alg: 'HS256', kid: 'rsa', typ: 'at+jwt' })
        .sign(new TextEncoder().encode(secret))
      await expectInvalid(token)
    }
  })

  it('API-05 a key of another algorithm under the same kid: invalid_token', async () => {
    const rsa = await makeSigningKey('k1', 'RS256')
    await expectInvalid(await signToken(rsa, claims()))
    await expectInvalid(await signToken(await makeSigningKey('k1', 'PS256'), claims()))
    issuer.publish(rsa)
  })

  it('API-05 a key that the token brings along is never used', async () => {
    const evil = await makeSigningKey('evil')
    for (const header of [
      { jwk: evil.publicJwk },
      { jwk: evil.publicJwk, kid: 'k1' },
      { jku: 'https://evil.example.com/jwks' },
      { x5u: 'https://evil.example.com/cert', x5c: ['AAAA'] },
    ]) {
      await expectInvalid(await signToken(evil, claims(), header))
    }
    expect(issuer.asked.filter((path) => path !== '/jwks' && !path.startsWith('/.well-known/'))).toEqual([])
  })

  it('API-05 crit, known or not: invalid_token', async () => {
    for (const header of [{ crit: ['exp'], exp: 1 }, { crit: ['b64'], b64: true }, { crit: [] }, { crit: 'x', x: 1 }]) {
      const token = unsigned({ alg: 'ES256', kid: 'k1', typ: 'at+jwt', ...header }, claims())
      await expectInvalid(token)
    }
    const signed = await new SignJWT(claims())
      .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt', crit: ['ours'], ours: true })
      .sign(key.privateKey, { crit: { ours: true } })
    await expectInvalid(signed)
  })

  it.each([
    '../../../dev/null',
    '__proto__',
    'constructor',
    "' OR 1=1 --",
    'k1\u0000',
    'K1',
    '',
    42,
    null,
    ['k1'],
    { toString: 'k1' },
  ])('API-05 kid %j finds no key', async (kid) => {
    await expectInvalid(await signToken(key, claims(), { kid }))
  })

  it('API-05 without a kid: invalid_token', async () => {
    await expectInvalid(await signToken(key, claims(), { kid: undefined }))
  })

  it('NEG-04 NEG-06 a header that is no sane JSON object: invalid_token', async () => {
    const deep = `${'['.repeat(2_500)}${']'.repeat(2_500)}`
    for (const header of ['', 'null', '[]', '"x"', '{', '{"alg":"ES256"}x', deep, `{"alg":"ES256","x":${deep}}`]) {
      await expectInvalid(`${base64url.encode(header || ' ')}.e30.AA`)
    }
    const notUtf8 = Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])
    await expectInvalid(`${base64url.encode(notUtf8)}.e30.AA`)
    for (const token of ['a', 'a.b', 'a.b.c.d', '..', 'a..c', 'a.b.c=']) await expectInvalid(token)
  })
})

describe('what a token may do', () => {
  it('API-03 a lacking scope: 403 insufficient_scope that names what is needed', async () => {
    const error = await refusalOf(bearer(await signToken(key, claims()), { scope: 'library:read library:write' }))
    expect(error.status).toBe(403)
    expect(error.headers['WWW-Authenticate']).toBe(
      'Bearer realm="https://api.example.com", error="insufficient_scope", ' +
        'error_description="The access token does not carry the scope this needs", scope="library:read library:write"',
    )
  })

  it('API-03 scopes are compared whole', async () => {
    const token = await signToken(key, claims({ scope: 'library:readonly  xlibrary:read' }))
    expect((await refusalOf(bearer(token, { scope: ['library:read'] }))).status).toBe(403)
    const none = await signToken(key, claims({ scope: undefined }))
    expect((await refusalOf(bearer(none, { scope: 'library:read' }))).status).toBe(403)
    await expect(bearer(none)).resolves.toBeDefined()
  })

  it('API-08 a client credentials token is a client and never stands in for a user', async () => {
    const token = await signToken(key, claims({ sub: 'reports', client_id: 'reports' }))
    expect((await bearer(token)).actor).toBe('client')
    const error = await refusalOf(bearer(token, { actor: 'user', scope: 'library:read' }))
    expect(error.status).toBe(403)
    expect(error.headers['WWW-Authenticate']).toContain('error="insufficient_scope"')
    const user = await signToken(key, claims())
    expect((await refusalOf(bearer(user, { actor: 'client' }))).status).toBe(403)
  })

  it('API-03 a needed scope that no header can carry is the programmer’s mistake', async () => {
    const token = await signToken(key, claims())
    await expect(bearer(token, { scope: ['a"b'] })).rejects.toThrow(TypeError)
    await expect(bearer(token, { scope: '' })).rejects.toThrow(TypeError)
  })
})

it('API-04 an issuer or key address without https is refused at once, loopback aside', () => {
  const make = (options: { issuer: string; jwksUri?: string }) => () =>
    createResourceServer({ audience: AUDIENCE, ...options })
  expect(make({ issuer: 'http://id.example.com' })).toThrow(TypeError)
  expect(make({ issuer: ISSUER, jwksUri: 'http://id.example.com/jwks' })).toThrow(TypeError)
  expect(make({ issuer: 'http://127.evil.example.com' })).toThrow(TypeError)
  expect(make({ issuer: 'http://localhost:8080' })).not.toThrow()
  expect(make({ issuer: 'http://[::1]:8080' })).not.toThrow()
})

// DPoP proofs: made and checked here, and forged in every way that RFC 9449 §4.3 asks to notice.
import {
  accessTokenHash,
  checkProof,
  makeProof,
  normaliseHtu,
  type ProofCheck,
  ProofError,
  type ProofInput,
  type ProofKey,
  thumbprint,
} from '@latchkey/shared'
import { base64url, decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { fakeHost } from '../support/fake-host.ts'

const HTU = 'https://id.example.com/token'
const NOW = 1_900_000_000
const { entropy } = fakeHost()
const check: ProofCheck = { htm: 'POST', htu: HTU, nowSeconds: NOW }

let key: ProofKey
let jwk: JWK

beforeAll(async () => {
  key = await generateKeyPair('ES256', { extractable: true })
  jwk = await exportJWK(key.publicKey)
})

const make = (changes: Partial<ProofInput> = {}) =>
  makeProof({ key, htm: 'POST', htu: HTU, nowSeconds: NOW, entropy, ...changes })

const forge = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}, signer = key.privateKey) =>
  new SignJWT({ jti: 'j1', htm: 'POST', htu: HTU, iat: NOW, ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header })
    .sign(signer)

async function faultOf(proof: string, changes: Partial<ProofCheck> = {}): Promise<string> {
  try {
    await checkProof(proof, { ...check, ...changes })
    return 'none'
  } catch (error) {
    if (!(error instanceof ProofError)) throw error
    expect(error.code).toBe(error.fault.startsWith('nonce_') ? 'use_dpop_nonce' : 'invalid_dpop_proof')
    return error.fault
  }
}

describe('a good proof', () => {
  it('DP-01 is made with every member and accepted', async () => {
    const proof = await make({ htu: `${HTU}?a=b#c`, accessToken: 'token', nonce: 'n1', nowSeconds: NOW + 0.9 })
    expect(decodeProtectedHeader(proof)).toEqual({ typ: 'dpop+jwt', alg: 'ES256', jwk })
    expect(decodeJwt(proof)).toEqual({
      jti: expect.stringMatching(/^[\w-]{22}$/),
      htm: 'POST',
      htu: HTU,
      iat: NOW,
      ath: await accessTokenHash('token'),
      nonce: 'n1',
    })
    const checked = await checkProof(proof, { ...check, accessToken: 'token' })
    expect(checked).toEqual({ jkt: await thumbprint(jwk), jti: decodeJwt(proof).jti, iat: NOW })
  })

  it.each(['ES256', 'EdDSA', 'RS256', 'PS256'])(
    'DP-01 may be signed with %s, by a key that cannot be copied',
    async (alg) => {
      const other = await generateKeyPair(alg)
      expect(other.privateKey.extractable).toBe(false)
      const proof = await make({ key: other })
      expect(decodeProtectedHeader(proof).alg).toBe(alg)
      expect((await checkProof(proof, check)).jkt).toBe(await thumbprint(await exportJWK(other.publicKey)))
    },
  )

  it('DP-03 has another jti each time', async () => {
    const made = await Promise.all(Array.from({ length: 50 }, () => make()))
    expect(new Set(made.map((proof) => decodeJwt(proof).jti)).size).toBe(50)
  })

  it('DP-01 cannot be made with an unfit key or address', async () => {
    await expect(make({ key: await generateKeyPair('ES384') })).rejects.toThrow(TypeError)
    await expect(make({ htu: '/token' })).rejects.toThrow(TypeError)
  })
})

describe('a proof of something else', () => {
  it('DP-01 method: exact, case and all', async () => {
    for (const htm of ['GET', 'post', 'POST ', '', undefined, null, ['POST']]) {
      expect(await faultOf(await forge({ htm }))).toBe('htm')
    }
  })

  it('DP-01 address: scheme, host, port and path', async () => {
    for (const htu of [
      'http://id.example.com/token',
      'https://evil.example.com/token',
      'https://id.example.com:8443/token',
      'https://id.example.com/token/',
      'https://id.example.com/Token',
      'https://id.example.com/',
      'https://id.example.com.evil.example.com/token',
      'https://id.example.com@evil.example.com/token',
      'https://evil@id.example.com/token',
      'https:\\\\id.example.com\\token',
      '//id.example.com/token',
      '/token',
      ' https://id.example.com/token',
      'https://id.example.com/to\nken',
      '',
      undefined,
      null,
      7,
      [HTU],
    ]) {
      expect(await faultOf(await forge({ htu })), String(htu)).toBe('htu')
    }
  })

  it('DP-01 an address spelt otherwise is the same address', async () => {
    for (const htu of [
      'HTTPS://ID.Example.COM/token',
      'https://id.example.com:443/token',
      'https://id.example.com/a/../token',
      'https://id.example.com/./token',
      'https://id.example.com/%74oke%6E',
      `${HTU}?client=tv`,
      `${HTU}#top`,
    ]) {
      expect(await faultOf(await forge({ htu })), htu).toBe('none')
    }
    expect(await faultOf(await make(), { htu: 'HTTPS://id.example.com:443/%74oken?x=1' })).toBe('none')
  })

  it('API-07 another access token', async () => {
    const ath = await accessTokenHash('token')
    expect(await faultOf(await forge({ ath }), { accessToken: 'token' })).toBe('none')
    expect(await faultOf(await forge({ ath }), { accessToken: 'other' })).toBe('ath')
    for (const wrong of [undefined, null, '', `${ath}=`, 'token', [ath]]) {
      expect(await faultOf(await forge({ ath: wrong }), { accessToken: 'token' })).toBe('ath')
    }
  })
})

describe('the time of a proof', () => {
  it('DP-02 60 s behind and 10 s ahead pass, and not a second more', async () => {
    for (const [offset, fault] of [
      [-60, 'none'],
      [-61, 'iat'],
      [0, 'none'],
      [10, 'none'],
      [11, 'iat'],
    ] as const) {
      expect(await faultOf(await forge({ iat: NOW + offset })), String(offset)).toBe(fault)
    }
    for (const iat of [undefined, null, String(NOW), [NOW], {}]) expect(await faultOf(await forge({ iat }))).toBe('iat')
  })

  it('DP-02 an accepted nonce vouches for the time: a device without a clock passes', async () => {
    const acceptsNonce = (nonce: string) => nonce === 'n1'
    for (const iat of [0, 1, NOW - 61, NOW + 10_000_000, 1.5]) {
      const proof = await forge({ iat, nonce: 'n1' })
      expect(await checkProof(proof, { ...check, acceptsNonce })).toMatchObject({ iat, nonce: 'n1' })
    }
    expect(await faultOf(await forge({ iat: 'soon', nonce: 'n1' }), { acceptsNonce })).toBe('iat')
  })

  it('DP-02 a nonce that nobody accepts vouches for nothing', async () => {
    expect(await faultOf(await forge({ iat: 0, nonce: 'n1' }))).toBe('iat')
    expect(await faultOf(await forge({ nonce: 'n1' }))).toBe('none')
    expect(await checkProof(await forge({ nonce: 'n1' }), check)).not.toHaveProperty('nonce')
  })

  it('DP-04 a stale or missing nonce asks for a new one', async () => {
    const acceptsNonce = (nonce: string) => nonce === 'n1'
    for (const nonce of ['n0', '', 7, null, ['n1']]) {
      expect(await faultOf(await forge({ nonce }), { acceptsNonce })).toBe('nonce_stale')
    }
    expect(await faultOf(await forge(), { acceptsNonce })).toBe('none')
    expect(await faultOf(await forge(), { acceptsNonce, requiresNonce: true })).toBe('nonce_missing')
    expect(await faultOf(await forge({ nonce: 'n1' }), { acceptsNonce, requiresNonce: true })).toBe('none')
  })
})

describe('a forged proof', () => {
  it('DP-01 typ must be dpop+jwt', async () => {
    for (const typ of ['JWT', 'at+jwt', 'application/dpop+jwt', 'DPOP+JWT', '', undefined, ['dpop+jwt']]) {
      expect(await faultOf(await forge({}, { typ }))).toBe('typ')
    }
  })

  it('DP-01 only asymmetric algorithms', async () => {
    const unsigned = (alg: unknown) =>
      `${base64url.encode(JSON.stringify({ alg, typ: 'dpop+jwt', jwk }))}.${base64url.encode('{}')}.AA`
    for (const alg of ['none', 'HS256', 'ES384', 'ES256K', undefined]) expect(await faultOf(unsigned(alg))).toBe('alg')
    const secret = new TextEncoder().encode(JSON.stringify(jwk))
    const hmac = new SignJWT({ jti: 'j', htm: 'POST', htu: HTU, iat: NOW })
      .setProtectedHeader({ alg: 'HS256', typ: 'dpop+jwt', jwk })
      .sign(secret)
    expect(await faultOf(await hmac)).toBe('alg')
  })

  it('DP-01 the key is in the header, public, and the one that signed', async () => {
    const other = await generateKeyPair('ES256', { extractable: true })
    expect(await faultOf(await forge({}, { jwk: await exportJWK(other.publicKey) }))).toBe('signature')
    expect(await faultOf(await forge({}, { jwk: await exportJWK(key.privateKey) }))).toBe('jwk')
    for (const bad of [undefined, null, 'x', [], {}, { kty: 'oct', k: 'AAAA' }, { ...jwk, crv: 'P-384' }]) {
      expect(await faultOf(await forge({}, { jwk: bad }))).toBe('jwk')
    }
    expect(await faultOf(await forge({}, { jwk: undefined, kid: 'k', jku: 'https://evil.example.com' }))).toBe('jwk')
    const [header, payload] = (await make()).split('.')
    expect(await faultOf(`${header}.${payload}.${base64url.encode(new Uint8Array(64))}`)).toBe('signature')
    expect(await faultOf(`${header}.${payload}.AA`)).toBe('signature')
  })

  it('DP-01 crit is refused', async () => {
    const proof = await new SignJWT({ jti: 'j', htm: 'POST', htu: HTU, iat: NOW })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, crit: ['ours'], ours: 1 })
      .sign(key.privateKey, { crit: { ours: true } })
    expect(await faultOf(proof)).toBe('malformed')
  })

  it('DP-03 jti is 1 to 128 characters', async () => {
    expect(await faultOf(await forge({ jti: 'j'.repeat(128) }))).toBe('none')
    for (const jti of ['j'.repeat(129), '', undefined, null, 7, ['j']]) {
      expect(await faultOf(await forge({ jti }))).toBe('jti')
    }
  })

  it('NEG-06 weak, huge and off-curve keys are refused before any signature is looked at', async () => {
    const rsa = await exportJWK((await generateKeyPair('RS256', { extractable: true })).publicKey)
    const flipped = Buffer.from(jwk.y ?? '', 'base64url')
    flipped[0] = (flipped[0] ?? 0) ^ 1
    const unsigned = (alg: string, header: JWK) =>
      `${base64url.encode(JSON.stringify({ alg, typ: 'dpop+jwt', jwk: header }))}.e30.AA`
    for (const bad of [
      unsigned('RS256', { ...rsa, e: 'AQ' }),
      unsigned('RS256', { ...rsa, e: rsa.n ?? '' }),
      unsigned('PS256', { ...rsa, n: (rsa.n ?? '').repeat(3) }),
      unsigned('RS256', { ...rsa, n: (rsa.n ?? '').slice(0, 171) }),
      unsigned('ES256', { ...jwk, y: flipped.toString('base64url') }),
    ]) {
      expect(await faultOf(bad)).toBe('jwk')
    }
  })

  it('NEG-04 NEG-06 what is too long, too deep or no JWT is malformed', async () => {
    const deep = JSON.parse(`${'['.repeat(1_000)}${']'.repeat(1_000)}`) as unknown
    expect(await faultOf(await forge({ deep }))).toBe('malformed')
    expect(await faultOf(await forge({ padding: 'x'.repeat(8_192) }))).toBe('malformed')
    expect(await faultOf(`${await make()}, ${await make()}`)).toBe('malformed')
    for (const text of ['', 'a.b.c', 'a.b', '..', '\u0000', '\ud800.a.b', `${await make()}\n`]) {
      expect(await faultOf(text)).toBe('malformed')
    }
  })
})

describe('htu', () => {
  it.each([
    ['HTTP://Example.COM', 'http://example.com/'],
    ['http://example.com:80/', 'http://example.com/'],
    ['https://example.com:443', 'https://example.com/'],
    ['http://example.com:443/', 'http://example.com:443/'],
    ['http://localhost:8080/token', 'http://localhost:8080/token'],
    ['http://[::1]:8080/token', 'http://[::1]:8080/token'],
    ['https://example.com/a/b/../../c/./d', 'https://example.com/c/d'],
    ['https://example.com/a/%2e%2E/b', 'https://example.com/b'],
    ['https://example.com/%7Eme/%61%2d%5f%2E', 'https://example.com/~me/a-_.'],
    ['https://example.com/a%2fb%3a%c3%a9', 'https://example.com/a%2Fb%3A%C3%A9'],
    ['https://example.com/a%252fb', 'https://example.com/a%252fb'],
    ['https://example.com/a?b=c#d', 'https://example.com/a'],
    ['https://example.com?b', 'https://example.com/'],
  ])('DP-01 %s is %s', (text, normal) => {
    expect(normaliseHtu(text)).toBe(normal)
    expect(normaliseHtu(normal)).toBe(normal)
  })

  it.each([
    'ftp://example.com/',
    'javascript:alert(1)',
    'https:/example.com/',
    'https:example.com',
    'https://',
    'https://me:pw@example.com/',
    'https://exa mple.com/',
    'https://example.com/é',
    'https://example.com\\@evil.example.com/',
    'https://example.com/a\\b',
    'https://example.com/\t',
    'https://example.com:99999/',
  ])('DP-01 %j is no address', (text) => {
    expect(normaliseHtu(text)).toBeUndefined()
  })
})

describe('thumbprint', () => {
  it('DP-05 the example of RFC 7638 §3.1, whatever else the key carries', async () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj' +
      'hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ' +
      'vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK' +
      'nqDKgw'
    const expected = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'
    expect(await thumbprint({ kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' })).toBe(expected)
  })

  it('DP-05 what is no key has none', async () => {
    for (const bad of [{}, { kty: 'EC', crv: 'P-256', x: 'a' }, { kty: 'RSA' }]) {
      await expect(thumbprint(bad)).rejects.toThrow(TypeError)
    }
  })
})

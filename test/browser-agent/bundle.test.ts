import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { transform } from 'esbuild'
import fc from 'fast-check'
import * as jose from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { bundleForBrowser } from '../../device-agent/bundle-browser.mjs'

const MOST_GZIPPED_BYTES = 25_000

const source = (path: string) => fileURLToPath(new URL(`../../device-agent/src/browser/${path}`, import.meta.url))

interface Library {
  create(
    segments: readonly { readonly data: Uint8Array; readonly mode: 'byte' }[],
    options: { readonly errorCorrectionLevel: 'M' },
  ): { readonly version: number; readonly modules: { readonly size: number; readonly data: Uint8Array } }
}

interface Matrices {
  qrMatrix(text: string): { readonly size: number; readonly data: ArrayLike<number> } | undefined
}

const imported = (text: string): Promise<unknown> =>
  import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`)

describe('the bundle', () => {
  it('is one small file of ES2020, with nothing of Node and no import', async () => {
    const { text, bytes, gzipped } = await bundleForBrowser()
    expect(bytes).toBe(Buffer.byteLength(text))
    expect(gzipped).toBeLessThanOrEqual(MOST_GZIPPED_BYTES)
    expect(text).not.toMatch(/\bimport\s*[({"'*]|\bfrom\s*["']|\bprocess\.|\bBuffer\b|node:/)
    const [young, old] = await Promise.all(
      ['esnext', 'es2020'].map((target) => transform(text, { target, minifyWhitespace: true })),
    )
    expect(old?.code).toBe(young?.code)
  })
})

describe('the square in the bundle', () => {
  it('QR-02 is module for module what the whole library draws, up to version 6, and nothing beyond', async () => {
    const { create } = createRequire(source('../../package.json'))('qrcode') as Library
    const { text } = await bundleForBrowser(source('qr-matrix.ts'))
    const { qrMatrix } = (await imported(text)) as Matrices
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 120 }), (address) => {
        const data = new TextEncoder().encode(address)
        const { modules, version } = create([{ data, mode: 'byte' }], { errorCorrectionLevel: 'M' })
        const ours = qrMatrix(address)
        if (version > 6) expect(ours).toBeUndefined()
        else expect([ours?.size, [...Array.from(ours?.data ?? [])]]).toEqual([modules.size, [...modules.data]])
      }),
      { numRuns: 300 },
    )
  })
})

// It checks who approved, so it must refuse whatever jose refuses.
describe('what stands in for jose', () => {
  let ours: typeof jose
  const issuer = 'https://id.northwind.example'
  const audience = 'tv'
  const now = 1_900_000_000
  const checks = {
    algorithms: ['RS256', 'ES256', 'EdDSA', 'Ed25519'],
    issuer,
    audience,
    currentDate: new Date(now * 1000),
    clockTolerance: 30,
    requiredClaims: ['sub', 'exp', 'iat'],
  }
  const claims = { iss: issuer, aud: audience, sub: 'usr_1', iat: now, exp: now + 300, name: 'Ana' }
  const pairs = new Map<string, { readonly privateKey: jose.CryptoKey; readonly jwk: jose.JWK }>()

  beforeAll(async () => {
    const { text } = await bundleForBrowser(source('jose-by-webcrypto.ts'))
    ours = (await imported(text)) as typeof jose
    for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA', 'ES384']) {
      const { privateKey, publicKey } = await jose.generateKeyPair(alg, { extractable: true })
      pairs.set(alg, { privateKey, jwk: { ...(await jose.exportJWK(publicKey)), kid: alg, alg, use: 'sig' } })
    }
  })

  const keySet = (change: (jwk: jose.JWK) => jose.JWK = (jwk) => jwk) => ({
    keys: [...pairs.values()].map(({ jwk }) => change(jwk)),
  })
  const signed = (alg: string, body: jose.JWTPayload = claims, header: object = { kid: alg }) => {
    const key = pairs.get(alg)?.privateKey
    if (!key) throw new Error(`no key for ${alg}`)
    return new jose.SignJWT(body).setProtectedHeader({ alg, ...header }).sign(key)
  }
  /** What each makes of the same token: the claims, or a refusal. */
  const both = (token: string, set: jose.JSONWebKeySet = keySet(), how: object = checks) =>
    Promise.all(
      [jose, ours].map(async (library) => {
        try {
          return (await library.jwtVerify(token, library.createLocalJWKSet(set), how)).payload
        } catch {
          return 'refused'
        }
      }),
    )

  it('AGT-08 believes what jose believes', async () => {
    for (const alg of ['RS256', 'ES256', 'EdDSA']) {
      expect(await both(await signed(alg))).toEqual([claims, claims])
      expect(await both(await signed(alg, claims, {}))).toEqual([claims, claims])
    }
    const several = { ...claims, aud: ['other', audience] }
    expect(await both(await signed('ES256', several))).toEqual([several, several])
    const late = { ...claims, exp: now - 29 }
    expect(await both(await signed('ES256', late))).toEqual([late, late])
  })

  it('AGT-08 refuses what jose refuses: claims', async () => {
    const wrong: readonly jose.JWTPayload[] = [
      { ...claims, iss: `${issuer}/` },
      { ...claims, aud: 'radio' },
      { ...claims, aud: ['radio'] },
      { ...claims, exp: now - 30 },
      { ...claims, nbf: now + 31 },
      ...['iss', 'aud', 'sub', 'exp', 'iat'].map((name) => ({ ...claims, [name]: undefined })),
    ]
    for (const body of wrong)
      expect([body, await both(await signed('ES256', body))]).toEqual([body, ['refused', 'refused']])
    const key = pairs.get('ES256')?.privateKey
    if (!key) throw new Error('no key')
    for (const body of ['[]', 'null', '"x"', '{', JSON.stringify({ ...claims, exp: 'soon' })]) {
      const odd = await new jose.CompactSign(Buffer.from(body)).setProtectedHeader({ alg: 'ES256' }).sign(key)
      expect([body, await both(odd)]).toEqual([body, ['refused', 'refused']])
    }
  })

  it('AGT-08 refuses what jose refuses: algorithms, headers and keys', async () => {
    const token = await signed('ES256')
    const [head = '', body = '', signature = ''] = token.split('.')
    const header = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const wrong = [
      await signed('PS256'),
      await signed('ES384'),
      await signed('ES256', claims, { kid: 'RS256' }),
      await signed('ES256', claims, { kid: 'unknown' }),
      `${header({ alg: 'none' })}.${body}.`,
      `${header({ alg: 'HS256', kid: 'ES256' })}.${body}.${signature}`,
      `${header({ alg: 'ES256', kid: 'ES256', crit: ['x'], x: 1 })}.${body}.${signature}`,
      `${header({ alg: 'toString' })}.${body}.${signature}`,
      ...['', 'x', `${head}.${body}`, `${head}.${body}.`, `${token}.x`, `${token}=`, ` ${token}`],
    ]
    for (const each of wrong) expect([each, await both(each)]).toEqual([each, ['refused', 'refused']])
    const refusedSets = [
      { keys: [] },
      keySet((jwk) => ({ ...jwk, use: 'enc' })),
      keySet((jwk) => ({ ...jwk, alg: 'RS256' })),
      keySet((jwk) => ({ ...jwk, key_ops: ['sign'] })),
      { keys: [...keySet().keys, ...keySet().keys] },
    ]
    for (const set of refusedSets) expect(await both(token, set)).toEqual(['refused', 'refused'])
  })

  it('AGT-08 refuses a token of which any letter was changed', async () => {
    const token = await signed('ES256')
    const change = fc.record({
      at: fc.nat({ max: token.length - 1 }),
      letter: fc.constantFrom(...'ABCxyz019-_.=+/ '),
    })
    await fc.assert(
      fc.asyncProperty(change, async ({ at, letter }) => {
        const [theirs, mine] = await both(token.slice(0, at) + letter + token.slice(at + 1))
        // Where jose still reads it (the same letter; spare bits at the end of a part), so may we; never where it does not.
        if (theirs === 'refused') expect(mine).toBe('refused')
      }),
      { numRuns: 300 },
    )
  })

  it('signs, names keys and encodes as jose does', async () => {
    const pair = await ours.generateKeyPair('ES256')
    expect(pair.privateKey.extractable).toBe(false)
    const jwk = await ours.exportJWK(pair.publicKey)
    expect(jwk).toEqual(await jose.exportJWK(pair.publicKey))
    for (const each of [jwk, ...keySet().keys]) {
      if (each.crv !== 'P-384')
        expect(await ours.calculateJwkThumbprint(each)).toBe(await jose.calculateJwkThumbprint(each))
    }
    const proof = await new ours.SignJWT({ jti: 'ü' }).setProtectedHeader({ alg: 'ES256', jwk }).sign(pair.privateKey)
    const read = await jose.jwtVerify(proof, jose.EmbeddedJWK)
    expect([read.payload, read.protectedHeader]).toEqual([{ jti: 'ü' }, { alg: 'ES256', jwk }])
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = ours.base64url.encode(bytes)
        expect(text).toBe(jose.base64url.encode(bytes))
        expect(ours.base64url.decode(text)).toEqual(bytes)
      }),
    )
  })
})

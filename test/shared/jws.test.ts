// Which public keys and headers are let in at all, before anything is verified.
import { createHash, randomBytes } from 'node:crypto'
import { importPublicKey, JwsError, readJwsHeader, readPublicJwk, type SignatureAlgorithm } from '@latchkey/shared'
import { base64url, type JWK } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { makeSigningKey } from '../support/fake-issuer.ts'

let ec: JWK
let ed: JWK
let rsa: JWK

beforeAll(async () => {
  const bare = async (alg: string) => {
    const { publicJwk } = await makeSigningKey('k', alg)
    const { kid: _kid, alg: _alg, use: _use, ...jwk } = publicJwk
    return jwk
  }
  ec = await bare('ES256')
  ed = await bare('EdDSA')
  rsa = await bare('RS256')
})

/** A modulus of that many bits; nobody has its factors, which a public key does not show. */
const modulus = (bits: number) => {
  const bytes = randomBytes(Math.ceil(bits / 8))
  const top = (bits - 1) % 8
  bytes[0] = ((bytes[0] ?? 0) & ((1 << top) - 1)) | (1 << top)
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 1
  return base64url.encode(bytes)
}

const faultOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof JwsError) return error.fault
    throw error
  }
  return 'none'
}

describe('a public key', () => {
  it('NEG-06 each allowed kind passes, reduced to its public members', async () => {
    for (const [jwk, alg] of [
      [ec, 'ES256'],
      [ed, 'EdDSA'],
      [ed, 'Ed25519'],
      [rsa, 'RS256'],
      [rsa, 'PS256'],
    ] as const) {
      expect(readPublicJwk({ ...jwk, use: 'sig', kid: 'x', x5c: ['A'] }, alg)).toEqual(jwk)
      expect((await importPublicKey(jwk, alg)).type).toBe('public')
    }
    expect(readPublicJwk({ ...ed, alg: 'EdDSA' }, 'Ed25519')).toEqual(ed)
  })

  it('NEG-06 RSA is taken from 2048 to 4096 bits and no further', () => {
    for (const bits of [2048, 3072, 4095, 4096]) {
      expect(faultOf(() => readPublicJwk({ ...rsa, n: modulus(bits) }, 'RS256'))).toBe('none')
    }
    for (const bits of [512, 1024, 2047, 4097, 4104, 16_384, 80_000]) {
      expect(faultOf(() => readPublicJwk({ ...rsa, n: modulus(bits) }, 'PS256'))).toBe('key')
    }
    expect(faultOf(() => readPublicJwk({ ...rsa, n: `AA${modulus(2048)}` }, 'RS256'))).toBe('key')
  })

  it('NEG-06 e = 1, an even and a huge exponent are refused', () => {
    for (const e of ['AQ', 'Ag', 'AAEAAQ', 'AQABAAAB', modulus(2048), '', undefined, 3, 65537]) {
      expect(faultOf(() => readPublicJwk({ ...rsa, e }, 'RS256'))).toBe('key')
    }
  })

  it('NEG-06 with e = 1 anybody could sign: the forged signature is arithmetically right, and refused', async () => {
    // EMSA-PKCS1-v1_5 (RFC 8017 §9.2): s^1 mod n = s, so the padded digest is its own signature.
    const data = 'header.payload'
    const prefix = Buffer.from('3031300d060960864801650304020105000420', 'hex')
    const digest = Buffer.concat([prefix, createHash('sha256').update(data).digest()])
    const forged = Buffer.concat([
      Buffer.from([0, 1]),
      Buffer.alloc(256 - 3 - digest.length, 0xff),
      Buffer.from([0]),
      digest,
    ])
    expect(forged).toHaveLength(256)
    await expect(importPublicKey({ ...rsa, e: 'AQ' }, 'RS256')).rejects.toMatchObject({ fault: 'key' })
  })

  it('NEG-06 a point off its curve is refused', async () => {
    const bytes = Buffer.from(ec.y ?? '', 'base64url')
    bytes[31] = (bytes[31] ?? 0) ^ 1
    for (const y of [bytes.toString('base64url'), ec.x, 'A'.repeat(43)]) {
      await expect(importPublicKey({ ...ec, y }, 'ES256')).rejects.toMatchObject({ name: 'JwsError', fault: 'key' })
    }
    await expect(importPublicKey({ ...ec, x: 'A'.repeat(43), y: 'A'.repeat(43) }, 'ES256')).rejects.toMatchObject({
      fault: 'key',
    })
  })

  it('NEG-06 coordinates of another length or spelling are refused', () => {
    const { x = '' } = ec
    for (const bad of [
      x.slice(1),
      `${x}A`,
      `${x}=`,
      x.slice(0, 42).concat('B'),
      x.replace(/.$/, '+'),
      '',
      1,
      null,
      [x],
    ]) {
      expect(faultOf(() => readPublicJwk({ ...ec, x: bad }, 'ES256'))).toBe('key')
    }
    expect(faultOf(() => readPublicJwk({ ...ed, x: `A${ed.x}` }, 'EdDSA'))).toBe('key')
  })

  it('API-05 a key for another algorithm, curve or kind is refused', () => {
    const cases: readonly [unknown, SignatureAlgorithm][] = [
      [ec, 'RS256'],
      [rsa, 'ES256'],
      [ed, 'ES256'],
      [ec, 'EdDSA'],
      [{ ...ec, crv: 'P-384' }, 'ES256'],
      [{ ...ec, crv: 'secp256k1' }, 'ES256'],
      [{ ...ed, crv: 'X25519' }, 'EdDSA'],
      [{ ...rsa, alg: 'PS256' }, 'RS256'],
      [{ ...ec, alg: 'HS256' }, 'ES256'],
      [{ kty: 'oct', k: 'AAAA' }, 'ES256'],
    ]
    for (const [jwk, alg] of cases) expect(faultOf(() => readPublicJwk(jwk, alg))).toBe('key')
    for (const jwk of [null, undefined, 'x', 1, [], [ec], {}]) {
      expect(faultOf(() => readPublicJwk(jwk, 'ES256'))).toBe('key')
    }
  })

  it('DP-01 private members are refused, whatever they hold', () => {
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) {
      for (const value of ['A', '', null]) {
        expect(faultOf(() => readPublicJwk({ ...ec, [member]: value }, 'ES256'))).toBe('key')
      }
    }
  })
})

describe('a header', () => {
  const compact = (header: unknown) => `${base64url.encode(JSON.stringify(header))}.e30.AA`

  it('API-05 only asymmetric algorithms are known', () => {
    for (const alg of ['none', 'HS256', 'HS512', 'RS1', 'ES256K', 'es256', '__proto__', 'length', 0, null, ['ES256']]) {
      expect(faultOf(() => readJwsHeader(compact({ alg })))).toBe('algorithm')
    }
    expect(readJwsHeader(compact({ alg: 'ES256', kid: 'k' }))).toEqual({
      alg: 'ES256',
      kid: 'k',
      typ: undefined,
      jwk: undefined,
    })
  })

  it('NEG-06 8 KiB is the most, and the rest is not looked at', () => {
    const fits = (length: number) => {
      const head = compact({ alg: 'ES256' })
      return head + 'A'.repeat(length - head.length)
    }
    expect(faultOf(() => readJwsHeader(fits(8_192)))).toBe('none')
    expect(faultOf(() => readJwsHeader(fits(8_193)))).toBe('malformed')
  })

  it('NEG-04 bytes that are no UTF-8 are malformed, not replaced', () => {
    const header = Buffer.from('{"alg":"ES256","x":"?"}')
    const token = () => `${header.toString('base64url')}.e30.AA`
    expect(faultOf(() => readJwsHeader(token()))).toBe('none')
    header[header.indexOf('?')] = 0xff
    expect(faultOf(() => readJwsHeader(token()))).toBe('malformed')
  })

  it('NEG-06 deep JSON is malformed', () => {
    const nested = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as unknown
    expect(faultOf(() => readJwsHeader(compact({ alg: 'ES256', x: nested(2) })))).toBe('none')
    expect(faultOf(() => readJwsHeader(compact({ alg: 'ES256', x: nested(2_000) })))).toBe('malformed')
  })
})

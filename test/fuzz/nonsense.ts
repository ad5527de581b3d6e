// What no honest client would send: values, names, tokens and bodies. A canary stands where a secret would be.
import fc from 'fast-check'

export const CANARY = 'canary-51b2d0c4e9'

/** Parameters that carry secrets: where the canary is put. */
export const SECRETS = [
  ...['client_secret', 'client_assertion', 'assertion', 'device_code', 'refresh_token', 'token', 'access_token'],
  ...['code', 'code_verifier', 'password', 'id_token_hint', 'csrf'],
] as const

export const HOSTILE = [
  ...[
    '',
    ' ',
    '\0',
    '\r\nX-Injected: yes',
    'a\nb',
    '\ud800',
    '\udfff\ud800',
    '\ufeff',
    '\u202e',
    '"\\',
    "'; DROP TABLE",
  ],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'a[b]', 'a.b', '[]', '{}', 'null', 'undefined', 'NaN'],
  ...['-1', '1e999', '0x10', '9007199254740993', '<script>alert(1)</script>', '{{7*7}}', '%00', '%', '../../etc'],
  ...['x'.repeat(129), 'y'.repeat(8193), 'a '.repeat(70), '🦖'.repeat(40), 'Ω≈ç√', 'ｗｄｊｂ－ｍｊｈｔ'],
  ...[
    'https://evil.example.com',
    '//evil.example.com',
    'javascript:alert(1)',
    'http://[::1',
    'urn:x',
    'https://a.example#b',
  ],
]

export const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'a[b]',
  '',
  ' ',
  'x'.repeat(129),
  '\0',
  '%',
  'toString',
  'valueOf',
]

const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Something with the looks of a JWT. */
export const jwt: fc.Arbitrary<string> = fc
  .record({
    header: fc.oneof(
      fc.constantFrom<unknown>(
        { alg: 'none' },
        { alg: 'HS256', typ: 'at+jwt' },
        { alg: 'ES256', typ: 'dpop+jwt', jwk: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' } },
        { alg: 'RS256', typ: 'dpop+jwt', jwk: { kty: 'RSA', n: 'AQ', e: 'AQ' } },
        { alg: 'EdDSA', typ: 'JWT', kid: '__proto__', crit: ['x'], jku: 'https://evil.example.com' },
        { alg: ['ES256'], typ: {}, jwk: [] },
      ),
      fc.jsonValue(),
    ),
    payload: fc.oneof(
      fc.constantFrom<unknown>(
        { iss: 'tv', sub: 'tv', aud: 'http://localhost:8080', exp: 1e99, jti: CANARY },
        { htm: 'POST', htu: 'http://localhost:8080/token', iat: -1, jti: { a: 1 }, nonce: CANARY },
        { iss: CANARY, client_id: ['tv'], link: null },
      ),
      fc.jsonValue(),
    ),
    signature: fc.constantFrom('', CANARY, 'AAAA', '!!!', 'A'.repeat(86)),
    dots: fc.constantFrom('.', '..', ''),
  })
  .map(
    ({ header, payload, signature, dots }) => [segment(header), segment(payload), signature].join(dots || '.') + dots,
  )

/** No control characters: Node's own parser refuses them before anybody here is asked. */
export const headerText = fc.string({ unit: 'grapheme-ascii', maxLength: 40 })

export const base64 = (value: string) => Buffer.from(value, 'utf8').toString('base64')

export const CREDENTIALS = [
  ...['reports', 'posted', 'tv', '%zz', 'a\0b', '', '__proto__'].map((id) => `Basic ${base64(`${id}:${CANARY}`)}`),
  ...[`basic   ${base64(`posted:${CANARY}`)}`, `Basic ${base64(CANARY)}`, 'Basic !!!', 'Basic', ','],
  ...[`Bearer ${CANARY}`, `DPoP ${CANARY}`, 'bearer', 'Negotiate x', 'Bearer a b c', `Basic ${'A'.repeat(10_000)}`],
]

const DEEP = '['.repeat(5000) + ']'.repeat(5000)

export const BODIES = [
  ...['a=%zz', '%', '%ff=%fe', '&&&', '===', '=', 'a', 'grant_type=%00', 'a=1&'.repeat(80), 'x'.repeat(70_000)],
  ...[`client_secret=${CANARY}`.repeat(900), DEEP, '{"a":', '{"__proto__":{"admin":true}}', '"\\ud800"', '\ufeff{}'],
]

export const TYPES = [
  ...['application/json', 'application/json; charset=utf-8', 'multipart/form-data; boundary=x', 'multipart/form-data'],
  ...[
    'application/x-www-form-urlencoded;charset=utf-16',
    'APPLICATION/X-WWW-FORM-URLENCODED',
    'text/plain',
    'x',
    '',
    '/',
  ],
]

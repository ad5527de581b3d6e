// Requests that nobody in their right mind sends, as fast-check arbitraries; some of them almost right, so that they
// get far. A canary stands where a secret would be.
import fc from 'fast-check'
import type { InjectOptions } from 'fastify'

export const CANARY = 'canary-51b2d0c4e9'

/** What a request may hold that is true, so that it is not refused at the first door. */
export interface Truths {
  readonly names: readonly string[]
  readonly values: readonly string[]
  readonly cookies: string
  readonly csrf: string
}

const FORM = 'application/x-www-form-urlencoded'

/** Parameters that carry secrets: where the canary is put. */
const SECRETS = [
  ...['client_secret', 'client_assertion', 'assertion', 'device_code', 'refresh_token', 'token', 'access_token'],
  ...['code', 'code_verifier', 'password', 'id_token_hint', 'csrf'],
] as const

const HOSTILE = [
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

const NAMES = [
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
const jwt: fc.Arbitrary<string> = fc
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

const text = (values: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { arbitrary: fc.constantFrom(...values), weight: 4 },
    { arbitrary: fc.constantFrom(...HOSTILE), weight: 3 },
    { arbitrary: fc.string({ unit: 'binary', maxLength: 40 }), weight: 1 },
    { arbitrary: jwt, weight: 1 },
  )

const pair = (truths: Truths): fc.Arbitrary<readonly [string, string]> =>
  fc.oneof(
    { arbitrary: fc.tuple(fc.constantFrom(...truths.names), text(truths.values)), weight: 6 },
    { arbitrary: fc.constantFrom(...SECRETS).map((name) => [name, CANARY] as const), weight: 2 },
    { arbitrary: fc.tuple(fc.constantFrom(...NAMES), text(truths.values)), weight: 1 },
    { arbitrary: fc.constant(['csrf', truths.csrf] as const), weight: 2 },
  )

/** URLSearchParams would mend lone surrogates; here they become what careless software makes of them. */
const encode = (value: string): string =>
  [...Buffer.from(value, 'utf8')].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')

const plain = (value: string): string => (/^[\w.~:/-]*$/.test(value) ? value : encode(value))

const form = (truths: Truths): fc.Arbitrary<string> =>
  fc
    .array(pair(truths), { maxLength: 12 })
    .map((pairs) => pairs.map(([name, value]) => `${plain(name)}=${plain(value)}`).join('&'))

const DEEP = '['.repeat(5000) + ']'.repeat(5000)

const body = (truths: Truths): fc.Arbitrary<string | Buffer> =>
  fc.oneof(
    { arbitrary: form(truths), weight: 8 },
    {
      arbitrary: fc.constantFrom(
        ...['a=%zz', '%', '%ff=%fe', '&&&', '===', '=', 'a', 'grant_type=%00', 'a=1&'.repeat(80), 'x'.repeat(70_000)],
        ...[
          `client_secret=${CANARY}`.repeat(900),
          DEEP,
          '{"a":',
          '{"__proto__":{"admin":true}}',
          '"\\ud800"',
          '\ufeff{}',
        ],
      ),
      weight: 3,
    },
    { arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)), weight: 1 },
    {
      arbitrary: fc.array(pair(truths), { maxLength: 8 }).map((pairs) => JSON.stringify(Object.fromEntries(pairs))),
      weight: 2,
    },
    { arbitrary: fc.json(), weight: 1 },
  )

const base64 = (value: string) => Buffer.from(value, 'utf8').toString('base64')

/** No control characters: Node's own parser refuses them before anybody here is asked. */
const headerText = fc.string({ unit: 'grapheme-ascii', maxLength: 40 })

const authorization = (truths: Truths): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constantFrom(
      ...[`Basic ${base64(`reports:${CANARY}`)}`, `basic   ${base64(`posted:${CANARY}`)}`, `Basic ${base64(CANARY)}`],
      ...[
        `Basic ${base64(`tv:${CANARY}`)}`,
        `Basic ${base64('%zz:%')}`,
        `Basic ${base64('a\0b:c')}`,
        'Basic !!!',
        'Basic',
      ],
      ...[
        `Bearer ${CANARY}`,
        `DPoP ${CANARY}`,
        `bearer`,
        'Negotiate x',
        `Basic ${'A'.repeat(10_000)}`,
        'Bearer a b c',
        ',',
      ],
    ),
    fc
      .tuple(fc.constantFrom('Bearer', 'DPoP', 'Basic'), fc.constantFrom(...truths.values))
      .map(([scheme, value]) => `${scheme} ${value.replace(/[^\x21-\x7e]/g, '')}`),
    jwt.map((token) => `DPoP ${token}`),
    jwt.map((token) => `Bearer ${token}`),
    headerText,
  )

const headers = (truths: Truths): fc.Arbitrary<Record<string, string>> =>
  fc.record(
    {
      'content-type': fc.oneof(
        { arbitrary: fc.constant(FORM), weight: 6 },
        {
          arbitrary: fc.constantFrom(
            ...[
              'application/json',
              'application/json; charset=utf-8',
              `${FORM}; charset=utf-8`,
              `${FORM};charset=utf-16`,
            ],
            ...[
              'multipart/form-data; boundary=x',
              'multipart/form-data',
              'text/plain',
              'x',
              '',
              '/',
              ';;;',
              FORM.toUpperCase(),
            ],
          ),
          weight: 4,
        },
      ),
      authorization: authorization(truths),
      dpop: fc.oneof(jwt, headerText, fc.constantFrom(CANARY, '', 'a.b.c', 'x'.repeat(9000))),
      cookie: fc.oneof(
        { arbitrary: fc.constant(truths.cookies), weight: 4 },
        { arbitrary: headerText, weight: 1 },
        {
          arbitrary: fc.constantFrom(
            `latchkey-session=${CANARY}; latchkey-visit=${CANARY}`,
            ...['latchkey-visit=%', 'latchkey-session=', ';;;=;', '__proto__=x', `latchkey-visit=${'A'.repeat(4000)}`],
          ),
          weight: 2,
        },
      ),
      'content-encoding': fc.constantFrom('gzip', 'identity', 'x'),
      'accept-language': fc.oneof(
        headerText,
        fc.constantFrom('*', 'xx-XX-xx;q=2', 'en;q=', ',,,', 'i-default', 'a'.repeat(500)),
      ),
      'sec-fetch-site': fc.constantFrom('same-origin', 'none', 'cross-site', 'x'),
      origin: fc.constantFrom('null', 'http://localhost:8080', 'https://evil.example.com', ''),
      'x-forwarded-for': fc.oneof(fc.ipV4(), fc.ipV6(), headerText),
      'x-forwarded-proto': fc.constantFrom('http', 'https', 'gopher', ''),
      'x-forwarded-host': fc.constantFrom('evil.example.com', ''),
      'if-none-match': fc.constantFrom('*', '""', '"x", W/"y"'),
      prefer: fc.constantFrom('wait=25', 'wait=99999999', 'wait=-1', 'wait=x', 'respond-async', ''),
      accept: fc.constantFrom('*/*', 'application/jwt', 'text/html', ';', ''),
      // Methods and hosts that software between may try to change.
      'x-http-method-override': fc.constantFrom('DELETE', 'PUT'),
      host: fc.constantFrom('localhost:8080', 'evil.example.com', ''),
    },
    { requiredKeys: [] },
  )

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const

/** Requests to one address; `:name` in it is filled in. Mostly by `method`, sometimes by another. */
export function requests(
  route: { readonly method: string; readonly url: string },
  truths: Truths,
): fc.Arbitrary<InjectOptions> {
  const parameter = fc.oneof(fc.constantFrom(...truths.values, ...HOSTILE).map(encode), fc.constant(CANARY))
  return fc
    .record({
      method: fc.oneof(
        { arbitrary: fc.constant(route.method as 'GET'), weight: 8 },
        { arbitrary: fc.constantFrom(...METHODS), weight: 1 },
      ),
      filled: parameter,
      query: fc.oneof(
        { arbitrary: fc.constant(''), weight: 4 },
        { arbitrary: form(truths), weight: route.method === 'GET' ? 12 : 2 },
        {
          arbitrary: fc.constantFrom(
            '%',
            '%zz=%',
            '?',
            '&',
            'a[b]=c',
            `client_secret=${CANARY}`,
            `x=${'y'.repeat(9000)}`,
          ),
          weight: 1,
        },
      ),
      headers: headers(truths),
      payload: body(truths),
    })
    .map(({ method, filled, query, payload, ...rest }) => ({
      ...rest,
      method,
      url: route.url.replace(/:\w+/g, () => filled) + (query === '' ? '' : `?${query}`),
      ...(method === 'GET' || method === 'HEAD' ? {} : { payload }),
    }))
}

// Requests as fast-check arbitraries: almost right, so that they get far, with nonsense here and there.
import fc from 'fast-check'
import type { InjectOptions } from 'fastify'
import { BODIES, base64, CANARY, CREDENTIALS, HOSTILE, headerText, jwt, NAMES, SECRETS, TYPES } from './nonsense.ts'

/** What a request may hold that is true, so that it is not refused at the first door. */
export interface Truths {
  /** Good values, by the name of the parameter. */
  readonly values: Readonly<Record<string, readonly string[]>>
  readonly cookies: string
  /** Authorization headers. */
  readonly credentials: readonly string[]
}

/** What a form asks for; one of several for an endpoint. */
export interface FormShape {
  readonly required: readonly string[]
  readonly optional: readonly string[]
  /** The only right value, where there is only one. */
  readonly fixed: Readonly<Record<string, string>>
}

type Pair = readonly [name: string, value: string]

const FORM = 'application/x-www-form-urlencoded'
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const

/** In `often` of twenty cases; else undefined. */
const sometimes = <T>(often: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ arbitrary, weight: often }, { arbitrary: fc.constant(undefined), weight: 20 - often })

const nonsense: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: fc.constantFrom(...HOSTILE), weight: 3 },
  { arbitrary: fc.string({ unit: 'binary', maxLength: 40 }), weight: 1 },
)

const strayPair: fc.Arbitrary<Pair> = fc.oneof(
  fc.constantFrom(...SECRETS).map((name) => [name, CANARY] as const),
  fc.tuple(fc.constantFrom(...NAMES), nonsense),
)

type Damage = (pairs: readonly Pair[]) => readonly Pair[]

const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(fc.nat(), nonsense).map(
    ([at, value]): Damage =>
      (pairs) =>
        replaced(pairs, at, value),
  ),
  // Only where a secret would be: `state` and the like come back as they are.
  fc.tuple(fc.nat(), fc.oneof(fc.constant(CANARY), jwt)).map(
    ([at, value]): Damage =>
      (pairs) =>
        replaced(pairs, at, value, SECRETS),
  ),
  fc.nat().map(
    (at): Damage =>
      (pairs) =>
        pairs.filter((_, index) => index !== at % pairs.length),
  ),
  fc.nat().map(
    (at): Damage =>
      (pairs) => [...pairs, ...pairs.slice(at % (pairs.length + 1))],
  ),
  strayPair.map(
    (stray): Damage =>
      (pairs) => [stray, ...pairs],
  ),
)

/** With `among`, only where the name is one of them. */
function replaced(pairs: readonly Pair[], at: number, value: string, among?: readonly string[]): readonly Pair[] {
  return pairs.map(([name, old], index) => {
    const chosen = index === at % pairs.length && (among === undefined || among.includes(name))
    return [name, chosen ? value : old]
  })
}

/** The required fields, some of the others, all of them right; then damaged in none to three places. */
function pairsOf(shape: FormShape, { values }: Truths): fc.Arbitrary<readonly Pair[]> {
  const right = (name: string) => (shape.fixed[name] === undefined ? values[name] : [shape.fixed[name]])
  const field = (name: string) => fc.constantFrom(...(right(name) ?? [CANARY])).map((value): Pair => [name, value])
  return fc
    .tuple(
      fc.tuple(...shape.required.map(field)),
      fc.tuple(...shape.optional.map((name) => sometimes(oftenIn(name, values), field(name)))),
      fc.oneof({ arbitrary: fc.constant([]), weight: 2 }, { arbitrary: fc.array(damage, { maxLength: 3 }), weight: 3 }),
    )
    .map(([required, optional, damages]) =>
      damages.reduce<readonly Pair[]>(
        (pairs, one) => one(pairs),
        [...required, ...optional.filter((pair) => pair !== undefined)],
      ),
    )
}

/** A client says who it is, and seldom in several ways; of the rest, what has a right value comes more often than not. */
function oftenIn(name: string, values: Truths['values']): number {
  if (name === 'client_id') return 17
  return values[name] === undefined || name === 'client_secret' ? 1 : 12
}

const encode = (value: string): string =>
  [...Buffer.from(value, 'utf8')].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')

const plain = (value: string): string => (/^[\w.~:/-]*$/.test(value) ? value : encode(value))

const asForm = (pairs: readonly Pair[]): string => pairs.map((pair) => pair.map(plain).join('=')).join('&')

/** A body, and the type that it comes with. */
function bodies(pairs: fc.Arbitrary<readonly Pair[]>, json: boolean): fc.Arbitrary<readonly [string, string | Buffer]> {
  const asJson = pairs.map((all) => JSON.stringify(Object.fromEntries(all)))
  const types = fc.constantFrom(FORM, 'application/json', ...TYPES)
  return fc.oneof(
    { arbitrary: pairs.map((all) => [FORM, asForm(all)] as const), weight: json ? 1 : 12 },
    { arbitrary: asJson.map((body) => ['application/json', body] as const), weight: json ? 12 : 1 },
    { arbitrary: fc.tuple(types, fc.oneof(pairs.map(asForm), fc.constantFrom(...BODIES), fc.json())), weight: 3 },
    {
      arbitrary: fc.tuple(
        types,
        fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      ),
      weight: 1,
    },
  )
}

const authorization = (truths: Truths): fc.Arbitrary<string> =>
  fc.oneof(
    { arbitrary: fc.constantFrom(...truths.credentials), weight: 3 },
    { arbitrary: fc.constantFrom(...CREDENTIALS), weight: 2 },
    { arbitrary: fc.tuple(fc.constantFrom('DPoP', 'Bearer'), jwt).map((parts) => parts.join(' ')), weight: 1 },
    { arbitrary: headerText, weight: 1 },
  )

const headers = (truths: Truths): fc.Arbitrary<Record<string, string>> =>
  fc
    .record({
      authorization: sometimes(5, authorization(truths)),
      dpop: sometimes(4, fc.oneof(jwt, headerText, fc.constantFrom(CANARY, '', 'a.b.c', 'x'.repeat(9000)))),
      cookie: fc.oneof(
        { arbitrary: fc.constant(truths.cookies), weight: 8 },
        { arbitrary: headerText, weight: 1 },
        {
          arbitrary: fc.constantFrom(
            `latchkey-session=${CANARY}; latchkey-visit=${CANARY}`,
            ...['latchkey-visit=%', 'latchkey-session=', ';;;=;', '__proto__=x', `latchkey-visit=${'A'.repeat(4000)}`],
          ),
          weight: 1,
        },
      ),
      'content-encoding': sometimes(1, fc.constantFrom('gzip', 'identity', 'x')),
      'accept-language': sometimes(
        2,
        fc.oneof(headerText, fc.constantFrom('*', 'xx-XX-xx;q=2', ',,,', 'a'.repeat(500))),
      ),
      'sec-fetch-site': sometimes(4, fc.constantFrom('same-origin', 'same-origin', 'none', 'cross-site', 'x')),
      origin: sometimes(2, fc.constantFrom('null', 'http://localhost:8080', 'https://evil.example.com', '')),
      'x-forwarded-for': sometimes(6, fc.oneof(fc.ipV4(), fc.ipV6(), headerText)),
      'x-forwarded-proto': sometimes(2, fc.constantFrom('http', 'https', 'gopher', '')),
      'x-forwarded-host': sometimes(1, fc.constantFrom('evil.example.com', '')),
      'if-none-match': sometimes(2, fc.constantFrom('*', '""', '"x", W/"y"')),
      prefer: sometimes(3, fc.constantFrom('wait=25', 'wait=99999999', 'wait=-1', 'wait=x', 'respond-async', '')),
      accept: sometimes(2, fc.constantFrom('*/*', 'application/jwt', 'text/html', ';', '')),
      'x-http-method-override': sometimes(1, fc.constantFrom('DELETE', 'PUT')),
      host: sometimes(2, fc.constantFrom('localhost:8080', 'evil.example.com', '')),
    })
    .map((all) =>
      Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined)),
    )

export interface Target {
  readonly method: string
  /** `:name` in it is filled in. */
  readonly url: string
  readonly shapes: readonly FormShape[]
  /** Its body is JSON. */
  readonly json: boolean
}

/** Mostly by the method of the target, sometimes by another. */
export function requests({ method, url, shapes, json }: Target, truths: Truths): fc.Arbitrary<InjectOptions> {
  const pairs = fc.oneof(...shapes.map((shape) => pairsOf(shape, truths)))
  const inQuery = method === 'GET'
  const names = fc.constantFrom(...(truths.values['client_id'] ?? ['x']), ...HOSTILE, CANARY).map(encode)
  const stray = fc.constantFrom('%', '%zz=%', '?', '&', 'a[b]=c', `client_secret=${CANARY}`, `x=${'y'.repeat(9000)}`)
  return fc
    .record({
      method: fc.oneof(
        { arbitrary: fc.constant(method as 'GET'), weight: 19 },
        { arbitrary: fc.constantFrom(...METHODS), weight: 1 },
      ),
      name: names,
      query: fc.oneof(
        { arbitrary: fc.constant(''), weight: inQuery ? 4 : 18 },
        { arbitrary: pairs.map(asForm), weight: inQuery ? 14 : 1 },
        { arbitrary: stray, weight: 1 },
      ),
      headers: headers(truths),
      body: bodies(pairs, json),
    })
    .map(({ method, name, query, headers, body: [type, payload] }) => ({
      method,
      url: url.replace(/:\w+/g, () => name) + (query === '' ? '' : `?${query}`),
      ...(method === 'GET' || method === 'HEAD'
        ? { headers }
        : { headers: { ...headers, 'content-type': type }, payload }),
    }))
}

/** A secret of a client, as a header. */
export const basicOf = (id: string, secret: string): string => `Basic ${base64(`${id}:${secret}`)}`

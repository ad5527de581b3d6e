// A bound token at an API: with which proof it opens, and every way to take one from somebody else. The proof itself:
// ../shared/dpop.test.ts.
import { makeProof, type ProofInput, type ProofKey, thumbprint } from '@latchkey/shared'
import { createResourceServer, type ResourceServer, type ResourceServerOptions } from '@latchkey/shared/resource-server'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeHost, fakeHost } from '../support/fake-host.ts'
import {
  AUDIENCE,
  fakeIssuer,
  makeSigningKey,
  refusalOf,
  type SigningKey,
  statusOf,
  trusting,
  userToken,
} from '../support/fake-issuer.ts'

const ALGS = 'algs="ES256 RS256 PS256 EdDSA Ed25519"'

let signingKey: SigningKey
let deviceKey: ProofKey
let thiefKey: ProofKey
let jkt: string
let host: FakeHost
let api: ResourceServer

beforeAll(async () => {
  signingKey = await makeSigningKey('k1')
  deviceKey = await generateKeyPair('ES256', { extractable: true })
  thiefKey = await generateKeyPair('ES256', { extractable: true })
  jkt = await thumbprint(await exportJWK(deviceKey.publicKey))
})

const makeApi = (options: Partial<ResourceServerOptions> = {}) =>
  createResourceServer({ ...trusting(fakeIssuer(signingKey), host), ...options })

beforeEach(() => {
  host = fakeHost()
  api = makeApi()
})

const boundToken = (changes = {}) => userToken(signingKey, host, { cnf: { jkt }, ...changes })

const prove = (accessToken: string | undefined, changes: Partial<ProofInput> = {}) =>
  makeProof({
    key: deviceKey,
    htm: 'GET',
    htu: `${AUDIENCE}/books`,
    ...(accessToken === undefined ? {} : { accessToken }),
    nowSeconds: host.clock.now() / 1000,
    entropy: host.entropy,
    ...changes,
  })

const request = (token: string, dpop: string | readonly string[] | undefined, changes = {}) => ({
  authorization: `DPoP ${token}`,
  dpop,
  method: 'GET',
  url: '/books',
  ...changes,
})

async function expectRefused(work: Promise<unknown>, error: 'invalid_token' | 'invalid_dpop_proof') {
  const answer = await refusalOf(work)
  expect(answer.status).toBe(401)
  expect(answer.body.error).toBe(error)
  expect(answer.headers['WWW-Authenticate']).toMatch(
    new RegExp(`^DPoP error="${error}", error_description="[^"\\\\]+", ${ALGS}$`),
  )
  expect(answer.headers).not.toHaveProperty('DPoP-Nonce')
}

const nonceIn = (headers: Readonly<Record<string, string>>): string => {
  expect(Object.keys(headers).filter((name) => name.toLowerCase() === 'dpop-nonce')).toEqual(['DPoP-Nonce'])
  return headers['DPoP-Nonce'] ?? ''
}

describe('a bound token with its proof', () => {
  it('API-07 DP-05 opens, and the API learns the key', async () => {
    const token = await boundToken()
    const access = await api.check(request(token, await prove(token)))
    expect(access).toMatchObject({ subject: 'user-1', jkt, headers: {} })
  })

  it.each(['ES256', 'EdDSA', 'RS256', 'PS256'])('API-07 the key may be one for %s', async (alg) => {
    const key = await generateKeyPair(alg, { extractable: true })
    const token = await boundToken({ cnf: { jkt: await thumbprint(await exportJWK(key.publicKey)) } })
    await expect(api.check(request(token, await prove(token, { key })))).resolves.toBeDefined()
  })

  it('API-07 the scheme in any case, the query outside the proof', async () => {
    const token = await boundToken()
    const asked = { authorization: `dpop ${token}`, url: '/books?page=2#end' }
    await expect(api.check(request(token, await prove(token), asked))).resolves.toBeDefined()
  })

  it('API-07 API-03 may lack a scope: 403 in the scheme it came with', async () => {
    const token = await boundToken()
    const error = await refusalOf(api.check(request(token, await prove(token)), { scope: 'library:write' }))
    expect(error.status).toBe(403)
    expect(error.headers['WWW-Authenticate']).toMatch(
      /^DPoP error="insufficient_scope", error_description="[^"]+", scope="library:write", algs="/,
    )
  })

  it('API-07 a device whose clock is up to 60 s behind or 10 s ahead', async () => {
    const token = await boundToken()
    const at = (seconds: number) => prove(token, { nowSeconds: host.clock.now() / 1000 + seconds })
    for (const seconds of [-60, 10]) await expect(api.check(request(token, await at(seconds)))).resolves.toBeDefined()
    for (const seconds of [-61, 11]) {
      await expectRefused(api.check(request(token, await at(seconds))), 'invalid_dpop_proof')
    }
  })
})

describe('a stolen token or proof', () => {
  it('API-06 a bound token sent as Bearer, with or without the proof: 401, and DPoP is offered', async () => {
    const token = await boundToken()
    for (const dpop of [undefined, await prove(token)]) {
      const error = await refusalOf(api.check(request(token, dpop, { authorization: `Bearer ${token}` })))
      expect(error.status).toBe(401)
      expect(error.headers['WWW-Authenticate']).toMatch(
        new RegExp(`^Bearer realm="${AUDIENCE}", error="invalid_token", error_description="[^"]+", DPoP ${ALGS}$`),
      )
    }
  })

  it('API-07 without a proof: refused', async () => {
    const token = await boundToken()
    for (const dpop of [undefined, [], '', 'x', [' '], 'a.b.c']) {
      await expectRefused(api.check(request(token, dpop)), 'invalid_dpop_proof')
    }
  })

  it('API-07 with the thief’s own key: refused', async () => {
    const token = await boundToken()
    await expectRefused(api.check(request(token, await prove(token, { key: thiefKey }))), 'invalid_token')
  })

  it('API-07 with the owner’s public key in a proof the thief signed: refused', async () => {
    const token = await boundToken()
    const [header] = (await prove(token)).split('.')
    const [, payload, signature] = (await prove(token, { key: thiefKey })).split('.')
    await expectRefused(api.check(request(token, `${header}.${payload}.${signature}`)), 'invalid_dpop_proof')
  })

  it('API-07 DP-03 the same proof twice: the second is refused, in whatever spelling of the address', async () => {
    const token = await boundToken()
    const proof = await prove(token, { htu: `${AUDIENCE}/~books` })
    const ask = (url: string) => api.check(request(token, proof, { url }))
    await expect(ask('/~books')).resolves.toBeDefined()
    for (const url of ['/~books', '/%7ebooks', '/%7Ebooks?page=2', '/x/../~books', 'https://evil.example.com/~books']) {
      await expectRefused(ask(url), 'invalid_dpop_proof')
    }
  })

  it('API-07 DP-03 of twenty uses at once, one is let in', async () => {
    const token = await boundToken()
    const proof = await prove(token)
    const uses = await Promise.allSettled(Array.from({ length: 20 }, () => api.check(request(token, proof))))
    expect(uses.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('API-07 a proof is used up even where the scope was lacking', async () => {
    const token = await boundToken()
    const proof = await prove(token)
    expect((await refusalOf(api.check(request(token, proof), { scope: 'library:write' }))).status).toBe(403)
    await expectRefused(api.check(request(token, proof)), 'invalid_dpop_proof')
  })

  it('API-07 a proof for another method, address or token, or none: refused', async () => {
    const token = await boundToken()
    const other = await boundToken({ jti: 'j2' })
    for (const proof of [
      await prove(token, { htm: 'POST' }),
      await prove(token, { htu: `${AUDIENCE}/books/1` }),
      await prove(token, { htu: `${AUDIENCE}/` }),
      await prove(token, { htu: 'https://other.example.com/books' }),
      await prove(token, { htu: 'http://api.example.com/books' }),
      await prove(other),
      await prove(undefined),
    ]) {
      await expectRefused(api.check(request(token, proof)), 'invalid_dpop_proof')
    }
    await expectRefused(api.check(request(token, await prove(token), { method: 'HEAD' })), 'invalid_dpop_proof')
  })

  it('API-07 the host that the request names counts for nothing', async () => {
    const token = await boundToken()
    const evil = await prove(token, { htu: 'https://evil.example.com/books' })
    await expectRefused(
      api.check(request(token, evil, { url: 'https://evil.example.com/books' })),
      'invalid_dpop_proof',
    )
    const lengthened = await prove(token, { htu: `${AUDIENCE}.evil.example.net/books` })
    for (const url of ['.evil.example.net/books', '@evil.example.net/books', '//evil.example.net/books']) {
      await expectRefused(api.check(request(token, lengthened, { url })), 'invalid_dpop_proof')
    }
    const good = await prove(token)
    await expect(api.check(request(token, good, { url: 'http://proxy.internal:8080/books' }))).resolves.toBeDefined()
  })

  it('API-07 a proof with private members of its key, or signed with a shared secret: refused', async () => {
    const token = await boundToken()
    const claims = { htm: 'GET', htu: `${AUDIENCE}/books`, iat: Math.floor(host.clock.now() / 1000), jti: 'x' }
    const jwk = await exportJWK(deviceKey.privateKey)
    expect(jwk.d).toBeDefined()
    const leaky = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .sign(deviceKey.privateKey)
    await expectRefused(api.check(request(token, leaky)), 'invalid_dpop_proof')
    const secret: object = { kty: 'oct', k: 'AAAA' }
    const symmetric = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ: 'dpop+jwt', jwk: secret })
      .sign(new Uint8Array(32))
    await expectRefused(api.check(request(token, symmetric)), 'invalid_dpop_proof')
  })

  it('NEG-06 a proof of more than 8 KiB is refused', async () => {
    const token = await boundToken()
    await expectRefused(api.check(request(token, `${await prove(token)}${'a'.repeat(8_192)}`)), 'invalid_dpop_proof')
  })

  it('NEG-03 two DPoP headers, apart or joined by a proxy: 400', async () => {
    const token = await boundToken()
    const [one, two] = [await prove(token), await prove(token)]
    const unbound = await userToken(signingKey, host)
    for (const asked of [
      request(token, [one, two]),
      request(token, [one, one]),
      request(token, `${one}, ${two}`),
      request(token, [one, '']),
      request(token, [one, two], { authorization: `Bearer ${unbound}` }),
    ]) {
      const error = await refusalOf(api.check(asked))
      expect(error.status).toBe(400)
      expect(error.headers['WWW-Authenticate']).toContain('error="invalid_request"')
    }
    // Nothing was used up by that.
    await expect(api.check(request(token, one))).resolves.toBeDefined()
  })

  it('NEG-03 API-03 two Authorization headers, or a token in the query beside it: 400', async () => {
    const token = await boundToken()
    const proof = await prove(token)
    for (const changes of [
      { authorization: [`DPoP ${token}`, `Bearer ${token}`] },
      { url: `/books?access_token=${token}` },
      { authorization: 'DPoP' },
      { authorization: 'DPoP a b' },
    ]) {
      expect((await refusalOf(api.check(request(token, proof, changes)))).status).toBe(400)
    }
  })
})

describe('a token bound in another way', () => {
  it('API-07 an unbound token in the DPoP scheme: invalid_token', async () => {
    const token = await userToken(signingKey, host)
    await expectRefused(api.check(request(token, await prove(token))), 'invalid_token')
  })

  it.each<[string, unknown]>([
    ['nothing', {}],
    ['null', null],
    ['a certificate', { 'x5t#S256': 'x'.repeat(43) }],
    ['a list', ['x']],
    ['a number', { jkt: 7 }],
    ['another thumbprint', { jkt: 'x'.repeat(43) }],
  ])('API-07 cnf is %s: invalid_token', async (_, cnf) => {
    const token = await boundToken({ cnf })
    await expectRefused(api.check(request(token, await prove(token))), 'invalid_token')
  })

  it('API-07 key and certificate at once: refused, as only half could be checked', async () => {
    const token = await boundToken({ cnf: { jkt, 'x5t#S256': 'x'.repeat(43) } })
    await expectRefused(api.check(request(token, await prove(token))), 'invalid_token')
  })

  it('API-07 tokens: bound takes no plain Bearer token and offers DPoP alone', async () => {
    api = makeApi({ tokens: 'bound' })
    const plain = await userToken(signingKey, host)
    const bound = await boundToken()
    for (const token of [plain, bound]) {
      await expectRefused(api.check(request(token, undefined, { authorization: `Bearer ${token}` })), 'invalid_token')
    }
    const missing = await refusalOf(api.check({ authorization: undefined, method: 'GET', url: '/' }))
    expect(missing.headers['WWW-Authenticate']).toBe(`DPoP ${ALGS}`)
    await expect(api.check(request(bound, await prove(bound)))).resolves.toBeDefined()
  })
})

describe('the public address', () => {
  it('API-07 publicUrl stands for the part that a proxy takes away', async () => {
    api = makeApi({ publicUrl: 'https://gate.example.com/library/' })
    const token = await boundToken()
    const proof = await prove(token, { htu: 'https://gate.example.com/library/books' })
    await expect(api.check(request(token, proof))).resolves.toBeDefined()
    await expectRefused(api.check(request(token, await prove(token))), 'invalid_dpop_proof')
  })

  it('API-07 of an audience with a path, the origin counts', async () => {
    const audience = `${AUDIENCE}/v1`
    api = makeApi({ audience })
    const token = await boundToken({ aud: audience })
    const proof = await prove(token, { htu: `${AUDIENCE}/v1/books` })
    await expect(api.check(request(token, proof, { url: '/v1/books' }))).resolves.toBeDefined()
  })

  it('API-07 with neither, DPoP is off: not offered, not taken, and a bound token still no Bearer token', async () => {
    const audience = 'urn:example:library'
    api = makeApi({ audience })
    const token = await boundToken({ aud: audience })
    const missing = await refusalOf(api.check(request(token, await prove(token))))
    expect(missing.status).toBe(401)
    expect(missing.headers['WWW-Authenticate']).toBe(`Bearer realm="${audience}"`)
    const stolen = await refusalOf(api.check(request(token, undefined, { authorization: `Bearer ${token}` })))
    expect(stolen.body.error).toBe('invalid_token')
  })

  it('API-07 options that cannot be are refused at once', () => {
    for (const options of [
      { audience: 'urn:example:library', tokens: 'bound' },
      { audience: 'urn:example:library', dpopNonce: 'required' },
      { publicUrl: '/library' },
      { publicUrl: 'ftp://api.example.com' },
      { publicUrl: 'https://api.example.com/?x' },
      { publicUrl: 'https://somebody@api.example.com/' },
      { rememberedProofs: 0 },
    ] as const) {
      expect(() => makeApi(options), JSON.stringify(options)).toThrow(TypeError)
    }
  })
})

describe('nonces', () => {
  const expectNonceWanted = async (work: Promise<unknown>): Promise<string> => {
    const error = await refusalOf(work)
    expect(error.status).toBe(401)
    expect(error.headers['WWW-Authenticate']).toMatch(
      new RegExp(`^DPoP error="use_dpop_nonce", error_description="[^"]+", ${ALGS}$`),
    )
    expect(error.headers['Cache-Control']).toBe('no-store')
    return nonceIn(error.headers)
  }

  it('API-07 required: a proof without one is told one, and with it the age of the proof is of no matter', async () => {
    api = makeApi({ dpopNonce: 'required' })
    const token = await boundToken()
    const nonce = await expectNonceWanted(api.check(request(token, await prove(token))))
    const access = await api.check(request(token, await prove(token, { nonce, nowSeconds: 0 })))
    expect(nonceIn(access.headers)).toBe(nonce)
    expect(access.headers['Cache-Control']).toBe('no-store')
  })

  it('API-07 the previous one is still good, and success brings the fresh one; the one before is stale', async () => {
    api = makeApi({ dpopNonce: 'required' })
    const token = await boundToken()
    const first = await expectNonceWanted(api.check(request(token, await prove(token))))
    await host.advance(60_000)
    const second = nonceIn((await api.check(request(token, await prove(token, { nonce: first })))).headers)
    expect(second).not.toBe(first)
    await host.advance(60_000)
    const third = await expectNonceWanted(api.check(request(token, await prove(token, { nonce: first }))))
    expect(new Set([first, second, third]).size).toBe(3)
    await expect(api.check(request(token, await prove(token, { nonce: second })))).resolves.toBeDefined()
  })

  it('API-07 a made-up nonce, or one of another process, is stale', async () => {
    const others = makeApi({ dpopNonce: 'required' })
    api = makeApi({ dpopNonce: 'required' })
    const token = await boundToken()
    const foreign = await expectNonceWanted(others.check(request(token, await prove(token))))
    for (const nonce of [foreign, '', 'x'.repeat(43)]) {
      expect(await expectNonceWanted(api.check(request(token, await prove(token, { nonce }))))).not.toBe(foreign)
    }
  })

  it('API-07 a proof with a nonce is good once, for as long as the nonce lives', async () => {
    api = makeApi({ dpopNonce: 'required' })
    const token = await boundToken()
    await host.advance(20_000)
    const nonce = await expectNonceWanted(api.check(request(token, await prove(token))))
    const proof = await prove(token, { nonce })
    await expect(api.check(request(token, proof))).resolves.toBeDefined()
    for (const milliseconds of [0, 60_000, 59_999]) {
      await host.advance(milliseconds)
      await expectRefused(api.check(request(token, proof)), 'invalid_dpop_proof')
    }
    await host.advance(1)
    await expectNonceWanted(api.check(request(token, proof)))
  })

  it('API-07 off: a nonce in the proof means nothing, and none is sent', async () => {
    const token = await boundToken()
    const access = await api.check(request(token, await prove(token, { nonce: 'of-the-issuer' })))
    expect(access.headers).toEqual({})
    await expectRefused(
      api.check(request(token, await prove(token, { nonce: 'of-the-issuer', nowSeconds: 0 }))),
      'invalid_dpop_proof',
    )
  })

  it('API-07 a wall clock that is set back makes no old proof young: nonces are wanted until it caught up', async () => {
    const token = await boundToken({ exp: Math.floor(host.clock.now() / 1000) + 10_000 })
    const proof = await prove(token)
    await expect(api.check(request(token, proof))).resolves.toBeDefined()
    await host.advance(200_000)
    await expect(api.check(request(token, await prove(token)))).resolves.toBeDefined()
    host.clock.jump(-200_000)
    const nonce = await expectNonceWanted(api.check(request(token, proof)))
    await expect(api.check(request(token, await prove(token, { nonce })))).resolves.toBeDefined()
    await host.advance(200_000)
    await expect(api.check(request(token, await prove(token)))).resolves.toBeDefined()
  })

  it('API-07 a small step back of the wall clock is covered by memory', async () => {
    const token = await boundToken()
    const proof = await prove(token)
    await expect(api.check(request(token, proof))).resolves.toBeDefined()
    await host.advance(100_000)
    host.clock.jump(-45_000)
    await expectRefused(api.check(request(token, proof)), 'invalid_dpop_proof')
  })
})

describe('a flood of proofs', () => {
  const ask = async (proof?: string): Promise<number> => {
    const token = await boundToken()
    return statusOf(api.check(request(token, proof ?? (await prove(token)))))
  }

  it('NEG-14 memory is bounded, no live entry goes, and who finds it full gets 503 until the oldest have left', async () => {
    api = makeApi({ rememberedProofs: 50 })
    const token = await boundToken()
    const first = await prove(token)
    await expect(api.check(request(token, first))).resolves.toBeDefined()
    await host.advance(10_000)
    for (let index = 1; index < 50; index++) expect(await ask()).toBe(200)
    for (let index = 0; index < 20; index++) expect(await ask()).toBe(503)

    const full = await refusalOf(api.check(request(token, await prove(token))))
    expect(full).toMatchObject({ status: 503, headers: { 'Retry-After': '110', 'Cache-Control': 'no-store' } })
    expect(full.headers).not.toHaveProperty('WWW-Authenticate')
    // The first one is still known in the flood.
    await expectRefused(api.check(request(token, first)), 'invalid_dpop_proof')

    await host.advance(109_999)
    expect(await ask()).toBe(503)
    await host.advance(1)
    expect(await ask()).toBe(200)
    expect(await ask()).toBe(503)
    await host.advance(10_000)
    expect(await ask()).toBe(200)
  })

  it('NEG-14 without a good token and its key, nothing is remembered', async () => {
    api = makeApi({ rememberedProofs: 1 })
    const token = await boundToken()
    const foreign = await userToken(await makeSigningKey('k1'), host, { cnf: { jkt } })
    for (let index = 0; index < 5; index++) {
      await expectRefused(api.check(request(token, await prove(token, { key: thiefKey }))), 'invalid_token')
      await expectRefused(api.check(request(foreign, await prove(foreign))), 'invalid_token')
      await expectRefused(api.check(request(token, await prove(token, { htm: 'POST' }))), 'invalid_dpop_proof')
    }
    expect(await ask()).toBe(200)
  })

  it('DP-03 the id of one device uses up nothing of another', async () => {
    const entropy = () => new Uint8Array(16)
    const thumb = await thumbprint(await exportJWK(thiefKey.publicKey))
    for (const [key, cnf] of [
      [deviceKey, { jkt }],
      [thiefKey, { jkt: thumb }],
    ] as const) {
      const token = await boundToken({ cnf })
      await expect(api.check(request(token, await prove(token, { key, entropy })))).resolves.toBeDefined()
    }
    const token = await boundToken()
    await host.advance(5_000)
    await expectRefused(api.check(request(token, await prove(token, { entropy }))), 'invalid_dpop_proof')
  })
})

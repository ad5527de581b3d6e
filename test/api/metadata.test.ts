// What an API tells of itself (RFC 9728): nothing, unless it is switched on.
import { resourceServer } from '@latchkey/shared/fastify'
import {
  createResourceServer,
  protectedResourceMetadata,
  protectedResourceMetadataUrl,
  type ResourceServerOptions,
} from '@latchkey/shared/resource-server'
import fastify from 'fastify'
import { expect, it } from 'vitest'
import { AUDIENCE, fakeIssuer, ISSUER, refusalOf } from '../support/fake-issuer.ts'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'
const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519']
const base = { issuer: ISSUER, audience: AUDIENCE, fetch: fakeIssuer().fetch }

async function makeApp(options: Partial<ResourceServerOptions>) {
  const app = fastify()
  await app.register(resourceServer, { ...base, ...options })
  app.get('/books', { preHandler: app.requireToken() }, () => ({ done: true }))
  return app
}

it('API-10 off: neither served nor named in a challenge', async () => {
  const app = await makeApp({})
  expect((await app.inject({ url: WELL_KNOWN })).statusCode).toBe(404)
  expect((await app.inject({ url: '/books' })).headers['www-authenticate']).not.toContain('resource_metadata')
})

it('API-10 on: a client finds the document through the challenge', async () => {
  const app = await makeApp({ resourceMetadata: { name: 'Library', scopes: ['library:read', 'library:write'] } })
  const challenge = (await app.inject({ url: '/books' })).headers['www-authenticate']
  const url = `${AUDIENCE}${WELL_KNOWN}`
  expect(challenge).toBe(
    `Bearer realm="${AUDIENCE}", resource_metadata="${url}", ` +
      `DPoP algs="${ALGORITHMS.join(' ')}", resource_metadata="${url}"`,
  )
  const answer = await app.inject({ url: new URL(url).pathname })
  expect(answer.statusCode).toBe(200)
  expect(answer.headers['content-type']).toContain('application/json')
  expect(answer.headers['access-control-allow-origin']).toBe('*')
  expect(answer.json()).toEqual({
    resource: AUDIENCE,
    authorization_servers: [ISSUER],
    scopes_supported: ['library:read', 'library:write'],
    bearer_methods_supported: ['header'],
    resource_name: 'Library',
    dpop_signing_alg_values_supported: ALGORITHMS,
  })
})

it('API-10 the well-known part goes between host and path', async () => {
  for (const [audience, url] of [
    ['https://api.example.com/', `https://api.example.com${WELL_KNOWN}`],
    ['https://api.example.com/library/v1', `https://api.example.com${WELL_KNOWN}/library/v1`],
    ['http://localhost:8080/library', `http://localhost:8080${WELL_KNOWN}/library`],
  ] as const) {
    expect(protectedResourceMetadataUrl(audience)).toBe(url)
    const app = await makeApp({ audience, resourceMetadata: {} })
    expect((await app.inject({ url: new URL(url).pathname })).json()).toMatchObject({ resource: audience })
  }
})

it('API-10 the document says what is demanded: bound tokens, or no DPoP at all', () => {
  expect(protectedResourceMetadata({ ...base, tokens: 'bound' })).toMatchObject({
    dpop_bound_access_tokens_required: true,
  })
  expect(protectedResourceMetadata({ ...base, audience: 'urn:example:library' })).toEqual({
    resource: 'urn:example:library',
    authorization_servers: [ISSUER],
    bearer_methods_supported: ['header'],
  })
})

it('API-10 refusals of a token name it too, and it never breaks out of its quotes', async () => {
  const audience = 'https://api.example.com/a,b'
  const api = createResourceServer({ ...base, audience, resourceMetadata: {} })
  const error = await refusalOf(api.check({ authorization: 'Bearer a.b.c', method: 'GET', url: '/' }))
  expect(error.headers['WWW-Authenticate']).toContain(`resource_metadata="https://api.example.com${WELL_KNOWN}/a,b"`)
})

it('API-10 an audience without such a place is refused at once', () => {
  for (const audience of [
    'urn:example:library',
    'http://api.example.com',
    'https://api.example.com/?x',
    'https://api.example.com/#x',
  ]) {
    expect(() => createResourceServer({ ...base, audience, resourceMetadata: {} }), audience).toThrow(TypeError)
  }
})

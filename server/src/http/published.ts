// What anybody may read: metadata and keys, as texts that are made once and may be kept (RFC 8414, RFC 7517). Both are
// served from memory: an API learns our keys while the database is away.
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { JWKS_MAX_AGE_SECONDS } from '../oauth/keys/signing-key-life.ts'
import { metadataDocument } from '../oauth/metadata.ts'
import type { Provider } from '../oauth/provider.ts'
import { letAnybodyRead, openDocument } from './cors.ts'
import { answer, bare, described, fields, type RouteDescription } from './openapi.ts'

/** `app` is the root: an issuer with a path puts one of the addresses outside of it (RFC 8414 §3.1). */
export function publishedRoutes(app: FastifyInstance, provider: Provider, base: string): void {
  const metadata = metadataDocument(provider)
  serve(app, `/.well-known/oauth-authorization-server${base}`, () => metadata, METADATA)
  serve(app, `${base}/.well-known/openid-configuration`, () => metadata, METADATA)
  serve(app, `${base}/jwks`, () => provider.signingKeys.jwks, KEYS)
}

function serve(app: FastifyInstance, url: string, current: () => string, description: RouteDescription): void {
  let tagged = tag(current())
  openDocument(app, url)
  app.get(url, described(description), (request, reply) => {
    const text = current()
    if (text !== tagged.body) tagged = tag(text)
    const { body, etag } = tagged
    // Pages of other origins, a TV's among them, may read them.
    letAnybodyRead(reply)
    reply.headers({
      ETag: etag,
      'Cache-Control': `public, max-age=${JWKS_MAX_AGE_SECONDS}`,
      'X-Content-Type-Options': 'nosniff',
    })
    if (request.headers['if-none-match'] === etag) return reply.code(304).send()
    return reply.type('application/json; charset=utf-8').send(body)
  })
}

function tag(body: string): { readonly body: string; readonly etag: string } {
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url')}"` }
}

const UNCHANGED = { 304: bare('Unchanged since the ETag that was sent.') } as const

const METADATA: RouteDescription = {
  tags: ['discovery'],
  summary: 'What this server offers',
  description: 'RFC 8414 and OpenID Connect Discovery: one document at both addresses.',
  response: {
    200: answer(
      'The endpoints and what they support.',
      fields(
        {
          issuer: Type.String({ format: 'uri', description: 'Equal to every iss, byte for byte.' }),
          token_endpoint: Type.String({ format: 'uri' }),
          device_authorization_endpoint: Type.String({ format: 'uri' }),
          jwks_uri: Type.String({ format: 'uri' }),
        },
        ...['issuer', 'token_endpoint', 'device_authorization_endpoint', 'jwks_uri'],
      ),
    ),
    ...UNCHANGED,
  },
}

const KEYS: RouteDescription = {
  tags: ['discovery'],
  summary: 'The public keys that tokens are signed with',
  description: 'RFC 7517. A key is here before it signs anything, and until what it signed has ended.',
  response: {
    200: answer(
      'The key set.',
      fields({ keys: Type.Array(Type.Object({}, { description: 'A public key with kid, use and alg.' })) }, 'keys'),
    ),
    ...UNCHANGED,
  },
}

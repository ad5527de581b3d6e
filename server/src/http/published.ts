// What anybody may read: metadata and keys, as texts that are made once and may be kept (RFC 8414, RFC 7517).
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { metadataDocument } from '../oauth/metadata.ts'
import type { Provider } from '../oauth/provider.ts'
import { JWKS_MAX_AGE_SECONDS } from '../oauth/signing-keys.ts'

/** `app` is the root: an issuer with a path puts one of the addresses outside of it (RFC 8414 §3.1). */
export function publishedRoutes(app: FastifyInstance, provider: Provider, base: string): void {
  const metadata = metadataDocument(provider)
  serve(app, `/.well-known/oauth-authorization-server${base}`, metadata)
  serve(app, `${base}/.well-known/openid-configuration`, metadata)
  serve(app, `${base}/jwks`, provider.signingKeys.jwks)
}

function serve(app: FastifyInstance, url: string, body: string): void {
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`
  app.get(url, (request, reply) => {
    reply.headers({
      ETag: etag,
      'Cache-Control': `public, max-age=${JWKS_MAX_AGE_SECONDS}`,
      'X-Content-Type-Options': 'nosniff',
      // Public documents: pages of other origins, a TV's among them, may read them.
      'Access-Control-Allow-Origin': '*',
    })
    if (request.headers['if-none-match'] === etag) return reply.code(304).send()
    return reply.type('application/json; charset=utf-8').send(body)
  })
}

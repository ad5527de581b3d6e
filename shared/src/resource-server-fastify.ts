// The token check as a Fastify 5 plugin. The check itself lives in `resource-server.ts` and knows no framework.
import type { FastifyPluginAsync, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify'
import {
  type Access,
  createResourceServer,
  type Need,
  protectedResourceMetadata,
  protectedResourceMetadataUrl,
  ResourceError,
  type ResourceServerOptions,
} from './resource-server.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** A preHandler that lets only requests with such an access token pass, and gives the route `request.access`. */
    requireToken(need?: Need): preHandlerAsyncHookHandler
  }
  interface FastifyRequest {
    /** What the access token allows. @throws Error in a route without `requireToken` */
    readonly access: Access
  }
}

/**
 * Register it on the root when the API has metadata: that lives under `/.well-known`.
 * `await app.register(resourceServer, { issuer, audience })`, then
 * `app.get('/books', { preHandler: app.requireToken({ scope: 'library:read' }) }, (request) => request.access.subject)`.
 */
export const resourceServer: FastifyPluginAsync<ResourceServerOptions> = async (app, options) => {
  const api = createResourceServer(options)
  const granted = new WeakMap<FastifyRequest, Access>()

  if (options.resourceMetadata) {
    const document = protectedResourceMetadata(options)
    // Public, and pages of any origin may need it to find out where to sign in.
    const headers = { 'Cache-Control': 'public, max-age=3600', 'Access-Control-Allow-Origin': '*' }
    app.get(new URL(protectedResourceMetadataUrl(options.audience)).pathname, (_request, reply) =>
      reply.headers(headers).send(document),
    )
  }

  app.decorateRequest('access', {
    getter(this: FastifyRequest) {
      const access = granted.get(this)
      if (!access) throw new Error('request.access needs a route with requireToken')
      return access
    },
  })

  app.decorate(
    'requireToken',
    (need?: Need): preHandlerAsyncHookHandler =>
      async (request, reply) => {
        try {
          const access = await api.check(readRequest(request), need)
          granted.set(request, access)
          reply.headers(access.headers)
        } catch (error) {
          if (!(error instanceof ResourceError)) throw error
          if (error.status === 503) request.log.warn({ err: error.cause }, 'access tokens cannot be checked')
          return reply.code(error.status).headers(error.headers).send(error.body)
        }
      },
  )
}

// What fastify-plugin would do: decorate the app that registers, not a child that nobody sees.
Object.assign(resourceServer, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@latchkey/shared/fastify',
})

function readRequest(request: FastifyRequest) {
  const { rawHeaders } = request.raw
  // Node shows only the first of two Authorization headers in `headers`, and joins two DPoP headers.
  const every = (name: string) =>
    rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name)
  const isForm = request.headers['content-type']?.toLowerCase().startsWith('application/x-www-form-urlencoded')
  return {
    authorization: every('authorization'),
    dpop: every('dpop'),
    method: request.method,
    // What the client asked for: the app may have rewritten `url`.
    url: request.originalUrl,
    ...(isForm ? { form: request.body } : {}),
  }
}

// A small API that is protected the way any API would be: by the check in @latchkey/shared, and nothing of the server's.
import { resourceServer } from '@latchkey/shared/fastify'
import fastify, { type FastifyInstance } from 'fastify'

export const DEMO_SCOPES = {
  'library:read': 'See your library and what you watch',
  'screen:report': 'Report how the screen is doing',
} as const

export async function demoApi(issuer: string, resource: string): Promise<FastifyInstance> {
  const app = fastify()
  openToPages(app)
  await app.register(resourceServer, { issuer, audience: resource })
  app.get('/library', { preHandler: app.requireToken({ scope: 'library:read', actor: 'user' }) }, (request) => ({
    library_of: request.access.subject,
    shows: ['The Long Walk', 'Harbour Lights', 'Two Kettles'],
  }))
  app.get('/screen', { preHandler: app.requireToken({ scope: 'screen:report', actor: 'client' }) }, (request) => ({
    reported_by: request.access.clientId,
    screen: 'bright, and not burnt in',
  }))
  return app
}

/** The app of a TV is a page of another origin (device-agent/examples/tv): it may send a token, and read the next nonce. */
function openToPages(app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Headers': 'Authorization, DPoP',
      'Access-Control-Expose-Headers': 'Date, DPoP-Nonce, WWW-Authenticate',
    })
  })
  app.options('/*', (_request, reply) => reply.code(204).send())
}

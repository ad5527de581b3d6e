// A small API that is protected the way any API would be: by the check in @latchkey/shared, and nothing of the server's.
import { resourceServer } from '@latchkey/shared/fastify'
import fastify, { type FastifyInstance } from 'fastify'

export const DEMO_SCOPES = {
  'library:read': 'See your library and what you watch',
  'screen:report': 'Report how the screen is doing',
} as const

export async function demoApi(issuer: string, resource: string): Promise<FastifyInstance> {
  const app = fastify()
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

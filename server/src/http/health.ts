// Whether the process lives, and whether it can serve: for supervisors and load balancers.
import type { FastifyInstance } from 'fastify'
import type { Provider } from '../oauth/provider.ts'

export function healthRoutes(app: FastifyInstance, provider: Provider): void {
  const noStore = { 'Cache-Control': 'no-store' }
  // Liveness asks nothing of the database: restarting the process would not mend that.
  app.get('/healthz', (_request, reply) => reply.headers(noStore).send({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    try {
      await provider.store.signingKeys.get(provider.signingKeys.active('ES256').kid)
      return reply.headers(noStore).send({ status: 'ok' })
    } catch {
      return reply
        .code(503)
        .headers({ ...noStore, 'Retry-After': '1' })
        .send({ status: 'database unavailable' })
    }
  })
}

// POST /revoke (RFC 7009 §2).
import type { FastifyInstance } from 'fastify'
import type { Provider } from '../oauth/provider.ts'
import { revokeToken } from '../oauth/revocation.ts'
import { callerOf, formOf, refuseOtherMethods } from './oauth-scope.ts'

export function revokeRoute(app: FastifyInstance, provider: Provider): void {
  app.post('/revoke', async (request, reply) => {
    await revokeToken(provider, { form: formOf(request), ...callerOf(request) })
    // No body, and no type that clients would try to parse one of.
    return reply.code(200).send()
  })
  refuseOtherMethods(app, '/revoke', ['POST'])
}

// POST /token (RFC 6749 §3.2): plain values in, the protocol's answer out.
import type { FastifyInstance } from 'fastify'
import type { Provider } from '../oauth/provider.ts'
import { exchange } from '../oauth/token-endpoint.ts'
import { callerOf, formOf, refuseOtherMethods } from './oauth-scope.ts'

export function tokenRoute(app: FastifyInstance, provider: Provider): void {
  app.post('/token', async (request, reply) => {
    const tokens = await exchange(provider, { form: formOf(request), ...callerOf(request) })
    if (tokens.token_type === 'DPoP') reply.header('DPoP-Nonce', provider.dpop.nonces.current())
    return tokens
  })
  refuseOtherMethods(app, '/token', ['POST'])
}

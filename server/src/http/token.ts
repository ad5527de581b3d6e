// POST /token (RFC 6749 §3.2): plain values in, the protocol's answer out.
import type { FastifyInstance } from 'fastify'
import type { Provider } from '../oauth/provider.ts'
import { exchange } from '../oauth/token-endpoint.ts'
import { formOf, refuseOtherMethods } from './oauth-scope.ts'

export function tokenRoute(app: FastifyInstance, provider: Provider): void {
  app.post('/token', (request) =>
    exchange(provider, { form: formOf(request), authorization: request.headers.authorization }),
  )
  refuseOtherMethods(app, '/token', ['POST'])
}

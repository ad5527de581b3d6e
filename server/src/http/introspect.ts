// POST /introspect (RFC 7662 §2).
import type { FastifyInstance } from 'fastify'
import { introspect } from '../oauth/introspection.ts'
import type { Provider } from '../oauth/provider.ts'
import { callerOf, formOf, refuseOtherMethods } from './oauth-scope.ts'

export function introspectRoute(app: FastifyInstance, provider: Provider): void {
  app.post('/introspect', (request) => introspect(provider, { form: formOf(request), ...callerOf(request) }))
  refuseOtherMethods(app, '/introspect', ['POST'])
}

// POST /device_authorization (RFC 8628 §3.1).
import type { FastifyInstance } from 'fastify'
import { authorizeDevice } from '../oauth/device-authorization.ts'
import type { Provider } from '../oauth/provider.ts'
import { callerOf, formOf, refuseOtherMethods } from './oauth-scope.ts'

export function deviceAuthorizationRoute(app: FastifyInstance, provider: Provider): void {
  app.post('/device_authorization', (request) =>
    authorizeDevice(provider, { form: formOf(request), ...callerOf(request) }),
  )
  refuseOtherMethods(app, '/device_authorization', ['POST'])
}

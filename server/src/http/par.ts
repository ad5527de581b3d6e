// POST /par: a client hands its request over before the browser comes (RFC 9126), so that no browser can change it.
import type { FastifyInstance } from 'fastify'
import {
  PUSHED_LIFE_SECONDS,
  REQUEST_URI_PREFIX,
  readAuthorizationRequest,
  redirectUriOf,
} from '../oauth/authorization-request.ts'
import { authenticateClient } from '../oauth/client-auth.ts'
import { OAuthError } from '../oauth/errors.ts'
import { readParameters } from '../oauth/parameters.ts'
import type { Provider } from '../oauth/provider.ts'
import { digestOf, randomToken } from '../oauth/vault.ts'
import { callerOf, formOf, refuseOtherMethods } from './oauth-scope.ts'

export function parRoute(app: FastifyInstance, provider: Provider): void {
  app.post('/par', async (request, reply) => {
    const parameters = readParameters(formOf(request))
    const caller = callerOf(request)
    const client = await authenticateClient(provider, { ...caller, parameters })
    if (parameters.get('request_uri') !== undefined) {
      throw new OAuthError('invalid_request', 'request_uri does not go into a pushed request')
    }
    const jkt = await provider.dpop.verify({ proof: caller.dpop, htm: 'POST', htu: `${provider.issuer}/par` })
    const redirectUri = redirectUriOf(client, parameters)
    if (redirectUri === undefined) throw new OAuthError('invalid_request', 'redirect_uri is not registered')
    const asked = readAuthorizationRequest(provider, client, parameters, redirectUri, jkt)
    const handle = randomToken(provider.host.entropy)
    await provider.store.authorizationRequests.insert({
      id: digestOf(handle),
      version: 0,
      expiresAt: asked.createdAt + PUSHED_LIFE_SECONDS * 1000,
      ...asked,
      pushed: true,
    })
    if (jkt !== undefined) reply.header('DPoP-Nonce', provider.dpop.nonces.current())
    return reply.code(201).send({ request_uri: REQUEST_URI_PREFIX + handle, expires_in: PUSHED_LIFE_SECONDS })
  })
  refuseOtherMethods(app, '/par', ['POST'])
}

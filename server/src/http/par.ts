// POST /par: a client hands its request over before the browser comes (RFC 9126), so that no browser can change it.
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import {
  PUSHED_LIFE_SECONDS,
  REQUEST_URI_PREFIX,
  readAuthorizationRequest,
  redirectUriOf,
} from '../oauth/authorization-request.ts'
import { authenticateClient } from '../oauth/clients/client-auth.ts'
import { OAuthError } from '../oauth/errors.ts'
import { digestOf, randomToken } from '../oauth/keys/vault.ts'
import { readParameters } from '../oauth/parameters.ts'
import type { Provider } from '../oauth/provider.ts'
import { callerOf, formOf, refuseOtherMethods } from './oauth-scope.ts'
import {
  AUTHORIZATION_FIELDS,
  answer,
  CLIENT_AUTHENTICATION,
  CLIENT_ERRORS,
  CLIENT_FIELDS,
  DPOP_HEADER,
  DPOP_NONCE,
  described,
  errors,
  FORM,
  fields,
  text,
} from './openapi.ts'

export function parRoute(app: FastifyInstance, provider: Provider): void {
  app.post('/par', described(PUSH), async (request, reply) => {
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

const PUSH = {
  tags: ['authorization'],
  summary: 'Hand an authorization request over before the browser comes',
  description: 'RFC 9126. What the authorization endpoint is then told is the client_id and the request_uri alone.',
  security: CLIENT_AUTHENTICATION,
  headers: DPOP_HEADER,
  consumes: FORM,
  body: fields(
    { ...AUTHORIZATION_FIELDS, ...CLIENT_FIELDS },
    ...['response_type', 'code_challenge', 'code_challenge_method'],
  ),
  response: {
    201: answer(
      'Good once.',
      fields(
        { request_uri: text('For the authorization endpoint.'), expires_in: Type.Integer({ description: 'Seconds.' }) },
        ...['request_uri', 'expires_in'],
      ),
      DPOP_NONCE,
    ),
    ...errors([
      ...(['invalid_request', 'unauthorized_client', 'unsupported_response_type', 'invalid_scope'] as const),
      ...(['invalid_target', 'request_not_supported', 'invalid_dpop_proof', 'use_dpop_nonce'] as const),
    ]),
    ...CLIENT_ERRORS,
  },
} as const

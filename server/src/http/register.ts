// POST /register (RFC 7591), and GET, PUT, DELETE of what was registered (RFC 7592): JSON in and out.
import type { JsonObject } from '@latchkey/shared'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { clientPath, REGISTRATION_PATH } from '../oauth/clients/client-information.ts'
import { createRegistration } from '../oauth/clients/registration.ts'
import {
  type Holder,
  readRegistration,
  removeRegistration,
  replaceRegistration,
} from '../oauth/clients/registration-management.ts'
import { OAuthError } from '../oauth/errors.ts'
import type { Provider } from '../oauth/provider.ts'
import { parseJsonBody } from './json-body.ts'
import { callerOf, refuseOtherMethods } from './oauth-scope.ts'
import { answer, bare, DPOP_HEADER, DPOP_NONCE, described, errorBody, errors, fields, text } from './openapi.ts'

const JSON_TYPE = 'application/json'
// RSA keys and what clients that others wrote say of themselves take more room than a form.
const BODY_LIMIT_BYTES = 64 * 1024
const bodyLimit = BODY_LIMIT_BYTES

/** A plugin within the scope that speaks OAuth: here it takes JSON and no forms. Nothing where registration is off. */
export async function registerRoutes(app: FastifyInstance, { provider }: { readonly provider: Provider }) {
  const { registration: terms } = provider
  if (terms === undefined) return
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(JSON_TYPE, { parseAs: 'buffer' }, async (_request: FastifyRequest, body: Buffer) =>
    parseJsonBody(body),
  )
  app.addContentTypeParser('*', async () => {
    throw notJson()
  })

  const register = createRegistration(provider, terms)
  app.post(REGISTRATION_PATH, { bodyLimit, ...described(REGISTER) }, async (request, reply) => {
    const registered = await register({ ...callerOf(request), body: jsonOf(request) })
    return reply.code(201).header('DPoP-Nonce', provider.dpop.nonces.current()).send(registered)
  })
  refuseOtherMethods(app, REGISTRATION_PATH, ['POST'])

  const one = clientPath(':clientId')
  app.get<ClientRoute>(one, described(READ), (request) => readRegistration(provider, holderOf(request)))
  app.put<ClientRoute>(one, { bodyLimit, ...described(REPLACE) }, (request) =>
    replaceRegistration(provider, holderOf(request), jsonOf(request)),
  )
  app.delete<ClientRoute>(one, described(REMOVE), async (request, reply) => {
    await removeRegistration(provider, holderOf(request))
    return reply.code(204).send()
  })
  refuseOtherMethods(app, one, ['GET', 'PUT', 'DELETE'])
}

interface ClientRoute {
  Params: { readonly clientId: string }
}

function holderOf(request: FastifyRequest<ClientRoute>): Holder {
  return { clientId: request.params.clientId, authorization: request.headers.authorization }
}

function jsonOf({ body }: Pick<FastifyRequest, 'body'>): JsonObject {
  if (body === undefined || body === null) throw notJson()
  // Made by the parser above, the only one there is.
  return body as JsonObject
}

const notJson = () => new OAuthError('invalid_request', `the body must be ${JSON_TYPE}`)

const KEY_SET = fields({ keys: Type.Array(Type.Object({})) }, 'keys')
const CHALLENGE = { 'WWW-Authenticate': text('Which token is needed (RFC 6750 §3).') }

/** What a device may say; whatever else it asks for, the answer shows what it got. */
const METADATA = {
  client_name: text('Its name, at most 64 characters; shown as unverified.'),
  token_endpoint_auth_method: Type.Literal('private_key_jwt'),
  jwks: { ...KEY_SET, description: 'Its public keys: one at first, two while it changes them.' },
} as const

const INFORMATION = fields(
  {
    ...METADATA,
    client_id: text('Chosen by the server.'),
    client_id_issued_at: Type.Integer({ description: 'Seconds since 1970.' }),
    grant_types: Type.Array(Type.String()),
    response_types: Type.Array(Type.String()),
    scope: text('What it may ask for as itself.'),
    dpop_bound_access_tokens: Type.Boolean(),
    registration_client_uri: Type.String({ format: 'uri', description: 'Where to read, replace and remove this.' }),
    registration_access_token: text('For that address alone.'),
  },
  ...['client_id', 'token_endpoint_auth_method', 'jwks', 'registration_client_uri', 'registration_access_token'],
)

const REGISTER = {
  tags: ['registration'],
  summary: 'Register a device as a client',
  description: 'RFC 7591. By an access token that a person allowed for this, good once, and a proof of the key.',
  security: [{ dpop: [] }, { bearer: [] }],
  headers: DPOP_HEADER,
  body: fields(METADATA, 'jwks'),
  response: {
    201: answer('As registered. The same key again is the same client.', INFORMATION, DPOP_NONCE),
    ...errors(['invalid_request', 'invalid_client_metadata', 'invalid_redirect_uri']),
    401: answer(
      'No token that is good for this, or no proof.',
      errorBody(['invalid_token', 'invalid_dpop_proof', 'use_dpop_nonce']),
      { ...CHALLENGE, ...DPOP_NONCE },
    ),
    403: answer('The token is for something else.', errorBody(['insufficient_scope']), CHALLENGE),
    429: answer('Too many devices of this person, or too many at once.', errorBody(['temporarily_unavailable'])),
  },
} as const

const ONE = {
  tags: ['registration'],
  security: [{ bearer: [] }],
  params: fields({ clientId: text('The client_id.') }, 'clientId'),
} as const

const REFUSALS = {
  ...errors(['invalid_request', 'invalid_client_metadata', 'invalid_redirect_uri']),
  401: answer('The token is not of this client, or the client is gone.', errorBody(['invalid_token']), CHALLENGE),
} as const

const READ = {
  ...ONE,
  summary: 'Read a registration',
  response: { 200: answer('As registered.', INFORMATION), ...REFUSALS },
} as const

const REPLACE = {
  ...ONE,
  summary: 'Replace a registration',
  description: 'RFC 7592 §2.2. What is left out is removed; this is how a device changes its key.',
  body: fields({ ...METADATA, client_id: text('Its own.') }, 'client_id', 'jwks'),
  response: { 200: answer('As registered from now on.', INFORMATION), ...REFUSALS },
} as const

const REMOVE = {
  ...ONE,
  summary: 'Remove a registration',
  response: { 204: bare('The client is gone, and its tokens with it.'), ...REFUSALS },
} as const

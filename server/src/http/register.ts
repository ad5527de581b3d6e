// POST /register (RFC 7591), and GET, PUT, DELETE of what was registered (RFC 7592): JSON in and out.
import type { JsonObject } from '@latchkey/shared'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { clientPath, REGISTRATION_PATH } from '../oauth/client-information.ts'
import { OAuthError } from '../oauth/errors.ts'
import type { Provider } from '../oauth/provider.ts'
import { createRegistration } from '../oauth/registration.ts'
import {
  type Holder,
  readRegistration,
  removeRegistration,
  replaceRegistration,
} from '../oauth/registration-management.ts'
import { parseJsonBody } from './json-body.ts'
import { callerOf, refuseOtherMethods } from './oauth-scope.ts'

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
  app.post(REGISTRATION_PATH, { bodyLimit }, async (request, reply) => {
    const registered = await register({ ...callerOf(request), body: jsonOf(request) })
    return reply.code(201).header('DPoP-Nonce', provider.dpop.nonces.current()).send(registered)
  })
  refuseOtherMethods(app, REGISTRATION_PATH, ['POST'])

  const one = clientPath(':clientId')
  app.get<ClientRoute>(one, (request) => readRegistration(provider, holderOf(request)))
  app.put<ClientRoute>(one, { bodyLimit }, (request) =>
    replaceRegistration(provider, holderOf(request), jsonOf(request)),
  )
  app.delete<ClientRoute>(one, async (request, reply) => {
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

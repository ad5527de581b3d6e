// POST /revoke (RFC 7009 §2).
import type { FastifyInstance } from 'fastify'
import type { Provider } from '../oauth/provider.ts'
import { revokeToken } from '../oauth/revocation.ts'
import { callerOf, formOf, refuseOtherMethods } from './oauth-scope.ts'
import {
  bare,
  CLIENT_AUTHENTICATION,
  CLIENT_ERRORS,
  CLIENT_FIELDS,
  described,
  errors,
  FORM,
  fields,
  text,
} from './openapi.ts'

export function revokeRoute(app: FastifyInstance, provider: Provider): void {
  app.post('/revoke', described(REVOCATION), async (request, reply) => {
    await revokeToken(provider, { form: formOf(request), ...callerOf(request) })
    // No body, and no type that clients would try to parse one of.
    return reply.code(200).send()
  })
  refuseOtherMethods(app, '/revoke', ['POST'])
}

const REVOCATION = {
  tags: ['tokens'],
  summary: 'Give a token back',
  description:
    'RFC 7009 §2. A refresh token ends its whole link, an access token itself alone. No DPoP proof is asked for.',
  security: CLIENT_AUTHENTICATION,
  consumes: FORM,
  body: fields(
    { token: text('Access or refresh token.'), token_type_hint: text('Not needed.'), ...CLIENT_FIELDS },
    'token',
  ),
  response: {
    200: bare('The token is worth nothing now, whether or not it ever was.'),
    ...errors(['invalid_request', 'invalid_grant']),
    ...CLIENT_ERRORS,
  },
} as const

// POST /revoke (RFC 7009 §2).
import type { FastifyInstance } from 'fastify'
import type { Provider } from '../oauth/provider.ts'
import { revokeToken } from '../oauth/tokens/revocation.ts'
import { callerOf, formOf, refuseOtherMethods } from './oauth-scope.ts'
import { bare, CLIENT_AUTHENTICATION, CLIENT_ERRORS, described, errors, FORM, TOKEN_FORM } from './openapi.ts'

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
  body: TOKEN_FORM,
  response: {
    200: bare('The token is worth nothing now, whether or not it ever was.'),
    ...errors(['invalid_request', 'invalid_grant']),
    ...CLIENT_ERRORS,
  },
} as const

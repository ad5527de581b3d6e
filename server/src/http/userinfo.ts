// GET and POST /userinfo (OpenID Connect Core §5.3): the token in the Authorization header, and nowhere else.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { Provider } from '../oauth/provider.ts'
import { challenges, presentedToken } from '../oauth/tokens/presented-token.ts'
import { userinfo } from '../oauth/tokens/userinfo.ts'
import { callerOf, refuseOtherMethods } from './oauth-scope.ts'
import { answer, DPOP_HEADER, DPOP_NONCE, described, errorBody, errors, fields, text } from './openapi.ts'

export function userinfoRoutes(app: FastifyInstance, provider: Provider): void {
  const tell = async (request: FastifyRequest, reply: FastifyReply) => {
    const { authorization, dpop } = callerOf(request)
    const presented = presentedToken(authorization)
    if (presented === undefined) {
      return reply.code(401).header('WWW-Authenticate', challenges('Bearer', 'DPoP')).send()
    }
    const inQuery = Object.hasOwn(request.query as object, 'access_token')
    const tokenElsewhere = inQuery || (request.body instanceof Map && request.body.has('access_token'))
    const { claims, bound } = await userinfo(provider, presented, { method: request.method, dpop, tokenElsewhere })
    if (bound) reply.header('DPoP-Nonce', provider.dpop.nonces.current())
    return claims
  }
  app.get('/userinfo', described(USERINFO), tell)
  app.post('/userinfo', described(USERINFO), tell)
  refuseOtherMethods(app, '/userinfo', ['GET', 'POST'])
}

const CHALLENGE = { 'WWW-Authenticate': text('What is wrong, and which schemes there are (RFC 6750 §3).') }

const USERINFO = {
  tags: ['people'],
  summary: 'Who the person is',
  description: 'OpenID Connect Core §5.3, for access tokens with the scope openid.',
  security: [{ bearer: [] }, { dpop: [] }],
  headers: DPOP_HEADER,
  response: {
    200: answer(
      'The person, as far as the token reaches.',
      fields(
        {
          sub: text('The same as in the id_token.'),
          name: text('With the scope profile.'),
          email: text('With the scope email.'),
          email_verified: Type.Boolean({ description: 'With the scope email.' }),
        },
        'sub',
      ),
      DPOP_NONCE,
    ),
    ...errors(['invalid_request']),
    401: answer(
      'No token, or none that is good here; without a token there is no body.',
      errorBody(['invalid_token', 'invalid_dpop_proof', 'use_dpop_nonce']),
      { ...CHALLENGE, ...DPOP_NONCE },
    ),
    403: answer('The token does not carry openid.', errorBody(['insufficient_scope']), CHALLENGE),
  },
} as const

// GET and POST /userinfo (OpenID Connect Core §5.3): the token in the Authorization header, and nowhere else.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Provider } from '../oauth/provider.ts'
import { tokenScheme, USERINFO_CHALLENGE, userinfo } from '../oauth/userinfo.ts'
import { callerOf, refuseOtherMethods } from './oauth-scope.ts'

export function userinfoRoutes(app: FastifyInstance, provider: Provider): void {
  const answer = async (request: FastifyRequest, reply: FastifyReply) => {
    const { authorization, dpop } = callerOf(request)
    const scheme = authorization === undefined ? undefined : tokenScheme(authorization)
    if (authorization === undefined || scheme === undefined) {
      return reply.code(401).header('WWW-Authenticate', USERINFO_CHALLENGE).send()
    }
    const inQuery = Object.hasOwn(request.query as object, 'access_token')
    const tokenElsewhere = inQuery || (request.body instanceof Map && request.body.has('access_token'))
    const { claims, bound } = await userinfo(provider, scheme, {
      method: request.method,
      authorization,
      dpop,
      tokenElsewhere,
    })
    if (bound) reply.header('DPoP-Nonce', provider.dpop.nonces.current())
    return claims
  }
  app.get('/userinfo', answer)
  app.post('/userinfo', answer)
  refuseOtherMethods(app, '/userinfo', ['GET', 'POST'])
}

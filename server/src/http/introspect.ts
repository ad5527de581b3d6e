// POST /introspect (RFC 7662 §2).
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { Provider } from '../oauth/provider.ts'
import { introspect } from '../oauth/tokens/introspection.ts'
import { callerOf, formOf, refuseOtherMethods } from './oauth-scope.ts'
import { answer, CLIENT_ERRORS, described, errors, FORM, fields, TOKEN_FORM, text } from './openapi.ts'

export function introspectRoute(app: FastifyInstance, provider: Provider): void {
  app.post('/introspect', described(INTROSPECTION), (request) =>
    introspect(provider, { form: formOf(request), ...callerOf(request) }),
  )
  refuseOtherMethods(app, '/introspect', ['POST'])
}

const INTROSPECTION = {
  tags: ['tokens'],
  summary: 'Ask what a token means',
  description:
    'RFC 7662 §2. For the API that an access token is for (its introspection_clients), and for the client that it was given to; of a refresh token only its client hears.',
  security: [{ basic: [] }, {}],
  consumes: FORM,
  body: TOKEN_FORM,
  response: {
    200: answer(
      'Whether it is good now. For whom it does not concern, and for what never was a token: active is false, and nothing else.',
      fields(
        {
          active: Type.Boolean(),
          token_type: Type.String({ enum: ['Bearer', 'DPoP'], description: 'Of access tokens alone.' }),
          scope: text('Separated by spaces.'),
          client_id: text('Whom it was given to.'),
          sub: text('The person, or the client itself.'),
          aud: text('The API that an access token is for.'),
          iss: text('This server.'),
          jti: text('Of access tokens alone.'),
          iat: Type.Integer({ description: 'Seconds since 1970.' }),
          exp: Type.Integer({ description: 'Seconds since 1970.' }),
          auth_time: Type.Integer({ description: 'When the person signed in; seconds since 1970.' }),
          amr: Type.Array(Type.String(), { description: 'How the person signed in (RFC 8176).' }),
          acr: text('How strong that sign-in was, where configured.'),
          cnf: fields({ jkt: text('Thumbprint of the key that it is bound to (RFC 9449 §6.2).') }, 'jkt'),
        },
        'active',
      ),
    ),
    ...errors(['invalid_request']),
    ...CLIENT_ERRORS,
  },
} as const

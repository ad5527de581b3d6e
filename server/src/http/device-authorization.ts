// POST /device_authorization (RFC 8628 §3.1).
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { authorizeDevice } from '../oauth/device/device-authorization.ts'
import type { Provider } from '../oauth/provider.ts'
import { callerOf, formOf, refuseOtherMethods } from './oauth-scope.ts'
import {
  answer,
  CLIENT_AUTHENTICATION,
  CLIENT_ERRORS,
  CLIENT_FIELDS,
  DPOP_HEADER,
  described,
  errorBody,
  errors,
  FORM,
  fields,
  RETRY_AFTER,
  SCOPE_FIELDS,
  text,
} from './openapi.ts'

export function deviceAuthorizationRoute(app: FastifyInstance, provider: Provider): void {
  app.post('/device_authorization', described(DEVICE_AUTHORIZATION), (request) =>
    authorizeDevice(provider, { form: formOf(request), ...callerOf(request) }),
  )
  refuseOtherMethods(app, '/device_authorization', ['POST'])
}

const DEVICE_AUTHORIZATION = {
  tags: ['devices'],
  summary: 'Start linking a device',
  description: 'RFC 8628 §3.1. A PKCE challenge, or a DPoP proof, makes the device_code worthless to anybody else.',
  security: CLIENT_AUTHENTICATION,
  headers: DPOP_HEADER,
  consumes: FORM,
  body: fields({
    ...SCOPE_FIELDS,
    code_challenge: text('BASE64URL(SHA-256(verifier)); the verifier comes with each poll (RFC 7636).'),
    code_challenge_method: Type.Literal('S256'),
    max_age: Type.Integer({ minimum: 0, description: 'The oldest sign-in, in seconds, that may approve.' }),
    acr_values: text('Kinds of sign-in, separated by spaces; only one of them may approve.'),
    device_name: text('What the device calls itself; shown to the person as unverified.'),
    device_model: text('Its model; shown as unverified.'),
    device_software: text('Its software; shown as unverified.'),
    device_display: text(
      'number: its screen shows the number that comes with opened, or with authorization_pending, for a person elsewhere.',
    ),
    ...CLIENT_FIELDS,
  }),
  response: {
    200: answer(
      'Show user_code and verification_uri, then poll the token endpoint.',
      fields(
        {
          device_code: text('The device’s secret: for the token endpoint alone.'),
          user_code: text('For the person to type.'),
          verification_uri: Type.String({ format: 'uri', description: 'Where the person goes.' }),
          verification_uri_complete: Type.String({
            format: 'uri',
            description: 'The same with the code, for a QR code.',
          }),
          expires_in: Type.Integer({ description: 'Seconds that both codes live.' }),
          interval: Type.Integer({ description: 'Seconds between two polls.' }),
        },
        ...['device_code', 'user_code', 'verification_uri', 'verification_uri_complete', 'expires_in', 'interval'],
      ),
    ),
    ...errors([
      ...(['invalid_request', 'unauthorized_client', 'invalid_scope', 'invalid_target'] as const),
      ...(['invalid_dpop_proof', 'use_dpop_nonce'] as const),
    ]),
    ...CLIENT_ERRORS,
    429: answer(
      'Too many flows begun by this key, this client in this network, or all together; or a freeze after a report; or too many failures.',
      errorBody(['temporarily_unavailable', 'invalid_client']),
      RETRY_AFTER,
    ),
  },
} as const

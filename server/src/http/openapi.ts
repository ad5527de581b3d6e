// What each endpoint takes and answers, for people and for generators: an OpenAPI 3.1 document made from what stands
// beside the routes, served at /openapi.json. It describes; nothing is validated by it: the protocol reads its own
// forms (../oauth/parameters.ts), with errors that a schema could not tell.
import { readFileSync } from 'node:fs'
import swagger from '@fastify/swagger'
import type { OAuthErrorCode } from '@latchkey/shared'
import type { FastifyInstance } from 'fastify'
import Type, { type TProperties, type TSchema } from 'typebox'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Absent: the route is not part of the document. */
    openapi?: RouteDescription
  }
}

export interface RouteDescription {
  readonly tags: readonly (keyof typeof TAGS)[]
  readonly summary: string
  readonly description?: string
  /** Ways to authenticate, as alternatives; an empty one says that it also works without. */
  readonly security?: readonly Partial<Record<keyof typeof SECURITY_SCHEMES, readonly string[]>>[]
  readonly params?: TSchema
  readonly querystring?: TSchema
  readonly headers?: TSchema
  readonly consumes?: readonly string[]
  readonly body?: TSchema
  /** JSON when absent. */
  readonly produces?: readonly string[]
  readonly response: Readonly<Record<number, TSchema & { readonly headers?: TProperties }>>
}

const TAGS = {
  tokens: 'Getting, refreshing, checking and ending tokens.',
  devices: 'The device grant (RFC 8628).',
  authorization: 'The authorization code flow, with PKCE.',
  registration: 'Clients that register themselves (RFC 7591, RFC 7592).',
  people: 'What is told about a person (OpenID Connect).',
  discovery: 'What clients read first.',
} as const

const SECURITY_SCHEMES = {
  basic: {
    type: 'http',
    scheme: 'basic',
    description: 'client_id and client_secret, each form-encoded (RFC 6749 §2.3.1)',
  },
  bearer: { type: 'http', scheme: 'bearer', description: 'an access token (RFC 6750)' },
  dpop: { type: 'http', scheme: 'DPoP', description: 'an access token that is bound to a key (RFC 9449 §7.1)' },
} as const

/** Options of a route that is in the document. */
export function described(openapi: RouteDescription): { readonly config: { readonly openapi: RouteDescription } } {
  return { config: { openapi } }
}

export function text(description: string): TSchema {
  return Type.String({ description })
}

/** All fields are optional but those that are `required`. */
export function fields(properties: TProperties, ...required: readonly string[]): TSchema {
  const members = Object.entries(properties).map(
    ([name, schema]) => [name, required.includes(name) ? schema : Type.Optional(schema)] as const,
  )
  return Type.Object(Object.fromEntries(members))
}

/** What a form of a POST is called in a description. */
export const FORM = ['application/x-www-form-urlencoded'] as const

/** Client authentication as forms carry it; confidential clients may use Basic instead, where they registered it. */
export const CLIENT_FIELDS = {
  client_id: text('Which client this is; may be left out where its authentication says it.'),
  client_secret: text('For client_secret_post.'),
  client_assertion_type: text('For private_key_jwt: urn:ietf:params:oauth:client-assertion-type:jwt-bearer.'),
  client_assertion: text('For private_key_jwt: a JWT signed by the client’s key, its audience the issuer (RFC 7523).'),
} as const

export const CLIENT_AUTHENTICATION = [{ basic: [] }, {}] as const

/** What is asked about a token, or done to it. */
export const TOKEN_FORM = fields(
  { token: text('Access or refresh token.'), token_type_hint: text('Not needed.'), ...CLIENT_FIELDS },
  'token',
)

export const SCOPE_FIELDS = {
  scope: text('Scopes, separated by spaces; without it, all that the client or the grant allows.'),
  resource: Type.Union([Type.String({ format: 'uri' }), Type.Array(Type.String({ format: 'uri' }))], {
    description: 'The API that the token is for (RFC 8707); may be given several times.',
  }),
} as const

/** What a client asks for, in the browser's address or pushed before. */
export const AUTHORIZATION_FIELDS = {
  response_type: Type.Literal('code'),
  redirect_uri: text('One of the registered ones; may be left out where there is only one.'),
  code_challenge: text('BASE64URL(SHA-256(verifier)): PKCE is asked of every client (RFC 7636).'),
  code_challenge_method: Type.Literal('S256'),
  ...SCOPE_FIELDS,
  state: text('Comes back as it is.'),
  nonce: text('Comes back in the id_token.'),
  prompt: text('none alone, or login, consent, select_account, separated by spaces.'),
  max_age: Type.Integer({ minimum: 0, description: 'The oldest sign-in, in seconds, that will do.' }),
  response_mode: Type.Literal('query'),
  dpop_jkt: text('Thumbprint of the key that must redeem the code (RFC 9449 §10).'),
} as const

/** An answer that a person reads. */
export const PAGE = ['text/html'] as const

/** The header of a caller that proves a key (RFC 9449). */
export const DPOP_HEADER = fields({
  DPoP: text('A proof of the key that tokens are, or will be, bound to, with the nonce that the server gave.'),
})

export const DPOP_NONCE = { 'DPoP-Nonce': text('The nonce for the next proof.') } as const

export const RETRY_AFTER = {
  'Retry-After': Type.Integer({ description: 'Seconds until it is worth to try again.' }),
} as const

/** An answer with `body`; extra headers by name. */
export function answer(description: string, body: TSchema, headers: TProperties = {}): TSchema {
  return { ...body, description, ...(Object.keys(headers).length === 0 ? {} : { headers }) }
}

/** An answer without a body. */
export function bare(description: string): TSchema {
  return Type.Null({ description })
}

/** The error answers of an endpoint: those that all of them share, and which codes come with 400. */
export function errors(codes: readonly OAuthErrorCode[]): Readonly<Record<number, TSchema>> {
  return {
    400: answer('The request is refused.', errorBody(codes), codes.includes('use_dpop_nonce') ? DPOP_NONCE : {}),
    405: answer('Another method.', errorBody(['invalid_request']), { Allow: text('The methods that work.') }),
    413: answer('The body is too large.', errorBody(['invalid_request'])),
    503: answer('Not now; nothing was consumed.', errorBody(['temporarily_unavailable']), RETRY_AFTER),
  }
}

/** Beside `errors`, where clients authenticate. */
export const CLIENT_ERRORS: Readonly<Record<number, TSchema>> = {
  401: answer('The client is not who it says, or is disabled.', errorBody(['invalid_client']), {
    'WWW-Authenticate': text('How to authenticate.'),
  }),
  429: answer('Too many failures of this client from this address.', errorBody(['invalid_client']), RETRY_AFTER),
}

export function errorBody(codes: readonly OAuthErrorCode[]): TSchema {
  return fields(
    {
      error: Type.String({ enum: codes }),
      error_description: text('For the developer: ASCII, without anything that was sent.'),
      ...(codes.includes('slow_down')
        ? { interval: Type.Integer({ description: 'With slow_down: the seconds between two polls from now on.' }) }
        : {}),
      ...(codes.includes('authorization_pending')
        ? {
            number: text('With authorization_pending: two digits for the screen, which the person finds on the phone.'),
          }
        : {}),
    },
    'error',
  )
}

/** Serves the document. To be called before the routes that it tells of; `base` is the path of the issuer. */
export async function describeRoutes(app: FastifyInstance, issuer: string, base: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Latchkey',
        version: packageVersion(),
        description: 'OAuth 2.0 and OpenID Connect for screens without keyboards and boxes without people.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: new URL(issuer).origin }],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    convertConstToEnum: false,
    transform: ({ route, url }) => ({ schema: route.config?.openapi ?? { hide: true }, url }),
  })
  let document: string | undefined
  app.get(`${base}/openapi.json`, (_request, reply) => {
    document ??= JSON.stringify(app.swagger())
    reply.headers({
      'Cache-Control': 'public, max-age=3600',
      'X-Content-Type-Options': 'nosniff',
      'Access-Control-Allow-Origin': '*',
    })
    return reply.type('application/json; charset=utf-8').send(document)
  })
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}

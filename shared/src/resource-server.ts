// What an API needs to check an access token (RFC 6750, RFC 9068), for any framework. A Fastify plugin sits beside it in
// `resource-server-fastify.ts`, the refusals in `resource-server-answer.ts`, the issuer's keys in `resource-server-keys.ts`.
import { errors, type JWTPayload, jwtVerify } from 'jose'
import { type Clock, systemHost } from './host.ts'
import { JwsError, LONGEST_JWS, readJwsHeader, SIGNATURE_ALGORITHMS } from './jws.ts'
import { bearerError, checkUnavailable, credentialsMissing } from './resource-server-answer.ts'
import { IssuerKeys, KeysUnavailable, requireSafeUrl } from './resource-server-keys.ts'

export { ResourceError, type ResourceErrorAnswer, type ResourceErrorBody } from './resource-server-answer.ts'

export interface ResourceServerOptions {
  /** Exactly as in the tokens' `iss`. Plain http is accepted on loopback alone. */
  readonly issuer: string
  /** This API's resource URI (RFC 8707); a token must name it in `aud`. */
  readonly audience: string
  /** Default: read from the issuer's metadata (RFC 8414). */
  readonly jwksUri?: string
  /** How late an expired token is still taken, for clocks that differ. Default 60. */
  readonly clockToleranceSeconds?: number
  /** How long the issuer may take to answer. Default 5. */
  readonly fetchTimeoutSeconds?: number
  readonly clock?: Clock
  readonly fetch?: typeof fetch
}

/** What is looked at of a request. */
export interface ApiRequest {
  /** Every `Authorization` header that came; two are refused. */
  readonly authorization: string | readonly string[] | undefined
  readonly method: string
  /** Absolute, or path and query. */
  readonly url: string
  /** The parsed body, when it was a form: to notice a token there, not to take it. */
  readonly form?: unknown
}

export interface Need {
  /** All of these; a list, or one string with spaces. */
  readonly scope?: string | readonly string[]
  /** `user`: no token that a client got for itself (RFC 9700 §4.15). Default: either. */
  readonly actor?: 'user' | 'client'
}

export interface Access {
  /** A person's id, or for an `actor` of `client` that client's id. */
  readonly subject: string
  readonly clientId: string
  readonly actor: 'user' | 'client'
  readonly scopes: ReadonlySet<string>
  /** Epoch milliseconds. */
  readonly expiresAt: number
  readonly claims: JWTPayload
}

export interface ResourceServer {
  /** @throws ResourceError with the whole answer to send @throws TypeError when `need.scope` is no scope */
  check(request: ApiRequest, need?: Need): Promise<Access>
}

/** @throws TypeError on an issuer without https, or an audience that no header could quote */
export function createResourceServer(options: ResourceServerOptions): ResourceServer {
  const { issuer, audience, clock = systemHost.clock, clockToleranceSeconds = 60 } = options
  requireSafeUrl(issuer)
  if (!/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(audience)) throw new TypeError('the audience must be a URI')
  const keys = new IssuerKeys({
    issuer,
    jwksUri: options.jwksUri === undefined ? undefined : requireSafeUrl(options.jwksUri),
    clock,
    fetch: options.fetch ?? fetch,
    timeoutSeconds: options.fetchTimeoutSeconds ?? 5,
  })

  async function verify(token: string): Promise<JWTPayload> {
    const { alg, kid } = readJwsHeader(token)
    // Keys come from the issuer by `kid` alone; `jwk`, `jku` and `x5u` of the header are never looked at.
    const key = typeof kid === 'string' ? await keys.find(kid, alg) : undefined
    if (!key) throw new JwsError('key', 'no such key')
    const { payload } = await jwtVerify(token, key, {
      algorithms: [...SIGNATURE_ALGORITHMS],
      typ: 'at+jwt',
      issuer,
      audience,
      requiredClaims: ['exp', 'iat', 'sub', 'client_id', 'jti'],
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(clock.now()),
    })
    return payload
  }

  async function readToken(token: string): Promise<Access> {
    const invalid = (description: string, cause?: unknown) =>
      bearerError(audience, 'invalid_token', description, { cause })
    let claims: JWTPayload
    try {
      claims = await verify(token)
    } catch (cause) {
      if (cause instanceof KeysUnavailable) throw checkUnavailable(cause.retryAfterSeconds, cause)
      if (cause instanceof errors.JWTExpired) throw invalid('The access token has expired', cause)
      if (cause instanceof errors.JOSEError || cause instanceof JwsError) {
        throw invalid('The access token is not valid here', cause)
      }
      throw cause
    }
    // A bound token without its proof may have been stolen (RFC 9449 §7.2); of another binding we could check nothing.
    if (claims['cnf'] !== undefined) throw invalid('The access token is bound to a key and was sent without its proof')
    const { sub, client_id: clientId, scope = '', exp = 0 } = claims
    if (typeof sub !== 'string' || typeof clientId !== 'string' || typeof scope !== 'string') {
      throw invalid('The access token lacks a subject, a client or a scope')
    }
    return {
      subject: sub,
      clientId,
      // Client ids and user ids never meet (RFC 9068 §5), so equality tells the client's own token.
      actor: sub === clientId ? 'client' : 'user',
      scopes: new Set(scope.split(' ').filter(Boolean)),
      expiresAt: exp * 1000,
      claims,
    }
  }

  return {
    async check(request, need = {}) {
      const wanted = readScopes(need.scope)
      const access = await readToken(readBearer(request, audience))
      const lacking = wanted.some((scope) => !access.scopes.has(scope))
      if (lacking || (need.actor !== undefined && need.actor !== access.actor)) {
        const description = lacking
          ? 'The access token does not carry the scope this needs'
          : `Only an access token of a ${need.actor} may do this`
        throw bearerError(audience, 'insufficient_scope', description, { scope: wanted.join(' ') })
      }
      return access
    },
  }
}

/** RFC 6750 §2.1, RFC 9110 §11.4. @throws ResourceError */
function readBearer(request: ApiRequest, realm: string): string {
  const { authorization = [] } = request
  const [header, ...others] = typeof authorization === 'string' ? [authorization] : authorization
  const elsewhere = hasTokenInQuery(request.url) || hasTokenInForm(request.form)
  // A token in query or form is an unsupported method when alone, and a second method beside a header (RFC 6750 §3.1).
  if (header === undefined) throw credentialsMissing(realm)
  if (others.length > 0 || elsewhere) {
    throw bearerError(realm, 'invalid_request', 'Send the access token once, in one Authorization header')
  }
  const scheme = /^[\w!#$%&'*+.^`|~-]{1,32}(?= |$)/.exec(header)?.[0]
  if (scheme !== undefined && scheme.toLowerCase() !== 'bearer') throw credentialsMissing(realm)
  const token = header.slice(scheme?.length ?? 0).trimStart()
  if (token.length > LONGEST_JWS) throw bearerError(realm, 'invalid_token', 'The access token is too long')
  if (scheme === undefined || !/^[\w.~+/-]+=*$/.test(token)) {
    throw bearerError(realm, 'invalid_request', 'The Authorization header is malformed')
  }
  return token
}

function hasTokenInQuery(url: string): boolean {
  const start = url.indexOf('?')
  return start >= 0 && new URLSearchParams(url.slice(start + 1)).has('access_token')
}

function hasTokenInForm(form: unknown): boolean {
  if (form instanceof URLSearchParams) return form.has('access_token')
  return typeof form === 'object' && form !== null && Object.hasOwn(form, 'access_token')
}

function readScopes(scope: Need['scope'] = []): readonly string[] {
  const scopes = typeof scope === 'string' ? scope.split(' ') : scope
  for (const one of scopes) {
    if (!/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(one)) throw new TypeError(`not a scope: ${JSON.stringify(one)}`)
  }
  return scopes
}

// What an API needs to check an access token (RFC 6750, RFC 9068, RFC 9449), for any framework: the order of the checks.
// Beside it, each in a file `resource-server-*.ts`: the options, reading the request, JWTs and the issuer's keys,
// introspection, DPoP, the refusals, the API's metadata, and the plugin for Fastify.
import type { JWTPayload } from 'jose'
import { isJsonObject } from './jws.ts'
import { checkUnavailable, type Manners, Refused, refusal, type TokenScheme } from './resource-server-answer.ts'
import { ProofDesk } from './resource-server-dpop.ts'
import { Introspection } from './resource-server-introspection.ts'
import { IssuerUnavailable } from './resource-server-issuer.ts'
import { createJwtCheck, looksLikeJwt } from './resource-server-jwt.ts'
import { protectedResourceMetadataUrl } from './resource-server-metadata.ts'
import { type ResourceServerOptions, type Settings, settle } from './resource-server-options.ts'
import { ProofsFull } from './resource-server-replay.ts'
import { type ApiRequest, type Credentials, readCredentials } from './resource-server-request.ts'

export {
  ResourceError,
  type ResourceErrorAnswer,
  type ResourceErrorBody,
  type ResourceErrorCode,
  type TokenScheme,
} from './resource-server-answer.ts'
export {
  type ProtectedResourceMetadata,
  protectedResourceMetadata,
  protectedResourceMetadataUrl,
} from './resource-server-metadata.ts'
export type { IntrospectionOptions, ResourceMetadataOptions, ResourceServerOptions } from './resource-server-options.ts'
export type { ApiRequest } from './resource-server-request.ts'

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
  /** Of the JWT, or what introspection said. */
  readonly claims: JWTPayload
  /** RFC 7638 thumbprint of the key that the token is bound to and that signed this request's proof. */
  readonly jkt?: string
  /** To be set on the answer: a nonce for the client's next proof, where nonces are needed; else empty. */
  readonly headers: Readonly<Record<string, string>>
}

export interface ResourceServer {
  /** @throws ResourceError with the whole answer to send @throws TypeError when `need.scope` is no scope */
  check(request: ApiRequest, need?: Need): Promise<Access>
}

/** @throws TypeError on an issuer without https, an audience that no header could quote, or options that exclude each other */
export function createResourceServer(options: ResourceServerOptions): ResourceServer {
  const settings = settle(options)
  const { publicUrl, tokens, introspection } = settings
  const manners = readManners(settings)
  const readJwt = createJwtCheck(settings)
  const issuer = introspection && new Introspection(settings, introspection)
  const desk = publicUrl === undefined ? undefined : new ProofDesk(settings, publicUrl)

  async function readClaims(token: string): Promise<JWTPayload> {
    if (issuer && !looksLikeJwt(token)) return issuer.read(token)
    const claims = await readJwt(token)
    // Only after the signature, so that a made-up JWT does not make us ask.
    if (issuer && introspection?.always) await issuer.read(token)
    return claims
  }

  /** RFC 9449 §7.1, §7.2. @returns the thumbprint and a nonce for the next proof */
  async function readBinding(request: ApiRequest, { scheme, token, proof }: Credentials, { cnf }: JWTPayload) {
    if (scheme === 'Bearer') {
      // A bound token without its proof may have been stolen.
      if (cnf !== undefined) throw invalid('The access token is bound to a key and was sent without its proof')
      return {}
    }
    if (cnf === undefined) throw invalid('The access token is not bound to a key')
    // Of a binding of another kind we could check nothing.
    const { jkt, ...others } = isJsonObject(cnf) ? cnf : {}
    if (!desk || typeof jkt !== 'string' || Object.keys(others).length > 0) {
      throw invalid('The access token is bound in a way that is not known here')
    }
    return { jkt, nonce: await desk.prove(request, { token, jkt, proof }) }
  }

  async function grant(request: ApiRequest, credentials: Credentials): Promise<Access> {
    if (tokens === 'bound' && credentials.scheme === 'Bearer') throw invalid('Only DPoP-bound access tokens are taken')
    const claims = await readClaims(credentials.token)
    const identity = readIdentity(claims)
    const { jkt, nonce } = await readBinding(request, credentials, claims)
    return {
      ...identity,
      claims,
      ...(jkt === undefined ? {} : { jkt }),
      // A nonce must not come out of a cache (RFC 9449 §8.2).
      headers: nonce === undefined ? {} : { 'DPoP-Nonce': nonce, 'Cache-Control': 'no-store' },
    }
  }

  return {
    async check(request, need = {}) {
      const wanted = readScopes(need.scope)
      const credentials = readCredentials(request, manners)
      try {
        const access = await grant(request, credentials)
        requireNeed(access, wanted, need.actor)
        return access
      } catch (error) {
        throw toAnswer(error, manners, credentials.scheme, wanted)
      }
    },
  }
}

const invalid = (description: string): Refused => new Refused('invalid_token', description)

function readManners({ audience, publicUrl, tokens, resourceMetadata }: Settings): Manners {
  const both = publicUrl === undefined ? (['Bearer'] as const) : (['Bearer', 'DPoP'] as const)
  return {
    realm: audience,
    schemes: tokens === 'bound' ? ['DPoP'] : both,
    resourceMetadata: resourceMetadata && protectedResourceMetadataUrl(audience),
  }
}

function readIdentity(claims: JWTPayload) {
  const { sub, client_id: clientId, scope = '', exp = 0 } = claims
  if (typeof sub !== 'string' || typeof clientId !== 'string' || typeof scope !== 'string') {
    throw invalid('The access token lacks a subject, a client or a scope')
  }
  return {
    subject: sub,
    clientId,
    // Client ids and user ids never meet (RFC 9068 §5), so equality tells the client's own token.
    actor: sub === clientId ? ('client' as const) : ('user' as const),
    scopes: new Set(scope.split(' ').filter(Boolean)),
    expiresAt: exp * 1000,
  }
}

function requireNeed(access: Access, wanted: readonly string[], actor: Need['actor']): void {
  if (wanted.some((scope) => !access.scopes.has(scope))) {
    throw new Refused('insufficient_scope', 'The access token does not carry the scope this needs')
  }
  if (actor !== undefined && actor !== access.actor) {
    throw new Refused('insufficient_scope', `Only an access token of a ${actor} may do this`)
  }
}

function toAnswer(error: unknown, manners: Manners, scheme: TokenScheme, wanted: readonly string[]): unknown {
  if (error instanceof Refused) {
    const scope = error.error === 'insufficient_scope' ? wanted.join(' ') : ''
    return refusal(manners, scheme, error, scope)
  }
  if (error instanceof IssuerUnavailable || error instanceof ProofsFull) {
    return checkUnavailable(error.retryAfterSeconds, error)
  }
  return error
}

function readScopes(scope: Need['scope'] = []): readonly string[] {
  const scopes = typeof scope === 'string' ? scope.split(' ') : scope
  for (const one of scopes) {
    if (!/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(one)) throw new TypeError(`not a scope: ${JSON.stringify(one)}`)
  }
  return scopes
}

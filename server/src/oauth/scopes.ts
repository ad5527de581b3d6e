// What may be asked for: scopes (RFC 6749 §3.3) and the APIs they are good for (RFC 8707), narrowed and never widened.
import { OAuthError } from './errors.ts'
import type { Api } from './provider.ts'
import type { Permission } from './records.ts'

/** Scopes about the person, of no API in particular (OpenID Connect Core §5.4, §11). */
export const IDENTITY_SCOPES = ['openid', 'profile', 'email', 'offline_access'] as const

const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/
const MOST_SCOPES = 64

/** The APIs of this server and what of them a client may ask for. */
export interface Catalogue {
  readonly apis: readonly Api[]
  /** The audience of a token that names no API. */
  readonly issuer: string
}

const isIdentity = (scope: string): boolean => (IDENTITY_SCOPES as readonly string[]).includes(scope)

/** Every scope that this server knows. */
export function knownScopes(apis: readonly Pick<Api, 'scopes'>[]): ReadonlySet<string> {
  return new Set([...IDENTITY_SCOPES, ...apis.flatMap((api) => Object.keys(api.scopes))])
}

export function resourceOf(apis: readonly Api[], scope: string): string | undefined {
  return apis.find((api) => Object.hasOwn(api.scopes, scope))?.resource
}

/** Throws `invalid_scope` for what is not a list of scope tokens, `invalid_request` for more than 64. Absent: undefined. */
export function parseScope(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined
  const names = text.split(' ').filter((name) => name !== '')
  if (names.length > MOST_SCOPES) throw new OAuthError('invalid_request', `more than ${MOST_SCOPES} scopes`)
  if (names.length === 0 || !names.every((name) => SCOPE_TOKEN.test(name))) {
    throw new OAuthError('invalid_scope', 'scope is malformed')
  }
  return [...new Set(names)]
}

/**
 * What a new grant covers. `resources` as asked; without any, the one API that the scopes belong to, or the first.
 * Without `scope`: everything the client may have there, which is the documented default.
 * Throws `invalid_scope` for what the client may not have, or what belongs to an API that was not asked for;
 * `invalid_target` for an unknown API.
 */
export function newPermission(
  catalogue: Catalogue,
  allowed: readonly string[],
  asked: { readonly scope: string | undefined; readonly resources: readonly string[] },
): Permission {
  const requested = parseScope(asked.scope)
  if (requested?.some((name) => !allowed.includes(name))) {
    throw new OAuthError('invalid_scope', 'scope is unknown or not allowed for this client')
  }
  const resources = asked.resources.length > 0 ? knownResources(catalogue, asked.resources) : undefined
  const covered = resources ?? [impliedResource(catalogue, requested ?? allowed)]
  const belongs = (name: string): boolean =>
    isIdentity(name) || covered.includes(resourceOf(catalogue.apis, name) ?? catalogue.issuer)
  const scope = requested ?? allowed.filter(belongs)
  if (!scope.every(belongs)) throw new OAuthError('invalid_scope', 'scopes of different resources need resource')
  return { scope, resources: covered }
}

function knownResources(catalogue: Catalogue, resources: readonly string[]): readonly string[] {
  for (const resource of resources) {
    if (resource !== catalogue.issuer && !catalogue.apis.some((api) => api.resource === resource)) {
      throw new OAuthError('invalid_target', 'resource is unknown')
    }
  }
  return [...new Set(resources)]
}

function impliedResource(catalogue: Catalogue, scope: readonly string[]): string {
  const first = scope.find((name) => !isIdentity(name))
  const owner = first === undefined ? undefined : resourceOf(catalogue.apis, first)
  return owner ?? catalogue.apis[0]?.resource ?? catalogue.issuer
}

/** The reach of one access token: one API, and the scopes that count there. */
export interface Reach {
  readonly resource: string
  readonly scope: readonly string[]
}

/**
 * Narrows a grant to one token. Without `resource`: the first one granted. Throws `invalid_scope` for a scope outside
 * the grant, `invalid_target` for a resource outside of it or for two at once (a token has one audience).
 */
export function narrow(
  apis: readonly Api[],
  granted: Permission,
  asked: { readonly scope: string | undefined; readonly resources: readonly string[] },
): Reach {
  const [resource = granted.resources[0], ...more] = asked.resources
  if (resource === undefined || more.length > 0) throw new OAuthError('invalid_target', 'one resource for each token')
  if (!granted.resources.includes(resource)) throw new OAuthError('invalid_target', 'resource was not granted')
  const requested = parseScope(asked.scope)
  if (requested?.some((name) => !granted.scope.includes(name))) {
    throw new OAuthError('invalid_scope', 'scope was not granted')
  }
  const belongs = (name: string): boolean => isIdentity(name) || (resourceOf(apis, name) ?? resource) === resource
  if (requested !== undefined && !requested.every(belongs)) {
    throw new OAuthError('invalid_scope', 'scope belongs to another resource')
  }
  return { resource, scope: (requested ?? granted.scope).filter(belongs) }
}

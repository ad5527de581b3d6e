// What a device says of itself when it registers, and what it is told of how it was registered (RFC 7591 §2, §3.2.1).
import { isJsonObject, type JsonObject, readPublicJwk } from '@latchkey/shared'
import { cleanClaim } from '../device/device-authorization.ts'
import { OAuthError } from '../errors.ts'
import type { Client, PublicJwk } from '../records.ts'
import { algorithmOf, keyProblem } from './client-metadata.ts'
import { isRegistrableRedirectUri } from './redirect-uri.ts'

/** What is left to the device to say; everything else is for the server to fix. */
export interface DeviceMetadata {
  readonly name: string | undefined
  /** Bare public keys, each once. */
  readonly keys: readonly PublicJwk[]
}

const MOST_REDIRECT_URIS = 16
const LONGEST_KID = 128

/**
 * Scopes and grants that are asked for are not looked at: the reply shows what is given. Null is as good as absent
 * (RFC 7592 §2.2), what is not known is ignored (RFC 7591 §2).
 * Throws `invalid_client_metadata` or `invalid_redirect_uri`.
 */
export function readDeviceMetadata(body: JsonObject, mostKeys: number): DeviceMetadata {
  const { client_name: name = null, token_endpoint_auth_method: method = null, jwks = null } = body
  if (method !== null && method !== 'private_key_jwt') {
    throw invalid('token_endpoint_auth_method must be private_key_jwt')
  }
  if ((body['jwks_uri'] ?? null) !== null) throw invalid('jwks_uri is not taken: send the key itself in jwks')
  if (name !== null && typeof name !== 'string') throw invalid('client_name must be text')
  refuseBadRedirects(body['redirect_uris'] ?? null)
  return { name: cleanClaim(name ?? undefined), keys: readKeys(jwks, mostKeys) }
}

function readKeys(jwks: unknown, most: number): readonly PublicJwk[] {
  const keys = isJsonObject(jwks) ? jwks['keys'] : undefined
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > most) {
    throw invalid(most === 1 ? 'jwks must hold one public key' : `jwks must hold one to ${most} public keys`)
  }
  const read = keys.map(readKey)
  if (read.some((key, index) => read.findIndex((other) => isSameKey(key, other)) < index)) {
    throw invalid('jwks holds one key twice')
  }
  return read
}

function readKey(jwk: unknown): PublicJwk {
  if (!isJsonObject(jwk)) throw invalid('jwks holds what is no key')
  const alg = algorithmOf(jwk)
  if (alg === undefined || keyProblem(jwk) !== undefined) {
    throw invalid('jwks must hold public keys alone, each for ES256, EdDSA, PS256 or RS256')
  }
  const { kid, use } = jwk
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > LONGEST_KID)) throw invalid('a kid is unusable')
  if (use !== undefined && use !== 'sig') throw invalid('a key is for another use than signatures')
  return {
    ...readPublicJwk(jwk, alg),
    ...(jwk['alg'] === undefined ? {} : { alg }),
    ...(kid === undefined ? {} : { kid }),
    ...(use === undefined ? {} : { use }),
  }
}

const PUBLIC_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e']

/** Whatever they are called. */
export function isSameKey(one: PublicJwk, other: PublicJwk): boolean {
  return PUBLIC_MEMBERS.every((member) => one[member] === other[member])
}

/**
 * A device has no use for a redirect URI, so a good one is not registered either: else whoever may enrol a device could
 * have this server send browsers wherever they like (RFC 9700 §4.11.2).
 */
function refuseBadRedirects(uris: unknown): void {
  if (uris === null) return
  const good =
    Array.isArray(uris) &&
    uris.length <= MOST_REDIRECT_URIS &&
    uris.every((uri) => typeof uri === 'string' && isRegistrableRedirectUri(uri))
  if (!good) throw new OAuthError('invalid_redirect_uri', 'redirect_uris holds what cannot be one')
}

export function invalid(description: string): OAuthError {
  return new OAuthError('invalid_client_metadata', description)
}

/** RFC 7591 §3.2.1, RFC 7592 §3. `token` is the registration access token that is good from now on. */
export function clientInformation(issuer: string, client: Client, token: string): JsonObject {
  return {
    client_id: client.id,
    client_id_issued_at: Math.floor(client.createdAt / 1000),
    client_name: client.name,
    token_endpoint_auth_method: client.authMethod,
    grant_types: client.grantTypes,
    response_types: [],
    scope: client.scope.join(' '),
    jwks: { keys: client.jwks },
    dpop_bound_access_tokens: client.dpopBound,
    registration_client_uri: `${issuer}${clientPath(client.id)}`,
    registration_access_token: token,
  }
}

export const REGISTRATION_PATH = '/register'

/** Below the issuer. */
export function clientPath(clientId: string): string {
  return `${REGISTRATION_PATH}/${clientId}`
}

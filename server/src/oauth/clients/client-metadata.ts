// From what is said about a client, in RFC 7591's words, to a client: the same rules for the configuration file, the
// command line and registration. All that is wrong is found at once.
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import {
  DEVICE_CODE_GRANT,
  type GrantType,
  JWT_BEARER_GRANT,
  readPublicJwk,
  SIGNATURE_ALGORITHMS,
  type SignatureAlgorithm,
  type TokenEndpointAuthMethod,
} from '@latchkey/shared'
import { type Client, NEVER, type PublicJwk, type SigningAlgorithm, USER_ID_PREFIX } from '../records.ts'
import { isRegistrableRedirectUri } from './redirect-uri.ts'

/** The members that Latchkey knows, already of the right types. */
export interface ClientMetadata {
  readonly client_name?: string
  readonly token_endpoint_auth_method?: TokenEndpointAuthMethod
  readonly grant_types?: readonly GrantType[]
  readonly scope?: string
  readonly jwks?: { readonly keys: readonly PublicJwk[] }
  readonly redirect_uris?: readonly string[]
  readonly post_logout_redirect_uris?: readonly string[]
  readonly dpop_bound_access_tokens?: boolean
  readonly id_token_signed_response_alg?: SigningAlgorithm
  readonly subject_type?: 'public' | 'pairwise'
  readonly sector_identifier_host?: string
}

export interface MetadataProblem {
  /** The member that is wrong. */
  readonly member: keyof ClientMetadata | 'client_id' | 'client_secret'
  readonly problem: string
}

export const SHORTEST_SECRET = 32
const MOST_KEYS = 4
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** What a client may do when nothing is said: what this server is for, and the way back in for a key-bound device. */
function defaultGrantTypes(metadata: ClientMetadata): readonly GrantType[] {
  const bound = metadata.dpop_bound_access_tokens ?? true
  return bound ? [DEVICE_CODE_GRANT, 'refresh_token', JWT_BEARER_GRANT] : [DEVICE_CODE_GRANT, 'refresh_token']
}

/**
 * Reads the metadata of `clientId`; the client is good only when `problems` is empty. Whoever registers says by
 * `token_endpoint_auth_method: none` that nobody can prove to be this client: there is no default that does
 * (RFC 10027 §6.1.7).
 */
export function readClientMetadata(
  clientId: string,
  metadata: ClientMetadata,
  given: { readonly hasSecret: boolean; readonly knownScopes: ReadonlySet<string>; readonly createdAt: number },
): { readonly client: Client; readonly problems: readonly MetadataProblem[] } {
  const problems: MetadataProblem[] = []
  const wrong = (member: MetadataProblem['member'], problem: string) => void problems.push({ member, problem })
  const grantTypes = metadata.grant_types ?? defaultGrantTypes(metadata)
  const redirectUris = metadata.redirect_uris ?? []
  const jwks = metadata.jwks?.keys ?? []
  const authMethod = metadata.token_endpoint_auth_method ?? 'client_secret_basic'
  const scope = [...new Set((metadata.scope ?? '').split(' ').filter((name) => name !== ''))]

  if (clientId.startsWith(USER_ID_PREFIX))
    wrong('client_id', `"${USER_ID_PREFIX}…" is how user ids begin; take another name`)
  for (const name of scope) if (!given.knownScopes.has(name)) wrong('scope', `"${name}" is a scope of no API`)

  const needsSecret = authMethod === 'client_secret_basic' || authMethod === 'client_secret_post'
  if (needsSecret && !given.hasSecret) {
    wrong('client_secret', `needed for ${authMethod}; a public client says "token_endpoint_auth_method": "none"`)
  }
  if (!needsSecret && given.hasSecret) wrong('client_secret', `not with token_endpoint_auth_method ${authMethod}`)
  if (authMethod === 'private_key_jwt' && jwks.length === 0)
    wrong('jwks', 'needed for private_key_jwt: one public key or more')
  if (jwks.length > MOST_KEYS) wrong('jwks', `at most ${MOST_KEYS} keys`)
  for (const [index, jwk] of jwks.entries()) {
    const problem = keyProblem(jwk)
    if (problem !== undefined) wrong('jwks', `key ${index}: ${problem}`)
  }
  if (authMethod === 'none' && grantTypes.includes('client_credentials')) {
    wrong('grant_types', 'client_credentials needs a client that can prove who it is')
  }
  if (grantTypes.includes('authorization_code') && redirectUris.length === 0) {
    wrong('redirect_uris', 'needed for authorization_code')
  }
  for (const uri of redirectUris) {
    if (!isRegistrableRedirectUri(uri)) {
      wrong(
        'redirect_uris',
        `"${uri}": https, http on loopback, or a private scheme with a dot; no fragment, no wildcard`,
      )
    }
  }
  for (const uri of metadata.post_logout_redirect_uris ?? []) {
    if (!isRegistrableRedirectUri(uri)) wrong('post_logout_redirect_uris', `"${uri}" is no address to return to`)
  }
  const hosts = new Set(redirectUris.filter((uri) => URL.canParse(uri)).map((uri) => new URL(uri).hostname))
  const [onlyHost] = hosts
  const sector = metadata.sector_identifier_host ?? onlyHost ?? clientId
  if (metadata.subject_type === 'pairwise' && hosts.size > 1 && metadata.sector_identifier_host === undefined) {
    wrong('sector_identifier_host', 'needed for pairwise subjects: the redirect_uris are of several hosts')
  }
  // Whatever its credential: one that is built into a device proves nothing (RFC 8628 §5.6, RFC 10027 §6.1.12).
  const dpopBound = metadata.dpop_bound_access_tokens ?? grantTypes.includes(DEVICE_CODE_GRANT)
  if (grantTypes.includes(JWT_BEARER_GRANT) && !dpopBound) {
    wrong('grant_types', 'jwt-bearer signs a device back in with its key, so it needs dpop_bound_access_tokens')
  }
  const client: Client = {
    id: clientId,
    version: 0,
    expiresAt: NEVER,
    name: metadata.client_name ?? clientId,
    authMethod,
    jwks,
    grantTypes,
    scope,
    redirectUris,
    postLogoutRedirectUris: metadata.post_logout_redirect_uris ?? [],
    dpopBound,
    idTokenAlg: metadata.id_token_signed_response_alg ?? 'RS256',
    subjectType: metadata.subject_type ?? 'public',
    sector,
    createdAt: given.createdAt,
  }
  return { client, problems }
}

/** Why a key cannot be a client's; undefined when it can. Private members are refused, never dropped in silence. */
export function keyProblem(jwk: PublicJwk): string | undefined {
  if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member)))
    return 'holds private members; register the public key'
  const alg = algorithmOf(jwk)
  if (alg === undefined) return `takes a public key for ${SIGNATURE_ALGORITHMS.join(', ')}`
  try {
    // The members by our own rules (sizes, exponent), then the point or modulus by OpenSSL's.
    createPublicKey({ key: readPublicJwk(jwk, alg) as JsonWebKey, format: 'jwk' })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : 'cannot be read'
  }
}

/** The algorithm that a registered key is for: as it says, else as its kind has it. */
export function algorithmOf(jwk: PublicJwk): SignatureAlgorithm | undefined {
  const named = SIGNATURE_ALGORITHMS.find((alg) => alg === jwk['alg'])
  if (named !== undefined || jwk['alg'] !== undefined) return named
  if (jwk['kty'] === 'EC' && jwk['crv'] === 'P-256') return 'ES256'
  if (jwk['kty'] === 'OKP' && jwk['crv'] === 'Ed25519') return 'EdDSA'
  return jwk['kty'] === 'RSA' ? 'RS256' : undefined
}

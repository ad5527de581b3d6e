// What an API tells clients that know nothing but its address (RFC 9728).
import { SIGNATURE_ALGORITHMS } from './jws.ts'
import { requireSafeUrl } from './resource-server-issuer.ts'
import { type ResourceServerOptions, settle } from './resource-server-options.ts'

/** RFC 9728 §2. */
export interface ProtectedResourceMetadata {
  readonly resource: string
  readonly authorization_servers: readonly string[]
  readonly scopes_supported?: readonly string[]
  readonly bearer_methods_supported: readonly ['header']
  readonly resource_name?: string
  readonly dpop_signing_alg_values_supported?: readonly string[]
  readonly dpop_bound_access_tokens_required?: boolean
}

/** The document for `protectedResourceMetadataUrl`. @throws TypeError as `createResourceServer` does */
export function protectedResourceMetadata(options: ResourceServerOptions): ProtectedResourceMetadata {
  const { audience, issuer, publicUrl, tokens, resourceMetadata: { name, scopes } = {} } = settle(options)
  return {
    resource: audience,
    authorization_servers: [issuer],
    ...(scopes === undefined ? {} : { scopes_supported: [...scopes] }),
    bearer_methods_supported: ['header'],
    ...(name === undefined ? {} : { resource_name: name }),
    ...(publicUrl === undefined ? {} : { dpop_signing_alg_values_supported: [...SIGNATURE_ALGORITHMS] }),
    ...(tokens === 'bound' ? { dpop_bound_access_tokens_required: true } : {}),
  }
}

/** RFC 9728 §3.1: the well-known part goes between host and path. @throws TypeError when the audience has no such place */
export function protectedResourceMetadataUrl(audience: string): string {
  const { origin, pathname, search, hash } = new URL(requireSafeUrl(audience))
  if (search || hash) throw new TypeError('an audience with metadata has neither query nor fragment')
  return `${origin}/.well-known/oauth-protected-resource${pathname === '/' ? '' : pathname}`
}

// What clients read first: RFC 8414 and OpenID Connect Discovery, one document for both addresses.
import { TOKEN_ENDPOINT_AUTH_METHODS } from '@latchkey/shared'
import { grants } from './grants/index.ts'
import type { Provider } from './provider.ts'
import { IDENTITY_SCOPES } from './scopes.ts'

/** The document as served; it lists what is there, and nothing that is not. */
export function metadataDocument(provider: Provider): string {
  const { issuer, apis } = provider
  return JSON.stringify({
    issuer,
    token_endpoint: `${issuer}/token`,
    device_authorization_endpoint: `${issuer}/device_authorization`,
    jwks_uri: `${issuer}/jwks`,
    scopes_supported: [...IDENTITY_SCOPES, ...new Set(apis.flatMap((api) => Object.keys(api.scopes)))],
    grant_types_supported: grants.map((grant) => grant.type),
    token_endpoint_auth_methods_supported: TOKEN_ENDPOINT_AUTH_METHODS,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    claims_supported: ['iss', 'sub', 'aud', 'exp', 'iat', 'auth_time', 'amr', 'name', 'email'],
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
  })
}

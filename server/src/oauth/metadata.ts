// What clients read first: RFC 8414 and OpenID Connect Discovery, one document for both addresses.
import { SIGNATURE_ALGORITHMS, TOKEN_ENDPOINT_AUTH_METHODS } from '@latchkey/shared'
import { REGISTRATION_PATH } from './clients/client-information.ts'
import { grants } from './grants/index.ts'
import type { Provider } from './provider.ts'
import { SIGNING_ALGORITHMS } from './records.ts'
import { IDENTITY_SCOPES } from './scopes.ts'

const CLAIMS = [
  ...['iss', 'sub', 'aud', 'exp', 'iat', 'auth_time', 'amr', 'nonce', 'at_hash'],
  ...['name', 'email', 'email_verified'],
]

/** The document as served; it lists what is there, and nothing that is not. */
export function metadataDocument(provider: Provider): string {
  const { issuer, apis } = provider
  const acr = Object.keys(provider.acr)
  return JSON.stringify({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    pushed_authorization_request_endpoint: `${issuer}/par`,
    token_endpoint: `${issuer}/token`,
    device_authorization_endpoint: `${issuer}/device_authorization`,
    introspection_endpoint: `${issuer}/introspect`,
    revocation_endpoint: `${issuer}/revoke`,
    userinfo_endpoint: `${issuer}/userinfo`,
    ...(provider.registration === undefined ? {} : { registration_endpoint: issuer + REGISTRATION_PATH }),
    device_events_endpoint: `${issuer.replace(/^http/, 'ws')}/device_events`,
    jwks_uri: `${issuer}/jwks`,
    scopes_supported: [...IDENTITY_SCOPES, ...new Set(apis.flatMap((api) => Object.keys(api.scopes)))],
    grant_types_supported: grants.map((grant) => grant.type),
    end_session_endpoint: `${issuer}/logout`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    authorization_response_iss_parameter_supported: true,
    code_challenge_methods_supported: ['S256'],
    prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
    token_endpoint_auth_methods_supported: TOKEN_ENDPOINT_AUTH_METHODS,
    token_endpoint_auth_signing_alg_values_supported: SIGNATURE_ALGORITHMS,
    introspection_endpoint_auth_methods_supported: TOKEN_ENDPOINT_AUTH_METHODS.filter((method) => method !== 'none'),
    introspection_endpoint_auth_signing_alg_values_supported: SIGNATURE_ALGORITHMS,
    revocation_endpoint_auth_methods_supported: TOKEN_ENDPOINT_AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: SIGNATURE_ALGORITHMS,
    dpop_signing_alg_values_supported: SIGNATURE_ALGORITHMS,
    subject_types_supported: ['public', 'pairwise'],
    id_token_signing_alg_values_supported: SIGNING_ALGORITHMS,
    claims_supported: acr.length === 0 ? CLAIMS : [...CLAIMS, 'acr'],
    // An empty list would be no list (RFC 8414 §3.2).
    ...(acr.length === 0 ? {} : { acr_values_supported: acr }),
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    claims_parameter_supported: false,
    claim_types_supported: ['normal'],
    ui_locales_supported: provider.uiLocales,
    service_documentation: `${issuer}/openapi.json`,
  })
}

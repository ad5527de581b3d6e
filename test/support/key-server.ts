// The scripted server of agent-server.ts as one that binds tokens to keys, and a look at the proofs it was sent.
import { checkProof, JWT_BEARER_GRANT, type Proof, thumbprint } from '@latchkey/shared'
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose'
import { type AgentServer, metadata, ok, type SeenRequest, tokens } from './agent-server.ts'

export const METADATA_PATH = '/.well-known/oauth-authorization-server'

/** What the metadata of a server with keys says beside the usual. */
export const KEY_METADATA = {
  dpop_signing_alg_values_supported: ['ES256', 'EdDSA'],
  code_challenge_methods_supported: ['S256'],
  grant_types_supported: ['refresh_token', JWT_BEARER_GRANT],
}

export function bindsToKeys(server: AgentServer, changes: Record<string, unknown> = {}): void {
  server.on(METADATA_PATH, ok({ ...metadata(), ...KEY_METADATA, ...changes }))
}

/** A token answer for a request that came with a proof. */
export function boundTokens(n: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return tokens(n, { token_type: 'DPoP', ...more })
}

/** The claims of the proof that came with a request, unchecked. */
export function proofOf(request: SeenRequest | undefined): JWTPayload {
  return decodeJwt(request?.headers.get('dpop') ?? '')
}

export async function keyOf(request: SeenRequest | undefined): Promise<string> {
  const { jwk } = decodeProtectedHeader(request?.headers.get('dpop') ?? '')
  return thumbprint(jwk ?? {})
}

/** Checks the proof for the very request it came with. @throws ProofError */
export function checkProofOf(
  request: SeenRequest,
  how: { readonly nowAt: number; readonly accessToken?: string; readonly nonce?: string },
): Promise<Proof> {
  const { nowAt, accessToken, nonce } = how
  return checkProof(request.headers.get('dpop') ?? '', {
    htm: request.method,
    htu: request.url,
    nowSeconds: nowAt / 1000,
    ...(accessToken === undefined ? {} : { accessToken }),
    ...(nonce === undefined ? {} : { acceptsNonce: (given: string) => given === nonce, requiresNonce: true }),
  })
}

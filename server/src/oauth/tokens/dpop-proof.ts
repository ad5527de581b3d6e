// A client shows that it holds the key that its tokens are, or will be, bound to (RFC 9449 §4.3, §5).
import { type Clock, checkProof, ProofError } from '@latchkey/shared'
import { OAuthError } from '../errors.ts'
import { digestOf } from '../keys/vault.ts'
import { type DpopNonces, NONCE_PERIOD_MS } from './dpop-nonces.ts'

export interface ProofRequest {
  /** The DPoP header, if any. */
  readonly proof: string | undefined
  readonly htm: string
  /** The configured public address of the endpoint, never one made from what the request says. */
  readonly htu: string
  /** Where a token comes along, its hash must be in the proof. */
  readonly accessToken?: string
}

export interface DpopProofs {
  /** Thumbprint of the proven key; undefined when there is no proof. Throws `invalid_dpop_proof` or `use_dpop_nonce`. */
  verify(request: ProofRequest): Promise<string | undefined>
  /** Sent with each answer to a proof, so that the next one has a fresh nonce. */
  readonly nonces: DpopNonces
}

// About 150 bytes each. Live entries are never put out: past this, proofs are refused for a while.
const MOST_REMEMBERED = 500_000

export function createDpopProofs(nonces: DpopNonces, clock: Clock): DpopProofs {
  // As long as its nonce is taken, a proof could come again: jti (with the address it was for) → when it is forgotten.
  const seen = new Map<string, number>()

  const remember = (key: string): boolean => {
    const now = clock.monotonic()
    for (const [oldest, until] of seen) {
      if (until > now) break
      seen.delete(oldest)
    }
    if (seen.has(key)) return false
    if (seen.size >= MOST_REMEMBERED) {
      throw new OAuthError('temporarily_unavailable', 'too many proofs at once', { headers: { 'Retry-After': '60' } })
    }
    seen.set(key, now + 2 * NONCE_PERIOD_MS)
    return true
  }

  return {
    nonces,
    async verify({ proof, htm, htu, accessToken }) {
      if (proof === undefined) return undefined
      try {
        const { jkt, jti } = await checkProof(proof, {
          htm,
          htu,
          nowSeconds: clock.now() / 1000,
          acceptsNonce: (nonce) => nonces.accepts(nonce),
          requiresNonce: true,
          ...(accessToken === undefined ? {} : { accessToken }),
        })
        if (!remember(digestOf(`${jkt} ${htu} ${jti}`))) {
          throw new OAuthError('invalid_dpop_proof', 'this proof was used before')
        }
        return jkt
      } catch (error) {
        if (!(error instanceof ProofError)) throw error
        const headers = error.code === 'use_dpop_nonce' ? { 'DPoP-Nonce': nonces.current() } : {}
        throw new OAuthError(error.code, error.message, { headers, cause: error })
      }
    },
  }
}

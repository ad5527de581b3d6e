// Whether who redeems is who asked (RFC 7636 §4.6): for authorization codes, and for device codes that want it.
import { isCodeVerifier } from '@latchkey/shared'
import { OAuthError } from './errors.ts'
import { digestOf, sameDigest } from './keys/vault.ts'

/** Throws `invalid_grant`: a missing or wrong verifier, and one where nothing was promised (RFC 9700 §4.8). */
export function checkCodeVerifier(challenge: string | undefined, verifier: string | undefined): void {
  if (challenge === undefined && verifier === undefined) return
  const fits =
    challenge !== undefined &&
    verifier !== undefined &&
    isCodeVerifier(verifier) &&
    sameDigest(digestOf(verifier), challenge)
  if (!fits) throw new OAuthError('invalid_grant', 'code_verifier does not fit')
}

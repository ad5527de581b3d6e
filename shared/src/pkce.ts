// Proof that who redeems a code is who asked for it (RFC 7636): S256 alone, `plain` is not offered. WebCrypto only.
import { base64url } from 'jose'
import type { Entropy } from './host.ts'

/** 32 random bytes as a code_verifier of 43 characters (RFC 7636 §4.1). */
export function makeCodeVerifier(entropy: Entropy): string {
  return base64url.encode(entropy(32))
}

/** RFC 7636 §4.1: 43 to 128 unreserved characters. */
export function isCodeVerifier(value: string): boolean {
  return /^[A-Za-z0-9._~-]{43,128}$/.test(value)
}

/** RFC 7636 §4.2: a SHA-256 digest in base64url without padding. */
export function isCodeChallenge(value: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(value)
}

/** The S256 challenge of a verifier (RFC 7636 §4.2). @throws TypeError when it is no verifier */
export async function codeChallengeOf(verifier: string): Promise<string> {
  if (!isCodeVerifier(verifier)) throw new TypeError('a code_verifier is 43 to 128 unreserved characters')
  return base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))))
}

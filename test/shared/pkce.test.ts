// PKCE: RFC 7636's own example, and what counts as verifier and challenge.
import { codeChallengeOf, isCodeChallenge, isCodeVerifier, makeCodeVerifier } from '@latchkey/shared'
import { expect, it } from 'vitest'
import { fakeHost } from '../support/fake-host.ts'

it('AZ-09 the example of RFC 7636 Appendix B', async () => {
  const challenge = await codeChallengeOf('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')
  expect(challenge).toBe('E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM')
  expect(isCodeChallenge(challenge)).toBe(true)
})

it('AZ-10 a made verifier is 32 fresh random bytes in 43 characters', async () => {
  const { entropy } = fakeHost()
  const made = Array.from({ length: 50 }, () => makeCodeVerifier(entropy))
  expect(new Set(made).size).toBe(50)
  for (const verifier of made) {
    expect(verifier).toHaveLength(43)
    expect(isCodeVerifier(verifier)).toBe(true)
    expect(isCodeChallenge(await codeChallengeOf(verifier))).toBe(true)
  }
})

it('AZ-10 a verifier is 43 to 128 unreserved characters', async () => {
  for (const good of ['a'.repeat(43), 'a'.repeat(128), `${'a'.repeat(39)}-._~`]) expect(isCodeVerifier(good)).toBe(true)
  const stem = 'a'.repeat(43)
  for (const bad of [
    '',
    'a'.repeat(42),
    'a'.repeat(129),
    `${stem}+`,
    `${stem}=`,
    `${stem} `,
    `${stem}\n`,
    `${stem}é`,
  ]) {
    expect(isCodeVerifier(bad)).toBe(false)
    await expect(codeChallengeOf(bad)).rejects.toThrow(TypeError)
  }
})

it('AZ-09 a challenge is 43 characters of base64url', () => {
  for (const bad of [
    '',
    'a'.repeat(42),
    'a'.repeat(44),
    `${'a'.repeat(42)}=`,
    `${'a'.repeat(42)}.`,
    `${'a'.repeat(43)}\n`,
  ]) {
    expect(isCodeChallenge(bad)).toBe(false)
  }
})

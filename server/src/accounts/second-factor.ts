// Codes of an app (TOTP, RFC 6238) as a second factor, and the recovery codes for when the phone is gone. Both are made of
// digits, so that one field with one keyboard takes either.
import type { Entropy } from '@latchkey/shared'
import { Secret, TOTP } from 'otpauth'
import type { Vault } from '../oauth/keys/vault.ts'
import type { SecondFactor, User } from '../oauth/records.ts'
import type { Step } from '../oauth/store.ts'

// What every app understands; many read nothing else out of the square.
const ALGORITHM = 'SHA1'
const DIGITS = 6
const PERIOD_SECONDS = 30
/** A phone's clock may be half a minute off, and people type slowly: the code before and the one after are good too. */
const WINDOW = 1
const SECRET_BYTES = 20

export const RECOVERY_CODES = 10
/** Twelve digits, 40 bits: with five tries in ten minutes, guessing one of ten takes longer than anybody lives. */
export const RECOVERY_DIGITS = 12
/** So few left: time to say so. */
export const FEW_RECOVERY_CODES = 3

/** A key for an app that is not in use yet: whoever shows a code of it has it. Base32. */
export function newSecret(entropy: Entropy): string {
  return new Secret({ buffer: Uint8Array.from(entropy(SECRET_BYTES)).buffer }).base32
}

/** What the square says to the app. What every app takes for granted is left out: fewer, larger dots. */
export function keyUri(secret: string, service: string, email: string): string {
  const issuer = encodeURIComponent(service)
  return `otpauth://totp/${issuer}:${encodeURIComponent(email)}?secret=${secret}&issuer=${issuer}`
}

/**
 * The time step of a code, undefined when it is none of `secret`. `after`: no code of that step, or of one before, is
 * good any more (RFC 6238 §5.2).
 */
export function stepOf(secret: string, code: string, now: number, after = -1): number | undefined {
  if (code.length !== DIGITS) return undefined
  const delta = totp(secret).validate({ token: code, timestamp: now, window: WINDOW })
  const step = delta === null ? -1 : Math.floor(now / 1000 / PERIOD_SECONDS) + delta
  return step > after ? step : undefined
}

/** What was typed or pasted, as digits: without spaces and dashes, whatever digits the keyboard has. */
export function digitsIn(typed: string): string {
  return typed
    .normalize('NFKC')
    .replace(/\p{Nd}/gu, asciiDigit)
    .replace(/[\s\p{Pd}.]/gu, '')
}

// Unicode keeps the ten digits of a script in a row that begins with its zero.
function asciiDigit(digit: string): string {
  let value = 0
  const point = digit.codePointAt(0) ?? 0
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(point - value - 1))) value++
  return String(value)
}

/** Ten, to be shown once. */
export function newRecoveryCodes(entropy: Entropy): readonly string[] {
  return Array.from({ length: RECOVERY_CODES }, () => digitsFrom(entropy, RECOVERY_DIGITS))
}

/** Keyed, so that a copy of the database cannot be searched for them. */
export function recoveryDigests(vault: Vault, userId: string, codes: readonly string[]): readonly string[] {
  return codes.map((code) => vault.digest('second-factor', `recovery ${userId} ${code}`))
}

export function secondFactorOf(
  vault: Vault,
  userId: string,
  made: { readonly secret: string; readonly lastStep: number; readonly codes: readonly string[]; readonly now: number },
): SecondFactor {
  return {
    sealedSecret: vault.seal('second-factor', made.secret),
    lastStep: made.lastStep,
    recoveryDigests: recoveryDigests(vault, userId, made.codes),
    addedAt: made.now,
  }
}

export type CodeOutcome = { readonly kind: 'app' | 'wrong' } | { readonly kind: 'recovery'; readonly left: number }

/** Takes a code of either kind: each is good once. A step. */
export function takeCode(vault: Vault, user: User | undefined, code: string, now: number): Step<User, CodeOutcome> {
  const factor = user?.secondFactor
  if (user === undefined || factor === undefined) return { outcome: { kind: 'wrong' } }
  const [digest = ''] = recoveryDigests(vault, user.id, [code])
  if (factor.recoveryDigests.includes(digest)) {
    const left = factor.recoveryDigests.filter((kept) => kept !== digest)
    const next = { ...user, secondFactor: { ...factor, recoveryDigests: left } }
    return { next, outcome: { kind: 'recovery', left: left.length } }
  }
  const secret = vault.unseal('second-factor', factor.sealedSecret)
  const lastStep = secret === undefined ? undefined : stepOf(secret, code, now, factor.lastStep)
  if (lastStep === undefined) return { outcome: { kind: 'wrong' } }
  return { next: { ...user, secondFactor: { ...factor, lastStep } }, outcome: { kind: 'app' } }
}

function totp(secret: string): TOTP {
  return new TOTP({ secret, algorithm: ALGORITHM, digits: DIGITS, period: PERIOD_SECONDS })
}

/** Each digit as likely as the next: bytes from 250 on are thrown away. */
function digitsFrom(entropy: Entropy, count: number): string {
  let digits = ''
  while (digits.length < count) {
    for (const byte of entropy(count)) {
      if (byte < 250 && digits.length < count) digits += String(byte % 10)
    }
  }
  return digits
}

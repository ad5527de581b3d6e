// The life of a refresh token family as pure steps: begin, rotate, revoke (RFC 9700 §4.14.2).
//
// A refresh token is `handle` (132 bits, the same in the whole family), its generation, and `secret` (32 bytes, new at
// each rotation). The record's id is the digest of the handle, so a token finds its family and a database dump finds no
// token. The generation tells an old token, which is theft, from a newer one than we know, which is a restored backup.
import type { Entropy } from '@latchkey/shared'
import { digestOf, randomToken, sameDigest, sealUnder, unsealUnder } from '../keys/vault.ts'
import type { TokenFamily, User } from '../records.ts'
import type { Step } from '../store.ts'

const SECRET_BYTES = 32
const HANDLE_LENGTH = 22
const GENERATION_BYTES = 3
const GENERATION_LENGTH = 4
const TOKEN = /^[A-Za-z0-9_-]{69}$/

export interface RefreshLimits {
  readonly idleDays: number
  readonly absoluteDays: number
  /** How long a client whose answer was lost may come back with the parent token. */
  readonly graceSeconds: number
  /** The same for one whose key comes with every token: covers a device that lost power before it saved. */
  readonly boundGraceDays: number
}

const DAY_MS = 24 * 60 * 60 * 1000

/**
 * The handle of the family that a code is exchanged for. It follows from the code, which the server does not keep:
 * whoever brings the code again names the same family, and its id can be inserted only once.
 */
export function handleFor(code: string): { readonly handle: string; readonly familyId: string } {
  const handle = digestOf(`family ${code}`).slice(0, HANDLE_LENGTH)
  return { handle, familyId: digestOf(handle) }
}

export function newRefreshToken(handle: string, generation: number, entropy: Entropy): string {
  const count = Buffer.alloc(GENERATION_BYTES)
  // After 16 million rotations all look alike again, and are still told apart by their secrets.
  count.writeUIntBE(generation % 2 ** (8 * GENERATION_BYTES), 0, GENERATION_BYTES)
  return handle + count.toString('base64url') + randomToken(entropy, SECRET_BYTES)
}

/** As the token says; nothing depends on its truth but whether its family is ended when it is refused. */
function generationOf(refreshToken: string): number {
  const text = refreshToken.slice(HANDLE_LENGTH, HANDLE_LENGTH + GENERATION_LENGTH)
  return Buffer.from(text, 'base64url').readUIntBE(0, GENERATION_BYTES)
}

/** The family that a token claims to be of; undefined for what never was a token of ours. */
export function familyOf(refreshToken: string): string | undefined {
  return TOKEN.test(refreshToken) ? digestOf(refreshToken.slice(0, HANDLE_LENGTH)) : undefined
}

/** When the family ends, whichever comes first: too long unused, or too old. Epoch milliseconds. */
export function familyEnd(createdAt: number, usedAt: number, limits: RefreshLimits): number {
  return Math.min(usedAt + limits.idleDays * DAY_MS, createdAt + limits.absoluteDays * DAY_MS)
}

/** The grace of a family, in milliseconds; longer for one that a thief could not use without the key. */
export function graceMs(senderConstrained: boolean, limits: RefreshLimits): number {
  return senderConstrained ? limits.boundGraceDays * DAY_MS : limits.graceSeconds * 1000
}

/** Neither revoked nor at its end. */
export function isLive(family: TokenFamily, now: number, limits: RefreshLimits): boolean {
  return family.revokedAt === undefined && now < familyEnd(family.createdAt, family.usedAt, limits)
}

/** A new password ended it, whether or not that is written to the family itself yet. */
export function endedWithPassword({ linksEndedAt = Number.NEGATIVE_INFINITY }: User, family: TokenFamily): boolean {
  return family.createdAt <= linksEndedAt
}

export type RotateOutcome =
  /** Take this token from now on: new, or the same successor again when the answer had been lost. */
  | { readonly kind: 'rotated' | 'repeated'; readonly refreshToken: string; readonly family: TokenFamily }
  | { readonly kind: 'reuse'; readonly family: TokenFamily }
  | { readonly kind: 'gone' }

export interface RotateInput {
  readonly presented: string
  readonly now: number
  /** The network address that asks. */
  readonly address: string
  readonly limits: RefreshLimits
  /** How long the parent of an unused successor is answered. */
  readonly graceMs: number
  readonly entropy: Entropy
}

/**
 * - the live token: rotates; its successor is kept sealed under the token that was presented;
 * - its parent, while nobody has used the successor and the grace lasts: the same successor again;
 * - a newer token than was ever made here: this database is an old copy. Refused, and nothing ends;
 * - anything else with this family's handle: somebody holds an old token. The family dies (reuse).
 *
 * Each outcome is one write, the repeated one too: so no token leaves after a revocation was committed.
 */
export function rotate(family: TokenFamily | undefined, input: RotateInput): Step<TokenFamily, RotateOutcome> {
  const { presented, now, address, limits, entropy } = input
  if (family?.current === undefined || !isLive(family, now, limits)) return { outcome: { kind: 'gone' } }
  const digest = digestOf(presented)
  if (sameDigest(digest, family.current)) {
    const generation = family.generation + 1
    const refreshToken = newRefreshToken(presented.slice(0, HANDLE_LENGTH), generation, entropy)
    const next: TokenFamily = {
      ...family,
      generation,
      current: digestOf(refreshToken),
      previous: digest,
      sealedSuccessor: sealUnder(presented, refreshToken, entropy),
      rotatedAt: now,
      usedAt: now,
      usedFrom: address,
      expiresAt: familyEnd(family.createdAt, now, limits),
    }
    return { next, outcome: { kind: 'rotated', refreshToken, family: next } }
  }
  const successor =
    repeatable(family, digest, now, input.graceMs) && unsealUnder(presented, family.sealedSuccessor ?? '')
  if (successor) {
    // `rotatedAt` stays: a replay never extends the window.
    const next: TokenFamily = { ...family, usedAt: Math.max(family.usedAt, now), usedFrom: address }
    return { next, outcome: { kind: 'repeated', refreshToken: successor, family: next } }
  }
  if (generationOf(presented) > family.generation) return { outcome: { kind: 'gone' } }
  const next = revoke(family, now)
  return { next, outcome: { kind: 'reuse', family: next } }
}

function repeatable(family: TokenFamily, digest: string, now: number, graceMs: number): boolean {
  if (family.previous === undefined || family.rotatedAt === undefined) return false
  return sameDigest(digest, family.previous) && now < family.rotatedAt + graceMs
}

/** A new live token for a device that has proven its key: what was before is spent, with no successor to repeat. */
export function rescue(
  family: TokenFamily | undefined,
  input: Omit<RotateInput, 'presented' | 'graceMs'> & { readonly handle: string },
): Step<TokenFamily, string | undefined> {
  const { handle, now, address, limits, entropy } = input
  if (family === undefined || !isLive(family, now, limits)) return { outcome: undefined }
  const { previous: _previous, sealedSuccessor: _sealed, rotatedAt: _rotated, ...rest } = family
  const generation = family.generation + 1
  const refreshToken = newRefreshToken(handle, generation, entropy)
  const expiresAt = familyEnd(family.createdAt, now, limits)
  return {
    next: { ...rest, generation, current: digestOf(refreshToken), usedAt: now, usedFrom: address, expiresAt },
    outcome: refreshToken,
  }
}

/** Ends the family for good; its record stays until its end, so that every token of it is known as dead. */
export function revoke(family: TokenFamily, now: number): TokenFamily {
  return { ...family, revokedAt: family.revokedAt ?? now }
}

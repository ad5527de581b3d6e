// Nonces for DPoP (RFC 9449 §8): unpredictable, nothing stored. With them the server's time decides, not the device's.
import { createHmac } from 'node:crypto'
import type { Clock, Entropy } from '@latchkey/shared'
import { sameDigest } from '../keys/vault.ts'

/** A nonce is given out for so long, and taken for twice as long. */
export const NONCE_PERIOD_MS = 5 * 60 * 1000

export interface DpopNonces {
  current(): string
  /** The current one and the one before. */
  accepts(nonce: string): boolean
}

/**
 * The key is of this process: nonces from before a restart are stale, and with them every proof that the replay
 * memory (dpop-proof.ts) no longer knows.
 */
export function createDpopNonces(entropy: Entropy, clock: Clock): DpopNonces {
  const key = entropy(32)
  const nonceOf = (period: number) => createHmac('sha256', key).update(String(period)).digest('base64url')
  let known = { period: Number.NaN, current: '', previous: '' }
  const now = () => {
    const period = Math.floor(clock.monotonic() / NONCE_PERIOD_MS)
    if (known.period !== period) known = { period, current: nonceOf(period), previous: nonceOf(period - 1) }
    return known
  }
  return {
    current: () => now().current,
    accepts(nonce) {
      const { current, previous } = now()
      return sameDigest(nonce, current) || sameDigest(nonce, previous)
    },
  }
}

// Which DPoP proofs were used lately (RFC 9449 §11.1). Bounded, and never at the cost of a live entry: a full store says so.
import { base64url } from 'jose'
import type { Clock } from './host.ts'

/**
 * Longer than any proof is good for: 60 + 10 seconds by age, or two lives of a nonce. One length for all keeps the order of
 * arrival the order of leaving, and leaves 50 seconds for a wall clock that is set back.
 */
export const REMEMBER_SECONDS = 120

export class ProofsFull extends Error {
  override readonly name = 'ProofsFull'
  readonly retryAfterSeconds: number

  constructor(retryAfterSeconds: number) {
    super('no room to remember another proof')
    this.retryAfterSeconds = retryAfterSeconds
  }
}

export class UsedProofs {
  readonly #clock: Clock
  readonly #capacity: number
  /** Digest → monotonic moment of leaving, oldest first. */
  readonly #leaveAt = new Map<string, number>()

  constructor(clock: Clock, capacity: number) {
    this.#clock = clock
    this.#capacity = capacity
  }

  /** False when this proof was used before. `htu` normalised. @throws ProofsFull */
  async use(proof: { readonly jkt: string; readonly htu: string; readonly jti: string }): Promise<boolean> {
    // The key is part of it, so that nobody can use up the ids of somebody else.
    const text = JSON.stringify([proof.jkt, proof.htu, proof.jti])
    const digest = base64url.encode(
      new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))),
    )
    const now = this.#clock.monotonic()
    for (const [old, leaveAt] of this.#leaveAt) {
      if (leaveAt > now) break
      this.#leaveAt.delete(old)
    }
    if (this.#leaveAt.has(digest)) return false
    const [oldest] = this.#leaveAt.values()
    if (oldest !== undefined && this.#leaveAt.size >= this.#capacity) {
      throw new ProofsFull(Math.max(1, Math.ceil((oldest - now) / 1000)))
    }
    this.#leaveAt.set(digest, now + REMEMBER_SECONDS * 1000)
    return true
  }
}

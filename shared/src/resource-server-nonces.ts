// Nonces for DPoP proofs at an API (RFC 9449 §9): nothing is stored, each is an HMAC of its minute.
import { base64url, type CryptoKey } from 'jose'
import type { Clock, Entropy } from './host.ts'

/** A nonce is handed out for so long and accepted for twice that. */
export const NONCE_SECONDS = 60

export interface Nonces {
  readonly current: string
  readonly previous: string
}

/** The key is random and of this process alone, the minutes are monotonic: unpredictable, and no clock can bring one back. */
export class NonceSource {
  readonly #clock: Clock
  readonly #entropy: Entropy
  #key: Promise<CryptoKey> | undefined
  #minute: number | undefined
  #nonces: Promise<Nonces> | undefined

  constructor(clock: Clock, entropy: Entropy) {
    this.#clock = clock
    this.#entropy = entropy
  }

  now(): Promise<Nonces> {
    const minute = Math.floor(this.#clock.monotonic() / 1000 / NONCE_SECONDS)
    if (!this.#nonces || minute !== this.#minute) {
      this.#minute = minute
      this.#nonces = this.#make(minute)
    }
    return this.#nonces
  }

  async #make(minute: number): Promise<Nonces> {
    this.#key ??= crypto.subtle.importKey('raw', this.#entropy(32).slice(), { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
    ])
    const key = await this.#key
    const sign = async (text: string) =>
      base64url.encode(new Uint8Array(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(text))))
    const [current, previous] = await Promise.all([sign(`${minute}`), sign(`${minute - 1}`)])
    return { current, previous }
  }
}

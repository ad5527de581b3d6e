// What only this server can compute: keyed digests and sealed texts. One master secret, one derived key per purpose,
// so that nothing made for one purpose opens another. Plain digests of high-entropy secrets live here too.
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { Entropy } from '@latchkey/shared'

export const SMALLEST_MASTER_SECRET_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

export type Purpose =
  | 'user-code'
  | 'visit'
  | 'csrf'
  | 'signing-key'
  | 'family-handle'
  | 'pairwise'
  | 'passkey-challenge'
  | 'second-factor'
  | 'known-browser'
  | 'home-network'
  | 'undo'
  | 'password-reset'
  | 'freeze'

export interface Vault {
  /** Keyed digest: for what is too short to survive a plain one. base64url. */
  digest(purpose: Purpose, text: string): string
  /** AES-256-GCM. base64url. */
  seal(purpose: Purpose, text: string): string
  /** Undefined when the text was not sealed here for this purpose, or was changed. */
  unseal(purpose: Purpose, sealed: string): string | undefined
}

/** Throws when the master secret has fewer than 32 bytes. */
export function createVault(masterSecret: Uint8Array, entropy: Entropy): Vault {
  if (masterSecret.length < SMALLEST_MASTER_SECRET_BYTES) throw new Error('the master secret needs at least 32 bytes')
  const keys = new Map<Purpose, Buffer>()
  const keyFor = (purpose: Purpose): Buffer => {
    let key = keys.get(purpose)
    if (key === undefined) {
      key = Buffer.from(hkdfSync('sha256', masterSecret, '', `latchkey ${purpose}`, 32))
      keys.set(purpose, key)
    }
    return key
  }
  return {
    digest: (purpose, text) => createHmac('sha256', keyFor(purpose)).update(text).digest('base64url'),
    seal: (purpose, text) => sealWith(keyFor(purpose), text, entropy),
    unseal: (purpose, sealed) => unsealWith(keyFor(purpose), sealed),
  }
}

/** SHA-256 in base64url, for secrets of 256 random bits; anything a person chose needs more. */
export function digestOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

/** Compares two digests in constant time. */
export function sameDigest(one: string, other: string): boolean {
  const a = Buffer.from(one)
  const b = Buffer.from(other)
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Seals `text` so that only who knows `secret` can open it: the server keeps what it cannot read. */
export function sealUnder(secret: string, text: string, entropy: Entropy): string {
  return sealWith(keyFrom(secret), text, entropy)
}

export function unsealUnder(secret: string, sealed: string): string | undefined {
  return unsealWith(keyFrom(secret), sealed)
}

export function randomToken(entropy: Entropy, bytes = 32): string {
  return Buffer.from(entropy(bytes)).toString('base64url')
}

function keyFrom(secret: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'latchkey successor', 32))
}

function sealWith(key: Buffer, text: string, entropy: Entropy): string {
  const nonce = entropy(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')
}

function unsealWith(key: Buffer, sealed: string): string | undefined {
  const bytes = Buffer.from(sealed, 'base64url')
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES))
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8')
  } catch {
    return undefined
  }
}

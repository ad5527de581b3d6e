// The device's own key: who made it is who may use what is bound to it (RFC 9449). Where it is kept is behind the door
// `KeyStore`: a file in node/key-file.ts; a browser would keep the same pair, unextractable, in IndexedDB.
import { isJsonObject, type ProofKey, thumbprint } from '@latchkey/shared'
import { exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'

/** The one algorithm that every WebCrypto and every server with DPoP can do. */
export const KEY_ALGORITHM = 'ES256'

const FORMAT = 1

/** Holds one ES256 pair, of which nobody who is given it can take the private half out. */
export interface KeyStore {
  /** The key, when there is one that can be used. @throws AgentError `storage` when it is open to others or cannot be read */
  load(): Promise<ProofKey | undefined>
  /**
   * The key; made on first use, and then safe from a power cut before this resolves: what is bound to a key that is gone
   * is of no use to anybody. Whoever asks at the same time gets the same key. @throws AgentError `storage`
   */
  obtain(): Promise<ProofKey>
}

/** False on the http pages of a browser: no key can be held there, no challenge made and no signature checked. */
export function hasWebCrypto(): boolean {
  return globalThis.crypto?.subtle !== undefined
}

/** Remembers until the process ends. */
export function memoryKeys(): KeyStore {
  let made: Promise<ProofKey> | undefined
  return {
    load: async () => made,
    obtain: () => {
      made ??= generateKeyPair(KEY_ALGORITHM, { extractable: false })
      return made
    },
  }
}

/** RFC 7638 thumbprint: the name by which a server knows the key. */
export async function keyName(key: ProofKey): Promise<string> {
  return thumbprint(await exportJWK(key.publicKey))
}

/** A new key, and the secret text to keep it by; no other text of a private half is ever made. */
export async function makeKeyToKeep(): Promise<{ readonly text: string; readonly key: ProofKey }> {
  const { privateKey } = await generateKeyPair(KEY_ALGORITHM, { extractable: true })
  const jwk = await exportJWK(privateKey)
  return { text: JSON.stringify({ version: FORMAT, key: jwk }), key: await importPair(jwk) }
}

/** Reads such a text back; undefined for anything else. */
export async function parseKey(text: string): Promise<ProofKey | undefined> {
  try {
    const value: unknown = JSON.parse(text)
    if (!isJsonObject(value) || value['version'] !== FORMAT || !isJsonObject(value['key'])) return undefined
    return await importPair(value['key'])
  } catch {
    return undefined
  }
}

/** @throws when the numbers are no pair on P-256 */
async function importPair(jwk: JWK): Promise<ProofKey> {
  const { d: _private, ...publicJwk } = jwk
  const privateKey = await importJWK(jwk, KEY_ALGORITHM, { extractable: false })
  const publicKey = await importJWK(publicJwk, KEY_ALGORITHM, { extractable: true })
  if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array) throw new TypeError('not a pair of keys')
  if (privateKey.type !== 'private') throw new TypeError('not a private key')
  return { privateKey, publicKey }
}

// The device's key on disk: written once, whole and safe from a power cut before anybody hears of it, then only read. In
// memory its private half cannot be taken out any more.
import type { ProofKey } from '@latchkey/shared'
import { type KeyStore, makeKeyToKeep, parseKey } from '../core/keys.ts'
import { type FolderOptions, PrivateFolder } from './private-folder.ts'

export const KEY_FILE = 'key.json'
export const KEY_LOCK = 'key.lock'

/** Keeps the key in `key.json`. One that cannot be read any more is as good as gone: the next link makes another. */
export function keyFile(options: FolderOptions): KeyStore {
  return namedKeyFile(options, KEY_FILE, KEY_LOCK)
}

/** Keeps a key in the file `name`; `lock` is held while it is made. */
export function namedKeyFile(options: FolderOptions, name: string, lock: string): KeyStore {
  const folder = new PrivateFolder(options)

  async function load(): Promise<ProofKey | undefined> {
    await folder.prepare()
    const text = await folder.read(name)
    return text === undefined ? undefined : parseKey(text)
  }

  async function make(): Promise<ProofKey> {
    const letGo = await folder.lock(lock)
    try {
      const faster = await load()
      if (faster) {
        // Whoever was faster may have died before the disk had the name.
        await folder.sync()
        return faster
      }
      const { text, key } = await makeKeyToKeep()
      await folder.stage(name, text)
      await folder.publish(name)
      return key
    } finally {
      await letGo()
    }
  }

  return {
    load: () => folder.explaining('The key', load),
    obtain: () => folder.explaining('The key', async () => (await load()) ?? (await make())),
  }
}

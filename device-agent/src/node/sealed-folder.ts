// A folder from before there was a secret: its files are sealed where they lie, at the start of the service, so that no
// readable copy of a token stays until its next rotation, and none of the key for ever.
import { CURRENT, credentialFile, PREVIOUS } from './credential-file.ts'
import { KEY_FILE, KEY_LOCK } from './key-file.ts'
import { type FolderOptions, PrivateFolder } from './private-folder.ts'
import { isSealed, type Seal } from './sealed-file.ts'

/**
 * Seals what is readable in the folder; a folder where nothing is stays as it is. The old blocks may live on in flash
 * memory, so a secret that matters is better sealed from the start.
 *
 * @throws AgentError `storage`
 */
export async function sealFolder(options: FolderOptions & { readonly seal: Seal }): Promise<void> {
  if (!isSealed(await options.seal.close(''))) return
  const sealed = new PrivateFolder(options)
  const asItIs = new PrivateFolder({ ...options, seal: { ...options.seal, open: async (text) => text } })
  const isReadable = async (name: string) => {
    const text = await asItIs.read(name)
    return text !== undefined && !isSealed(text)
  }
  const isAnyReadable = async (...names: readonly string[]) => (await Promise.all(names.map(isReadable))).includes(true)
  await sealed.explaining('Sealed files', async () => {
    await sealed.prepare()
    if (await isReadable(KEY_FILE)) await sealKey()
    const credentials = credentialFile(options)
    await credentials.exclusively(async () => {
      // Saving makes the copy before the previous one, which is then the readable one, and a damaged one is not copied.
      for (let saves = 0; saves < 3 && (await isAnyReadable(CURRENT, PREVIOUS)); saves++) {
        const loaded = await credentials.load()
        if (loaded.kind === 'none') return
        await credentials.save(loaded.record)
      }
    })
  })

  async function sealKey(): Promise<void> {
    const letGo = await sealed.lock(KEY_LOCK)
    try {
      const text = await sealed.read(KEY_FILE)
      if (text === undefined) return
      await sealed.stage(KEY_FILE, text)
      await sealed.publish(KEY_FILE)
    } finally {
      await letGo()
    }
  }
}

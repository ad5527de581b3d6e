// The code that waits for its answer, on disk in the credentials' own folder, for as long as it waits.
import { type PendingLink, type PendingStore, parsePendingLink } from '../core/pending-link.ts'
import { type FolderOptions, PrivateFolder } from './private-folder.ts'

const FORMAT = 1
const NAME = 'pending.json'

/** For one process at a time: the daemon's. */
export function pendingFile(options: FolderOptions): PendingStore {
  const folder = new PrivateFolder(options)
  const explaining = <T>(work: () => Promise<T>) => folder.explaining('The waiting code', work)
  return {
    load: () =>
      explaining(async () => {
        await folder.prepare()
        return parse(await folder.read(NAME))
      }),
    save: (pending) =>
      explaining(async () => {
        await folder.prepare()
        await folder.stage(NAME, JSON.stringify({ version: FORMAT, ...pending }))
        await folder.publish(NAME)
      }),
    clear: () =>
      explaining(async () => {
        await folder.prepare()
        await folder.remove(`${NAME}.new`)
        await folder.remove(NAME)
        await folder.sync()
      }),
  }
}

function parse(text: string | undefined): PendingLink | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null && 'version' in value && value.version === FORMAT
      ? parsePendingLink(value)
      : undefined
  } catch {
    return undefined
  }
}

// What a device that enrolled keeps on disk, beside the credentials of a link and apart from them: who it is in
// `enrolment.json`, its key in one of two files, in both while it changes keys. What that means is core/enrolment.ts.
import {
  type EnrolmentKeys,
  type EnrolmentRecord,
  type EnrolmentStore,
  type KeyPlace,
  parseEnrolment,
} from '../core/enrolment-record.ts'
import { namedKeyFile } from './key-file.ts'
import { type FolderOptions, PrivateFolder } from './private-folder.ts'

const FORMAT = 1
const NAME = 'enrolment.json'

/** The record and the keys of one device, for an `Enrolment`. */
export function enrolmentFile(options: FolderOptions): {
  readonly store: EnrolmentStore
  readonly keys: EnrolmentKeys
} {
  const folder = new PrivateFolder(options)
  const explaining = <T>(work: () => Promise<T>) => folder.explaining('The enrolment', work)
  const keyName = (place: KeyPlace) => `enrolment-key-${place}`
  const store: EnrolmentStore = {
    load: () =>
      explaining(async () => {
        await folder.prepare()
        return parse(await folder.read(NAME))
      }),
    save: (record) =>
      explaining(async () => {
        await folder.prepare()
        await folder.stage(NAME, JSON.stringify({ version: FORMAT, ...record }))
        await folder.publish(NAME)
      }),
    async exclusively(work) {
      const letGo = await explaining(async () => {
        await folder.prepare()
        return folder.lock('enrolment.lock')
      })
      try {
        return await work()
      } finally {
        await letGo()
      }
    },
  }
  const keys: EnrolmentKeys = {
    at: (place) => namedKeyFile(options, `${keyName(place)}.json`, `${keyName(place)}.lock`),
    forget: (place) =>
      explaining(async () => {
        await folder.prepare()
        await folder.remove(`${keyName(place)}.json.new`)
        await folder.remove(`${keyName(place)}.json`)
        await folder.sync()
      }),
  }
  return { store, keys }
}

function parse(text: string | undefined): EnrolmentRecord | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null && 'version' in value && value.version === FORMAT
      ? parseEnrolment(value)
      : undefined
  } catch {
    return undefined
  }
}

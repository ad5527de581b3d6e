// Credentials on disk, and the copy before them: for one writer at a time, in a folder that is private-folder.ts.
// What is in the record is core/credentials.ts.
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type CredentialRecord, type CredentialStore, type Loaded, parseCredentials } from '../core/credentials.ts'
import { type FolderOptions, PrivateFolder } from './private-folder.ts'

const FORMAT = 1
export const CURRENT = 'credentials.json'
export const PREVIOUS = 'credentials.json.previous'
const FRESH = 'credentials.json.new'

type Environment = Readonly<Record<string, string | undefined>>

/** Where the state lives: the given directory, else `LATCHKEY_AGENT_STATE`, systemd's, XDG's, the home's. */
export function stateDirectory(given: string | undefined, env: Environment): string {
  const explicit = given || env['LATCHKEY_AGENT_STATE']
  if (explicit) return explicit
  // systemd.exec(5): several directories are joined by colons; ours is the first.
  const systemd = env['STATE_DIRECTORY']?.split(':')[0]
  if (systemd) return systemd
  return join(env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local', 'state'), 'latchkey-agent')
}

/** Keeps the record in `credentials.json`, and the one before it beside it. */
export function credentialFile(options: FolderOptions): CredentialStore {
  const folder = new PrivateFolder(options)
  const explaining = <T>(work: () => Promise<T>) => folder.explaining('Credentials', work)

  /** The record, or why there is none. */
  async function read(name: string): Promise<CredentialRecord | 'absent' | 'damaged'> {
    const text = await folder.read(name)
    return text === undefined ? 'absent' : (parse(text) ?? 'damaged')
  }

  async function load(): Promise<Loaded> {
    await folder.prepare()
    const newest = await read(CURRENT)
    if (typeof newest === 'object') return { kind: 'found', record: newest, recovered: false }
    const older = await read(PREVIOUS)
    if (typeof older === 'object') return { kind: 'found', record: older, recovered: true }
    return { kind: 'none', damaged: newest === 'damaged' || older === 'damaged' }
  }

  async function save(record: CredentialRecord): Promise<void> {
    await folder.prepare()
    await folder.stage(CURRENT, JSON.stringify({ version: FORMAT, ...record }))
    // Only a good copy may take the place of the previous one.
    if (typeof (await read(CURRENT)) === 'object') await folder.alias(CURRENT, PREVIOUS)
    await folder.publish(CURRENT)
  }

  async function clear(): Promise<void> {
    await folder.prepare()
    await folder.remove(FRESH)
    // The older copy first: gone last, it would come back to life.
    await folder.remove(PREVIOUS)
    await folder.remove(CURRENT)
    await folder.sync()
  }

  return {
    load: () => explaining(load),
    save: (record) => explaining(() => save(record)),
    clear: () => explaining(clear),
    async exclusively(work) {
      const letGo = await explaining(async () => {
        await folder.prepare()
        return folder.lock('lock')
      })
      try {
        return await work()
      } finally {
        await letGo()
      }
    },
  }
}

function parse(text: string): CredentialRecord | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const version = typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined
    return version === FORMAT ? parseCredentials(value) : undefined
  } catch {
    return undefined
  }
}

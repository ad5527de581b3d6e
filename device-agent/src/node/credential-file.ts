// Credentials on disk: safe from other users, from two writers at once, and from the plug being pulled at any moment.
// What is in the record is core/credentials.ts; the lock is process-lock.ts.
import { constants } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Host, systemHost } from '@latchkey/shared'
import { type CredentialRecord, type CredentialStore, type Loaded, parseCredentials } from '../core/credentials.ts'
import { AgentError } from '../core/errors.ts'
import { errorCode, type FileStatus, type FileSystem, removeFile, systemFiles } from './file-system.ts'
import { type Processes, systemProcesses, takeProcessLock } from './process-lock.ts'

const FORMAT = 1

export interface CredentialFileOptions {
  /** Made with mode 0700 when it is not there. */
  readonly directory: string
  readonly host?: Host
  readonly files?: FileSystem
  readonly processes?: Processes
  /** Whose files these must be; undefined where the system has no such numbers. */
  readonly uid?: number | undefined
}

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
export function credentialFile(options: CredentialFileOptions): CredentialStore {
  const { directory, host = systemHost, files = systemFiles, processes = systemProcesses } = options
  const uid = 'uid' in options ? options.uid : process.getuid?.()
  const current = join(directory, 'credentials.json')
  const previous = `${current}.previous`
  const fresh = `${current}.new`

  async function prepareDirectory(): Promise<void> {
    await files.mkdir(directory, { recursive: true, mode: 0o700 })
    const status = await files.lstat(directory)
    if (!status.isDirectory()) throw unsafe(directory, 'is not a directory itself', 'Name the real directory.')
    checkOwner(directory, status, '700')
  }

  function checkOwner(path: string, status: FileStatus, mode: string): void {
    if (uid === undefined) return
    if (status.uid !== uid) throw unsafe(path, 'belongs to another user', `chown ${uid} ${path}`)
    if ((status.mode & 0o077) !== 0) throw unsafe(path, 'is open to other users', `chmod ${mode} ${path}`)
  }

  /** The record, or why there is none. */
  async function read(path: string): Promise<CredentialRecord | 'absent' | 'damaged'> {
    let file: Awaited<ReturnType<FileSystem['open']>>
    try {
      file = await files.open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return 'absent'
      if (errorCode(error) === 'ELOOP') throw unsafe(path, 'is a symbolic link', `rm ${path}`)
      throw error
    }
    try {
      // Asked of the open file and not of its name, which could change hands in between.
      const status = await file.stat()
      if (!status.isFile()) throw unsafe(path, 'is not a file', `rm -r ${path}`)
      checkOwner(path, status, '600')
      return parse(await file.readFile('utf8')) ?? 'damaged'
    } finally {
      await file.close()
    }
  }

  async function syncDirectory(): Promise<void> {
    const handle = await files.open(directory, constants.O_RDONLY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  async function load(): Promise<Loaded> {
    await prepareDirectory()
    const newest = await read(current)
    if (typeof newest === 'object') return { kind: 'found', record: newest, recovered: false }
    const older = await read(previous)
    if (typeof older === 'object') return { kind: 'found', record: older, recovered: true }
    return { kind: 'none', damaged: newest === 'damaged' || older === 'damaged' }
  }

  async function save(record: CredentialRecord): Promise<void> {
    await prepareDirectory()
    await removeFile(files, fresh)
    const file = await files.open(fresh, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
    try {
      await file.writeFile(JSON.stringify({ version: FORMAT, ...record }))
      await file.sync()
    } finally {
      await file.close()
    }
    // Only a good copy may take the place of the previous one.
    if (typeof (await read(current)) === 'object') {
      await removeFile(files, previous)
      await files.link(current, previous)
    }
    await files.rename(fresh, current)
    await syncDirectory()
  }

  async function clear(): Promise<void> {
    await prepareDirectory()
    await removeFile(files, fresh)
    // The older copy first: gone last, it would come back to life.
    await removeFile(files, previous)
    await removeFile(files, current)
    await syncDirectory()
  }

  return {
    load: () => orStorageError(directory, load),
    save: (record) => orStorageError(directory, () => save(record)),
    clear: () => orStorageError(directory, clear),
    async exclusively(work) {
      const letGo = await orStorageError(directory, async () => {
        await prepareDirectory()
        return takeProcessLock({ path: join(directory, 'lock'), files, processes, host })
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

function unsafe(path: string, what: string, mend: string): AgentError {
  return new AgentError('storage', `${path} ${what}, and credentials must be for this user alone. To mend it: ${mend}`)
}

async function orStorageError<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof AgentError) throw error
    const code = errorCode(error)
    const known: Readonly<Record<string, string>> = {
      ENOSPC: 'the disk is full',
      EROFS: 'the disk is read-only',
      EACCES: 'access is not permitted',
      EPERM: 'access is not permitted',
      ENOTDIR: `${dirname(directory)} is not a directory`,
    }
    const why = (code && known[code]) ?? code ?? String(error)
    throw new AgentError('storage', `Credentials cannot be kept in ${directory}: ${why}.`, { cause: error })
  }
}

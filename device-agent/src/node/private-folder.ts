// A folder for secrets: of this user alone, and each file in it is at any moment the old one or the new one, whole, even
// if the plug is pulled. What is in the files is the business of credential-file.ts and key-file.ts.
import { constants } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Host, systemHost } from '@latchkey/shared'
import { AgentError } from '../core/errors.ts'
import { errorCode, type FileStatus, type FileSystem, removeFile, systemFiles } from './file-system.ts'
import { type Processes, systemProcesses, takeProcessLock } from './process-lock.ts'
import { NO_SEAL, type Seal } from './sealed-file.ts'

export interface FolderOptions {
  /** Made with mode 0700 when it is not there. */
  readonly directory: string
  readonly host?: Host
  readonly files?: FileSystem
  readonly processes?: Processes
  /** Whose files these must be; undefined where the system has no such numbers. */
  readonly uid?: number | undefined
  /** Comes between the texts and the disk; nothing does unless said. */
  readonly seal?: Seal
}

export class PrivateFolder {
  readonly #directory: string
  readonly #host: Host
  readonly #files: FileSystem
  readonly #processes: Processes
  readonly #uid: number | undefined
  readonly #seal: Seal

  constructor(options: FolderOptions) {
    const { directory, host = systemHost, files = systemFiles, processes = systemProcesses, seal = NO_SEAL } = options
    this.#directory = directory
    this.#host = host
    this.#files = files
    this.#processes = processes
    this.#seal = seal
    this.#uid = 'uid' in options ? options.uid : process.getuid?.()
  }

  /** Makes the folder, or checks the one that is there. */
  async prepare(): Promise<void> {
    await this.#files.mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const status = await this.#files.lstat(this.#directory)
    if (!status.isDirectory()) throw unsafe(this.#directory, 'is not a directory itself', 'Name the real directory.')
    this.#checkOwner(this.#directory, status, '700')
  }

  /** Undefined when there is no such file. */
  async read(name: string): Promise<string | undefined> {
    const path = this.#path(name)
    let file: Awaited<ReturnType<FileSystem['open']>>
    try {
      file = await this.#files.open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      if (errorCode(error) === 'ELOOP') throw unsafe(path, 'is a symbolic link', `rm ${path}`)
      throw error
    }
    try {
      // Asked of the open file and not of its name, which could change hands in between.
      const status = await file.stat()
      if (!status.isFile()) throw unsafe(path, 'is not a file', `rm -r ${path}`)
      this.#checkOwner(path, status, '600')
      return await this.#seal.open(await file.readFile('utf8'), path)
    } finally {
      await file.close()
    }
  }

  /** Puts `text` on the disk in a file that nobody reads yet; `publish` gives it its name. */
  async stage(name: string, text: string): Promise<void> {
    const path = this.#path(`${name}.new`)
    const sealed = await this.#seal.close(text)
    await removeFile(this.#files, path)
    const file = await this.#files.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
    try {
      await file.writeFile(sealed)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  async publish(name: string): Promise<void> {
    await this.#files.rename(this.#path(`${name}.new`), this.#path(name))
    await this.sync()
  }

  /** Gives the file a second name, in place of what had that name. */
  async alias(name: string, second: string): Promise<void> {
    await this.remove(second)
    await this.#files.link(this.#path(name), this.#path(second))
  }

  async remove(name: string): Promise<void> {
    await removeFile(this.#files, this.#path(name))
  }

  /** Resolves when the names in the folder would survive a power cut. */
  async sync(): Promise<void> {
    const handle = await this.#files.open(this.#directory, constants.O_RDONLY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  /** Waits until nobody else is inside the lock of this name. Returns how to let it go. */
  lock(name: string): Promise<() => Promise<void>> {
    return takeProcessLock({
      path: this.#path(name),
      files: this.#files,
      processes: this.#processes,
      host: this.#host,
    })
  }

  /** Does `work`, and turns what the disk says no to into a sentence. @throws AgentError `storage` */
  async explaining<T>(what: string, work: () => Promise<T>): Promise<T> {
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
        ENOTDIR: `${dirname(this.#directory)} is not a directory`,
      }
      const why = (code && known[code]) ?? code ?? String(error)
      throw new AgentError('storage', `${what} cannot be kept in ${this.#directory}: ${why}.`, { cause: error })
    }
  }

  #path(name: string): string {
    return join(this.#directory, name)
  }

  #checkOwner(path: string, status: FileStatus, mode: string): void {
    if (this.#uid === undefined) return
    if (status.uid !== this.#uid) throw unsafe(path, 'belongs to another user', `chown ${this.#uid} ${path}`)
    if ((status.mode & 0o077) !== 0) throw unsafe(path, 'is open to other users', `chmod ${mode} ${path}`)
  }
}

function unsafe(path: string, what: string, mend: string): AgentError {
  return new AgentError('storage', `${path} ${what}, and credentials must be for this user alone. To mend it: ${mend}`)
}

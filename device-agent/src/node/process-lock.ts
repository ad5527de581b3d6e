// One at a time across processes, by a file that names who is inside. A process that dies inside leaves its file behind;
// the next one sees that nobody of that name lives and takes over.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { constants } from 'node:fs/promises'
import type { Host } from '@latchkey/shared'
import { AgentError } from '../core/errors.ts'
import { errorCode, type FileSystem, removeFile } from './file-system.ts'

const POLL_MS = 50
const LONGEST_WAIT_MS = 150_000

/** Tells one process from every other one that had or will have the same number. */
export interface Processes {
  readonly pid: number
  /** Something that no other life of this process number shares; undefined when no such process lives. */
  identity(pid: number): string | undefined
}

export const systemProcesses: Processes = { pid: process.pid, identity: identityOf }

function identityOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (errorCode(error) !== 'EPERM') return undefined
  }
  try {
    // proc_pid_stat(5): field 22, the start time in ticks since boot; the name before it may hold anything but ends with ')'.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    // A device that always boots alike gives the same number at the same tick: the boot must differ too.
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${started}`
  } catch {
    return 'alive'
  }
}

interface Holder {
  readonly pid: number
  readonly identity: string
  readonly nonce: string
}

export interface LockPlace {
  readonly path: string
  readonly files: FileSystem
  readonly processes: Processes
  readonly host: Pick<Host, 'clock' | 'sleep'>
}

/**
 * Waits for the lock and returns how to let it go. All who share the file must run on one machine and see each other's
 * process numbers.
 *
 * @throws AgentError `storage` when a living process keeps the lock for 150 s, longer than the longest refresh.
 */
export async function takeProcessLock(place: LockPlace): Promise<() => Promise<void>> {
  const { path, processes, host } = place
  const giveUpAt = host.clock.monotonic() + LONGEST_WAIT_MS
  const me: Holder = { pid: processes.pid, identity: processes.identity(processes.pid) ?? 'alive', nonce: randomUUID() }
  while (!(await claim(place, me))) {
    const holder = await readHolder(place)
    if (holder && processes.identity(holder.pid) !== holder.identity) {
      // Two may notice at once, and the slower must not remove the lock that the faster has taken since. So the right to
      // remove this very lock is itself a lock, named after it; whoever holds that looks again.
      const letGo = await takeProcessLock({ ...place, path: `${path}.${holder.nonce}` })
      if ((await readHolder(place))?.nonce === holder.nonce) await removeFile(place.files, path)
      await letGo()
      continue
    }
    if (host.clock.monotonic() >= giveUpAt) {
      const who = holder ? `process ${holder.pid}` : 'another process'
      throw new AgentError('storage', `${who} keeps ${path} locked.`)
    }
    if (holder) await host.sleep(POLL_MS)
  }
  return () => removeFile(place.files, path)
}

/** Creates the lock file with its content in one step: written aside, then linked, which fails when the name is taken. */
async function claim({ path, files }: LockPlace, me: Holder): Promise<boolean> {
  const aside = `${path}.${me.pid}-${me.nonce}`
  const file = await files.open(aside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    await file.writeFile(JSON.stringify(me))
  } finally {
    await file.close()
  }
  try {
    await files.link(aside, path)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  } finally {
    await removeFile(files, aside)
  }
}

/** Undefined when the lock was let go in the meantime. */
async function readHolder({ path, files }: LockPlace): Promise<Holder | undefined> {
  try {
    const file = await files.open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const { pid, identity, nonce }: Record<string, unknown> = JSON.parse(await file.readFile('utf8'))
      // What cannot be read was not written by us; it counts as left behind by nobody.
      return {
        pid: Number(pid),
        identity: String(identity),
        nonce: /^[\w-]+$/.test(String(nonce)) ? String(nonce) : 'unknown',
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

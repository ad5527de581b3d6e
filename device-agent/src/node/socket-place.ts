// Where the token socket is, and taking that place: a directory that strangers cannot look into, a socket that they cannot
// open, one agent at a time, and what a dead one left behind cleared away. What is said there is token-socket.ts.
import { chmod, lstat, mkdir, rename, stat } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import type { Host } from '@latchkey/shared'
import { AgentError } from '../core/errors.ts'
import { errorCode, removeFile, systemFiles } from './file-system.ts'
import { systemProcesses, takeProcessLock } from './process-lock.ts'

// unix(7): 108 bytes with the zero at the end, and ".new" must still fit.
const LONGEST_PATH_BYTES = 103

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Where the daemon listens: the given path, else `LATCHKEY_AGENT_SOCKET`, systemd's `RUNTIME_DIRECTORY`, the user's
 * `XDG_RUNTIME_DIR`. Undefined where there is no such place: then there is no socket.
 */
export function tokenSocketPath(given: string | undefined, env: Environment): string | undefined {
  const explicit = given || env['LATCHKEY_AGENT_SOCKET']
  if (explicit) return explicit
  // systemd.exec(5): several directories are joined by colons; ours is the first.
  const systemd = env['RUNTIME_DIRECTORY']?.split(':')[0]
  if (systemd) return join(systemd, 'token.sock')
  const user = env['XDG_RUNTIME_DIR']
  return user ? join(user, 'latchkey-agent', 'token.sock') : undefined
}

/** Where a program looks for the daemon: as above, and at last where a system service has it. */
export function tokenSocketPlaces(given: string | undefined, env: Environment): readonly string[] {
  const own = tokenSocketPath(given, env)
  const explicit = given || env['LATCHKEY_AGENT_SOCKET']
  return [...(own === undefined ? [] : [own]), ...(explicit ? [] : ['/run/latchkey-agent/token.sock'])]
}

/**
 * Makes `server` listen at `path`, with mode 0660 from the first moment that the name exists. Returns how to take the
 * name away again.
 *
 * @throws AgentError `storage` when another agent serves there, or the directory is open to strangers; `usage` for a path
 *   that no socket can have
 */
export async function listenAt(
  server: Server,
  place: { readonly path: string; readonly host: Host; readonly uid: number | undefined },
): Promise<() => Promise<void>> {
  const { path, host, uid } = place
  if (Buffer.byteLength(path) > LONGEST_PATH_BYTES) {
    throw new AgentError('usage', `A socket's path has at most ${LONGEST_PATH_BYTES} bytes: ${path}`)
  }
  return explaining(path, async () => {
    await prepareDirectory(dirname(path), uid)
    const letGo = await takeProcessLock({ path: `${path}.lock`, files: systemFiles, processes: systemProcesses, host })
    try {
      await checkFree(path)
      const aside = `${path}.new`
      await removeFile(systemFiles, aside)
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ path: aside }, () => {
          server.removeListener('error', reject)
          resolve()
        })
      })
      // Under its real name only when nobody can be too early for the right mode.
      await chmod(aside, 0o660)
      const { ino } = await stat(aside)
      await rename(aside, path)
      return () => removeOwn(path, ino)
    } finally {
      await letGo()
    }
  })
}

async function prepareDirectory(directory: string, uid: number | undefined): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o750 })
  const status = await lstat(directory)
  if (!status.isDirectory()) throw unsafe(directory, 'is not a directory itself', 'Name the real directory.')
  if (uid === undefined) return
  if (status.uid !== uid) throw unsafe(directory, 'belongs to another user', 'Name a directory of its own.')
  if ((status.mode & 0o027) !== 0) throw unsafe(directory, 'is open to other users', `chmod 750 ${directory}`)
}

/** Whether the name may be taken: it is free, or whoever had it is dead. */
async function checkFree(path: string): Promise<void> {
  const status = await lstat(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (!status) return
  if (!status.isSocket()) throw unsafe(path, 'is not a socket', `rm ${path}`)
  if (await isAnswered(path)) throw new AgentError('storage', `Another agent already serves tokens at ${path}.`)
  await removeFile(systemFiles, path)
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error) => {
      const code = errorCode(error)
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve(false)
      // Its queue is full: somebody is there.
      else if (code === 'EAGAIN') resolve(true)
      else reject(error)
    })
  })
}

async function removeOwn(path: string, ino: number): Promise<void> {
  const present = await lstat(path).catch(() => undefined)
  if (present?.ino === ino) await removeFile(systemFiles, path)
}

async function explaining<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof AgentError) throw error
    throw new AgentError('storage', `No socket can be made at ${path}: ${errorCode(error) ?? String(error)}.`, {
      cause: error,
    })
  }
}

function unsafe(path: string, what: string, mend: string): AgentError {
  return new AgentError('storage', `${path} ${what}, and tokens are handed out there. To mend it: ${mend}`)
}

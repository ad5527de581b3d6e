// The disk with a hand on the plug: every call of the agent on files can be seen, and made to fail, before it happens.
import { constants } from 'node:fs/promises'
import { type FileSystem, systemFiles } from '../../device-agent/src/node/file-system.ts'

/** The real disk, with `before` called ahead of every call and free to throw. A torn write leaves its first half. */
export function watched(before: (call: string) => void, torn = false): FileSystem {
  const name = (path: string) => path.split('/').at(-1) ?? ''
  return {
    open: async (path, flags, bits) => {
      before(`${(flags & constants.O_EXCL) !== 0 ? 'open-excl' : 'open'} ${name(path)}`)
      const file = await systemFiles.open(path, flags, bits)
      return {
        stat: async () => {
          before(`stat ${name(path)}`)
          return file.stat()
        },
        readFile: async (encoding) => {
          before(`read ${name(path)}`)
          return file.readFile(encoding)
        },
        writeFile: async (text) => {
          try {
            before(`write ${name(path)}`)
          } catch (error) {
            if (torn) await file.writeFile(text.slice(0, text.length / 2))
            throw error
          }
          await file.writeFile(text)
        },
        sync: async () => {
          before(`sync ${name(path)}`)
          await file.sync()
        },
        // Closing is what the system does for a dead process too.
        close: () => file.close(),
      }
    },
    mkdir: async (path, options) => {
      before(`mkdir ${name(path)}`)
      return systemFiles.mkdir(path, options)
    },
    lstat: async (path) => {
      before(`lstat ${name(path)}`)
      return systemFiles.lstat(path)
    },
    link: async (existing, path) => {
      before(`link ${name(existing)}`)
      await systemFiles.link(existing, path)
    },
    rename: async (from, to) => {
      before(`rename ${name(from)}`)
      await systemFiles.rename(from, to)
    },
    unlink: async (path) => {
      before(`unlink ${name(path)}`)
      await systemFiles.unlink(path)
    },
  }
}

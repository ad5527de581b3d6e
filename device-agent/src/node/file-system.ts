// The few calls on files that keeping credentials takes, so that a test can pull the plug at each of them.
import { link, lstat, mkdir, open, rename, unlink } from 'node:fs/promises'

export interface FileStatus {
  readonly mode: number
  readonly uid: number
  isFile(): boolean
  isDirectory(): boolean
}

export interface OpenFile {
  stat(): Promise<FileStatus>
  readFile(encoding: 'utf8'): Promise<string>
  writeFile(text: string): Promise<void>
  /** Resolves when the disk has it. */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface FileSystem {
  open(path: string, flags: number, mode?: number): Promise<OpenFile>
  mkdir(path: string, options: { readonly recursive: true; readonly mode: number }): Promise<unknown>
  lstat(path: string): Promise<FileStatus>
  link(existing: string, path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
}

export const systemFiles: FileSystem = { open, mkdir, lstat, link, rename, unlink }

/** The `code` of a failed system call, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

/** Removes a file that may not be there. */
export async function removeFile(files: FileSystem, path: string): Promise<void> {
  try {
    await files.unlink(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
  }
}

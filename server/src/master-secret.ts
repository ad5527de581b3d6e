// The one secret that everything else is derived from: configured, or kept beside the database.
import { linkSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Entropy } from '@latchkey/shared'
import type { Config } from './config.ts'
import { SMALLEST_MASTER_SECRET_BYTES } from './oauth/keys/vault.ts'
import { sqlitePath } from './storage/open.ts'

const FILE_NAME = 'master-secret'

/** Reads the secret, or makes it on first start. Throws when its file is open to others or too short. */
export function masterSecretFor(config: Config, entropy: Entropy): Uint8Array {
  if (config.masterSecret !== undefined) return config.masterSecret
  const path = sqlitePath(config.database)
  if (path === ':memory:') return entropy(SMALLEST_MASTER_SECRET_BYTES)
  const file = join(dirname(path), FILE_NAME)
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  makeOnce(file, entropy)
  if ((statSync(file).mode & 0o077) !== 0) throw new Error(`${file} is open to others: chmod 600 ${file}`)
  return Buffer.from(readFileSync(file, 'utf8').trim(), 'base64url')
}

/** Of two servers that start at once exactly one makes it: a hard link takes the name only if it is free. */
function makeOnce(file: string, entropy: Entropy): void {
  try {
    statSync(file)
    return
  } catch {
    // Not there yet.
  }
  const draft = `${file}.${process.pid}`
  const secret = Buffer.from(entropy(SMALLEST_MASTER_SECRET_BYTES)).toString('base64url')
  writeFileSync(draft, `${secret}\n`, { mode: 0o600, flag: 'wx', flush: true })
  try {
    linkSync(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    unlinkSync(draft)
  }
}

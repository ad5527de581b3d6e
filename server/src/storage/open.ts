// From a database address to a store that is ready: opened, migrated, its statements prepared.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { Migrator } from 'kysely'
import type { Store } from '../oauth/store.ts'
import { migrations } from './migrations/index.ts'
import { sqlStore } from './sql-store.ts'
import { openSqlite } from './sqlite.ts'

/** Where the database lives: `sqlite:PATH`, or `sqlite::memory:`. */
export const DATABASE_ADDRESS = '^sqlite:.+$'

export function sqlitePath(address: string): string {
  return address.slice('sqlite:'.length)
}

/** Makes folder and file when they are missing. Throws when the file is not a database, or of a newer version. */
export async function openStore(address: string): Promise<Store> {
  const path = sqlitePath(address)
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const engine = openSqlite(path)
  const migrator = new Migrator({ db: engine.runner, provider: { getMigrations: async () => migrations } })
  try {
    await engine.prepareAlone(async () => {
      const { error } = await migrator.migrateToLatest()
      if (error !== undefined) throw error
    })
  } catch (error) {
    await engine.close()
    throw error
  }
  return sqlStore(engine)
}

// SQLite through better-sqlite3: write-ahead log, and every commit on the disk before it is answered.
import Database from 'better-sqlite3'
import { type CompiledQuery, Kysely, SqliteDialect } from 'kysely'
import { StoreUnavailable } from '../oauth/store.ts'
import type { Row, SqlEngine, Statement, Value } from './sql-store.ts'

// Another process (a backup, the command line) may hold the lock for a moment; waiting blocks the event loop.
const BUSY_TIMEOUT_MS = 250

/** What the machine cannot do now, and may do later: nothing was written. */
const PASSING = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|READONLY|CANTOPEN|NOMEM)/

export interface SqliteEngine extends SqlEngine {
  /** For migrations alone: this one runs what it builds. */
  readonly runner: Kysely<unknown>
}

/** Opens the file, or makes it, in an existing folder. Throws StoreUnavailable when it cannot. */
export function openSqlite(path: string): SqliteEngine {
  const database = answering(() => {
    const opened = new Database(path, { timeout: BUSY_TIMEOUT_MS })
    opened.pragma('journal_mode = WAL')
    opened.pragma('synchronous = FULL')
    opened.pragma('foreign_keys = ON')
    return opened
  })
  const builder = new Kysely<Record<string, Row>>({ dialect: new SqliteDialect({ database }) })
  return {
    builder,
    runner: builder as unknown as Kysely<unknown>,
    prepare: (query) => prepare(database, query),
    close: async () => {
      await builder.destroy()
    },
  }
}

function prepare(database: Database.Database, query: CompiledQuery): Statement {
  const statement = answering(() => database.prepare<Value[], Row>(query.sql))
  return {
    run: async (parameters) => answering(() => statement.run(...parameters).changes),
    all: async (parameters) => answering(() => statement.all(...parameters)),
  }
}

function answering<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof Database.SqliteError && PASSING.test(error.code)) {
      throw new StoreUnavailable(`the database cannot serve now (${error.code})`, { cause: error })
    }
    throw error
  }
}

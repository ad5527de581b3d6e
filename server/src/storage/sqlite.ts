// SQLite through better-sqlite3: write-ahead log, and every commit on the disk before it is answered.
import Database from 'better-sqlite3'
import { type CompiledQuery, Kysely, SqliteDialect } from 'kysely'
import { StoreUnavailable } from '../oauth/store.ts'
import type { Row, SqlEngine, Statement, Value } from './sql-store.ts'

// Another process (a backup, the command line) may hold the lock for a moment; waiting blocks the event loop.
const BUSY_TIMEOUT_MS = 250

// At start nobody is waiting for an answer yet, and another process may be making the tables.
const OPENING_TIMEOUT_MS = 10_000

/** What the machine cannot do now, and may do later: nothing was written. */
const PASSING = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|READONLY|CANTOPEN|NOMEM)/

export interface SqliteEngine extends SqlEngine {
  /** For migrations alone: this one runs what it builds. */
  readonly runner: Kysely<unknown>
  /** Does `work` while no other process writes, all of it or nothing; afterwards the engine is open to requests. */
  prepareAlone(work: () => Promise<void>): Promise<void>
}

/**
 * Opens the file, or makes it, in an existing folder. Throws StoreUnavailable when it cannot now, and an error that
 * names the file when it is no database.
 */
export function openSqlite(path: string): SqliteEngine {
  const database = answering(() => openFile(path))
  const builder = new Kysely<Record<string, Row>>({ dialect: new SqliteDialect({ database }) })
  return {
    builder,
    runner: builder as unknown as Kysely<unknown>,
    async prepareAlone(work) {
      answering(() => database.exec('BEGIN IMMEDIATE'))
      try {
        await work()
        answering(() => database.exec('COMMIT'))
      } finally {
        if (database.inTransaction) database.exec('ROLLBACK')
      }
      database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`)
    },
    prepare: (query) => prepare(database, query),
    close: async () => {
      await builder.destroy()
    },
  }
}

function openFile(path: string): Database.Database {
  const database = new Database(path, { timeout: OPENING_TIMEOUT_MS })
  try {
    writeAhead(database)
    database.pragma('synchronous = FULL')
    database.pragma('foreign_keys = ON')
    return database
  } catch (error) {
    database.close()
    if (error instanceof Database.SqliteError && error.code === 'SQLITE_NOTADB') {
      throw new Error(`${path} is not a database`, { cause: error })
    }
    throw error
  }
}

const MOST_SWITCHES = 50

/** Of several processes that make one file, the switch to the log fails at once in all but one: it knows no patience. */
function writeAhead(database: Database.Database): void {
  for (let tries = 1; ; tries++) {
    try {
      database.pragma('journal_mode = WAL')
      return
    } catch (error) {
      if (!(error instanceof Database.SqliteError) || error.code !== 'SQLITE_BUSY' || tries === MOST_SWITCHES)
        throw error
      // A transaction does wait for its turn.
      database.exec('BEGIN IMMEDIATE; COMMIT')
    }
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

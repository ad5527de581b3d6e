// Every table and query, once, for all SQL engines. A record is a row: its id, version and end, the keys it is found
// by, and the rest as JSON text. Statements are built by Kysely once, at open, and kept prepared by the engine.
import { type CompiledQuery, type Kysely, sql } from 'kysely'
import type { StoredRecord } from '../oauth/records.ts'
import type { AuditPage, Store, Table } from '../oauth/store.ts'
import { networkOf } from '../oauth/throttle.ts'

/** What an engine does for us. Errors that mean "not now" come out as StoreUnavailable. */
export interface SqlEngine {
  /** Compiles queries in the engine's own dialect; never used to run one. */
  readonly builder: Kysely<Record<string, Row>>
  /** The parameters that the query was compiled with are placeholders: each run brings its own, in the same order. */
  prepare(query: CompiledQuery): Statement
  close(): Promise<void>
}

export interface Statement {
  /** Runs a write; returns how many rows it changed, after it is durable. */
  run(parameters: readonly Value[]): Promise<number>
  all(parameters: readonly Value[]): Promise<readonly Row[]>
}

export type Value = string | number | null
export type Row = Record<string, Value>

/** The columns that each table has beside its keys; the migrations make them. */
export const RECORD_COLUMNS = ['id', 'version', 'expires_at', 'body'] as const

interface TableShape<R> {
  readonly name: string
  /** Column → its value. Unique where the migration says so. */
  readonly keys: { readonly [column: string]: (record: R) => string | undefined }
}

const TABLES = {
  deviceRequests: {
    name: 'device_request',
    keys: { user_code_digest: (r) => r.userCodeDigest, network: (r) => networkOf(r.address), jkt: (r) => r.jkt },
  },
  families: {
    name: 'token_family',
    keys: { user_id: (r) => r.userId, client_id: (r) => r.clientId, jkt: (r) => r.jkt },
  },
  clients: {
    name: 'client',
    keys: { registered_jkt: (r) => r.registration?.jkt, owner_id: (r) => r.registration?.ownerId },
  },
  users: { name: 'user_account', keys: { email: (r) => r.email } },
  sessions: { name: 'browser_session', keys: { user_id: (r) => r.userId, cookie_digest: (r) => r.cookieDigest } },
  passkeys: { name: 'passkey', keys: { user_id: (r) => r.userId } },
  upstreamIdentities: { name: 'upstream_identity', keys: { user_id: (r) => r.userId } },
  freezes: { name: 'freeze', keys: {} },
  auditEntries: { name: 'audit_entry', keys: { user_id: (r) => r.userId, event: (r) => r.event } },
  authorizationRequests: { name: 'authorization_request', keys: {} },
  authorizationCodes: { name: 'authorization_code', keys: {} },
  consents: { name: 'consent', keys: { user_id: (r) => r.userId } },
  opaqueTokens: { name: 'opaque_token', keys: {} },
  spent: { name: 'spent_mark', keys: {} },
  signingKeys: { name: 'signing_key', keys: { succession: (r) => `${r.alg} ${r.generation}` } },
} satisfies { [K in Exclude<keyof Store, 'purge' | 'close'>]: TableShape<RecordOf<Store[K]>> }

type RecordOf<T> = T extends Table<infer R> ? R : never

// One purge holds the database only for a moment, however much there is to delete.
const PURGE_ROWS = 500

export function sqlStore(engine: SqlEngine): Store {
  const tables: SqlTable<never>[] = []
  const open = <K extends keyof typeof TABLES>(name: K): SqlTable<RecordOf<Store[K]>> => {
    // The shape of each name is checked above; here only the pairing of the two is lost on the compiler.
    const table = sqlTable<RecordOf<Store[K]>>(engine, TABLES[name] as TableShape<RecordOf<Store[K]>>)
    tables.push(table as unknown as SqlTable<never>)
    return table
  }
  const deviceRequests = open('deviceRequests')
  const byUserCode = deviceRequests.finder('user_code_digest')
  const families = open('families')
  const clients = open('clients')
  const byRegisteredKey = clients.finder('registered_jkt')
  const users = open('users')
  const sessions = open('sessions')
  const byCookie = sessions.finder('cookie_digest')
  const passkeys = open('passkeys')
  const upstreamIdentities = open('upstreamIdentities')
  const auditEntries = open('auditEntries')
  const newestOfAll = auditEntries.newest()
  const consents = open('consents')
  const byEmail = users.finder('email')
  return {
    deviceRequests: {
      ...deviceRequests,
      byUserCode: async (digest) => (await byUserCode(digest))[0],
      byNetwork: deviceRequests.finder('network'),
      byKey: deviceRequests.finder('jkt'),
    },
    families: {
      ...families,
      byKey: families.finder('jkt'),
      byUser: families.finder('user_id'),
      byClient: families.finder('client_id'),
    },
    clients: {
      ...clients,
      byRegisteredKey: async (jkt) => (await byRegisteredKey(jkt))[0],
      byOwner: clients.finder('owner_id'),
    },
    users: { ...users, byEmail: async (email) => (await byEmail(email))[0], any: users.holdsAny() },
    sessions: {
      ...sessions,
      byCookie: async (digest) => (await byCookie(digest))[0],
      byUser: sessions.finder('user_id'),
    },
    passkeys: { ...passkeys, byUser: passkeys.finder('user_id') },
    upstreamIdentities: { ...upstreamIdentities, byUser: upstreamIdentities.finder('user_id') },
    freezes: open('freezes'),
    auditEntries: {
      ...auditEntries,
      newest: (page) => newestOfAll('', page),
      newestOfUser: auditEntries.newest('user_id'),
      newestOfEvent: auditEntries.newest('event'),
    },
    authorizationRequests: open('authorizationRequests'),
    authorizationCodes: open('authorizationCodes'),
    consents: { ...consents, byUser: consents.finder('user_id') },
    opaqueTokens: open('opaqueTokens'),
    spent: open('spent'),
    signingKeys: open('signingKeys'),
    async purge(now) {
      let deleted = 0
      for (const table of tables) deleted += await table.purge(now)
      return deleted
    },
    close: () => engine.close(),
  }
}

/** Ids that are in the order of time begin with digits, fewer than these, so that every engine compares them alike. */
const AFTER_ALL = '9'.repeat(32)

interface SqlTable<R extends StoredRecord> extends Table<R> {
  all(): Promise<readonly R[]>
  /** Those with a value in `column`, or all of them: the last ids first. */
  newest(column?: string): (value: string, page: AuditPage) => Promise<readonly R[]>
  purge(now: number): Promise<number>
  /** Whether it holds anything. */
  holdsAny(): () => Promise<boolean>
  finder(column: string): (value: string) => Promise<readonly R[]>
}

function sqlTable<R extends StoredRecord>(engine: SqlEngine, { name, keys }: TableShape<R>): SqlTable<R> {
  const { builder } = engine
  const keyColumns = Object.keys(keys)
  const columns = [...RECORD_COLUMNS, ...keyColumns]
  const written = columns.filter((column) => column !== 'id')
  const blank = (names: readonly string[]): Row => Object.fromEntries(names.map((column) => [column, '']))

  const insert = engine.prepare(
    builder
      .insertInto(name)
      .values(blank(columns))
      .onConflict((clash) => clash.doNothing())
      .compile(),
  )
  const swap = engine.prepare(
    builder.updateTable(name).set(blank(written)).where('id', '=', '').where('version', '=', 0).compile(),
  )
  const select = builder.selectFrom(name).select([...RECORD_COLUMNS])
  const get = engine.prepare(select.where('id', '=', '').compile())
  const all = engine.prepare(select.orderBy('id').compile())
  const remove = engine.prepare(builder.deleteFrom(name).where('id', '=', '').compile())
  const ended = builder.selectFrom(name).select('id').where('expires_at', '<=', 0).limit(sql.lit(PURGE_ROWS))
  const purge = engine.prepare(builder.deleteFrom(name).where('id', 'in', ended).compile())

  const columnValue =
    (record: R, version: number, body: string) =>
    (column: string): Value => {
      if (column === 'id') return record.id
      if (column === 'version') return version
      if (column === 'expires_at') return record.expiresAt
      return column === 'body' ? body : (keys[column]?.(record) ?? null)
    }
  return {
    async insert(record) {
      return (await insert.run(columns.map(columnValue(record, record.version, bodyOf(record))))) === 1
    },
    async get(id) {
      const [row] = await get.all([id])
      return row && recordOf<R>(row)
    },
    async swap(next) {
      const values = written.map(columnValue(next, next.version + 1, bodyOf(next)))
      return (await swap.run([...values, next.id, next.version])) === 1
    },
    all: async () => (await all.all([])).map((row) => recordOf<R>(row)),
    newest(column) {
      const meant = column === undefined ? select : select.where(column, '=', '')
      const page = meant.where('id', '>=', '').where('id', '<', '').orderBy('id', 'desc').limit(1)
      const find = engine.prepare(page.compile())
      return async (value, { from = '', before = AFTER_ALL, most }) => {
        const keys = column === undefined ? [] : [value]
        return (await find.all([...keys, from, before, most])).map((row) => recordOf<R>(row))
      }
    },
    delete: async (id) => (await remove.run([id])) === 1,
    purge: (now) => purge.run([now]),
    holdsAny() {
      const first = engine.prepare(select.limit(sql.lit(1)).compile())
      return async () => (await first.all([])).length > 0
    },
    finder(column) {
      const find = engine.prepare(select.where(column, '=', '').orderBy('id').compile())
      return async (value) => (await find.all([value])).map((row) => recordOf<R>(row))
    },
  }
}

function bodyOf({ id, version, expiresAt, ...body }: StoredRecord): string {
  return JSON.stringify(body)
}

function recordOf<R extends StoredRecord>(row: Row): R {
  const { id, version, expires_at, body } = row
  return { ...JSON.parse(String(body)), id, version: Number(version), expiresAt: Number(expires_at) }
}

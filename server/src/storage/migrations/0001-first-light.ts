// The first tables. Text and bigint only, so that every engine means the same.
import type { Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  const make = (name: string) =>
    db.schema
      .createTable(name)
      .addColumn('id', 'text', (column) => column.primaryKey().notNull())
      .addColumn('version', 'bigint', (column) => column.notNull())
      .addColumn('expires_at', 'bigint', (column) => column.notNull())
      .addColumn('body', 'text', (column) => column.notNull())
  const text = 'text' as const

  await make('device_request')
    .addColumn('user_code_digest', text, (column) => column.notNull().unique())
    .addColumn('network', text, (column) => column.notNull())
    .addColumn('jkt', text)
    .execute()
  await make('token_family')
    .addColumn('user_id', text, (column) => column.notNull())
    .addColumn('client_id', text, (column) => column.notNull())
    .addColumn('jkt', text)
    .execute()
  // One key, one client: a box that registers again gets the client it has.
  await make('client')
    .addColumn('registered_jkt', text, (column) => column.unique())
    .addColumn('owner_id', text)
    .execute()
  await make('user_account')
    .addColumn('email', text, (column) => column.notNull().unique())
    .execute()
  await make('browser_session')
    .addColumn('user_id', text, (column) => column.notNull())
    .addColumn('cookie_digest', text, (column) => column.notNull().unique())
    .execute()
  // Of several servers that see that a key needs a successor, one makes it.
  await make('signing_key')
    .addColumn('succession', text, (column) => column.notNull().unique())
    .execute()
  await make('consent')
    .addColumn('user_id', text, (column) => column.notNull())
    .execute()
  for (const name of ['passkey', 'upstream_identity']) {
    await make(name)
      .addColumn('user_id', text, (column) => column.notNull())
      .execute()
  }
  // Not every line is about somebody.
  await make('audit_entry')
    .addColumn('user_id', text)
    .addColumn('event', text, (column) => column.notNull())
    .execute()
  for (const name of ['authorization_request', 'authorization_code', 'opaque_token', 'spent_mark', 'freeze']) {
    await make(name).execute()
  }

  const index = (table: string, column: string) =>
    db.schema.createIndex(`${table}_${column}`).on(table).column(column).execute()
  for (const table of ENDING) await index(table, 'expires_at')
  for (const column of ['network', 'jkt']) await index('device_request', column)
  for (const column of ['user_id', 'client_id', 'jkt']) await index('token_family', column)
  await index('client', 'owner_id')
  for (const table of ['browser_session', 'consent', 'passkey', 'upstream_identity']) await index(table, 'user_id')
  // The trail is read from its end, by what is asked for: never more than the lines that are told.
  for (const column of ['user_id', 'event'])
    await db.schema.createIndex(`audit_entry_${column}`).on('audit_entry').columns([column, 'id']).execute()
}

const ENDING = [
  'device_request',
  'token_family',
  'browser_session',
  'authorization_request',
  'authorization_code',
  'opaque_token',
  'spent_mark',
  'freeze',
  'audit_entry',
]

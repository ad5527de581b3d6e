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
    .execute()
  await make('token_family')
    .addColumn('user_id', text, (column) => column.notNull())
    .addColumn('client_id', text, (column) => column.notNull())
    .execute()
  await make('client').execute()
  await make('user_account')
    .addColumn('email', text, (column) => column.notNull().unique())
    .execute()
  await make('browser_session')
    .addColumn('user_id', text, (column) => column.notNull())
    .execute()
  await make('signing_key').execute()

  for (const table of ['device_request', 'token_family', 'browser_session']) {
    await db.schema.createIndex(`${table}_expires_at`).on(table).column('expires_at').execute()
  }
}

// Every migration, oldest first. A name, once released, is never changed.
import type { Migration } from 'kysely'
import * as firstLight from './0001-first-light.ts'

export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first-light': firstLight,
}

// Which configuration a command works with: --config, else LATCHKEY_CONFIG, else ./latchkey.json if it is there.
import { existsSync } from 'node:fs'
import { type Config, loadConfig } from '../config.ts'
import type { Store } from '../oauth/store.ts'
import { openStore } from '../storage/open.ts'
import type { Terminal } from './terminal.ts'

export const DEFAULT_CONFIG_FILE = 'latchkey.json'

export interface Settings {
  readonly config: Config
  /** Undefined when the defaults are used. */
  readonly path: string | undefined
}

/** Throws ConfigError. */
export function readSettings(terminal: Terminal, option: string | undefined): Settings {
  const named = option ?? terminal.environment['LATCHKEY_CONFIG']
  const path = named ?? (existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : undefined)
  return { config: loadConfig(path, terminal.environment), path }
}

export async function withStore<T>(
  terminal: Terminal,
  option: string | undefined,
  work: (store: Store, config: Config) => Promise<T>,
): Promise<T> {
  const { config } = readSettings(terminal, option)
  const store = await openStore(config.database)
  try {
    return await work(store, config)
  } finally {
    await store.close()
  }
}

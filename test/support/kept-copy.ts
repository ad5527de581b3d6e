// Files that are made from the code and kept in the repository, for people to read without running anything.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

/** The file, from the root of the repository, holds exactly `text`; with LATCHKEY_UPDATE=1 it is written instead. */
export function expectKeptCopy(path: string, text: string): void {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url))
  if (process.env['LATCHKEY_UPDATE'] === '1') writeFileSync(file, text)
  const kept = existsSync(file) ? readFileSync(file, 'utf8') : ''
  expect(kept === text, `${path} is out of date: npm run standards`).toBe(true)
}

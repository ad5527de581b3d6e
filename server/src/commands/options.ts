// Moments and counts on the command line.
import { CommandError, EXIT } from './terminal.ts'

// A time without a zone would mean another moment on another machine.
const INSTANT = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/

/** Epoch milliseconds of an ISO 8601 day or moment. Throws CommandError for anything else. */
export function instantFrom(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const at = INSTANT.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) {
    throw new CommandError(`${option} takes a day or a moment, such as 2030-01-31 or 2030-01-31T08:00Z`, EXIT.usage)
  }
  return at
}

/** A whole number from one on. Throws CommandError for anything else. */
export function countFrom(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new CommandError(`${option} takes a whole number, such as 20`, EXIT.usage)
  return Number(text)
}

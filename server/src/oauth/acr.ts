// How strong a sign-in was, in words that clients ask for (`acr`, OpenID Connect Core §2). The operator says which
// methods (RFC 8176) each word stands for; nothing is claimed that was not done.
import { OAuthError } from './errors.ts'

/** Each `acr` value with the `amr` values that a sign-in must all have, from the weakest to the strongest. */
export type AcrTable = Readonly<Record<string, readonly string[]>>

/** All that a sign-in amounts to, weakest first. */
export function acrsOf(table: AcrTable, amr: readonly string[]): readonly string[] {
  return Object.keys(table).filter((acr) => table[acr]?.every((method) => amr.includes(method)))
}

/** Whether such a sign-in amounts to one of the values that are wanted. */
export function earnsOneOf(table: AcrTable, wanted: readonly string[], amr: readonly string[]): boolean {
  const earned = acrsOf(table, amr)
  return wanted.some((acr) => earned.includes(acr))
}

/**
 * The values asked for. OpenID Connect lets a server ignore what it does not know; at the device authorization, where
 * this is an extension, they are a condition, so a device that asks only for the unknown is told. Throws
 * `invalid_request`.
 */
export function readAcrValues(table: AcrTable, text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined
  const known = text.split(' ').filter((acr) => Object.hasOwn(table, acr))
  if (known.length === 0) throw new OAuthError('invalid_request', 'no value of acr_values is known here')
  return [...new Set(known)]
}

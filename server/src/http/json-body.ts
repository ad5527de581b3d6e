// Reads application/json bodies as strictly as form.ts reads forms: what cannot be read is refused, never repaired.
import { type JsonObject, JwsError, parseJsonObject } from '@latchkey/shared'
import { OAuthError } from '../oauth/errors.ts'

const DEEPEST = 8
// Lone surrogates too: they are no text in any encoding, and every log and database mends them in its own way.
const FORBIDDEN = /[\0\r\n\p{Cs}]/u

/** Throws `invalid_request`: bad UTF-8, no JSON object, too many levels, control characters in a name or a value. */
export function parseJsonBody(body: Uint8Array): JsonObject {
  const object = parse(body)
  if (!isPrintable(object)) throw new OAuthError('invalid_request', 'a member holds a control character')
  return object
}

function parse(body: Uint8Array): JsonObject {
  try {
    return parseJsonObject(body, DEEPEST)
  } catch (error) {
    if (!(error instanceof JwsError)) throw error
    throw new OAuthError('invalid_request', `the body cannot be read: ${error.message}`, { cause: error })
  }
}

// Its recursion ends where the parser's levels end.
function isPrintable(value: unknown): boolean {
  if (typeof value === 'string') return !FORBIDDEN.test(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, member]) => !FORBIDDEN.test(name) && isPrintable(member))
}

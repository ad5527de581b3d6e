// Reads application/x-www-form-urlencoded bodies: strictly, and refusing what cannot be read rather than repairing it.
import type { Form } from '../oauth/parameters.ts'

const MOST_PARAMETERS = 64
const LONGEST_NAME = 128
const LONGEST_VALUE = 8192

export class FormError extends Error {
  override name = 'FormError'
}

/** What a person pastes may hold line breaks; protocol parameters never do (RFC 6749 Appendix A). */
export interface FormRules {
  readonly lineBreaks: 'allowed' | 'refused'
}

/** Throws FormError: too many or too long parameters, bad UTF-8 or percent signs, control characters. */
export function parseForm(body: Uint8Array, rules: FormRules): Form {
  const text = utf8(body)
  const form = new Map<string, string[]>()
  if (text === '') return form
  const pairs = text.split('&')
  if (pairs.length > MOST_PARAMETERS) throw new FormError(`more than ${MOST_PARAMETERS} parameters`)
  for (const pair of pairs) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decode(equals < 0 ? pair : pair.slice(0, equals), rules)
    const value = equals < 0 ? '' : decode(pair.slice(equals + 1), rules)
    if (name.length > LONGEST_NAME) throw new FormError('a parameter name is too long')
    if (value.length > LONGEST_VALUE) throw new FormError('a parameter value is too long')
    const values = form.get(name)
    if (values === undefined) form.set(name, [value])
    else values.push(value)
  }
  return form
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function utf8(body: Uint8Array): string {
  try {
    return decoder.decode(body)
  } catch {
    throw new FormError('the body is not UTF-8')
  }
}

function decode(text: string, { lineBreaks }: FormRules): string {
  let decoded = text
  // Most of what clients send needs no decoding.
  if (text.includes('%') || text.includes('+')) {
    try {
      decoded = decodeURIComponent(text.replaceAll('+', ' '))
    } catch {
      throw new FormError('a percent-encoded character cannot be read')
    }
  }
  const forbidden = lineBreaks === 'allowed' ? /\0/ : /[\0\r\n]/
  if (forbidden.test(decoded)) throw new FormError('a parameter holds a control character')
  return decoded
}

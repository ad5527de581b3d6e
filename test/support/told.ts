// What an answer tells whoever asks about an address, to be held against what is told of another.
import type { LightMyRequestResponse } from 'fastify'
import { withoutTokens } from './page-text.ts'

/** All of an answer but what is new in each: tokens, challenges, the visit’s name; `email` is the asker’s own word. */
export function told({ statusCode, headers, body, cookies }: LightMyRequestResponse, email: string) {
  const { date: _date, 'set-cookie': _cookies, 'content-length': _length, ...rest } = headers
  return {
    statusCode,
    headers: rest,
    cookies: cookies.map(({ value, ...attributes }) => ({ ...attributes, size: value.length })),
    body: withoutTokens(body.replaceAll(email, 'ADDRESS')),
  }
}

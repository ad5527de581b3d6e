// Requests that Node gave up on before there was one: a head that is too large, too slow or no HTTP. No scope sees them;
// all that is known is the piece that was read last, which mostly is the whole of it.
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { negotiateLocale, tooLargePage } from '@latchkey/verifier-web'
import type { ConnectionError } from 'fastify'
import { OAuthError } from '../oauth/errors.ts'
import { JSON_TYPE } from './oauth-scope.ts'
import { PAGE_HEADERS, PAGE_TYPE } from './page-scope.ts'

const STATUS: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }
/** Of a client that wants no page. Who says nothing, or where it was not in the last piece, may be a browser. */
const NO_PAGE = /^accept:(?!.*(text\/html|text\/\*))/im

/** For Fastify: answers and closes. `brand` is what pages are headed with. */
export function answerUnreadable(brand: string): (error: ConnectionError, socket: Socket) => void {
  return ({ code, rawPacket }, socket) => {
    if (code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    const status = STATUS[code] ?? 400
    const head = Buffer.isBuffer(rawPacket) ? rawPacket.toString('latin1') : ''
    // Cookies of neighbours make a head too large, and a person sees it; what else is unreadable was sent by a program.
    const [type, body] =
      status === 431 && !NO_PAGE.test(head)
        ? [PAGE_TYPE, tooLargePage({ brand, locale: negotiateLocale(/^accept-language:(.*)/im.exec(head)?.[1]) })]
        : [JSON_TYPE, new OAuthError('invalid_request', 'the request cannot be read').body]
    const headers = {
      ...PAGE_HEADERS,
      'Content-Security-Policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(body),
      Connection: 'close',
    }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`, () => socket.destroy())
  }
}

// Requests that Node gave up on before there was one: a head that is too large, too slow or no HTTP. No scope sees them;
// all that is known is the piece that was read last, which mostly is the whole of it, and what is still to be answered.
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { negotiateLocale, tooLargePage } from '@latchkey/verifier-web'
import type { ConnectionError } from 'fastify'
import { OAuthError } from '../oauth/errors.ts'
import { JSON_TYPE } from './oauth-scope.ts'
import { PAGE_HEADERS, PAGE_TYPE } from './page-scope.ts'

const STATUS: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }
/** Of a client that wants no page. Who says nothing, or where it was not in the last piece, may be a browser. */
const NO_PAGE = /^accept:(?!.*(text\/html|text\/\*))/im

export interface Unreadable {
  /** For Fastify: answers and closes. */
  answer(error: ConnectionError, socket: Socket): void
  /** Notices what `server` has yet to answer. */
  watch(server: Server): void
}

/** `brand` is what pages are headed with. */
export function answerUnreadable(brand: string): Unreadable {
  const unanswered = new WeakMap<Socket, Set<readonly [IncomingMessage, ServerResponse]>>()

  /**
   * A request before this one was read to its end, or its answer has begun: what is written now would be taken for that
   * answer. One whose body was cut short is itself what cannot be read.
   */
  function isAnswering(socket: Socket): boolean {
    return [...(unanswered.get(socket) ?? [])].some(([request, reply]) => request.complete || reply.headersSent)
  }

  function watch(server: Server): void {
    server.on('request', (request, reply) => {
      const { socket } = request
      const exchange = [request, reply] as const
      const all = unanswered.get(socket) ?? new Set()
      unanswered.set(socket, all.add(exchange))
      reply.once('close', () => all.delete(exchange))
    })
  }

  function answer({ code, rawPacket }: ConnectionError, socket: Socket): void {
    if (code === 'ECONNRESET' || !socket.writable || isAnswering(socket)) {
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

  return { answer, watch }
}

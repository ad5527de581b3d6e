// Who may use the proxy, and what passes it: addresses and headers, no sockets. A page in a browser on this device reaches
// every port here, so a request that a page may have made is refused unless its origin was allowed.
import type { IncomingMessage } from 'node:http'
import { isSafeAddress } from '../core/client.ts'
import { AgentError } from '../core/errors.ts'

// RFC 9110 §7.6.1, and what older programs send.
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']
/** What this proxy says itself, or what is between a program and this proxy. */
const OURS = ['authorization', 'dpop', 'host', 'expect', 'origin', 'proxy-authorization', 'proxy-authenticate']

export interface Place {
  readonly host: string
  readonly port: number
}

/** Reads `127.0.0.1:7180`, `[::1]:7180` or `localhost:7180`. @throws AgentError `usage` for anything not on this machine */
export function readListen(listen: string): Place {
  const [, name = '', port = ''] = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]):(\d{1,5})$/.exec(listen) ?? []
  if (name === '' || Number(port) > 65_535) {
    const message = `The proxy listens on this machine alone, such as 127.0.0.1:7180, not on "${listen}".`
    throw new AgentError('usage', message)
  }
  return { host: name.replace(/^\[|\]$/g, ''), port: Number(port) }
}

/** The base that paths are put behind, without a slash at its end. @throws AgentError `usage` */
export function readUpstream(upstream: string): string {
  const url = isSafeAddress(upstream) ? new URL(upstream) : undefined
  if (url?.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw new AgentError(
      'usage',
      `The upstream must be an https address (http only on this machine), not "${upstream}".`,
    )
  }
  return (url.origin + url.pathname).replace(/\/+$/, '')
}

/** Why a request is refused: for a program, and for the person who wrote it. */
export interface Objection {
  readonly status: 400 | 403 | 405 | 501
  readonly error: string
  readonly description: string
}

/** What is wrong with the head of a request, if anything is. `origins` are those of pages that may use the proxy. */
export function objectionTo(
  request: Pick<IncomingMessage, 'headers' | 'method' | 'url'>,
  how: { readonly origins: readonly string[]; readonly hasPrefix: boolean },
): Objection | undefined {
  const { headers, method = '', url = '' } = request
  // A name of somebody's own that points here (DNS rebinding) makes a foreign page look like ours.
  if (!/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i.test(headers.host ?? '')) {
    return forbidden('This proxy answers to names of this machine alone.')
  }
  if (!isAllowedPage(headers, how.origins)) {
    return forbidden('Pages in a browser may not use this proxy, unless it was started with --allow-origin.')
  }
  if (!url.startsWith('/')) return bad('The request must name a path.')
  if (how.hasPrefix && hasDotSegment(url)) return bad('The path must not lead out of the upstream’s own.')
  if (method === 'TRACE') return { status: 405, error: 'invalid_request', description: 'TRACE would show the token.' }
  if (headers.upgrade !== undefined && /\bupgrade\b/i.test(headers.connection ?? '')) {
    return { status: 501, error: 'invalid_request', description: 'This proxy carries no WebSockets or other upgrades.' }
  }
  return undefined
}

/** For `Headers`: what goes to the upstream, in the order in which it came. */
export function forwardedHeaders(request: Pick<IncomingMessage, 'headers' | 'rawHeaders'>): [string, string][] {
  const dropped = [...HOP_BY_HOP, ...OURS, ...named(request.headers.connection)]
  return pairs(request.rawHeaders).filter(
    ([name]) => !dropped.includes(name.toLowerCase()) && !name.toLowerCase().startsWith('sec-fetch-'),
  )
}

/** What goes back. A redirect inside the upstream leads through the proxy again, where the token is. */
export function returnedHeaders(
  answer: Response,
  place: { readonly base: string; readonly local: string },
): [string, string][] {
  const dropped = [...HOP_BY_HOP, 'dpop-nonce', ...named(answer.headers.get('connection') ?? undefined)]
  return [...answer.headers]
    .filter(([name]) => !dropped.includes(name))
    .map(([name, value]) => [name, name === 'location' ? localised(value, place) : value])
}

function localised(location: string, { base, local }: { readonly base: string; readonly local: string }): string {
  const rest = location.startsWith(base) ? location.slice(base.length) : undefined
  return rest !== undefined && /^([/?#]|$)/.test(rest) ? local + rest : location
}

function isAllowedPage(headers: IncomingMessage['headers'], origins: readonly string[]): boolean {
  const { origin } = headers
  if (origin !== undefined) return origins.includes(origin)
  const site = headers['sec-fetch-site']
  return site === undefined || site === 'none' || site === 'same-origin'
}

/** `..` and `.`, plain and encoded, which some server on the way would resolve. */
function hasDotSegment(target: string): boolean {
  const [path = ''] = target.split('?', 1)
  return path.split(/[/\\]|%2f|%5c/i).some((segment) => /^(\.|%2e){1,2}$/i.test(segment))
}

function named(connection: string | undefined): readonly string[] {
  return connection?.split(',').map((name) => name.trim().toLowerCase()) ?? []
}

function pairs(raw: readonly string[]): [string, string][] {
  return raw.flatMap((name, at): [string, string][] => (at % 2 === 0 ? [[name, raw[at + 1] ?? '']] : []))
}

function bad(description: string): Objection {
  return { status: 400, error: 'invalid_request', description }
}

function forbidden(description: string): Objection {
  return { status: 403, error: 'access_denied', description }
}

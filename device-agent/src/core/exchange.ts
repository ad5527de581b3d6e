// One bounded HTTP exchange: no redirect is followed, no answer is waited for or read without limit, nothing is retried.
// What the answer means is decided next door in client.ts; when to ask again, in agent.ts.
import type { Host } from '@latchkey/shared'
import { AgentError } from './errors.ts'
import type { Origins } from './origins.ts'

const TOTAL_SECONDS = 30
const LARGEST_ANSWER = 64 * 1024

/** The part of `fetch` that the agent uses. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface Wire {
  readonly fetch: Fetch
  readonly host: Host
  /** Is told what comes beside the answers. */
  readonly origins?: Origins | undefined
}

export interface Reply {
  readonly status: number
  /** The JSON object that came, if one came. */
  readonly body: Readonly<Record<string, unknown>> | undefined
  readonly retryAfterSeconds: number | undefined
  /** The server's clock in epoch milliseconds, from its `Date` header; precise to the second. */
  readonly serverNow: number | undefined
  /** The server says that it did wait, as `Prefer: wait` had asked (RFC 7240 §3). */
  readonly wasHeld: boolean
}

/**
 * Sends one request and reads the whole answer.
 *
 * @throws AgentError `unreachable` when there is no answer within 30 s, or one that says "later" (408, 429, 5xx);
 *   `untrusted` for a redirect or an answer above 64 KiB; the signal's own reason when `signal` aborts.
 */
export async function exchange(wire: Wire, url: string, init: RequestInit, signal?: AbortSignal): Promise<Reply> {
  signal?.throwIfAborted()
  const where = new URL(url).host
  const stop = new AbortController()
  const onAbort = () => stop.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const late = () => stop.abort(new AgentError('unreachable', `${where} did not answer within ${TOTAL_SECONDS} s.`))
  wire.host.sleep(TOTAL_SECONDS * 1000, stop.signal).then(late, () => undefined)
  try {
    const response = await wire.fetch(url, { ...init, redirect: 'manual', signal: stop.signal })
    wire.origins?.hear(url, response.headers)
    // A browser hides the status of a redirect that it did not follow.
    if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)) {
      throw new AgentError('untrusted', `${where} answered with a redirect, which this endpoint must not do.`)
    }
    const reply = readReply(response, await readText(response, where))
    if (isTrouble(reply)) {
      const message = `${where} answered ${reply.status}.`
      throw new AgentError('unreachable', message, { retryAfterSeconds: reply.retryAfterSeconds })
    }
    return reply
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof AgentError) throw error
    throw unreachable(where, error)
  } finally {
    signal?.removeEventListener('abort', onAbort)
    stop.abort()
  }
}

/** What a failed fetch means, in words. */
export function unreachable(where: string, error: unknown): AgentError {
  return new AgentError('unreachable', `${where} cannot be reached: ${causeOf(error)}.`, { cause: error })
}

// Some servers answer 429 where RFC 8628 §3.5 has 400: the code in the body is the better teacher.
function isTrouble({ status, body }: Reply): boolean {
  return status >= 500 || status === 408 || (status === 429 && body?.['error'] !== 'slow_down')
}

async function readText(response: Response, where: string): Promise<string> {
  if (!response.body) return ''
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (let size = 0; ; ) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    size += value.byteLength
    if (size > LARGEST_ANSWER) {
      await reader.cancel()
      throw new AgentError('untrusted', `${where} sent more than 64 KiB.`)
    }
    text += decoder.decode(value, { stream: true })
  }
}

function readReply(response: Response, text: string): Reply {
  const date = Date.parse(response.headers.get('date') ?? '')
  const serverNow = Number.isNaN(date) ? undefined : date
  const retryAfterSeconds = readRetryAfter(response.headers.get('retry-after'), serverNow)
  const wasHeld = /(?:^|[,;\s])wait\s*=/i.test(response.headers.get('preference-applied') ?? '')
  return { status: response.status, body: parseObject(text), retryAfterSeconds, serverNow, wasHeld }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** RFC 9110 §10.2.3: seconds, or a date, which is compared with the server's own clock and never with ours. */
function readRetryAfter(header: string | null, serverNow: number | undefined): number | undefined {
  if (header === null) return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header)
  const at = Date.parse(header)
  if (Number.isNaN(at) || serverNow === undefined) return undefined
  return Math.max(0, (at - serverNow) / 1000)
}

const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  ENOTFOUND: 'there is no such name',
  EAI_AGAIN: 'names cannot be looked up right now',
  ENETUNREACH: 'there is no network',
  EHOSTUNREACH: 'there is no way to that machine',
  UND_ERR_CONNECT_TIMEOUT: 'the connection took too long',
  UND_ERR_SOCKET: 'the connection was cut',
}

/** Node hides the useful part of a failed fetch in the cause; browsers tell nothing on purpose. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const known = CAUSES[code]
  if (known) return known
  if (/CERT|SIGNED|SIGNATURE|TLS|SSL/.test(code)) {
    return `its certificate is not trusted (${code}; NODE_EXTRA_CA_CERTS names a file with an authority of your own)`
  }
  return code === '' ? 'the request failed' : `the request failed (${code})`
}

// How far this server waits for another provider, and how much it listens to: a provider that is down, slow or strange
// costs one sign-in and nothing else.
import type { Host } from '@latchkey/shared'
import type { CustomFetch } from 'openid-client'

/** As much of the platform's fetch as is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** `refused`: the person, or the provider on their behalf, said no. `failed`: an answer that cannot be used. */
export type TroubleKind = 'unreachable' | 'refused' | 'failed'

/** A sign-in at another provider came to nothing. The message is for operators; it holds no code and no token. */
export class UpstreamTrouble extends Error {
  override name = 'UpstreamTrouble'
  readonly kind: TroubleKind
  constructor(kind: TroubleKind, message: string) {
    super(message)
    this.kind = kind
  }
}

const LONGEST_WAIT_MS = 8000
const LARGEST_ANSWER_BYTES = 512 * 1024
// Statuses that a Response with a body must not have.
const BODILESS = [204, 205, 304]

/** Throws UpstreamTrouble: no answer within eight seconds, one larger than 512 KiB, or the provider's own failure. */
export function boundedFetch(fetch: Fetch, host: Host): CustomFetch {
  return async (url, { headers, method, redirect, ...rest }) => {
    // What openid-client sends is a form or nothing.
    const body = rest.body instanceof URLSearchParams ? rest.body : null
    const done = new AbortController()
    const late = host.sleep(LONGEST_WAIT_MS, done.signal).then(() => {
      throw new UpstreamTrouble('unreachable', `${new URL(url).origin} did not answer in time`)
    })
    // Whoever stops waiting is not failed by the clock afterwards.
    late.catch(() => undefined)
    const answer = fetch(url, { body, headers, method, redirect, signal: done.signal }).then(whole, (error: Error) => {
      const why = error.cause instanceof Error ? error.cause.message : error.message
      throw new UpstreamTrouble('unreachable', `${new URL(url).origin} could not be reached: ${why}`)
    })
    answer.catch(() => undefined)
    try {
      return await Promise.race([answer, late])
    } finally {
      done.abort()
    }
  }
}

async function whole(response: Response): Promise<Response> {
  const { status, headers } = response
  if (status >= 500 || status === 429) throw new UpstreamTrouble('unreachable', `an answer with status ${status}`)
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = response.body?.getReader()
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    size += read.value.length
    if (size > LARGEST_ANSWER_BYTES) throw new UpstreamTrouble('failed', 'an answer larger than 512 KiB')
    chunks.push(read.value)
  }
  return new Response(BODILESS.includes(status) ? null : Buffer.concat(chunks), { status, headers })
}

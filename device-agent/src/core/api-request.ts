// A request to an API with the device's token: which headers go along, and when it is worth sending once more.
// Where tokens come from is agent.ts.
import type { ProofKey } from '@latchkey/shared'
import { isSafeAddress } from './client.ts'
import type { TokenType } from './credentials.ts'
import { AgentError } from './errors.ts'
import type { Wire } from './exchange.ts'
import { proofFor } from './proof.ts'

/** A request as RFC 9110 names its parts. */
export interface ApiRequest {
  readonly method: string
  /** Absolute; https, or http on this machine. */
  readonly url: string
}

/** An API's objections that another try can meet, each once: a nonce, a clock that was off, a token that ended early. */
const MENDABLE = ['use_dpop_nonce', 'invalid_dpop_proof', 'invalid_token'] as const
export type Objection = (typeof MENDABLE)[number]

/** @throws AgentError `usage` for an address where a token must not go, or that is none */
export function checkAddress(url: string): void {
  if (isSafeAddress(url)) return
  throw new AgentError('usage', `A token goes to https addresses alone (http only on this machine), not to "${url}".`)
}

/** RFC 9449 §7.1 for a token that is bound to `key`, RFC 6750 §2.1 for one that is bound to nobody. */
export async function authorizationHeaders(
  wire: Wire,
  access: { readonly token: string; readonly tokenType: TokenType; readonly key?: ProofKey | undefined },
  request: ApiRequest,
): Promise<Readonly<Record<string, string>>> {
  const { token, tokenType, key } = access
  const authorization = `${tokenType} ${token}`
  if (!key) return { authorization }
  return { authorization, dpop: await proofFor(wire, key, { ...request, accessToken: token }) }
}

/** `fetch` spells the usual methods in capitals whatever was said, and a proof must name what is sent. */
export function methodOf(init: RequestInit): string {
  const method = init.method ?? 'GET'
  return /^(delete|get|head|options|post|put)$/i.test(method) ? method.toUpperCase() : method
}

/** What a 401 objects to, if another try could help. */
export function objectionOf(answer: Response): Objection | undefined {
  if (answer.status !== 401) return undefined
  const error = /\berror="?(\w+)/.exec(answer.headers.get('www-authenticate') ?? '')?.[1]
  return MENDABLE.find((each) => each === error)
}

/** A stream can be sent once. */
export function canBeSentAgain({ body }: RequestInit): boolean {
  return !(body instanceof ReadableStream) && !(typeof body === 'object' && body && Symbol.asyncIterator in body)
}

// What an API reads of a request: the token, the scheme it came in, the proof beside it. What they are worth: `resource-server.ts`.
import { LONGEST_JWS } from './jws.ts'
import { credentialsMissing, type Manners, Refused, refusal, type TokenScheme } from './resource-server-answer.ts'

/** What is looked at of a request. */
export interface ApiRequest {
  /** Every `Authorization` header that came; two are refused. */
  readonly authorization: string | readonly string[] | undefined
  /** Every `DPoP` header that came; two are refused. */
  readonly dpop?: string | readonly string[] | undefined
  readonly method: string
  /** Absolute, or path and query, as the client sent it. Of an absolute one, the host is ignored. */
  readonly url: string
  /** The parsed body, when it was a form: to notice a token there, not to take it. */
  readonly form?: unknown
}

export interface Credentials {
  readonly scheme: TokenScheme
  readonly token: string
  readonly proof: string | undefined
}

/** RFC 6750 §2.1, RFC 9110 §11.4, RFC 9449 §4.3 (1). @throws ResourceError */
export function readCredentials(request: ApiRequest, manners: Manners): Credentials {
  const [header, ...others] = list(request.authorization)
  const elsewhere = hasTokenInQuery(request.url) || hasTokenInForm(request.form)
  // A token in query or form is an unsupported method when alone, and a second method beside a header (RFC 6750 §3.1).
  if (header === undefined) throw credentialsMissing(manners)
  const name = /^[\w!#$%&'*+.^`|~-]{1,32}(?= |$)/.exec(header)?.[0]
  const scheme = readScheme(name)
  const refuse = (error: 'invalid_request' | 'invalid_token', description: string) =>
    refusal(manners, scheme, new Refused(error, description))
  if (others.length > 0 || elsewhere) {
    throw refuse('invalid_request', 'Send the access token once, in one Authorization header')
  }
  if (name !== undefined && (scheme === undefined || isUnknownHere(scheme, manners))) throw credentialsMissing(manners)
  const token = header.slice(name?.length ?? 0).trimStart()
  if (token.length > LONGEST_JWS) throw refuse('invalid_token', 'The access token is too long')
  if (scheme === undefined || !/^[\w.~+/-]+=*$/.test(token)) {
    throw refuse('invalid_request', 'The Authorization header is malformed')
  }
  const [proof, ...moreProofs] = list(request.dpop)
  // Node and others join repeated headers with a comma, which no proof holds.
  if (moreProofs.length > 0 || proof?.includes(',')) throw refuse('invalid_request', 'Send one DPoP header')
  return { scheme, token, proof }
}

const list = (header: string | readonly string[] | undefined = []): readonly string[] =>
  typeof header === 'string' ? [header] : header

function readScheme(name = ''): TokenScheme | undefined {
  const schemes: Readonly<Record<string, TokenScheme>> = { bearer: 'Bearer', dpop: 'DPoP' }
  return Object.hasOwn(schemes, name.toLowerCase()) ? schemes[name.toLowerCase()] : undefined
}

// Bearer is known everywhere, if only to say that it is not enough.
const isUnknownHere = (scheme: TokenScheme, { schemes }: Manners): boolean =>
  scheme === 'DPoP' && !schemes.includes(scheme)

function hasTokenInQuery(url: string): boolean {
  const start = url.indexOf('?')
  return start >= 0 && new URLSearchParams(url.slice(start + 1)).has('access_token')
}

function hasTokenInForm(form: unknown): boolean {
  if (form instanceof URLSearchParams) return form.has('access_token')
  return typeof form === 'object' && form !== null && Object.hasOwn(form, 'access_token')
}

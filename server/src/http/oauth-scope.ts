// The scope of the protocol endpoints: forms in, JSON out, nothing cached, every error as RFC 6749 §5.2 spells it.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { OAuthError } from '../oauth/errors.ts'
import { type Form, refuseSecretsInQuery } from '../oauth/parameters.ts'
import { StoreUnavailable } from '../oauth/store.ts'
import { FormError, parseForm } from './form.ts'
import { isInsecure } from './transport.ts'

export const FORM_TYPE = 'application/x-www-form-urlencoded'
export const JSON_TYPE = 'application/json; charset=utf-8'

/** Makes `app`, an encapsulated instance, speak the protocol's language. */
export function speakOAuth(app: FastifyInstance, issuer: string): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(FORM_TYPE, { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseForm(body as Buffer, { lineBreaks: 'refused' }))
    } catch (error) {
      done(error as Error)
    }
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'Cache-Control': 'no-store', Pragma: 'no-cache' })
    if (isInsecure(request, issuer)) throw new OAuthError('invalid_request', 'use https')
    if (request.headers['content-encoding'] !== undefined) {
      throw new OAuthError('invalid_request', 'Content-Encoding is not supported', { status: 415 })
    }
    refuseRepeatedHeaders(request)
    if (request.method === 'POST') refuseSecretsInQuery(Object.keys(request.query as Record<string, unknown>))
  })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const answer = asOAuthError(error)
    if (answer.code === 'server_error') request.log.error({ err: error }, 'unexpected error')
    else if (answer.status === 503) request.log.warn({ err: error }, 'cannot serve now')
    return sendError(reply, answer)
  })
}

/** The form of a POST. Throws `invalid_request` when it came without one. */
export function formOf(request: FastifyRequest): Form {
  if (request.body instanceof Map) return request.body as Form
  throw new OAuthError('invalid_request', `the body must be ${FORM_TYPE}`)
}

/** What a request tells of who sends it. */
export function callerOf(request: FastifyRequest) {
  const { authorization, dpop } = request.headers
  return { authorization, dpop: typeof dpop === 'string' ? dpop : undefined, address: request.ip }
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const
type Method = (typeof METHODS)[number]

/** Answers every method but `allowed` with 405, having processed nothing. */
export function refuseOtherMethods(app: FastifyInstance, url: string, allowed: readonly Method[]): void {
  const others = METHODS.filter(
    (method) => !allowed.includes(method) && !(method === 'HEAD' && allowed.includes('GET')),
  )
  app.route({
    method: [...others],
    url,
    exposeHeadRoute: false,
    // Before any body is parsed.
    onRequest: async () => {
      throw new OAuthError('invalid_request', 'method not allowed', {
        status: 405,
        headers: { Allow: allowed.join(', ') },
      })
    },
    handler: async () => undefined,
  })
}

/** An address that the router cannot read is in no scope: it is answered here, with nothing of it repeated. */
export function refuseAddress(reply: FastifyReply): FastifyReply {
  reply.headers({ 'Cache-Control': 'no-store', Pragma: 'no-cache', 'X-Content-Type-Options': 'nosniff' })
  return sendError(reply, new OAuthError('invalid_request', 'the address cannot be read'))
}

function refuseRepeatedHeaders(request: FastifyRequest): void {
  // Node keeps only the first of a repeated Authorization header; a proxy in front may have looked at the other one.
  const seen = new Set<string>()
  const { rawHeaders } = request.raw
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? ''
    if (name !== 'authorization' && name !== 'dpop') continue
    if (seen.has(name)) throw new OAuthError('invalid_request', `header ${name} is repeated`)
    seen.add(name)
  }
}

function asOAuthError(error: FastifyError): OAuthError {
  if (error instanceof OAuthError) return error
  if (error instanceof FormError) return new OAuthError('invalid_request', error.message)
  if (error instanceof StoreUnavailable) {
    return new OAuthError('temporarily_unavailable', 'try again in a moment', {
      headers: { 'Retry-After': '1' },
      cause: error,
    })
  }
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new OAuthError('invalid_request', 'the body is too large', { status: 413, headers: { Connection: 'close' } })
  }
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new OAuthError('invalid_request', `the body must be ${FORM_TYPE}`)
  }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return new OAuthError('invalid_request', 'the request cannot be read', { status: error.statusCode })
  }
  return new OAuthError('server_error', 'something went wrong', { cause: error })
}

function sendError(reply: FastifyReply, error: OAuthError): FastifyReply {
  return reply.code(error.status).headers(error.headers).type(JSON_TYPE).send(error.body)
}

// Pages of other origins, a TV app's among them, may call the endpoints that look at no cookie: what they send is all that
// counts, so every origin is as good as any other, and none may send credentials (no Allow-Credentials, ever).
// Pages for people and /authorize never answer other origins (RFC 9700 §2.6): their scope does not come by here.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

const READABLE = {
  'Access-Control-Allow-Origin': '*',
  // What a script may see beside the body: the next nonce, what is wrong, and the time by which a TV corrects its clock.
  'Access-Control-Expose-Headers': 'Age, Date, DPoP-Nonce, Preference-Applied, Retry-After, WWW-Authenticate',
} as const

const PREFLIGHT = {
  ...READABLE,
  'Access-Control-Allow-Methods': 'GET, POST',
  // A star would leave Authorization out.
  'Access-Control-Allow-Headers': 'Authorization, Content-Type, DPoP, Prefer',
  // The longest that browsers keep it: two hours.
  'Access-Control-Max-Age': '7200',
  'Cache-Control': 'no-store',
} as const

/** Opens GET of a public document, a route without hooks of its own. */
export function openDocument(app: FastifyInstance, url: string): void {
  app.options(url, (request, reply) => {
    if (isPreflight(request)) return answerPreflight(reply)
    return reply.code(405).header('Allow', 'GET, HEAD').send()
  })
}

/** Lets scripts of every origin read this answer. */
export function letAnybodyRead(reply: FastifyReply): void {
  reply.headers(READABLE)
}

/**
 * Opens the routes at `urls`, which include the prefix: their answers, errors and preflights. To be called before the hooks
 * that may refuse, so that a page can read why.
 */
export function openToOrigins(app: FastifyInstance, urls: readonly string[]): void {
  const open = new Set(urls)
  app.addHook('onRequest', async (request, reply) => {
    if (!open.has(request.routeOptions.url ?? '')) return
    letAnybodyRead(reply)
    if (isPreflight(request)) return answerPreflight(reply)
  })
}

/** A browser that asks what a page may send; a bare OPTIONS is not. */
function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined
}

function answerPreflight(reply: FastifyReply): FastifyReply {
  return reply.code(204).headers(PREFLIGHT).send()
}

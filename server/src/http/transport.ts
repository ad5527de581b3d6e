// What the connection tells: whether it is safe to speak, and that it shall stay so.
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** Plain http serves neither sign-in nor tokens, except where the issuer itself is http, on loopback. */
export function isInsecure(request: FastifyRequest, issuer: string): boolean {
  return issuer.startsWith('https:') && request.protocol !== 'https'
}

/** Two years, as browsers' preload lists ask. */
const STRICT_TRANSPORT = 'max-age=63072000'

/**
 * Every answer over https has browsers keep to it, and none over plain http may say so (RFC 6797 §7.1, §7.2). How a
 * request came that cannot be read (unreadable.ts) nobody knows: a proxy in front says so in its head.
 */
export function keepToHttps(app: FastifyInstance, issuer: string): void {
  if (!issuer.startsWith('https:')) return
  app.addHook('onRequest', async (request, reply) => {
    if (!isInsecure(request, issuer)) reply.header('Strict-Transport-Security', STRICT_TRANSPORT)
  })
}

// What the connection tells: whether it is safe to speak, and from where somebody speaks.
import type { FastifyRequest } from 'fastify'

/** Plain http serves neither sign-in nor tokens, except where the issuer itself is http, on loopback. */
export function isInsecure(request: FastifyRequest, issuer: string): boolean {
  return issuer.startsWith('https:') && request.protocol !== 'https'
}

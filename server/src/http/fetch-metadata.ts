// Who had the browser send a request, and what for, as the browser says in its headers (Fetch Metadata).
import type { FastifyRequest } from 'fastify'

/** Prefetching and prerendering: `Sec-Purpose` (Fetch), and what older browsers say instead. */
export function isLookingAhead({ headers }: FastifyRequest): boolean {
  return ['sec-purpose', 'purpose', 'x-moz'].some((name) => String(headers[name] ?? '').startsWith('prefetch'))
}

/**
 * Whether a page of another site, a neighbour's too, had the browser come here, however many redirects ago (Fetch
 * Metadata §2.3). `none` is a person's own doing: an address that was typed or kept, a code that was scanned, a link in
 * another app. Browsers that do not say count as such.
 */
export function isFromOtherSite({ headers }: FastifyRequest): boolean {
  const { 'sec-fetch-site': site = 'none' } = headers
  return site !== 'none' && site !== 'same-origin'
}

/**
 * What another site has the browser send, and no page of ours takes: its forms, and all that is no page which a person
 * goes to (frames, pictures, requests of scripts), since a neighbour's come with our cookies. Browsers that do not send
 * Sec-Fetch-Site send Origin with forms, which our own Referrer-Policy turns into "null"; the form's token decides then.
 */
export function isSentByOtherSite(request: FastifyRequest, issuer: string): boolean {
  const { 'sec-fetch-site': site, 'sec-fetch-dest': destination = 'document', origin } = request.headers
  if (isFromOtherSite(request) && (request.method === 'POST' || destination !== 'document')) return true
  if (site !== undefined || request.method !== 'POST') return false
  return origin !== undefined && origin !== 'null' && origin !== new URL(issuer).origin
}

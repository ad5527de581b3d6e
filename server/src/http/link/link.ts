// /link: where a person brings a code, typed or in the address. It is looked up next door, once somebody is signed in
// (device.ts); here it only goes into the errand, with how it came.
import { displayUserCode, normaliseUserCode } from '@latchkey/shared'
import { linkPage } from '@latchkey/verifier-web'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { isFromOtherSite } from '../fetch-metadata.ts'
import { ownForm, type Pages } from '../page-scope.ts'

const LONGEST_SHOWN = 64

export function linkRoutes(app: FastifyInstance, pages: Pages): void {
  app.get('/link', (request, reply) => {
    const { user_code: given } = request.query as { user_code?: unknown }
    if (given === undefined) {
      const { suggested } = request.visitor.visit.errand
      pages.cookies.keep(reply, request.visitor, suggested === undefined ? {} : { suggested })
      return pages.show(
        reply,
        linkPage(
          pages.chrome(request),
          suggested === undefined ? {} : { code: displayUserCode(suggested), from: 'website' },
        ),
      )
    }
    // The code leaves the address at once, so that it stays in no history, log or referrer.
    const code = typeof given === 'string' ? normaliseUserCode(given) : undefined
    // A page of another site may send anybody here with any code: nothing is looked up before they say so themselves.
    const sent = isFromOtherSite(request)
    const errand = code === undefined ? {} : sent ? { suggested: code } : { userCode: code }
    pages.cookies.keep(reply, request.visitor, errand)
    return pages.go(reply, code === undefined || sent ? '/link' : '/link/device')
  })

  app.post('/link', (request, reply) => {
    const form = ownForm(request)
    const given = form.get('user_code')?.[0] ?? ''
    const code = normaliseUserCode(given)
    if (code === undefined) {
      // No guess: whoever mistypes is told at once.
      const model = { code: given.slice(0, LONGEST_SHOWN), problem: 'format' } as const
      return pages.show(reply, linkPage(pages.chrome(request), model), 400)
    }
    // Passing on what stood in the field already is not typing, and the page of the device says where it came from.
    const stood = (from: 'website' | 'address') => code === normaliseUserCode(form.get(`from_${from}`)?.[0] ?? '')
    const suggested = stood('website') || code === request.visitor.visit.errand.suggested
    const how = suggested ? { suggested: code } : stood('address') ? {} : { typed: true as const }
    pages.cookies.keep(reply, request.visitor, { userCode: code, ...how })
    return pages.go(reply, '/link/device')
  })
}

/**
 * Where somebody wants to go who typed our address off a screen: the host alone, a slash too many, or all in capitals,
 * as a remote control and some keyboards have them. Undefined for any other address that is not there.
 */
export function linkMeant(request: FastifyRequest, base: string): string | undefined {
  if (request.method !== 'GET' && request.method !== 'HEAD') return undefined
  const [path = ''] = request.url.split('?')
  if (!path.startsWith(base) || !/^(\/(link\/?)?)?$/i.test(path.slice(base.length))) return undefined
  const { user_code: code } = request.query as { user_code?: unknown }
  return typeof code === 'string' ? `/link?user_code=${encodeURIComponent(code)}` : '/link'
}

// Which language somebody reads: what they chose here, then what the app that sent them asked for, then what their
// browser says. A choice is a preference and no secret: a cookie of its own, which outlives every visit. The page where
// it is made is language.ts next door.
import { type Locale, langOf, localeOf, negotiateLocale } from '@latchkey/verifier-web'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ACCOUNT_PATHS } from './errand.ts'

export const LANGUAGE_PATH = '/language'
const YEAR_SECONDS = 365 * 24 * 60 * 60

/** The pages that the choice leads back to. */
const PLACES: readonly string[] = [
  '/link',
  '/link/device',
  '/sign-in',
  '/sign-in/code',
  '/reset-password',
  '/reset-password/sent',
  '/reset-password/new',
  '/authorize/continue',
  '/logout/confirm',
  '/signed-out',
  '/undo',
  '/account/second-factor/recovery-codes',
  ...ACCOUNT_PATHS,
]

/** The page of this address, if the choice may lead back to it: an address is looked up and never followed. */
export function placeNamed(path: string | undefined): string | undefined {
  return PLACES.find((place) => place === path)
}

const cookieName = (secure: boolean) => `${secure ? '__Host-' : ''}latchkey-language`

/** The language of the page that answers `request`. */
export function localeFor(request: FastifyRequest, secure: boolean): Locale {
  const chosen = localeOf(request.cookies?.[cookieName(secure)])
  return (
    chosen ?? localeOf(request.visitor?.visit.errand.language) ?? negotiateLocale(request.headers['accept-language'])
  )
}

/** From now on this browser is answered in `locale`. */
export function rememberLocale(reply: FastifyReply, locale: Locale, secure: boolean): void {
  const options = { path: '/', httpOnly: true, secure, sameSite: 'lax', maxAge: YEAR_SECONDS } as const
  reply.setCookie(cookieName(secure), langOf(locale), options)
}

/** Where the page that answers `request` offers other languages; nowhere, before the visitor is known. */
export function languagesFrom(request: FastifyRequest, base: string): string | undefined {
  const path = request.routeOptions.url?.slice(base.length)
  if (request.visitor === undefined || path === LANGUAGE_PATH) return undefined
  // A page below one of the list, such as that of one device, leads back to the one above it.
  const [from] = PLACES.filter((place) => `${path}/`.startsWith(`${place}/`)).sort((a, b) => b.length - a.length)
  return from === undefined ? LANGUAGE_PATH : `${LANGUAGE_PATH}?from=${from}`
}

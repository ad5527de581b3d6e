// /language: every language that the pages are there in; whoever picks one goes on where they were.
import { languagePage, localeOf } from '@latchkey/verifier-web'
import type { FastifyInstance } from 'fastify'
import { placeFor } from './errand.ts'
import { LANGUAGE_PATH, placeNamed, rememberLocale } from './language-choice.ts'
import { ownForm, PageProblem, type Pages, queryForm } from './page-scope.ts'

export function languageRoutes(app: FastifyInstance, pages: Pages): void {
  app.get(LANGUAGE_PATH, (request, reply) => {
    // The form's token is of this visit.
    pages.cookies.keep(reply, request.visitor, request.visitor.visit.errand)
    const from = placeNamed(queryForm(request).get('from')?.[0])
    return pages.show(reply, languagePage(pages.chrome(request), from === undefined ? {} : { from }))
  })

  app.post(LANGUAGE_PATH, (request, reply) => {
    const form = ownForm(request)
    const locale = localeOf(form.get('language')?.[0])
    if (locale === undefined) throw new PageProblem('bad_request', 400)
    rememberLocale(reply, locale, pages.secure)
    return pages.go(reply, placeNamed(form.get('from')?.[0]) ?? placeFor(request.visitor.visit.errand))
  })
}

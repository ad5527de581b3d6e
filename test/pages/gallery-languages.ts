// Every ordinary page in real languages, as people of those languages meet it: nothing for axe, nothing sideways, and
// with text at twice its size. Colours do not depend on language, so one theme is enough here.
import { describe, expect, it } from 'vitest'
import { LOCALES, langOf } from '../../verifier-web/src/locales/locale.ts'
import { inspection, ordinaryPages } from './inspection.ts'

/** Runs them for the languages at every `of`th place of the list from `first`: shared out among files, which run side by side. */
export function inspectLanguages(first: number, of: number): void {
  const languages = LOCALES.slice(1).filter((_, index) => index % of === first)
  describe.each(languages.map((locale) => [langOf(locale), locale] as const))('%s', (_lang, locale) => {
    const { inspectWords } = inspection({ locale })
    it.each(ordinaryPages)('UX-04 UX-07 UX-08 $name', ({ name }) => inspectWords(name))
  })
  it('there are languages to look at', () => expect(languages.length).toBeGreaterThan(0))
}

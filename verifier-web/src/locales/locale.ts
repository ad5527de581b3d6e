// Which language a page speaks. A language is one file beside this one and its line in languages.ts.
// Amounts, plurals and relative times live next door in ../time.ts and ../sentence.ts; they follow the tag.
import { words as en } from './en.ts'
import * as translations from './languages.ts'
import type { Locale, Words } from './words.ts'

export type { Locale, Words }

export const ENGLISH: Locale = { tag: 'en', name: 'English', dir: 'ltr', words: en }

/** In the order of their names; the first is for those who ask for none of them. */
export const LOCALES: readonly [Locale, ...Locale[]] = [
  ENGLISH,
  ...Object.values<Locale>(translations).sort((a, b) => a.name.localeCompare(b.name, 'en')),
]

/** The tag as pages and clients say it, without what is for Intl alone. */
export function langOf({ tag }: Locale): string {
  return new Intl.Locale(tag).baseName
}

/** The languages that pages are there in, as BCP 47 tags. */
export const UI_LOCALES: readonly string[] = LOCALES.map(langOf)

/** The language of exactly this tag. */
export function localeOf(lang: string | undefined): Locale | undefined {
  return LOCALES.find((locale) => langOf(locale) === lang)
}

const MOST_RANGES = 32
const LONGEST_RANGE = 64

/**
 * Picks the language for an `Accept-Language` header: weights as in RFC 9110 §12.5.4, the best by language and script
 * (`pt-BR` finds `pt`, `zh-CN` finds `zh-Hans`). Another script of the same language counts only when nothing else
 * fits: who reads Traditional Chinese and English is given English. Falls back to the first locale; never throws.
 */
export function negotiateLocale(acceptLanguage: string | undefined, locales = LOCALES): Locale {
  // Only so many ranges are read: the header is a stranger's, and sorting it should cost nothing.
  const ranges = (acceptLanguage ?? '')
    .split(',', MOST_RANGES)
    .map(readRange)
    .filter((range) => range.weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .map(({ tag }) => (tag === '*' ? likely(locales[0].tag) : likely(tag)))
  const offered = locales.map((locale) => ({ locale, is: likely(locale.tag) }))
  for (const anyScript of [false, true]) {
    for (const wanted of ranges) {
      const found = offered.find(
        ({ is }) =>
          wanted !== undefined && is?.language === wanted.language && (anyScript || is.script === wanted.script),
      )
      if (found) return found.locale
    }
  }
  return locales[0]
}

/** With the script and region that it most likely means; nothing, for what is no tag. */
function likely(tag: string): Intl.Locale | undefined {
  try {
    return tag.length > LONGEST_RANGE ? undefined : new Intl.Locale(tag).maximize()
  } catch {
    return undefined
  }
}

function readRange(text: string): { readonly tag: string; readonly weight: number } {
  const [tag = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const quality = parameters.find((parameter) => parameter.startsWith('q='))
  const weight = quality === undefined ? 1 : Number(quality.slice(2))
  return { tag, weight: tag !== '' && weight >= 0 && weight <= 1 ? weight : 0 }
}

// Which language a page speaks. A language is one file of sentences beside this one and its line in LOCALES.
// Amounts, plurals and relative times live next door in ../time.ts; they follow the tag.
import { words as en } from './en.ts'

/** The sentences, keyed as in English: a translation that misses one does not compile. */
export type Words = typeof en

/** A language a page can be shown in: BCP 47 tag, direction of its script, sentences. */
export interface Locale {
  readonly tag: string
  readonly dir: 'ltr' | 'rtl'
  readonly words: Words
}

export const ENGLISH: Locale = { tag: 'en', dir: 'ltr', words: en }

const LOCALES: readonly [Locale, ...Locale[]] = [ENGLISH]

/** The languages that pages are there in, as BCP 47 tags. */
export const UI_LOCALES: readonly string[] = LOCALES.map((locale) => locale.tag)
const MOST_RANGES = 32

/**
 * Picks the language for an `Accept-Language` header: weights as in RFC 9110 §12.5.4, matching by the lookup of
 * RFC 4647 §3.4 (`pt-BR` finds `pt`). Falls back to the first locale; never throws on a malformed header.
 */
export function negotiateLocale(acceptLanguage: string | undefined, locales = LOCALES): Locale {
  // Only so many ranges are read: the header is a stranger's, and sorting it should cost nothing.
  const ranges = (acceptLanguage ?? '')
    .split(',', MOST_RANGES)
    .map(readRange)
    .filter((range) => range.weight > 0)
    .sort((a, b) => b.weight - a.weight)
  for (const { tag } of ranges) {
    if (tag === '*') return locales[0]
    for (let end = tag.length; end > 0; end = tag.lastIndexOf('-', end - 1)) {
      const found = locales.find((locale) => locale.tag.toLowerCase() === tag.slice(0, end))
      if (found) return found
    }
  }
  return locales[0]
}

function readRange(text: string): { readonly tag: string; readonly weight: number } {
  const [tag = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const quality = parameters.find((parameter) => parameter.startsWith('q='))
  const weight = quality === undefined ? 1 : Number(quality.slice(2))
  return { tag, weight: tag !== '' && weight >= 0 && weight <= 1 ? weight : 0 }
}

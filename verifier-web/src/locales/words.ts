// What a language is made of: all sentences of English, each in the plural forms of its own.
import type { Plural } from '../sentence.ts'
import type { words as en } from './en.ts'

/** The sentences, keyed as in English, each in the plural forms of its own language: one that is missing does not compile. */
export type Words = Translated<typeof en>
type Translated<T> = T extends string
  ? string
  : keyof T extends Intl.LDMLPluralRule
    ? Plural
    : { readonly [key in keyof T]: Translated<T[key]> }

/** A language a page can be shown in. */
export interface Locale {
  /** BCP 47, with what Intl should know besides: `ar-u-nu-latn`. */
  readonly tag: string
  /** Its name in its own words: who looks for it can read no other. */
  readonly name: string
  /** The direction of its script. */
  readonly dir: 'ltr' | 'rtl'
  readonly words: Words
}

// Sentences with places in them, and text that strangers wrote. What the sentences say is in locales/.
import type { ComponentChildren } from 'preact'

const PLACE = /\{(\w+)\}/

/** Fills the `{places}` of a sentence with text or elements. JSX escapes text afterwards; nothing here is markup. */
export function say(sentence: string, places: Readonly<Record<string, ComponentChildren>>): ComponentChildren[] {
  return sentence.split(PLACE).map((part, index) => (index % 2 === 0 ? part : places[part]))
}

/** The same for plain text: titles and attributes. */
export function sayText(sentence: string, places: Readonly<Record<string, string>>): string {
  return sentence
    .split(PLACE)
    .map((part, index) => (index % 2 === 0 ? part : (places[part] ?? '')))
    .join('')
}

/** A sentence that counts, in the forms that its language has (CLDR); `other` stands in for those not said. */
export type Plural = { readonly other: string } & { readonly [form in Intl.LDMLPluralRule]?: string }

/** The form for `amount`, with the amount at `{count}`; further places stay for `say` to fill. */
export function plural(tag: string, amount: number, forms: Plural): string {
  const form = forms[new Intl.PluralRules(tag).select(amount)] ?? forms.other
  return form.replace('{count}', () => new Intl.NumberFormat(tag).format(amount))
}

// Controls, lone surrogates, line breaks, direction overrides and letters without width: they change how the words
// around them read. Joiners stay, since emoji and Indic scripts need them.
const UNSEEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u200B\u2060\uFEFF]+/gu
// Marks piled on one letter would paint over the lines above and below.
const PILED_MARKS = /(\p{M}{4})\p{M}+/gu
const LONGEST_READ = 4096
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/**
 * What someone else wrote, as one short line: without invisible characters, at most `most` letters. A device may say
 * what it is, not fill the page with a speech. `undefined` when nothing readable is left.
 */
export function oneLine(text: string | undefined, most = 64): string | undefined {
  const line = (text ?? '')
    .slice(0, LONGEST_READ)
    .replace(UNSEEN, ' ')
    .replace(PILED_MARKS, '$1')
    .replace(/\s+/gu, ' ')
    .trim()
  if (line === '') return undefined
  const letters = Array.from(graphemes.segment(line), ({ segment }) => segment)
  return letters.length <= most
    ? line
    : `${letters
        .slice(0, most - 1)
        .join('')
        .trimEnd()}…`
}

// The dots of domain names, in every script that browsers take them in (UTS #46).
const DOT_BEFORE_LETTER = /([.\u3002\uFF0E\uFF61])(?=\p{L})/gu

/** A device called "call-us.example" must not become something to press: a space is put where a link would begin. */
export function unlinked(name: string): string {
  return name
    .replace(DOT_BEFORE_LETTER, '$1 ')
    .replace(/(?<=\p{L}):(?=\S)/gu, ': ')
    .replace(/@(?=\S)/gu, '@ ')
}

/** The letter that stands for an account. */
export function initial(text: string): string {
  const [first] = graphemes.segment(text)
  return (first?.segment ?? '').toLocaleUpperCase()
}

// A language nobody speaks: every sentence in Hebrew letters, a third longer, right to left. What stays in Latin
// letters on a page was never a sentence of the catalogue; what breaks was never ready for another script.
import { type Locale, negotiateLocale } from '@latchkey/verifier-web'

const LETTERS = 'אבגדהוזחטיכלמנסעפצקרשת'

function turn(sentence: string): string {
  const parts = sentence.split(/(\{\w+\})/)
  const turned = parts.map((part) =>
    part.startsWith('{')
      ? part
      : part.replace(/[a-z]/gi, (letter) => LETTERS.charAt((letter.toLowerCase().charCodeAt(0) - 97) % LETTERS.length)),
  )
  return `${turned.join('')}${' אבג'.repeat(Math.ceil(sentence.length / 12))}`
}

function turnAll<T>(words: T): T {
  if (typeof words === 'string') return turn(words) as T
  return Object.fromEntries(Object.entries(words as object).map(([key, value]) => [key, turnAll(value)])) as T
}

export const PSEUDO: Locale = {
  tag: 'he',
  name: 'אבגד',
  dir: 'rtl',
  words: turnAll(negotiateLocale('en').words),
}

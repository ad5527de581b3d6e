// Which passwords may be chosen: long ones that are not on every guesser's list (NIST SP 800-63B-4 §3.1.1.2). Nothing is
// asked of their composition. How they are kept is passwords.ts next door.
import { COMMON_PASSWORDS, ROWS } from './common-passwords.ts'

/** Shortest password that may stand alone, in characters. */
export const SHORTEST_PASSWORD = 15
/** Shortest one beside a second factor. */
export const SHORTEST_WITH_FACTOR = 8
/** Longer ones are refused, never cut. In bytes. */
export const LONGEST_PASSWORD_BYTES = 1024

/** `common`: on the list, or made of it. `own`: made of the person's or the service's own words. */
export type PasswordProblem = 'too_short' | 'too_long' | 'common' | 'own'

// What is left without words that guessers know: less than this adds no work for them.
const LEAST_LEFT = 4
const SHORTEST_WORD = 4
const SHORTEST_RUN = 4

/** Why this password cannot be taken; undefined when it can. `own`: names and addresses of the person and the service. */
export function passwordProblem(
  password: string,
  rules: { readonly shortest?: number; readonly own?: readonly string[] } = {},
): PasswordProblem | undefined {
  if (Buffer.byteLength(password) > LONGEST_PASSWORD_BYTES) return 'too_long'
  if ([...password].length < (rules.shortest ?? SHORTEST_PASSWORD)) return 'too_short'
  const plain = plainly(password)
  const known = without(spelled(plain), COMMON_PASSWORDS)
  if (worthless(known)) return 'common'
  const own = (rules.own ?? []).flatMap(wordsOf)
  // Longest first: a whole address before its parts.
  return worthless(without(known, own)) || worthless(without(plain, own)) ? 'own' : undefined
}

/** Whether it is too short to stand without a second factor. */
export function needsFactor(password: string): boolean {
  return [...password].length < SHORTEST_PASSWORD
}

/** Letters and digits alone, in lower case: how guessers write a password before they vary it. */
function plainly(text: string): string {
  const plain = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[\s\p{P}]/gu, '')
  return plain === '' ? text : plain
}

const DIGITS_FOR_LETTERS: Readonly<Record<string, string>> = { 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't' }

/** "p4ssw0rd" as what it is meant to be; only between letters, so that years and counts stay digits. */
function spelled(text: string): string {
  return text.replace(/(?<=\p{L})[013457](?=\p{L})/gu, (digit) => DIGITS_FOR_LETTERS[digit] ?? digit)
}

function without(text: string, words: readonly string[]): string {
  return [...words]
    .sort((one, other) => other.length - one.length)
    .reduce((left, word) => (word.length < SHORTEST_WORD ? left : left.replaceAll(word, '')), text)
}

function worthless(left: string): boolean {
  return [...withoutRuns(left)].length < LEAST_LEFT || /^(.{1,8}?)\1+.{0,3}$/u.test(left)
}

/** Without four or more letters in a row of a keyboard, the alphabet or the digits, there or back, and without years. */
function withoutRuns(text: string): string {
  let left = ''
  for (let at = 0; at < text.length; ) {
    const run = runAt(text, at)
    if (run < SHORTEST_RUN) left += text[at++]
    else at += run
  }
  return left.replace(/(?:19|20)\d\d/g, '')
}

function runAt(text: string, at: number): number {
  let longest = 0
  for (const row of ROWS_BOTH_WAYS) {
    const start = row.indexOf(text[at] ?? ' ')
    let length = 0
    while (start >= 0 && length < row.length - start && text[at + length] === row[start + length]) length++
    longest = Math.max(longest, length)
  }
  return longest
}

const ROWS_BOTH_WAYS = ROWS.flatMap((row) => [row, [...row].reverse().join('')])

/** "ana.lopez@example.com" → the whole, "ana.lopez", "example", …, as they would stand in a password. */
function wordsOf(name: string): readonly string[] {
  const parts = name.split(/[@\s]/)
  return [name, ...parts, ...parts.flatMap((part) => part.split(/[\p{P}\p{S}]/u))].map(plainly)
}

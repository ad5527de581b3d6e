// The code that a person reads off one screen and types into another (RFC 8628 §6.1).
import type { Entropy } from './host.ts'

/** Twenty consonants: no vowels, so no words; no letter that is easily taken for another one left in. */
export const USER_CODE_ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ'
export const USER_CODE_LENGTH = 8
/** How many at its end a person may be asked for. */
export const LAST_LETTERS = 4
const LONGEST_INPUT = 64
// NFKC would find an M in "Ⓜ", TM in "™" and a 1 in a keycap.
const EMOJI = /\p{Extended_Pictographic}|[\d#*]\uFE0F?\u20E3/gu
const LOOK_ALIKES: Readonly<Record<string, string>> = { '5': 'S', '8': 'B', '2': 'Z', '1': 'L' }

/** Eight uniform letters: 20^8 = 34.6 bits. */
export function makeUserCode(entropy: Entropy): string {
  // Bytes past the last whole multiple of 20 are thrown away: a plain modulo would favour the first letters.
  const fair = 256 - (256 % USER_CODE_ALPHABET.length)
  let code = ''
  while (code.length < USER_CODE_LENGTH) {
    for (const byte of entropy(USER_CODE_LENGTH)) {
      if (byte < fair && code.length < USER_CODE_LENGTH) code += USER_CODE_ALPHABET[byte % USER_CODE_ALPHABET.length]
    }
  }
  return code
}

/**
 * Forgives what people and keyboards do to a code: case, dashes, spaces, full-width letters, invisible marks,
 * digits that look like letters. Returns the eight letters, or undefined when no code can be read.
 * A letter of another script or an emoji is never taken for one of ours, however alike it looks.
 */
export function normaliseUserCode(input: string): string | undefined {
  if (input.length > LONGEST_INPUT) return undefined
  const folded = input.replace(EMOJI, '').normalize('NFKC')
  let code = ''
  // Only ASCII is upper-cased: locale rules would turn "ß" into "SS" and a dotless i into I.
  for (const character of folded.replace(/[a-z]/g, (letter) => letter.toUpperCase())) {
    const letter = LOOK_ALIKES[character] ?? character
    if (USER_CODE_ALPHABET.includes(letter)) code += letter
  }
  return code.length === USER_CODE_LENGTH ? code : undefined
}

/** `WDJBMJHT` as people read it: `WDJB-MJHT`. */
export function displayUserCode(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`
}

/** `WDJB-••••`: where its last letters are to be read somewhere else. */
export function veilUserCode(code: string): string {
  return displayUserCode(code.slice(0, -LAST_LETTERS) + '•'.repeat(LAST_LETTERS))
}

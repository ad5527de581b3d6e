// The code for ears: screen readers, a speaker on a hook. English; the pauses are in the punctuation, which every voice
// understands.

const SPELLING: Readonly<Record<string, string>> = {
  A: 'Alfa',
  B: 'Bravo',
  C: 'Charlie',
  D: 'Delta',
  E: 'Echo',
  F: 'Foxtrot',
  G: 'Golf',
  H: 'Hotel',
  I: 'India',
  J: 'Juliett',
  K: 'Kilo',
  L: 'Lima',
  M: 'Mike',
  N: 'November',
  O: 'Oscar',
  P: 'Papa',
  Q: 'Quebec',
  R: 'Romeo',
  S: 'Sierra',
  T: 'Tango',
  U: 'Uniform',
  V: 'Victor',
  W: 'Whiskey',
  X: 'X-ray',
  Y: 'Yankee',
  Z: 'Zulu',
}

/**
 * Letter by letter, a short pause after each and a long one after each group: `W, D, J, B. M, J, H, T.` As `words`, for a
 * voice across a room: `W as in Whiskey, D as in Delta…`, by the ICAO alphabet. Capitals are not told from small letters.
 */
export function spokenCode(code: string, style: 'letters' | 'words' = 'letters'): string {
  return code
    .split(/[^\p{L}\p{N}]+/u)
    .filter((group) => group !== '')
    .map((group) => `${[...group].map((letter) => spokenLetter(letter.toUpperCase(), style)).join(', ')}.`)
    .join(' ')
}

function spokenLetter(letter: string, style: 'letters' | 'words'): string {
  const word = style === 'words' ? SPELLING[letter] : undefined
  return word === undefined ? letter : `${letter} as in ${word}`
}

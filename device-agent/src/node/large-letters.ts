// A code, or a number, in letters that can be read from across the room: five by seven dots, two dots a character.

const DOTS: Readonly<Record<string, string>> = {
  B: '####. #...# #...# ####. #...# #...# ####.',
  C: '.###. #...# #.... #.... #.... #...# .###.',
  D: '####. #...# #...# #...# #...# #...# ####.',
  F: '##### #.... #.... ####. #.... #.... #....',
  G: '.###. #...# #.... #.### #...# #...# .###.',
  H: '#...# #...# #...# ##### #...# #...# #...#',
  J: '..### ...#. ...#. ...#. ...#. #..#. .##..',
  K: '#...# #..#. #.#.. ##... #.#.. #..#. #...#',
  L: '#.... #.... #.... #.... #.... #.... #####',
  M: '#...# ##.## #.#.# #.#.# #...# #...# #...#',
  N: '#...# ##..# #.#.# #.#.# #..## #...# #...#',
  P: '####. #...# #...# ####. #.... #.... #....',
  Q: '.###. #...# #...# #...# #.#.# #..#. .##.#',
  R: '####. #...# #...# ####. #.#.. #..#. #...#',
  S: '.#### #.... #.... .###. ....# ....# ####.',
  T: '##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#..',
  V: '#...# #...# #...# #...# #...# .#.#. ..#..',
  W: '#...# #...# #...# #.#.# #.#.# ##.## #...#',
  X: '#...# #...# .#.#. ..#.. .#.#. #...# #...#',
  Z: '##### ....# ...#. ..#.. .#... #.... #####',
  0: '.###. #...# #..## #.#.# ##..# #...# .###.',
  1: '..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.',
  2: '.###. #...# ....# ...#. ..#.. .#... #####',
  3: '.###. #...# ....# ..##. ....# #...# .###.',
  4: '...#. ..##. .#.#. #..#. ##### ...#. ...#.',
  5: '##### #.... ####. ....# ....# #...# .###.',
  6: '.###. #.... #.... ####. #...# #...# .###.',
  7: '##### ....# ...#. ..#.. ..#.. ..#.. ..#..',
  8: '.###. #...# #...# .###. #...# #...# .###.',
  9: '.###. #...# #...# .#### ....# ....# .###.',
  '-': '..... ..... ..... .###. ..... ..... .....',
}
const HEIGHT = 7

/** Columns that `text` takes. */
export function largeWidth(text: string): number {
  return text.length * 6 - 1
}

/** Four lines of half blocks; undefined when a character has no large form. */
export function largeLetters(text: string): readonly string[] | undefined {
  const letters = [...text].map((letter) => DOTS[letter]?.split(' '))
  const lines: string[] = []
  for (let y = 0; y < HEIGHT; y += 2) {
    const parts: string[] = []
    for (const letter of letters) {
      if (!letter) return undefined
      const upper = letter[y] ?? ''
      const lower = letter[y + 1] ?? ''
      parts.push([...upper].map((dot, x) => block(dot === '#', lower[x] === '#')).join(''))
    }
    lines.push(parts.join(' '))
  }
  return lines
}

/** Seven lines of full blocks, two columns a dot: twice as large; undefined when a character has no large form. */
export function hugeLetters(text: string): readonly string[] | undefined {
  const letters = [...text].map((letter) => DOTS[letter]?.split(' '))
  const lines: string[] = []
  for (let y = 0; y < HEIGHT; y++) {
    const parts: string[] = []
    for (const letter of letters) {
      if (!letter) return undefined
      parts.push([...(letter[y] ?? '')].map((dot) => (dot === '#' ? '██' : '  ')).join(''))
    }
    lines.push(parts.join('   '))
  }
  return lines
}

function block(upper: boolean, lower: boolean): string {
  return upper ? (lower ? '█' : '▀') : lower ? '▄' : ' '
}

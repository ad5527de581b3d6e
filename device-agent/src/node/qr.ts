// The address as a square: matrix and terminal form. Decided by the specification, not by the theme: dark on light, four
// modules of quiet zone, colours that no palette can turn around.
import { create } from 'qrcode'

const QUIET = 4
/** More modules than this are too small to scan from a sofa; the text is shown alone (106 bytes at level M). */
const LARGEST_VERSION = 6
// From the colour cube: unlike the first sixteen, themes leave these alone.
const DARK_ON_LIGHT = '\x1b[38;5;16;48;5;231m'
const RESET = '\x1b[0m'

export interface QrMatrix {
  /** Modules a side, without quiet zone. */
  readonly size: number
  /** False outside the square, so that a quiet zone needs no special case. */
  isDark(x: number, y: number): boolean
}

/** The matrix for `text` at level M; undefined when it would take more than version 6. */
export function qrMatrix(text: string): QrMatrix | undefined {
  let code: ReturnType<typeof create>
  try {
    code = create(text, { errorCorrectionLevel: 'M' })
  } catch {
    return undefined
  }
  if (code.version > LARGEST_VERSION) return undefined
  const { size, data } = code.modules
  const inside = (at: number) => at >= 0 && at < size
  return { size, isDark: (x, y) => inside(x) && inside(y) && data[y * size + x] === 1 }
}

/** Columns that a matrix takes in a terminal. */
export function terminalQrWidth(matrix: QrMatrix): number {
  return matrix.size + 2 * QUIET
}

/** Two modules a character, one line of text for each two rows; every line sets and resets its own colours. */
export function renderTerminalQr(matrix: QrMatrix): readonly string[] {
  const lines: string[] = []
  for (let y = -QUIET; y < matrix.size + QUIET; y += 2) {
    let line = ''
    for (let x = -QUIET; x < matrix.size + QUIET; x++) {
      const upper = matrix.isDark(x, y)
      const lower = matrix.isDark(x, y + 1)
      line += upper ? (lower ? '█' : '▀') : lower ? '▄' : ' '
    }
    lines.push(`${DARK_ON_LIGHT}${line}${RESET}`)
  }
  return lines
}

// The square as a picture: PNG for framebuffers and e-ink, SVG for everything that scales, a path for the kiosk page.
// Whether there is a square at all is decided once, in qr.ts.
import { toBuffer, toString as toText } from 'qrcode'
import type { Square } from '../kiosk/page-message.ts'
import { type QrMatrix, qrMatrix } from './qr.ts'

/** ISO 18004: four light modules on each side. */
const QUIET = 4
const LOOK = {
  errorCorrectionLevel: 'M',
  margin: QUIET,
  color: { dark: '#000000ff', light: '#ffffffff' },
} as const

/**
 * Black on white with its quiet zone, `modulePixels` whole pixels for every module. Undefined when the text takes more than
 * version 6.
 *
 * @throws RangeError when `modulePixels` is not a whole number of 1 or more
 */
export async function qrPng(text: string, modulePixels = 8): Promise<Uint8Array | undefined> {
  if (!Number.isInteger(modulePixels) || modulePixels < 1) throw new RangeError('a module takes whole pixels')
  return qrMatrix(text) && toBuffer(text, { ...LOOK, type: 'png', scale: modulePixels })
}

/** The same, as an SVG document that is as large as its place. */
export async function qrSvg(text: string): Promise<string | undefined> {
  return qrMatrix(text) && toText(text, { ...LOOK, type: 'svg' })
}

/** The dark modules as one path, each row's neighbours joined; without the quiet zone. */
export function qrPath(text: string): Square | undefined {
  const matrix = qrMatrix(text)
  return matrix && { size: matrix.size, path: rows(matrix).join('') }
}

function rows(matrix: QrMatrix): readonly string[] {
  const runs: string[] = []
  for (let y = 0; y < matrix.size; y++) {
    for (let x = 0; x < matrix.size; x++) {
      if (!matrix.isDark(x, y)) continue
      const from = x
      while (matrix.isDark(x, y)) x++
      runs.push(`M${from} ${y}h${x - from}v1h-${x - from}z`)
    }
  }
  return runs
}

// An address as dark and light modules; how they look is qr-picture.ts.
import { create } from 'qrcode'

/** More modules than this are too small to scan from a sofa; the text is shown alone (106 bytes at level M). */
const LARGEST_VERSION = 6

export interface QrModules {
  /** Modules a side, without quiet zone. */
  readonly size: number
  /** Row by row; 1 is dark. */
  readonly data: ArrayLike<number>
}

/** Level M; undefined when it would take more than version 6. */
export function qrMatrix(text: string): QrModules | undefined {
  try {
    // One byte segment: an address hardly gains by mixing modes, and the code that mixes them is a third of the library.
    const data = new TextEncoder().encode(text)
    const code = create([{ data, mode: 'byte' }], { errorCorrectionLevel: 'M' })
    return code.version > LARGEST_VERSION ? undefined : code.modules
  } catch {
    return undefined
  }
}

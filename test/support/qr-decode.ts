// Reads a QR code off a picture, as a phone does; the proof that a square says what it should.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { PNG } from 'pngjs'
import { prepareZXingModule, readBarcodes } from 'zxing-wasm/reader'

let prepared: Promise<unknown> | undefined

/** The text of the one QR code in a PNG picture. @throws Error when there is none, or more than one. */
export async function decodeQr(png: Uint8Array): Promise<string> {
  prepared ??= prepare()
  await prepared
  const found = await readBarcodes(png, { formats: ['QRCode'], tryHarder: true })
  const [code] = found
  if (!code?.isValid || found.length > 1) throw new Error(`${found.length} QR codes in the picture`)
  return new TextDecoder().decode(code.bytes)
}

/** Without this the library would fetch its own code from a content network. */
async function prepare(): Promise<void> {
  const path = createRequire(import.meta.url).resolve('zxing-wasm/reader/zxing_reader.wasm')
  const bytes = await readFile(path)
  const wasmBinary = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  await prepareZXingModule({ overrides: { wasmBinary }, fireImmediately: true })
}

type Colour = readonly [number, number, number]

/**
 * Paints what a terminal would show of `lines`: half blocks in the colours that they set, on `ground`, which is the
 * terminal's own and shows wherever a line sets none. Returns a PNG with `scale` pixels a module.
 */
export function terminalPicture(lines: readonly string[], ground: Colour, ink: Colour, scale = 4): Uint8Array {
  const rows = lines.map((line) => cellsOf(line, ground, ink))
  const columns = Math.max(...rows.map((row) => row.length))
  const border = 6
  const png = new PNG({ width: (columns + 2 * border) * scale, height: (rows.length * 2 + 2 * border) * scale })
  for (let y = 0; y < png.height; y++) {
    for (let x = 0; x < png.width; x++) {
      const row = Math.floor(y / scale) - border
      const cell = rows[Math.floor(row / 2)]?.[Math.floor(x / scale) - border]
      const [red, green, blue] = (row % 2 === 0 ? cell?.upper : cell?.lower) ?? ground
      png.data.set([red, green, blue, 255], (y * png.width + x) * 4)
    }
  }
  return PNG.sync.write(png)
}

interface Cell {
  readonly upper: Colour
  readonly lower: Colour
}

const CUBE: Readonly<Record<string, Colour>> = { '16': [0, 0, 0], '231': [255, 255, 255] }

function cellsOf(line: string, ground: Colour, ink: Colour): readonly Cell[] {
  const cells: Cell[] = []
  let front = ink
  let back = ground
  for (const [, codes, character] of line.matchAll(/\x1b\[([\d;]*)m|(.)/gu)) {
    if (codes !== undefined) {
      const colours = /^38;5;(\d+);48;5;(\d+)$/.exec(codes)
      front = CUBE[colours?.[1] ?? ''] ?? ink
      back = CUBE[colours?.[2] ?? ''] ?? ground
    } else {
      const upper = character === '█' || character === '▀' ? front : back
      const lower = character === '█' || character === '▄' ? front : back
      cells.push({ upper, lower })
    }
  }
  return cells
}

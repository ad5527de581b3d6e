// What the terminal shows while a device waits to be linked, as lines: a square where it can be scanned, always the address
// and the code as text. When lines are written, changed and wiped is next door in terminal-screen.ts.

import { styleText } from 'node:util'
import type { LinkRequest } from '../core/link-request.ts'
import { plainText } from '../kiosk/plain-text.ts'
import { largeLetters, largeWidth } from './large-letters.ts'
import { qrMatrix, renderTerminalQr, terminalQrWidth } from './qr.ts'

/** What the terminal can do. */
export interface TerminalView {
  readonly columns: number
  readonly rows: number
  readonly colour: boolean
  readonly unicode: boolean
}

export interface LinkPage {
  readonly lines: readonly string[]
  /** What stands left of the status on the last line, which is not in `lines`. */
  readonly beforeStatus: string
  /** Columns left for the status. */
  readonly statusWidth: number
}

type Style = Parameters<typeof styleText>[0]

export const MARGIN = '  '
const GUTTER = '   '
const NARROWEST_TEXT = 30

/** Colour is decided once for the screen, not by `styleText`, which would look at the wrong stream. */
export function paint(view: Pick<TerminalView, 'colour'>, style: Style, text: string): string {
  return view.colour ? styleText(style, text, { validateStream: false }) : text
}

/** The best page that fits: square beside text, square above text, text alone. */
export function linkPage(request: LinkRequest, view: TerminalView): LinkPage {
  const complete = request.verificationUriComplete
  // Without colours of its own a square would be inverted on every dark terminal.
  const matrix = complete !== undefined && view.colour && view.unicode ? qrMatrix(complete) : undefined
  const square = matrix ? renderTerminalQr(matrix) : []
  const width = MARGIN.length + (matrix ? terminalQrWidth(matrix) : 0)
  const textWidth = view.columns - width - GUTTER.length - 1
  const pages = [
    matrix && textWidth >= NARROWEST_TEXT ? sideBySide(square, request, view, textWidth) : undefined,
    ...(matrix && width < view.columns ? [true, false].map((large) => stacked(square, request, view, large)) : []),
    stacked([], request, view, true),
  ]
  // One line for the status and one for the cursor: what has scrolled away cannot be wiped.
  return pages.find((page) => page && page.lines.length + 2 <= view.rows) ?? stacked([], request, view, false)
}

function sideBySide(
  square: readonly string[],
  request: LinkRequest,
  view: TerminalView,
  width: number,
): LinkPage | undefined {
  const title = [paint(view, 'bold', 'Link this device'), '']
  // The last line belongs to the status.
  const room = square.length - 1
  const sizes = [true, false].map((large) => [...title, ...steps(request, view, width, true, large)])
  const text = sizes.find((lines) => lines.length <= room)
  if (!text) return undefined
  // The white border of the square is two lines high: where there is room, the words begin level with its pattern and
  // leave a line free above the status.
  const from = Math.max(0, Math.min(2, room - 1 - text.length))
  const rows = square.map((row, index) => {
    const words = text[index - from]
    return `${MARGIN}${row}${words === undefined || words === '' ? '' : `${GUTTER}${words}`}`
  })
  const last = rows.pop() ?? ''
  return { lines: ['', ...rows], beforeStatus: `${last}${GUTTER}`, statusWidth: width }
}

function stacked(square: readonly string[], request: LinkRequest, view: TerminalView, large: boolean): LinkPage {
  const width = view.columns - MARGIN.length - 1
  const scanned = square.length > 0
  const text = [...steps(request, view, width, scanned, large), '']
  const title = [paint(view, 'bold', 'Link this device'), '']
  const lines = scanned ? [...title, ...square, '', ...text] : [...title, ...text]
  return {
    lines: ['', ...lines.map((line) => (line === '' ? '' : MARGIN + line))],
    beforeStatus: MARGIN,
    statusWidth: width,
  }
}

function steps(
  request: LinkRequest,
  view: TerminalView,
  width: number,
  scanned: boolean,
  large: boolean,
): readonly string[] {
  const code = plainText(request.userCode)
  const address = plainText(request.verificationUri).replace(/^https:\/\//, '')
  const open = scanned ? 'Scan the square, or open' : 'Open on your phone'
  const check = scanned ? 'Check that it shows' : 'Enter this code'
  const big = large && view.unicode ? enlarged(code, width - 3) : undefined
  const plain = big ? code : [...code].join(' ')
  return [
    `${paint(view, 'dim', '1')}  ${open}`,
    ...broken(address, width - 3).map((part) => `   ${paint(view, 'bold', part)}`),
    '',
    `${paint(view, 'dim', '2')}  ${check}  ${paint(view, 'bold', plain)}`,
    ...(big ? ['', ...big.map((line) => (line === '' ? '' : `   ${paint(view, 'bold', line)}`))] : []),
  ]
}

/** The code on one line where it fits, else a group a line. */
function enlarged(code: string, width: number): readonly string[] | undefined {
  const groups = largeWidth(code) <= width ? [code] : code.split('-')
  const lines: string[] = []
  for (const group of groups) {
    const letters = largeWidth(group) <= width ? largeLetters(group) : undefined
    if (!letters) return undefined
    lines.push(...(lines.length > 0 ? [''] : []), ...letters)
  }
  return lines
}

/** Breaks at the column, never shortens: every character of an address counts. */
function broken(text: string, width: number): readonly string[] {
  const parts: string[] = []
  for (let at = 0; at < text.length; at += width) parts.push(text.slice(at, at + width))
  return parts
}

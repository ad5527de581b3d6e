// What the terminal shows when the person is elsewhere: the number to find on the phone, in the place of the square. The
// code stays, to be compared. The page before it is link-page.ts, which also says how lines are placed.
import type { LinkRequest } from '../core/link-request.ts'
import { plainText } from '../kiosk/plain-text.ts'
import { hugeLetters, largeLetters } from './large-letters.ts'
import { type LinkPage, MARGIN, paint, type TerminalView } from './link-page.ts'

/** The number as large as the rows allow. */
export function numberPage(request: LinkRequest, number: string, view: TerminalView): LinkPage {
  const sizes = view.unicode ? [hugeLetters(number), largeLetters(number)] : []
  const pages = sizes.filter((size) => size !== undefined).map((size) => page(request, number, view, size))
  // One line for the status and one for the cursor: what has scrolled away cannot be wiped.
  return pages.find(({ lines }) => lines.length + 2 <= view.rows) ?? page(request, number, view, [])
}

function page(request: LinkRequest, number: string, view: TerminalView, digits: readonly string[]): LinkPage {
  const code = plainText(request.userCode)
  const lines = [
    paint(view, 'bold', 'Continue on your phone'),
    '',
    `${paint(view, 'dim', '1')}  Check that it shows  ${paint(view, 'bold', code)}`,
    `${paint(view, 'dim', '2')}  Tap  ${paint(view, 'bold', number)}`,
    '',
    ...digits.map((line) => `   ${paint(view, 'bold', line.trimEnd())}`),
    ...(digits.length > 0 ? [''] : []),
  ]
  return {
    lines: ['', ...lines.map((line) => (line === '' ? '' : MARGIN + line))],
    beforeStatus: MARGIN,
    statusWidth: view.columns - MARGIN.length - 1,
  }
}

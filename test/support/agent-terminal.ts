// A terminal in memory: what the agent writes, and what a person would see of it in the end.
import type { Terminal } from '@latchkey/device-agent'

export interface AgentTerminal extends Terminal {
  /** Everything written, escape sequences and all. */
  written(): string
  /** The lines that are visible, with colours, without trailing blanks. Knows only what the agent uses. */
  screen(): readonly string[]
}

export function agentTerminal(
  shape: { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number } = {},
): AgentTerminal {
  let written = ''
  return {
    ...shape,
    write: (text) => {
      written += text
    },
    written: () => written,
    screen: () => replay(written),
  }
}

/** Removes colours. */
export function plainText(text: string): string {
  return text.replace(/\x1b\[[\d;?]*[A-Za-z]/g, '')
}

function replay(written: string): readonly string[] {
  const lines: string[] = ['']
  let row = 0
  for (const [token] of written.matchAll(/\x1b\[[\d;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+/g)) {
    const up = /^\x1b\[(\d+)A$/.exec(token)
    if (token === '\n') row += 1
    else if (token === '\r') lines[row] = `\r${lines[row] ?? ''}`
    else if (up) row -= Number(up[1])
    else if (token === '\x1b[J') lines.length = row
    else if (token === '\x1b[K') lines[row] = (lines[row] ?? '').split('\r')[0] ?? ''
    else if (!token.startsWith('\x1b[?')) {
      const line = lines[row] ?? ''
      // After a carriage return the agent always rewrites the whole line.
      lines[row] = line.startsWith('\r') ? token : line + token
    }
    lines[row] ??= ''
  }
  return lines.map((line) => line.replaceAll('\r', ''))
}

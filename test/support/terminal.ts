// A command in a real terminal (util-linux `script` lends one): what it draws, what is typed, how it ends.
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { terminalPicture } from './qr-decode.ts'

export interface TerminalProcess {
  /** Everything written so far, escape sequences and all. */
  raw(): string
  /** What a person can read of it. */
  text(): string
  /** Waits until the text matches. Rejects when the command ends before. */
  until(pattern: RegExp): Promise<RegExpExecArray>
  /** Types Ctrl-C. */
  interrupt(): void
  /** Types Enter. */
  enter(): void
  /** The exit code. */
  readonly ended: Promise<number | null>
}

const COLUMNS = 110
const ROWS = 45

/** Starts `command` in `cwd`, in a terminal that shows colours and Unicode. */
export function inTerminal(command: readonly string[], cwd: string): TerminalProcess {
  const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  const line = `stty cols ${COLUMNS} rows ${ROWS} && exec ${quoted}`
  const { NO_COLOR: _, ...env } = process.env
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    cwd,
    env: { ...env, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  return watched(child)
}

function watched(child: ChildProcess): TerminalProcess {
  let raw = ''
  let over = false
  const watchers = new Set<() => void>()
  const look = () => {
    for (const watcher of watchers) watcher()
  }
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    raw += part
    look()
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      over = true
      look()
      resolve(code)
    })
  })
  const text = () => raw.replace(/\x1b\[[\d;?]*[A-Za-z]/g, '').replaceAll('\r', '')
  return {
    raw: () => raw,
    text,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const watcher = () => {
          const found = pattern.exec(text())
          if (found === null && !over) return
          watchers.delete(watcher)
          if (found !== null) resolve(found)
          else reject(new Error(`ended without ${pattern}:\n${text()}`))
        }
        watchers.add(watcher)
        watcher()
      }),
    interrupt: () => void child.stdin?.write('\x03'),
    enter: () => void child.stdin?.write('\r'),
    ended,
  }
}

const QR_COLOURS = '\x1b[38;5;16;48;5;231m'

/** A photo of the square in what a terminal was told to draw, on a dark one. */
export function pictureOfSquare(raw: string): Uint8Array {
  const rows = raw
    .replace(/\x1b\[[\d;?]*[A-Zac-ln-z]/g, '')
    .split('\n')
    // The last row shares its line with a status that is drawn again and again.
    .map((line) => line.split('\r').find((drawn) => drawn.includes(QR_COLOURS)))
    .filter((line) => line !== undefined)
  return terminalPicture(rows, [0, 0, 0], [200, 200, 200])
}

/** Ids of the processes that still live in this folder (Linux). */
export function processesIn(folder: string): readonly string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      return readlinkSync(`/proc/${name}/cwd`) === folder
    } catch {
      // It has ended, or is none of ours.
      return false
    }
  })
}

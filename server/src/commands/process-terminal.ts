// The terminal of the running process.
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { systemHost } from '@latchkey/shared'
import type { Terminal } from './terminal.ts'

export function processTerminal(): Terminal {
  return {
    host: systemHost,
    environment: process.env,
    print: (line) => void process.stdout.write(`${line}\n`),
    say: (line) => void process.stderr.write(`${line}\n`),
    askSecret: (question) => (process.stdin.isTTY ? ask(question) : Promise.resolve(undefined)),
    askToGoOn: (question, signal) => (process.stdin.isTTY ? enter(question, signal) : Promise.resolve(false)),
    readInput: () => text(process.stdin),
    untilStopped,
  }
}

function ask(question: string): Promise<string | undefined> {
  process.stderr.write(question)
  // readline edits the line; what it would echo goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  return new Promise((resolve) => {
    lines.once('line', resolve)
    lines.once('SIGINT', () => resolve(undefined))
  }).then((answer) => {
    lines.close()
    process.stderr.write('\n')
    return answer as string | undefined
  })
}

/** True for a line, false when the input or the waiting ends. */
function enter(question: string, signal: AbortSignal): Promise<boolean> {
  process.stderr.write(question)
  const lines = createInterface({ input: process.stdin, signal })
  return new Promise<boolean>((resolve) => {
    lines.once('line', () => resolve(true))
    lines.once('close', () => resolve(false))
  }).finally(() => lines.close())
}

/** The first signal ends things in order; a second one at once. */
function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(130))
        resolve()
      })
    }
  })
}

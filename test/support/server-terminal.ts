// A terminal in memory for the server's commands: what goes to stdout and to stderr, and what a person would type.
import { type Host, systemHost } from '@latchkey/shared'
import type { Terminal } from '../../server/src/commands/terminal.ts'
import { main } from '../../server/src/main.ts'

export interface Run {
  readonly code: number
  /** Lines of stdout: data. */
  readonly out: readonly string[]
  /** Lines of stderr: talk. */
  readonly err: readonly string[]
}

export interface ServerTerminal {
  /** Runs `latchkey` with these words; `input` is what stands on standard input. */
  run(words: readonly string[], input?: string): Promise<Run>
  /** Starts a command that goes on until `stop`; resolves once it has said something that matches. */
  start(words: readonly string[], until: RegExp): Promise<{ readonly said: string; stop(): Promise<Run> }>
}

/** `typed` answers a question for a secret; without it nobody is there to ask. */
export function serverTerminal(
  environment: Readonly<Record<string, string>> = {},
  typed?: string,
  host: Host = systemHost,
): ServerTerminal {
  const begin = (words: readonly string[], input: string, hear: (line: string) => void = () => undefined) => {
    const out: string[] = []
    const err: string[] = []
    let stop: () => void = () => undefined
    const stopped = new Promise<void>((resolve) => {
      stop = resolve
    })
    const terminal: Terminal = {
      host,
      environment,
      print: (text) => void out.push(...text.split('\n')),
      say(text) {
        err.push(...text.split('\n'))
        hear(text)
      },
      askSecret: async () => typed,
      askToGoOn: async () => false,
      readInput: async () => input,
      untilStopped: () => stopped,
    }
    const ended = main(words, terminal).then((code): Run => ({ code, out, err }))
    return { ended, stop }
  }
  return {
    run: (words, input = '') => begin(words, input).ended,
    start: (words, until) =>
      new Promise((resolve, reject) => {
        const running = begin(words, '', (line) => {
          if (!until.test(line)) return
          resolve({
            said: line,
            stop() {
              running.stop()
              return running.ended
            },
          })
        })
        running.ended.then((run) => reject(new Error(`ended with ${run.code}: ${run.err.join('\n')}`)), reject)
      }),
  }
}

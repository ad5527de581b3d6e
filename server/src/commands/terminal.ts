// How a command meets the person or script that started it. Data goes to stdout, talk to stderr.
import type { Host } from '@latchkey/shared'
import type { Environment } from '../config.ts'

export interface Terminal {
  readonly host: Host
  readonly environment: Environment
  /** Data: one line, the line break is added. */
  readonly print: (line: string) => void
  /** Talk: one line. */
  readonly say: (line: string) => void
  /** Asks for a secret; nothing is echoed. Undefined when nobody is there to answer. */
  readonly askSecret: (question: string) => Promise<string | undefined>
  /** Asks for nothing but Enter. False when nobody is there to press it, or `signal` aborts. */
  readonly askToGoOn: (question: string, signal: AbortSignal) => Promise<boolean>
  readonly readInput: () => Promise<string>
  /** Resolves when the process is asked to end. */
  readonly untilStopped: () => Promise<void>
}

/** Exit codes of the contract. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const

/** A failure that is told in one line and ends the command. */
export class CommandError extends Error {
  readonly exitCode: number
  constructor(message: string, exitCode: number = EXIT.failed) {
    super(message)
    this.name = 'CommandError'
    this.exitCode = exitCode
  }
}

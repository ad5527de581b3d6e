// A log that a test can read: what the server wrote, line by line.
import type { FastifyServerOptions } from 'fastify'

export interface KeptLog {
  readonly logger: Exclude<FastifyServerOptions['logger'], undefined>
  readonly text: () => string
  /** Every line, parsed; with a name, those that tell of that event. */
  readonly events: (name?: string) => readonly Record<string, unknown>[]
}

export function keptLog(): KeptLog {
  let written = ''
  const stream = {
    write: (line: string) => {
      written += line
    },
  }
  return {
    logger: { level: 'trace', stream },
    text: () => written,
    events: (name) =>
      written
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter(({ event }) => name === undefined || event === name),
  }
}

// What the rooms of operations write to: the server's log, or a test's.

export interface Log {
  info(details: object, text: string): void
  warn(details: object, text: string): void
  error(details: object, text: string): void
}

// Why a file that the configuration names cannot be read, in words for the person who wrote the name.

/** `error` as a read of a file, or JSON.parse on it, threw it. */
export function readingProblem(error: unknown): string {
  if (error instanceof SyntaxError) return `not valid JSON: ${error.message}`
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'no such file'
  if (code === 'EACCES') return 'this user may not read it'
  return code === 'EISDIR' ? 'is a folder' : String(error)
}

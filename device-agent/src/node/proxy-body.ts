// The body of a request through the proxy: kept whole when it is small, so that it can be sent again when the API wants a
// nonce; else passed on as it comes.
import type { Sleep } from '@latchkey/shared'

const LARGEST_KEPT_BYTES = 1024 * 1024
/** A body that dawdles is a stream that somebody waits for at the other end. */
const KEPT_WITHIN_MS = 1000

type Bytes = AsyncIterator<Uint8Array>

export type Body = Uint8Array | AsyncIterable<Uint8Array>

/** All of `source` when it ends soon and within 1 MiB, else something to read it from. */
export async function readBody(source: AsyncIterable<Uint8Array>, sleep: Sleep): Promise<Body> {
  const bytes = source[Symbol.asyncIterator]()
  const chunks: Uint8Array[] = []
  const done = new AbortController()
  const late = sleep(KEPT_WITHIN_MS, done.signal).then(
    () => 'late' as const,
    () => 'late' as const,
  )
  try {
    for (let size = 0; ; ) {
      const next = bytes.next()
      const got = await Promise.race([next, late])
      if (got === 'late') return rest(chunks, next, bytes)
      if (got.done) return Buffer.concat(chunks)
      size += got.value.byteLength
      chunks.push(got.value)
      if (size > LARGEST_KEPT_BYTES) return rest(chunks, undefined, bytes)
    }
  } finally {
    done.abort()
  }
}

async function* rest(
  chunks: readonly Uint8Array[],
  next: Promise<IteratorResult<Uint8Array>> | undefined,
  bytes: Bytes,
): AsyncGenerator<Uint8Array> {
  yield* chunks
  for (let got = await (next ?? bytes.next()); !got.done; got = await bytes.next()) yield got.value
}

// The one small interface through which a waiting device learns that something happened. Within one process now
// (../push/local-news.ts); a second node is added behind it, and the flow does not notice.
import type { DeviceEvent, Sleep } from '@latchkey/shared'

export interface News {
  /** Tells everybody who waits for this request. What nobody hears is lost: the record is the truth, news only hurry. */
  publish(requestId: string, event: DeviceEvent): void
  /** Returns the way to stop listening. A listener must not throw and must not block. */
  listen(requestId: string, listener: (event: DeviceEvent) => void): () => void
}

/** How long a caller would wait for its answer, and the end of its patience: it left, or the server is stopping. */
export interface Patience {
  readonly milliseconds: number
  readonly signal: AbortSignal
}

/**
 * Resolves when something final happens to the request, or the time is over; at once when `isOver` says that it has
 * happened already, which is asked after the listening began, so that nothing falls in between.
 */
export async function awaitDecision(
  news: News,
  sleep: Sleep,
  requestId: string,
  { milliseconds, signal }: Patience,
  isOver: () => Promise<boolean>,
): Promise<void> {
  const heard = new AbortController()
  const silence = news.listen(requestId, (event) => {
    if (event !== 'opened') heard.abort()
  })
  const end = AbortSignal.any([heard.signal, signal])
  try {
    if (!(await isOver())) await sleep(milliseconds, end)
  } catch (error) {
    if (!end.aborted) throw error
  } finally {
    silence()
  }
}

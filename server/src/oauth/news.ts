// The one small interface through which a waiting device learns that something happened. Within one process now
// (../push/local-news.ts); a second node is added behind it, and the flow does not notice.
import type { DeviceEvent, Sleep } from '@latchkey/shared'

/**
 * What devices hear, and `linked` for the person's page: the device has come for its tokens. `opened` is told again when
 * there is more to know of it; what that is stands in the record.
 */
export type NewsEvent = DeviceEvent | 'linked'

export interface News {
  /** Tells everybody who waits for this request. What nobody hears is lost: the record is the truth, news only hurry. */
  publish(requestId: string, event: NewsEvent): void
  /** Returns the way to stop listening. A listener must not throw and must not block. */
  listen(requestId: string, listener: (event: NewsEvent) => void): () => void
}

/** How long a caller would wait for its answer, and the end of its patience: it left, or the server is stopping. */
export interface Patience {
  readonly milliseconds: number
  readonly signal: AbortSignal
}

/**
 * Resolves when something happens to the request that is worth an answer, or the time is over; at once when `isWorth`
 * says that it has happened already, which is asked after the listening began, so that nothing falls in between. Of the
 * events, `opened` alone is not worth one by itself.
 */
export async function awaitNews(
  news: News,
  sleep: Sleep,
  requestId: string,
  { milliseconds, signal }: Patience,
  isWorth: () => Promise<boolean>,
): Promise<void> {
  const heard = new AbortController()
  const wake = () => heard.abort()
  const silence = news.listen(requestId, (event) => {
    if (event !== 'opened') return wake()
    isWorth().then((worth) => worth && wake(), wake)
  })
  const end = AbortSignal.any([heard.signal, signal])
  try {
    if (!(await isWorth())) await sleep(milliseconds, end)
  } catch (error) {
    if (!end.aborted) throw error
  } finally {
    silence()
  }
}

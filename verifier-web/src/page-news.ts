// What an open page hears while it waits for a person, or for the device after them. The server tells it
// (server/src/http/link/events.ts), browser/live.ts hears it.

/** The WebSocket, below the pages' base path, and its subprotocol. */
export const PAGE_EVENTS_PATH = '/link/events'
export const PAGE_EVENTS_PROTOCOL = 'latchkey.page.v1'

/**
 * - `open`: an answer is still taken, for `expires_in` seconds;
 * - `approved`: the answer was yes, and the device has not come for it yet;
 * - `linked`: the device has come;
 * - `missed`: it did not come in time;
 * - `closed`: something else became of it, which the page says when it is fetched again.
 */
export type PageEvent = 'open' | 'approved' | 'linked' | 'missed' | 'closed'

/** The server sends one when a page begins to listen, and one for every change. The page says nothing. */
export interface PageNews {
  readonly event: PageEvent
  /** Seconds, with `open`. */
  readonly expires_in?: number
}

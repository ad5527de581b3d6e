// What makes a page true for as long as it is open, where scripts run (browser/live.ts): who is told, of what, and in which
// words. The words wait in the page, because no script has any of its own.
import type { ComponentChildren } from 'preact'
import type { Chrome } from './layout.tsx'
import { PAGE_EVENTS_PATH, type PageEvent } from './page-news.ts'

interface LiveProps {
  readonly chrome: Chrome
  /** How it stands with the device, as far as this page knows. */
  readonly shows: PageEvent
  /** Left to answer. */
  readonly seconds?: number
}

/**
 * Read to who cannot see the page, with what the script has to know. What changes is marked `data-news`, an amount of time
 * in it `data-time`; what may come in its place waits in a `Later`.
 */
export function Live({ chrome, shows, seconds }: LiveProps) {
  const events = chrome.base + PAGE_EVENTS_PATH
  return (
    <p
      class="heard"
      role="status"
      data-live={shows}
      data-events={events}
      data-tag={chrome.locale.tag}
      data-seconds={seconds}
    />
  )
}

interface LaterProps {
  readonly on: PageEvent | 'waiting' | 'last-minute'
  /** A title for the document, and words for the way on, where they change too. */
  readonly title?: string
  readonly next?: string
  readonly children: ComponentChildren
}

/** What the page says once something has happened: no part of it until then. */
export function Later({ on, title, next, children }: LaterProps) {
  return (
    <template data-for={on} data-title={title} data-next={next}>
      {children}
    </template>
  )
}

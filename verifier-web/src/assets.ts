// The two files every page loads, named after their contents so that they can be cached for ever.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** A file served under the pages' base path; `path` starts with a slash and changes whenever `body` does. */
export interface Asset {
  readonly path: string
  readonly body: string
}

function named(name: string, extension: string, body: string): Asset {
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 12)
  return { path: `/assets/${name}.${hash}.${extension}`, body }
}

export const STYLESHEET: Asset = named('style', 'css', readFileSync(new URL('./style.css', import.meta.url), 'utf8'))

/** The key mark as the tab's icon (image/svg+xml). */
export const MARK: Asset = named(
  'mark',
  'svg',
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="#0f5c4c"/><g fill="none" stroke="#fff" stroke-width="2.25" stroke-linecap="round" stroke-linejoin="round"><circle cx="11.5" cy="16" r="4"/><path d="M15.5 16H25M20.5 16v3M25 16v4"/></g></svg>`,
)

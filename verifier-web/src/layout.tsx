// The frame of every page: head, brand, one sheet. What stands on the sheet is in pages/.
import type { ComponentChildren } from 'preact'
import { renderToString } from 'preact-render-to-string'
import { MARK } from './assets.ts'
import { Mark } from './icons.tsx'
import type { Locale } from './locales/locale.ts'
import { oneLine, sayText } from './sentence.ts'

/** What every page needs to know beside its own model. */
export interface Chrome {
  /** Name of the service, beside the key mark. */
  readonly brand: string
  /** From `negotiateLocale`. */
  readonly locale: Locale
  /** Address of the stylesheet: base path and `STYLESHEET.path`. */
  readonly stylesheet: string
  /** `''` or `'/prefix'`: stands before every link and form action. */
  readonly base: string
  /** Who is signed in. */
  readonly account?: { readonly email: string; readonly name?: string }
  /** Sent back as the hidden field `csrf` by every form. */
  readonly csrf?: string
}

/**
 * A whole HTML document. `title` is the page's own: never a code, never what a device says of itself, since titles
 * end up in histories and on other screens.
 */
export function document(chrome: Chrome, title: string, children: ComponentChildren): string {
  const { locale } = chrome
  const brand = oneLine(chrome.brand) ?? ''
  const page = (
    <html lang={locale.tag} dir={locale.dir}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{sayText(locale.words.sentence.titled, { title, brand })}</title>
        <meta name="color-scheme" content="light dark" />
        <meta name="theme-color" content="#f5f4f1" media="(prefers-color-scheme: light)" />
        <meta name="theme-color" content="#131412" media="(prefers-color-scheme: dark)" />
        <meta name="referrer" content="no-referrer" />
        <meta name="robots" content="noindex" />
        <link rel="stylesheet" href={chrome.stylesheet} />
        <link rel="icon" type="image/svg+xml" href={chrome.base + MARK.path} />
      </head>
      <body>
        <header class="brand">
          <Mark />
          <bdi>{brand}</bdi>
        </header>
        <main class="sheet">{children}</main>
      </body>
    </html>
  )
  return `<!doctype html>${renderToString(page)}`
}

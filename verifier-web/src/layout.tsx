// The frame of every page: head, brand, one sheet. What stands on the sheet is in pages/.
import type { ComponentChildren } from 'preact'
import { renderToString } from 'preact-render-to-string'
import { ACCOUNT_STYLESHEET, MARK, SCRIPTS, type ScriptName } from './assets.ts'
import { Globe, Mark } from './icons.tsx'
import { type Locale, langOf } from './locales/locale.ts'
import { oneLine, say, sayText } from './sentence.ts'
import type { Theme } from './theme.ts'

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
  /** A page of another site had the browser come here: what is pressed at once may have been meant for that page. */
  readonly brought?: boolean
  /** They came with the code of a device, which waits for their answer. */
  readonly deviceWaits?: boolean
  /** Sent back as the hidden field `csrf` by every form. */
  readonly csrf?: string
  /** The page that offers other languages: path and query, before which `base` stands. Absent where there is no way back. */
  readonly languages?: string
  /** Somebody else's name, logo and colour. */
  readonly theme?: Theme
  /** Pages of whoever runs the service, at the foot of every page. */
  readonly links?: { readonly privacy?: string; readonly help?: string }
}

/**
 * A whole HTML document. `title` is the page's own: never a code, never what a device says of itself, since titles
 * end up in histories and on other screens. `scripts` improve the page, which works without them. The pages of the
 * account have more to show: a wider sheet, and a stylesheet that the first page on the phone need not load.
 */
export function document(
  chrome: Chrome,
  title: string,
  children: ComponentChildren,
  scripts: readonly ScriptName[] = [],
  sheet: 'narrow' | 'wide' = 'narrow',
): string {
  const { locale, theme } = chrome
  const { frame } = locale.words
  const brand = oneLine(chrome.brand) ?? ''
  const icon = theme?.logo ?? MARK
  const page = (
    <html lang={langOf(locale)} dir={locale.dir}>
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
        {sheet === 'wide' && <link rel="stylesheet" href={chrome.base + ACCOUNT_STYLESHEET.path} />}
        {theme?.stylesheet && <link rel="stylesheet" href={chrome.base + theme.stylesheet.path} />}
        <link rel="icon" type={icon.type} href={chrome.base + icon.path} />
        {scripts.map((name) => (
          <script key={name} type="module" src={chrome.base + SCRIPTS[name].path} />
        ))}
      </head>
      <body data-brought={chrome.brought && ''}>
        <header class="brand">
          {theme?.logo ? (
            <img class="logo" src={chrome.base + theme.logo.path} alt="" width="32" height="32" />
          ) : (
            <Mark />
          )}
          <bdi>{theme?.name ?? brand}</bdi>
          {chrome.languages !== undefined && (
            <a href={chrome.base + chrome.languages} aria-label={sayText(frame.language, { name: locale.name })}>
              <Globe />
              {locale.name}
            </a>
          )}
        </header>
        <main class={sheet === 'wide' ? 'sheet wide' : 'sheet'}>{children}</main>
        <Foot chrome={chrome} brand={brand} />
      </body>
    </html>
  )
  return `<!doctype html>${renderToString(page)}`
}

/** Who runs this, where the head of the page names somebody else: nobody should have to guess whose page they are on. */
function Foot({ chrome, brand }: { readonly chrome: Chrome; readonly brand: string }) {
  const { frame } = chrome.locale.words
  const { privacy, help } = chrome.links ?? {}
  const elses = chrome.theme?.name !== undefined && chrome.theme.name !== brand
  if (privacy === undefined && help === undefined && !elses) return null
  return (
    <footer>
      {privacy !== undefined && <a href={privacy}>{frame.privacy}</a>}
      {help !== undefined && <a href={help}>{frame.help}</a>}
      {elses && <span>{say(frame.runBy, { brand: <bdi>{brand}</bdi> })}</span>}
    </footer>
  )
}

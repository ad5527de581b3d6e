// The one page without a frame, for a browser that can load nothing beside it.
import { renderToString } from 'preact-render-to-string'
import type { Chrome } from '../layout.tsx'
import { langOf } from '../locales/locale.ts'
import { oneLine, sayText } from '../sentence.ts'

/**
 * For a browser whose cookies are more than can be read. It would bring them along for everything that a page loads: so
 * this one loads nothing, not even a stylesheet, and leads nowhere.
 */
export function tooLargePage({ brand, locale }: Pick<Chrome, 'brand' | 'locale'>): string {
  const { words } = locale
  const { title, text } = words.problem.tooLarge
  const page = (
    <html lang={langOf(locale)} dir={locale.dir}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{sayText(words.sentence.titled, { title, brand: oneLine(brand) ?? '' })}</title>
        <meta name="color-scheme" content="light dark" />
      </head>
      <body>
        <main>
          <h1>{title}</h1>
          <p>{text}</p>
        </main>
      </body>
    </html>
  )
  return `<!doctype html>${renderToString(page)}`
}

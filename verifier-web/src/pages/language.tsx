// Which language the pages are in: each in its own words, since who looks for it may read no other.
import { Tick } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import { LOCALES, langOf } from '../locales/locale.ts'
import { Form } from '../parts.tsx'

export interface LanguageModel {
  /** Where somebody came from: sent back as the hidden field `from`. */
  readonly from?: string
}

/** The choice: posts `language`, a tag of UI_LOCALES, to `/language`. */
export function languagePage(chrome: Chrome, { from }: LanguageModel): string {
  const { locale } = chrome
  const { title, lead } = locale.words.language
  return document(
    chrome,
    title,
    <>
      <h1>{title}</h1>
      <p class="lead">{lead}</p>
      <Form chrome={chrome} action="/language" class="languages">
        {from !== undefined && <input type="hidden" name="from" value={from} />}
        {LOCALES.map((one) => {
          const lang = langOf(one)
          const current = lang === langOf(locale)
          return (
            <button key={lang} type="submit" name="language" value={lang} aria-current={current ? 'true' : undefined}>
              <bdi lang={lang} dir={one.dir}>
                {one.name}
              </bdi>
              {current && <Tick />}
            </button>
          )
        })}
      </Form>
    </>,
  )
}

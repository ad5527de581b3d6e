// The languages beside English, read off their files: nothing missing, nothing left over, every place and every plural
// form where it belongs, and the marks and the manners of the language.
import { linkPage } from '@latchkey/verifier-web'
import { describe, expect, it } from 'vitest'
import { ANYBODY } from '../../verifier-web/src/gallery/scene.ts'
import { ENGLISH, LOCALES, type Locale, langOf, UI_LOCALES } from '../../verifier-web/src/locales/locale.ts'

type Tree = string | { readonly [key: string]: Tree }

/** Every sentence with its path, in the order of the file; forms of a plural are sentences of their own. */
function sentences(tree: Tree, path = ''): readonly (readonly [path: string, sentence: string])[] {
  if (typeof tree === 'string') return [[path, tree]]
  return Object.entries(tree).flatMap(([key, inner]) => sentences(inner, path === '' ? key : `${path}.${key}`))
}

const FORM = /\.(zero|one|two|few|many|other)$/
const places = (sentence: string) => [...new Set(sentence.match(/\{\w+\}/g))].sort()
const english = new Map(sentences(ENGLISH.words))
/** The paths of sentences that count: those of which English has more than one form. */
const counted = new Set(
  [...english.keys()].flatMap((path) => (path.endsWith('.other') && FORM.test(path) ? [path.slice(0, -6)] : [])),
)
const isForm = (path: string) => counted.has(path.replace(FORM, ''))

/** The forms that a language tells apart among the numbers that pages speak of. */
function formsOf(tag: string): readonly string[] {
  const rules = new Intl.PluralRules(tag)
  return [...new Set(Array.from({ length: 1000 }, (_, amount) => rules.select(amount)))].sort()
}

/** Words of politeness that the house leaves out, of praise for itself, and of the trade. */
const FORBIDDEN: Readonly<Record<string, RegExp>> = {
  ar: /يرجى|الرجاء|فضلك|بنجاح/,
  de: /\bbitte\b|erfolgreich|\b(client|scope|grant|token|session|sitzung)/i,
  es: /por favor|éxito|correctamente|\b(cliente|ámbito|token)\b/i,
  fr: /veuillez|s’il vous plaît|avec succès|\b(jeton|token|client)\b/i,
  ja: /お願い|正常に|成功|トークン|クライアント|セッション/,
  pt: /por favor|sucesso|\b(cliente|escopo|token)\b/i,
  'zh-Hans': /请(?!求)|成功|您|令牌|客户端|会话/,
}

/** Every mark of quotation that a language may use; straight ones are nobody's. */
const QUOTES: Readonly<Record<string, string>> = {
  ar: '«»',
  de: '„“',
  es: '«»',
  fr: '«»’',
  ja: '「」',
  pt: '“”',
  'zh-Hans': '“”',
}

/** Words that other languages share with English. */
const SAME = /^(Code|Codes|Passkeys?|Apps?|Browsers?|Details|Name)$/

/** What stands in Latin letters in every language: names, and what is printed on devices. */
const LATIN = /\{\w+\}|\bOK\b|Wi-Fi|\bQR\b|\bUTC\b|https/g

const others = LOCALES.filter((locale) => locale !== ENGLISH)

it('UX-08 English and seven more, each under its own name, in the order of their names', () => {
  expect(LOCALES.map(({ name }) => name)).toEqual([
    ...['English', 'Deutsch', 'Español', 'Français', 'Português', 'العربية', '日本語', '简体中文'],
  ])
  expect([...UI_LOCALES].sort()).toEqual(['ar', 'de', 'en', 'es', 'fr', 'ja', 'pt', 'zh-Hans'])
})

describe.each(others.map((locale) => [langOf(locale), locale] as const))('%s', (lang, { tag, dir, words }: Locale) => {
  const own = sentences(words)

  it('UX-08 says all that English says, with the same places, and nothing else', () => {
    const paths = own.map(([path]) => path).filter((path) => !isForm(path))
    expect(paths.sort()).toEqual([...english.keys()].filter((path) => !isForm(path)).sort())
    for (const [path, sentence] of own) {
      const source = english.get(path.replace(FORM, '.other')) ?? english.get(path) ?? ''
      // One, two and none may be said in words.
      const expected =
        /\.(zero|one|two)$/.test(path) && isForm(path) ? places(source).filter((p) => p !== '{count}') : places(source)
      expect([path, ...places(sentence).filter((place) => expected.includes(place) || place !== '{count}')]).toEqual([
        path,
        ...expected,
      ])
    }
  })

  it('UX-08 has the plural forms that its numbers need, no fewer and no others', () => {
    for (const path of counted) {
      const forms = own.map(([one]) => one).filter((one) => FORM.test(one) && one.replace(FORM, '') === path)
      expect(forms.map((one) => one.slice(path.length + 1)).sort(), path).toEqual(formsOf(tag))
    }
  })

  it('UX-08 leaves no sentence in English, nor any Latin letters in another script', () => {
    const left = own.filter(
      ([path, sentence]) =>
        sentence === english.get(path) && /\p{L}/u.test(sentence.replace(/\{\w+\}/g, '')) && !SAME.test(sentence),
    )
    expect(left).toEqual([])
    if (['ar', 'ja', 'zh-Hans'].includes(lang)) {
      expect(own.filter(([, sentence]) => /[a-z]/i.test(sentence.replace(LATIN, '')))).toEqual([])
    }
  })

  it('UX-07 speaks as the house does: no begging, no praise, no jargon', () => {
    const forbidden = FORBIDDEN[lang]
    expect(forbidden).toBeDefined()
    expect(own.filter(([, sentence]) => forbidden?.test(sentence.replace(/\{\w+\}/g, '')))).toEqual([])
  })

  it('UX-08 writes its own marks', () => {
    const allowed = QUOTES[lang] ?? ''
    for (const [path, sentence] of own) {
      const marks = sentence.match(/["'`´‘’‚‛“”„‟«»‹›「」『』]/g) ?? []
      expect([path, marks.filter((mark) => !allowed.includes(mark))]).toEqual([path, []])
      expect([path, /\s$|^\s| {2}|\.\.\./.test(sentence)]).toEqual([path, false])
      if (lang === 'fr')
        expect([path, /(?<![\u202f\s])[?!;»]|[^\u00a0]:(?=\s|$)|« | [?!;:»]|«(?!\u202f)/.test(sentence)]).toEqual([
          path,
          false,
        ])
      if (lang === 'zh-Hans' || lang === 'ja')
        expect([path, /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}][,.?!;]/u.test(sentence)]).toEqual([
          path,
          false,
        ])
      if (lang === 'ar') expect([path, /[,;?]/.test(sentence)]).toEqual([path, false])
    }
  })

  it('UX-08 is what its pages say they are in', () => {
    const page = linkPage({ ...ANYBODY, locale: { tag, dir, words, name: '' } }, {})
    expect(page).toMatch(new RegExp(`^<!doctype html><html lang="${lang}" dir="${lang === 'ar' ? 'rtl' : 'ltr'}">`))
    expect(page).toContain('<bdi dir="ltr" class="code">')
  })

  it('UX-08 counts in the digits that devices show', () => {
    expect(new Intl.NumberFormat(tag).format(17)).toBe('17')
  })
})

// What a scope means to a person: the API's own sentences, in the page's language where it has them, and what the pages
// say themselves.

import { ENROL_SCOPE } from '../oauth/clients/registration.ts'
import type { Api, ScopeWords } from '../oauth/provider.ts'

/** `lang`: the BCP 47 tag of the page. */
export function sentencesFor(apis: readonly Api[], scope: readonly string[], lang: string): readonly string[] {
  return scope.flatMap((name) => apis.flatMap((api) => sentenceIn(api.scopes[name], lang) ?? []))
}

/** In the page's language, else in English, else in the first that there is: said in another language, but said. */
function sentenceIn(words: ScopeWords | undefined, lang: string): string | undefined {
  if (words === undefined || typeof words === 'string') return words
  const { language } = new Intl.Locale(lang)
  return words[lang] ?? words[language] ?? words['en'] ?? Object.values(words)[0]
}

const OWN = { profile: 'profile', email: 'email', enroll: ENROL_SCOPE } as const

/** For the page to say in its own words. */
export function identityIn(scope: readonly string[]): readonly (keyof typeof OWN)[] {
  return (['profile', 'email', 'enroll'] as const).filter((name) => scope.includes(OWN[name]))
}

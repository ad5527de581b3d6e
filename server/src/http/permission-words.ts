// What a scope means to a person: the API's own sentences, and what of the person it tells.
import type { Api } from '../oauth/provider.ts'

export function sentencesFor(apis: readonly Api[], scope: readonly string[]): readonly string[] {
  return scope.flatMap((name) => apis.flatMap((api) => api.scopes[name] ?? []))
}

/** For the page to say in its own words. */
export function identityIn(scope: readonly string[]): readonly ('profile' | 'email')[] {
  return (['profile', 'email'] as const).filter((name) => scope.includes(name))
}

// Choosing a password: one field, and what a good one is. Nothing is asked twice; the script shows what was typed.
import { accountPart, GoOn } from '../account-parts.tsx'
import { PasswordForm } from '../fields.tsx'
import type { Chrome } from '../layout.tsx'
import type { Words } from '../locales/locale.ts'
import { Notice } from '../parts.tsx'
import { plural } from '../sentence.ts'

const PROBLEMS = {
  too_short: 'short',
  too_long: 'long',
  common: 'common',
  own: 'own',
  same: 'same',
} as const satisfies Record<string, keyof Words['password']['problem']>

export type PasswordProblem = keyof typeof PROBLEMS

export interface PasswordModel {
  readonly hasPassword: boolean
  /** In characters: fewer will do beside a second factor. */
  readonly shortest: number
  readonly problem?: PasswordProblem
  /** It was changed just now. */
  readonly changed?: boolean
}

/** Posts `password`, and `devices` = `yes` when devices and apps are to be signed out too, to `/account/password`. */
export function passwordPage(chrome: Chrome, model: PasswordModel): string {
  const { words } = chrome.locale
  const { password } = words
  const { problem, shortest } = model
  const title = model.hasPassword ? password.change : password.set
  return accountPart(
    chrome,
    problem ? password.problem.title : title,
    <>
      <h1>{title}</h1>
      {model.changed ? (
        <>
          <Notice mood="good">{password.changed}</Notice>
          <GoOn chrome={chrome} />
        </>
      ) : (
        <p class="lead">{model.hasPassword ? password.lead : password.leadFirst}</p>
      )}
      <PasswordForm
        chrome={chrome}
        action="/account/password"
        email={chrome.account?.email}
        shortest={shortest}
        problem={problem && aboutPassword(chrome, problem, shortest)}
        replaces={model.hasPassword}
      />
    </>,
    ['handy'],
  )
}

/** Why a password cannot be taken. `shortest`: in characters. */
export function aboutPassword(chrome: Chrome, problem: PasswordProblem, shortest: number): string {
  const { words, tag } = chrome.locale
  const said = words.password.problem
  return problem === 'too_short' ? plural(tag, shortest, said.short) : said[PROBLEMS[problem]]
}

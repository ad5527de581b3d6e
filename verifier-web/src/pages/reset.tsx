// "Forgot your password?": asking for a message, the answer that is the same for everybody, and what the address in the
// message leads to. Opening that changes nothing: programs that look into mail open everything.
import { EmailField, OneTimeCode, PasswordForm } from '../fields.tsx'
import { Picture } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import { Form, Notice } from '../parts.tsx'
import { say, sayText } from '../sentence.ts'
import { duration, toWait } from '../time.ts'
import { aboutPassword, type PasswordProblem } from './password.tsx'

export interface ForgotModel {
  /** What was typed before, kept in the field. */
  readonly email?: string
  readonly problem?: 'format' | 'too_many'
  readonly retryAfterSeconds?: number
}

/** Posts `email` to `/reset-password`. */
export function forgotPage(chrome: Chrome, model: ForgotModel): string {
  const { reset, sentence } = chrome.locale.words
  const { problem } = model
  const time = toWait(chrome.locale, model.retryAfterSeconds)
  return document(
    chrome,
    problem === 'format'
      ? reset.problem.title
      : problem
        ? sayText(sentence.problem, { title: reset.forgot })
        : reset.forgot,
    <>
      <h1>{reset.forgot}</h1>
      <p class="lead">{reset.lead}</p>
      <Form chrome={chrome} action="/reset-password" class="fields">
        {problem && (
          <Notice mood="bad" id="problem">
            {problem === 'format' ? reset.problem.format : say(reset.problem.tooMany, { time })}
          </Notice>
        )}
        <EmailField
          chrome={chrome}
          value={model.email}
          invalid={problem === 'format'}
          about={problem && 'problem'}
          again={problem !== undefined}
        />
        <button type="submit" class="key">
          {reset.send}
        </button>
      </Form>
      <p class="next">
        <a href={`${chrome.base}/sign-in`}>{reset.back}</a>
      </p>
    </>,
  )
}

export interface ResetSentModel {
  /** How long a message works. */
  readonly forSeconds: number
}

/** The same whether there is such an account or not. */
export function resetSentPage(chrome: Chrome, { forSeconds }: ResetSentModel): string {
  const { words, tag } = chrome.locale
  const { sent, back } = words.reset
  return document(
    chrome,
    sent.title,
    <>
      <h1>{sent.title}</h1>
      <p class="lead">{say(sent.text, { time: duration(tag, forSeconds, 'up') })}</p>
      <p class="quiet">{sent.none}</p>
      <p class="next">
        <a href={`${chrome.base}/reset-password`}>{sent.again}</a>
      </p>
      <p class="next">
        <a href={`${chrome.base}/sign-in`}>{back}</a>
      </p>
    </>,
  )
}

export interface ResetModel {
  /** The account whose password it is. */
  readonly email: string
  /** In characters. */
  readonly shortest: number
  /** A code is asked for as well. */
  readonly secondFactor: boolean
  /** What was typed before, kept in the field. */
  readonly code?: string
  readonly problem?: PasswordProblem | 'wrong_code' | 'too_many'
  readonly retryAfterSeconds?: number
}

/** Posts `password`, `code` where one is asked for, and `devices` = `yes` when ticked, to `/reset-password/new`. */
export function resetPage(chrome: Chrome, model: ResetModel): string {
  const { words } = chrome.locale
  const { reset, code, password } = words
  const { problem } = model
  const ofCode = problem === 'wrong_code' || problem === 'too_many'
  const said = problem && aboutReset(chrome, problem, model)
  return document(
    chrome,
    problem === undefined ? reset.title : ofCode ? code.problem.title : password.problem.title,
    <>
      <h1>{reset.title}</h1>
      <p class="lead">{password.lead}</p>
      <PasswordForm
        chrome={chrome}
        action="/reset-password/new"
        email={model.email}
        shortest={model.shortest}
        problem={ofCode ? undefined : said}
        replaces
      >
        {model.secondFactor && (
          <>
            {/* Beside the field that it is about: whoever is brought there would not see it further up. */}
            {ofCode && (
              <Notice mood="bad" id="problem">
                {said}
              </Notice>
            )}
            <OneTimeCode
              chrome={chrome}
              recovery
              value={model.code}
              invalid={problem === 'wrong_code'}
              about={ofCode ? 'problem code-hint' : 'code-hint'}
              again={ofCode}
            />
            <p class="hint" id="code-hint">
              {code.hint}
            </p>
          </>
        )}
      </PasswordForm>
    </>,
    ['handy'],
  )
}

function aboutReset(chrome: Chrome, problem: NonNullable<ResetModel['problem']>, model: ResetModel): string {
  const { code } = chrome.locale.words
  if (problem === 'wrong_code') return code.problem.wrong
  if (problem !== 'too_many') return aboutPassword(chrome, problem, model.shortest)
  return sayText(code.problem.tooMany, { time: toWait(chrome.locale, model.retryAfterSeconds) })
}

/** Used, void or too old: the same for all. */
export function goneResetPage(chrome: Chrome): string {
  const { gone, back } = chrome.locale.words.reset
  return document(
    chrome,
    gone.title,
    <div class="outcome">
      <Picture mood="still" />
      <h1>{gone.title}</h1>
      <p class="lead">{gone.text}</p>
      <p class="next">
        <a href={`${chrome.base}/reset-password`}>{gone.again}</a>
      </p>
      <p class="next">
        <a href={`${chrome.base}/sign-in`}>{back}</a>
      </p>
    </div>,
  )
}

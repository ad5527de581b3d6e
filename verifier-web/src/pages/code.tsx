// The code that is asked for after what is no two factors by itself: of an app on the phone, or a recovery code. One
// field for both.
import { OneTimeCode } from '../fields.tsx'
import { type Chrome, document } from '../layout.tsx'
import { Email, Form, Notice } from '../parts.tsx'
import { say } from '../sentence.ts'
import { toWait } from '../time.ts'

export interface CodeModel {
  /** The account that is signing in. */
  readonly email: string
  /** What was typed before, kept in the field. */
  readonly code?: string
  readonly problem?: 'wrong' | 'too_many'
  readonly retryAfterSeconds?: number
}

/** Posts `code` to `/sign-in/code`. */
export function codePage(chrome: Chrome, model: CodeModel): string {
  const { words } = chrome.locale
  const { problem } = model
  const time = toWait(chrome.locale, model.retryAfterSeconds)
  const said = problem === 'wrong' ? words.code.problem.wrong : say(words.code.problem.tooMany, { time })
  return document(
    chrome,
    problem ? words.code.problem.title : words.code.title,
    <>
      <h1>{words.code.title}</h1>
      <p class="lead">{say(words.code.lead, { email: <Email address={model.email} /> })}</p>
      <Form chrome={chrome} action="/sign-in/code" class="fields">
        {problem && (
          <Notice mood="bad" id="problem">
            {said}
          </Notice>
        )}
        <OneTimeCode
          chrome={chrome}
          recovery
          value={model.code}
          invalid={problem === 'wrong'}
          about={problem ? 'problem hint' : 'hint'}
          again={problem !== undefined}
        />
        <p class="hint" id="hint">
          {words.code.hint}
        </p>
        <button type="submit" class="key">
          {words.code.go}
        </button>
      </Form>
      <p class="next">
        <a href={`${chrome.base}/sign-in`}>{words.code.back}</a>
      </p>
    </>,
  )
}

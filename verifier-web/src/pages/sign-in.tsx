// Who is answering: email and password, ready for password managers. Accounts themselves live in the server.
import { type Chrome, document } from '../layout.tsx'
import { Code, Form, Notice } from '../parts.tsx'
import { oneLine, say } from '../sentence.ts'
import { duration } from '../time.ts'

export interface SignInModel {
  /** What was typed before, kept in the field. */
  readonly email?: string
  readonly problem?: 'wrong' | 'too_many'
  readonly retryAfterSeconds?: number
  /** The code this sign-in is for, as displayed: `WDJB-MJHT`. */
  readonly userCode?: string
  /** The registered name of the app this sign-in is for, where it is for no code. */
  readonly for?: string
}

/** The sign-in page: posts `email` and `password` to `/sign-in`. */
export function signInPage(chrome: Chrome, model: SignInModel): string {
  const { words, tag } = chrome.locale
  const { problem, userCode } = model
  const said =
    problem &&
    {
      wrong: words.signIn.problem.wrong,
      too_many: say(words.signIn.problem.tooMany, {
        time: model.retryAfterSeconds === undefined ? words.aMoment : duration(tag, model.retryAfterSeconds, 'up'),
      }),
    }[problem]
  const state = problem
    ? ({ 'aria-invalid': problem === 'wrong' ? 'true' : undefined, 'aria-describedby': 'problem' } as const)
    : {}
  const app = userCode === undefined ? oneLine(model.for) : undefined
  return document(
    chrome,
    problem ? words.signIn.problem.title : words.signIn.title,
    <>
      <h1>{words.signIn.title}</h1>
      <p class="lead">
        {userCode !== undefined && say(words.signIn.leadCode, { code: <Code value={userCode} /> })}
        {app !== undefined && say(words.signIn.leadApp, { client: <bdi>{app}</bdi> })}
        {userCode === undefined && app === undefined && words.signIn.lead}
      </p>
      <Form chrome={chrome} action="/sign-in" class="fields">
        {said && (
          <Notice mood="bad" id="problem">
            {said}
          </Notice>
        )}
        <label for="email">{words.signIn.email}</label>
        <input
          id="email"
          name="email"
          type="email"
          dir="ltr"
          inputmode="email"
          autocapitalize="none"
          autocomplete="username"
          autocorrect="off"
          spellcheck={false}
          value={model.email}
          required
          {...state}
        />
        <label for="password">{words.signIn.password}</label>
        <input
          id="password"
          name="password"
          type="password"
          dir="ltr"
          autocomplete="current-password"
          required
          {...state}
        />
        <button type="submit" class="key">
          {words.signIn.go}
        </button>
      </Form>
      {model.for === undefined && (
        <p class="next">
          <a href={`${chrome.base}/link`}>{words.signIn.otherCode}</a>
        </p>
      )}
    </>,
  )
}

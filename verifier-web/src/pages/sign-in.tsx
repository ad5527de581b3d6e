// Who is answering: a passkey first where the browser has any, else email and password, ready for password managers.
// Accounts themselves live in the server; the code of a second factor is next door in code.tsx.
import { EmailField } from '../fields.tsx'
import { type Chrome, document } from '../layout.tsx'
import { Code, Email, Form, focus, Heading, Notice } from '../parts.tsx'
import { PasskeyForm } from '../passkey.tsx'
import { oneLine, say } from '../sentence.ts'
import { toWait } from '../time.ts'
import { isTrouble, UpstreamButtons, type UpstreamChoice, type UpstreamNews, UpstreamNotice } from '../upstream.tsx'

export interface SignInModel {
  /** What was typed before, kept in the field. */
  readonly email?: string
  readonly problem?: 'wrong' | 'too_many' | 'passkey' | 'passkey_late'
  readonly retryAfterSeconds?: number
  /** The code this sign-in is for, as displayed: `WDJB-MJHT`. */
  readonly userCode?: string
  /** The registered name of the app this sign-in is for, where it is for no code. */
  readonly for?: string
  /**
   * Somebody is signed in as `email`, and must show once more that it is them; `stronger`: their last sign-in is not
   * enough for the device that they came for, and only what could be is offered.
   */
  readonly again?: { readonly hasPassword: boolean; readonly stronger?: boolean }
  /** Other providers that may be signed in with. */
  readonly upstreams?: readonly UpstreamChoice[]
  /** What became of a sign-in there. */
  readonly news?: { readonly provider: string; readonly news: UpstreamNews }
  /** Whoever forgot the password can have a message sent. */
  readonly forgot?: boolean
  /** What the browser is to ask a passkey: WebAuthn request options as JSON. Absent where there can be none. */
  readonly passkey?: string
}

// A wait that nobody sits through: other ways in are worth a word.
const LONG_WAIT_SECONDS = 60

/** The sign-in page: posts `email` and `password` to `/sign-in`, or `credential` to `/sign-in/passkey`. */
export function signInPage(chrome: Chrome, model: SignInModel): string {
  const { words } = chrome.locale
  const { problem, again, passkey } = model
  const title = again === undefined ? words.signIn.title : words.signIn.again.title
  const hasPassword = again?.hasPassword ?? true
  return document(
    chrome,
    problem || isTrouble(model.news?.news) ? words.signIn.problem.title : title,
    <>
      <Heading focused={problem === 'passkey' || problem === 'passkey_late'}>{title}</Heading>
      <p class="lead">
        <Lead chrome={chrome} model={model} />
      </p>
      {model.news !== undefined && <UpstreamNotice chrome={chrome} {...model.news} />}
      {(!hasPassword || !isOfPassword(problem)) && <Problem chrome={chrome} model={model} />}
      {passkey !== undefined && (
        <PasskeyForm
          chrome={chrome}
          action="/sign-in/passkey"
          ask="get"
          options={passkey}
          says={{ failed: hasPassword ? words.signIn.passkey.failed : words.signIn.passkey.failedAlone }}
          {...(hasPassword ? {} : { cannot: words.signIn.passkey.cannot })}
          button={words.signIn.passkey.go}
        >
          {hasPassword && <p class="or">{words.signIn.passkey.or}</p>}
        </PasskeyForm>
      )}
      {hasPassword && <PasswordForm chrome={chrome} model={model} />}
      <UpstreamButtons
        chrome={chrome}
        upstreams={model.upstreams ?? []}
        alone={!hasPassword && passkey === undefined}
      />
      {again !== undefined ? (
        <Form chrome={chrome} action="/sign-out" class="next">
          <button type="submit" class="plain">
            {words.signIn.again.switch}
          </button>
        </Form>
      ) : (
        model.for === undefined && (
          <p class="next">
            <a href={`${chrome.base}/link`}>{words.signIn.otherCode}</a>
          </p>
        )
      )}
    </>,
    passkey === undefined ? [] : ['passkey'],
  )
}

interface PartProps {
  readonly chrome: Chrome
  readonly model: SignInModel
}

function Lead({ chrome, model }: PartProps) {
  const { words } = chrome.locale
  const app = oneLine(model.for)
  if (model.again !== undefined) {
    const { lead, stronger } = words.signIn.again
    return <>{say(model.again.stronger ? stronger : lead, { email: <Email address={model.email} /> })}</>
  }
  if (model.userCode !== undefined) return <>{say(words.signIn.leadCode, { code: <Code value={model.userCode} /> })}</>
  if (app !== undefined) return <>{say(words.signIn.leadApp, { client: <bdi>{app}</bdi> })}</>
  return <>{words.signIn.lead}</>
}

/** It is told where passwords are typed: whoever is brought there would not see it further up. */
function isOfPassword(problem: SignInModel['problem']): boolean {
  return problem === 'wrong' || problem === 'too_many'
}

function Problem({ chrome, model }: PartProps) {
  if (model.problem === undefined) return null
  return (
    <Notice mood="bad" id="problem">
      {about(chrome, model.problem, model.retryAfterSeconds)}
    </Notice>
  )
}

function about(chrome: Chrome, problem: NonNullable<SignInModel['problem']>, retryAfterSeconds: number | undefined) {
  const said = chrome.locale.words.signIn.problem
  if (problem === 'wrong') return said.wrong
  if (problem === 'passkey') return said.passkey
  if (problem === 'passkey_late') return said.passkeyLate
  const time = toWait(chrome.locale, retryAfterSeconds)
  const long = retryAfterSeconds !== undefined && retryAfterSeconds > LONG_WAIT_SECONDS
  return say(long ? said.tooManyLong : said.tooMany, { time })
}

function PasswordForm({ chrome, model }: PartProps) {
  const { words } = chrome.locale
  const invalid = model.problem === 'wrong'
  const failed = isOfPassword(model.problem)
  const nameless = model.email === undefined || model.email === ''
  return (
    <Form chrome={chrome} action="/sign-in" class="fields">
      {failed && <Problem chrome={chrome} model={model} />}
      <EmailField
        chrome={chrome}
        value={model.email}
        passkeys={model.again === undefined && model.passkey !== undefined}
        readonly={model.again !== undefined}
        invalid={invalid}
        about={failed ? 'problem' : undefined}
        again={failed && nameless}
      />
      <label for="password">{words.signIn.password}</label>
      <input
        id="password"
        name="password"
        type="password"
        dir="ltr"
        autocomplete="current-password"
        required
        aria-invalid={invalid ? 'true' : undefined}
        aria-describedby={failed ? 'problem' : undefined}
        {...focus(failed && !nameless)}
      />
      {model.forgot && (
        <p class="next forgot">
          <a href={`${chrome.base}/reset-password`}>{words.reset.forgot}</a>
        </p>
      )}
      <button type="submit" class="key">
        {model.again === undefined ? words.signIn.go : words.signIn.again.go}
      </button>
    </Form>
  )
}

// Where everyone starts: type the code. Also the home of somebody who is signed in.
import { USER_CODE_LENGTH } from '@latchkey/shared'
import { ScreenCode } from '../fields.tsx'
import { type Chrome, document } from '../layout.tsx'
import { Account, Code, Email, Form } from '../parts.tsx'
import { say } from '../sentence.ts'
import { toWait } from '../time.ts'

const EXAMPLE = 'WDJB-MJHT'

export interface LinkModel {
  /** What was typed, or what the address carried: kept in the field. */
  readonly code?: string
  /** How the code came that nobody typed. The form says so as well: another window may be about another code by then. */
  readonly from?: 'address' | 'website'
  readonly problem?: 'format' | 'unknown' | 'too_many'
  readonly retryAfterSeconds?: number
}

/** The code entry page: posts `user_code` to `/link`. */
export function linkPage(chrome: Chrome, model: LinkModel): string {
  const { words, tag } = chrome.locale
  const { problem } = model
  const example = { count: new Intl.NumberFormat(tag).format(USER_CODE_LENGTH), code: <Code value={EXAMPLE} /> }
  const said =
    problem &&
    {
      format: say(words.link.problem.format, example),
      unknown: words.link.problem.unknown,
      too_many: say(words.link.problem.tooMany, {
        time: toWait(chrome.locale, model.retryAfterSeconds),
      }),
    }[problem]
  return document(
    chrome,
    problem ? words.link.problem.title : words.link.title,
    <>
      <h1>{words.link.title}</h1>
      <p class="lead">{model.code && !problem ? words.link.leadFilled : words.link.lead}</p>
      <Form chrome={chrome} action="/link" class="fields">
        {model.from && <input type="hidden" name={`from_${model.from}`} value={model.code} />}
        <ScreenCode
          name="user_code"
          label={words.link.code}
          value={model.code}
          problem={said}
          invalid={problem === 'format' || problem === 'unknown'}
          hint={say(words.link.hint, example)}
        />
        <button type="submit" class="key">
          {words.link.go}
        </button>
      </Form>
      <Account
        chrome={chrome}
        label={
          <>
            <small>{words.link.signedIn}</small>
            <Email address={chrome.account?.email} />
          </>
        }
        leave={words.link.signOut}
      />
      {chrome.account && (
        <p class="next">
          <a href={`${chrome.base}/account`}>{words.account.title}</a>
        </p>
      )}
    </>,
  )
}

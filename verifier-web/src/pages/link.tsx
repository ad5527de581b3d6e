// Where everyone starts: type the code. Also the home of somebody who is signed in.
import { USER_CODE_LENGTH } from '@latchkey/shared'
import { type Chrome, document } from '../layout.tsx'
import { Account, Code, Form, Notice } from '../parts.tsx'
import { oneLine, say } from '../sentence.ts'
import { duration } from '../time.ts'

const EXAMPLE = 'WDJB-MJHT'
// As much as the server reads: pasted spaces and invisible marks count too.
const LONGEST_CODE = 64

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
        time: model.retryAfterSeconds === undefined ? words.aMoment : duration(tag, model.retryAfterSeconds, 'up'),
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
        <label for="user_code">{words.link.code}</label>
        <input
          id="user_code"
          name="user_code"
          class="code"
          type="text"
          dir="ltr"
          inputmode="text"
          autocapitalize="characters"
          autocomplete="off"
          autocorrect="off"
          spellcheck={false}
          maxlength={LONGEST_CODE}
          value={model.code}
          aria-invalid={problem === 'format' || problem === 'unknown' ? 'true' : undefined}
          aria-describedby={problem ? 'problem hint' : 'hint'}
          required
        />
        {said && (
          <Notice mood="bad" id="problem">
            {said}
          </Notice>
        )}
        <p class="hint" id="hint">
          {say(words.link.hint, example)}
        </p>
        <button type="submit" class="key">
          {words.link.go}
        </button>
      </Form>
      <Account
        chrome={chrome}
        label={
          <>
            <small>{words.link.signedIn}</small>
            <bdi>{oneLine(chrome.account?.email, 254)}</bdi>
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

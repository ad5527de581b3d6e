// Trouble, said plainly, with what to do next. The outcomes of a code are next door in outcome.tsx.
import { Picture } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import type { Words } from '../locales/locale.ts'
import { Machine } from '../parts.tsx'
import { oneLine, say } from '../sentence.ts'
import { toWait } from '../time.ts'

const SENTENCES = {
  bad_request: 'badRequest',
  cross_site: 'crossSite',
  stale_form: 'staleForm',
  not_found: 'notFound',
  too_many: 'tooMany',
  server_error: 'serverError',
  unavailable: 'unavailable',
  insecure: 'insecure',
  unknown_app: 'unknownApp',
  expired_sign_in: 'expiredSignIn',
} as const satisfies Record<string, keyof Words['problem']>

type Problem = keyof typeof SENTENCES

const LATE: readonly Problem[] = ['too_many', 'unavailable', 'expired_sign_in']
// On a connection that others can read, the page offers nowhere to type; and an app's sign-in starts in the app.
const NO_WAY_ON: readonly Problem[] = ['insecure', 'unknown_app', 'expired_sign_in']

export interface ProblemModel {
  readonly problem: Problem
  /** Shown so that a person can name it to whoever runs the server. */
  readonly requestId?: string
  readonly retryAfterSeconds?: number
}

/** The error page. It repeats nothing from the request: an error page is where injected text likes to land. */
export function problemPage(chrome: Chrome, model: ProblemModel): string {
  const { words } = chrome.locale
  const said = words.problem[SENTENCES[model.problem]]
  const time = toWait(chrome.locale, model.retryAfterSeconds)
  const requestId = oneLine(model.requestId)
  return document(
    chrome,
    said.title,
    <div class="outcome">
      <Picture mood={LATE.includes(model.problem) ? 'late' : 'bad'} />
      <h1>{said.title}</h1>
      <p class="lead">{say(said.text, { time, https: <Machine>https://</Machine> })}</p>
      {!NO_WAY_ON.includes(model.problem) && (
        <p class="next">
          <a href={`${chrome.base}/link`}>{words.home}</a>
        </p>
      )}
      {requestId !== undefined && (
        <p class="reference">{say(words.sentence.reference, { id: <Machine>{requestId}</Machine> })}</p>
      )}
    </div>,
  )
}

// Trouble, said plainly, with what to do next. The outcomes of a code are next door in outcome.tsx.
import { Picture } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import type { Words } from '../locales/locale.ts'
import { Heading, Machine } from '../parts.tsx'
import { oneLine, say } from '../sentence.ts'
import { toWait } from '../time.ts'

const SENTENCES = {
  bad_request: 'badRequest',
  cross_site: 'crossSite',
  stale_form: 'staleForm',
  another_code: 'anotherCode',
  not_found: 'notFound',
  too_many: 'tooMany',
  server_error: 'serverError',
  unavailable: 'unavailable',
  insecure: 'insecure',
  too_long: 'tooLong',
  unknown_app: 'unknownApp',
  expired_sign_in: 'expiredSignIn',
} as const satisfies Record<string, keyof Words['problem']>

type Problem = keyof typeof SENTENCES

/** What somebody was about when it happened, and where that goes on; a message or an app goes on elsewhere. */
const WAYS = {
  code: '/link',
  account: '/account',
  sign_in: '/sign-in',
  sign_out: '/logout/confirm',
  password: '/reset-password',
  language: '/language',
  message: undefined,
  app: undefined,
} as const

export type ProblemPlace = keyof typeof WAYS

/** A title, what to do about a code, and what to do in other places where that is something else. */
type Said = { readonly title: string; readonly text: string; readonly elsewhere?: string } & {
  readonly [place in ProblemPlace]?: string
}

const LATE: readonly Problem[] = ['too_many', 'unavailable', 'expired_sign_in']
// On a connection that others can read, the page offers nowhere to type; and an app's sign-in starts in the app.
const NO_WAY_ON: readonly Problem[] = ['insecure', 'too_long', 'unknown_app', 'expired_sign_in']

export interface ProblemModel {
  readonly problem: Problem
  /** A code when absent. */
  readonly place?: ProblemPlace
  /** Shown so that a person can name it to whoever runs the server. */
  readonly requestId?: string
  readonly retryAfterSeconds?: number
}

/** The error page. It repeats nothing from the request: an error page is where injected text likes to land. */
export function problemPage(chrome: Chrome, model: ProblemModel): string {
  const { words } = chrome.locale
  const { problem, place = 'code' } = model
  const said: Said = words.problem[SENTENCES[problem]]
  const text = said[place] ?? (place === 'code' ? said.text : (said.elsewhere ?? said.text))
  const way = NO_WAY_ON.includes(problem) ? undefined : WAYS[place]
  const time = toWait(chrome.locale, model.retryAfterSeconds)
  const requestId = oneLine(model.requestId)
  return document(
    chrome,
    said.title,
    <div class="outcome">
      <Picture mood={LATE.includes(problem) ? 'late' : 'bad'} />
      <Heading focused>{said.title}</Heading>
      <p class="lead">{say(text, { time, https: <Machine>https://</Machine> })}</p>
      {way !== undefined && (
        <p class="next">
          <a href={chrome.base + way}>{place === 'account' ? words.account.title : words.home}</a>
        </p>
      )}
      {requestId !== undefined && (
        <p class="reference">{say(words.sentence.reference, { id: <Machine>{requestId}</Machine> })}</p>
      )}
    </div>,
  )
}

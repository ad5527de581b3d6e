// Trouble, said plainly, with what to do next. The outcomes of a code are next door in outcome.tsx.
import { Picture } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import type { Words } from '../locales/locale.ts'
import { Machine } from '../parts.tsx'
import { oneLine, say } from '../sentence.ts'
import { duration } from '../time.ts'

const SENTENCES = {
  bad_request: 'badRequest',
  cross_site: 'crossSite',
  stale_form: 'staleForm',
  not_found: 'notFound',
  too_many: 'tooMany',
  server_error: 'serverError',
  unavailable: 'unavailable',
  insecure: 'insecure',
} as const satisfies Record<string, keyof Words['problem']>

export interface ProblemModel {
  readonly problem: keyof typeof SENTENCES
  /** Shown so that a person can name it to whoever runs the server. */
  readonly requestId?: string
  readonly retryAfterSeconds?: number
}

/** The error page. It repeats nothing from the request: an error page is where injected text likes to land. */
export function problemPage(chrome: Chrome, model: ProblemModel): string {
  const { words, tag } = chrome.locale
  const said = words.problem[SENTENCES[model.problem]]
  const time = model.retryAfterSeconds === undefined ? words.aMoment : duration(tag, model.retryAfterSeconds, 'up')
  const requestId = oneLine(model.requestId)
  return document(
    chrome,
    said.title,
    <div class="outcome">
      <Picture mood={model.problem === 'too_many' || model.problem === 'unavailable' ? 'late' : 'bad'} />
      <h1>{said.title}</h1>
      <p class="lead">{say(said.text, { time, https: <Machine>https://</Machine> })}</p>
      {/* On a connection that others can read, the page offers nowhere to type. */}
      {model.problem !== 'insecure' && (
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

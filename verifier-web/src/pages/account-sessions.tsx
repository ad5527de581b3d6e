// The browsers that are signed in, and signing out of everything at once.
import { Ago, accountPart, Place, type When, type Whence } from '../account-parts.tsx'
import { DevicesToo } from '../fields.tsx'
import { type Chrome, document } from '../layout.tsx'
import { Form } from '../parts.tsx'
import { oneLine, say, sayText } from '../sentence.ts'
import { duration } from '../time.ts'
import { type AccountNews, News } from './account.tsx'

export interface SignedInBrowser {
  /** Sent back to end it. */
  readonly id: string
  /** What it says it is, as far as anybody knows such names. */
  readonly browser?: string
  readonly system?: string
  readonly from?: Whence
  readonly since: When
  readonly used: When
  /** The one that shows this page. */
  readonly here: boolean
}

export interface BrowsersModel {
  readonly browsers: readonly SignedInBrowser[]
  readonly idleSeconds: number
  readonly mostSeconds: number
  readonly news?: AccountNews
}

/** Posts `session`, an id or `others`, to `/account/sessions`. */
export function browsersPage(chrome: Chrome, model: BrowsersModel): string {
  const { words, tag } = chrome.locale
  const { browsers } = words
  const [idle, most] = [model.idleSeconds, model.mostSeconds].map((seconds) => duration(tag, seconds, 'up'))
  return accountPart(
    chrome,
    browsers.title,
    <>
      <h1>{browsers.title}</h1>
      <p class="lead">{say(browsers.lead, { idle, most })}</p>
      {model.news && <News chrome={chrome} news={model.news} />}
      <section aria-label={browsers.title}>
        <ul class="rows">
          {model.browsers.map((browser) => (
            <Browser key={browser.id} chrome={chrome} browser={browser} />
          ))}
        </ul>
      </section>
      {model.browsers.length > 2 && (
        <Form chrome={chrome} action="/account/sessions" class="fields">
          <button type="submit" name="session" value="others">
            {browsers.endOthers}
          </button>
        </Form>
      )}
    </>,
  )
}

function Browser({ chrome, browser }: { readonly chrome: Chrome; readonly browser: SignedInBrowser }) {
  const { words } = chrome.locale
  const name = nameOf(chrome, browser)
  const id = `browser-${browser.id}`
  return (
    <li class="row">
      <span class="what" id={id}>
        <strong>
          <bdi>{name}</bdi> {browser.here && <small class="here">{words.browsers.here}</small>}
        </strong>
        <span class="dotted">
          <span>{say(words.browsers.since, { ago: <Ago chrome={chrome} when={browser.since} /> })}</span>
          {!browser.here && (
            <span>{say(words.account.used, { ago: <Ago chrome={chrome} when={browser.used} /> })}</span>
          )}
          {browser.from && (
            <span>
              <Place chrome={chrome} from={browser.from} />
            </span>
          )}
        </span>
      </span>
      {!browser.here && (
        <Form chrome={chrome} action="/account/sessions">
          <button type="submit" name="session" value={browser.id} class="plain" aria-describedby={id}>
            {words.browsers.end}
          </button>
        </Form>
      )}
    </li>
  )
}

function nameOf(chrome: Chrome, { browser, system }: SignedInBrowser): string {
  const { browsers } = chrome.locale.words
  if (browser !== undefined && system !== undefined) return sayText(browsers.named, { browser, system })
  return oneLine(browser ?? system) ?? browsers.unnamed
}

/**
 * The question before all of it: posts `answer` = `yes` or `no`, and `devices` = `yes` when ticked, to
 * `/account/sign-out`.
 */
export function everywherePage(chrome: Chrome): string {
  const { everywhere } = chrome.locale.words
  return document(
    chrome,
    everywhere.title,
    <>
      <h1>{everywhere.title}</h1>
      <p class="lead">{everywhere.lead}</p>
      <Form chrome={chrome} action="/account/sign-out">
        <DevicesToo said={everywhere} />
        <div class="answers">
          <button type="submit" name="answer" value="no">
            {everywhere.no}
          </button>
          <button type="submit" name="answer" value="yes" class="key">
            {everywhere.yes}
          </button>
        </div>
      </Form>
    </>,
  )
}

// What the address in the notice of a new device leads to: one question, one button, no sign-in. Opening it changes
// nothing, so that programs that look into mail and preview addresses remove nobody's television.
import { Happened, type When, type Whence } from '../account-parts.tsx'
import { Clock, Picture } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import { Form, Named } from '../parts.tsx'
import { oneLine, say, unlinked } from '../sentence.ts'
import { duration } from '../time.ts'
import { nameOf } from './account-device.tsx'

export interface UndoModel {
  /** What its person calls it, and what it calls itself. */
  readonly label?: string
  readonly name?: string
  /** The registered name of what it signs in to. */
  readonly client: string
  readonly linked: When
  readonly from?: Whence
}

/** Posts nothing but its token to `/undo`. */
export function undoPage(chrome: Chrome, model: UndoModel): string {
  const { words } = chrome.locale
  const { undo, accountDevice } = words
  return document(
    chrome,
    undo.title,
    <>
      <h1>{undo.title}</h1>
      <p class="lead">{undo.lead}</p>
      <Named name={unlinked(nameOf(model))}>
        <p class="claim">{say(words.device.client, { client: <bdi>{oneLine(model.client)}</bdi> })}</p>
        {isClaimed(model) && <p class="unverified">{words.device.unverified}</p>}
      </Named>
      <ul class="facts">
        <li>
          <Clock />
          <Happened chrome={chrome} said={accountDevice.linked} when={model.linked} from={model.from} />
        </li>
      </ul>
      <Form chrome={chrome} action="/undo" class="fields">
        <button type="submit" class="key">
          {undo.yes}
        </button>
      </Form>
      <p class="quiet">{undo.yours}</p>
    </>,
  )
}

function isClaimed({ label, name }: UndoModel): boolean {
  return oneLine(label) === undefined && oneLine(name) !== undefined
}

export interface UndoneModel {
  readonly name: string
  /** It calls itself so. */
  readonly claimed: boolean
  /** How long what was handed out before may go on, where nobody asks this server. In seconds. */
  readonly upToSeconds: number
}

/** Done, and what to do next: somebody got that far as this person. */
export function undonePage(chrome: Chrome, model: UndoneModel): string {
  const { words, tag } = chrome.locale
  const { done } = words.undo
  return document(
    chrome,
    done.title,
    <div class="outcome">
      <Picture mood="good" />
      <h1>{done.title}</h1>
      <Named name={unlinked(oneLine(model.name) ?? '')}>
        {model.claimed && <p class="unverified">{words.device.unverified}</p>}
      </Named>
      <p class="lead">{say(done.text, { time: duration(tag, model.upToSeconds, 'up') })}</p>
      <p class="quiet">{done.next}</p>
      <p class="next">
        <a href={`${chrome.base}/account/password`}>{done.password}</a>
      </p>
      <p class="next">
        <a href={`${chrome.base}/account`}>{done.devices}</a>
      </p>
    </div>,
  )
}

/** Used, ended or too old: the same for all, since nobody has said who they are. */
export function goneUndoPage(chrome: Chrome): string {
  const { undo } = chrome.locale.words
  return document(
    chrome,
    undo.gone.title,
    <div class="outcome">
      <Picture mood="still" />
      <h1>{undo.gone.title}</h1>
      <p class="lead">{undo.gone.text}</p>
      <p class="next">
        <a href={`${chrome.base}/account`}>{undo.done.devices}</a>
      </p>
    </div>,
  )
}

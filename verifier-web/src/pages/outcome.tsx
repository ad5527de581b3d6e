// What became of the answer, and the way back to the device.
import { Picture } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import { oneLine, say } from '../sentence.ts'

const MOODS = {
  approved: 'good',
  denied: 'still',
  expired: 'late',
  used: 'still',
  elsewhere: 'bad',
  too_weak: 'bad',
} as const

export interface OutcomeModel {
  /** Two that nobody decided: the operator's rules for this device keep an answer from being taken. */
  readonly outcome: 'approved' | 'denied' | 'expired' | 'used' | 'elsewhere' | 'too_weak'
  /** The device's name, where it has one. */
  readonly device?: string
}

/** The last page of the flow: one sentence, and nothing left to do here. */
export function outcomePage(chrome: Chrome, model: OutcomeModel): string {
  const { words } = chrome.locale
  const said = words.outcome[model.outcome]
  const approved = model.outcome === 'approved' ? words.outcome.approved : undefined
  const device = oneLine(model.device)
  const heading =
    approved && device === undefined ? approved.headingUnnamed : say(said.heading, { device: <bdi>{device}</bdi> })
  return document(
    chrome,
    said.title,
    <div class="outcome">
      <Picture mood={MOODS[model.outcome]} />
      <h1>{heading}</h1>
      <p class="lead">
        {said.text}
        {model.outcome === 'expired' && chrome.account && ` ${words.outcome.staySignedIn}`}
      </p>
      {approved && chrome.account && (
        <p class="quiet">{say(approved.account, { email: <bdi>{oneLine(chrome.account.email, 254)}</bdi> })}</p>
      )}
      <p class="next">
        <a href={`${chrome.base}/link`}>{said.next}</a>
      </p>
    </div>,
  )
}

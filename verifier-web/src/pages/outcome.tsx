// What became of the answer, and the way back to the device. After a yes it waits for the device, where scripts run.
import { Picture } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import { Later, Live } from '../live.tsx'
import type { Words } from '../locales/locale.ts'
import { Email, Form, Heading, Notice } from '../parts.tsx'
import { oneLine, say, sayText } from '../sentence.ts'

const MOODS = {
  approved: 'waiting',
  ready: 'good',
  missed: 'late',
  denied: 'still',
  expired: 'late',
  used: 'still',
  mismatch: 'bad',
  reported: 'good',
  contained: 'bad',
  withdrawn: 'still',
  elsewhere: 'bad',
  too_weak: 'bad',
} as const

/** What an account can be given to sign in with; `provider`: its name. Mirrors `Addition` (server, accounts/reach.ts). */
export type Lacking =
  | { readonly kind: 'passkey' | 'second_factor' | 'password' }
  | { readonly kind: 'upstream'; readonly provider: string }

export interface OutcomeModel {
  /**
   * After a yes: the device has not come for it yet (`approved`), it has (`ready`), it did not in time (`missed`). Two
   * that nobody decided: the operator's rules for this device keep an answer from being taken (`elsewhere`,
   * `too_weak`). Two that others did: somebody reported its codes (`contained`), or it was ended (`withdrawn`).
   */
  readonly outcome: keyof typeof MOODS
  /** Reported: what may not begin anything for a while; absent when that is nothing. */
  readonly shutOut?: 'network' | 'key'
  /** The device's name, where it has one. */
  readonly device?: string
  /** After a yes: whoever gave it typed a password, and could have a passkey. */
  readonly offersPasskey?: boolean
  /**
   * Too weak: nothing that the account has is enough, and this could be added, best first; nothing could, where it is
   * empty. Absent where another way in may do.
   */
  readonly lacks?: readonly Lacking[]
  /** Somebody else brought the same code: one that was sent around, perhaps. */
  readonly contested?: boolean
  /** Whoever looks may still say that the code was sent to them. The page's token is then that of the device. */
  readonly canReport?: boolean
}

/**
 * The last page of the flow: one sentence, and nothing left to do here but to report, where that is still possible: then
 * it posts `answer` = `report` to `/link/device`.
 */
export function outcomePage(chrome: Chrome, model: OutcomeModel): string {
  const { words } = chrome.locale
  const { outcome } = model
  const said = words.outcome[outcome]
  const offersPasskey = isLinked(outcome) && model.offersPasskey
  return document(
    chrome,
    said.title,
    <>
      <div class="outcome">
        <News chrome={chrome} model={model} />
        {outcome === 'reported' && <p class="quiet">{words.outcome.reported.password}</p>}
        {model.contested && (
          <Notice mood="warn">
            <strong>{words.device.warning}</strong> {words.device.warningWhy}
          </Notice>
        )}
        {outcome === 'too_weak' && <Stronger chrome={chrome} lacks={model.lacks} />}
        {model.canReport && <Report chrome={chrome} />}
        {!model.canReport && MAY_BE_SENT.includes(outcome) && <p class="quiet">{words.outcome.sent}</p>}
        <p class="next">
          <a href={`${chrome.base}/link`} data-next="">
            {said.next}
          </a>
        </p>
        {offersPasskey && (
          <p class="next" hidden data-passkeys="">
            <a href={`${chrome.base}/account/passkeys`}>{words.passkeys.offer}</a>
          </p>
        )}
        {chrome.account && (isLinked(outcome) || outcome === 'reported') && (
          <p class="next">
            <a href={`${chrome.base}/account`}>{words.undo.done.devices}</a>
          </p>
        )}
      </div>
      {outcome === 'approved' && <Pickup chrome={chrome} device={model.device} />}
    </>,
    [...(outcome === 'approved' ? (['live'] as const) : []), ...(offersPasskey ? (['handy'] as const) : [])],
  )
}

/** Ends that nobody may have wanted but whoever sent the code around. */
const MAY_BE_SENT: readonly OutcomeModel['outcome'][] = ['denied', 'mismatch', 'elsewhere']

/** `waiting` is `approved` to who will be told more. */
type Shown = OutcomeModel['outcome'] | 'waiting'

interface NewsProps {
  readonly chrome: Chrome
  readonly model: Omit<OutcomeModel, 'outcome'> & { readonly outcome: Shown }
}

function News({ chrome, model }: NewsProps) {
  const { words } = chrome.locale
  const { outcome } = model
  const said = words.outcome[outcome]
  const device = oneLine(model.device)
  return (
    <div data-news="">
      <Picture mood={outcome === 'waiting' ? 'waiting' : MOODS[outcome]} />
      <Heading focused={outcome === 'mismatch'}>
        {device === undefined && 'headingUnnamed' in said
          ? said.headingUnnamed
          : say(said.heading, { device: <bdi>{device}</bdi> })}
      </Heading>
      <p class="lead">{textOf(words, model)}</p>
      {outcome === 'expired' && chrome.account && <p class="quiet">{words.outcome.staySignedIn}</p>}
      {isLinked(outcome) && chrome.account && (
        <p class="quiet">
          {say(words.outcome[outcome === 'ready' ? 'ready' : 'approved'].account, {
            email: <Email address={chrome.account.email} />,
          })}
        </p>
      )}
    </div>
  )
}

interface StrongerProps {
  readonly chrome: Chrome
  readonly lacks: OutcomeModel['lacks']
}

const LACKING = {
  passkey: '/account/passkeys',
  second_factor: '/account/second-factor',
  password: '/account/password',
  upstream: '/account/identities',
} as const

/** What there is to do about a sign-in that is not enough: another way of those that one has, or one more of them. */
function Stronger({ chrome, lacks }: StrongerProps) {
  const { too_weak } = chrome.locale.words.outcome
  if (lacks !== undefined) {
    return (
      <>
        {lacks.map((lacking, index) => (
          <p key={index} class="go-on">
            <a class={index === 0 ? 'button key' : 'button'} href={chrome.base + LACKING[lacking.kind]}>
              <span>{adding(chrome, lacking)}</span>
            </a>
          </p>
        ))}
      </>
    )
  }
  return (
    <>
      <Form chrome={chrome} action="/sign-in/again" class="next">
        <button type="submit" class="key">
          {too_weak.again}
        </button>
      </Form>
      <p class="next">
        <a href={`${chrome.base}/account`}>{too_weak.add}</a>
      </p>
    </>
  )
}

function adding({ locale }: Chrome, lacking: Lacking) {
  const { passkeys, factor, password, identities } = locale.words
  if (lacking.kind === 'upstream') return say(identities.add, { provider: <bdi>{oneLine(lacking.provider)}</bdi> })
  return { passkey: passkeys.add, second_factor: factor.setUp, password: password.set }[lacking.kind]
}

/** The third answer of the device's page, for who thinks of it only now. */
function Report({ chrome }: { readonly chrome: Chrome }) {
  const { words } = chrome.locale
  return (
    <Form chrome={chrome} action="/link/device">
      <p class="quiet" id="report">
        {words.outcome.report}
      </p>
      <button type="submit" name="answer" value="report" class="plain report" aria-describedby="report">
        {words.device.report}
      </button>
    </Form>
  )
}

function isLinked(outcome: Shown): boolean {
  return outcome === 'approved' || outcome === 'waiting' || outcome === 'ready'
}

/** Where scripts run, the page waits for the device, and says what became of that. */
function Pickup({ chrome, device }: { readonly chrome: Chrome; readonly device: string | undefined }) {
  const { brand, locale } = chrome
  const { outcome, sentence } = locale.words
  const named = device === undefined ? {} : { device }
  const titled = (title: string) => sayText(sentence.titled, { title, brand: oneLine(brand) ?? '' })
  return (
    <>
      <Live chrome={chrome} shows="approved" />
      <Later on="waiting">
        <News chrome={chrome} model={{ outcome: 'waiting', ...named }} />
      </Later>
      <Later on="linked" title={titled(outcome.ready.title)}>
        <News chrome={chrome} model={{ outcome: 'ready', ...named }} />
      </Later>
      <Later on="missed" title={titled(outcome.missed.title)} next={outcome.missed.next}>
        <News chrome={chrome} model={{ outcome: 'missed', ...named }} />
      </Later>
    </>
  )
}

/** What was done, and no more than that. */
function textOf({ outcome }: Words, { outcome: shown, shutOut, lacks }: NewsProps['model']): string {
  if (lacks !== undefined) return lacks.length > 0 ? outcome.too_weak.lacks : outcome.too_weak.never
  if (shown !== 'reported') return outcome[shown].text
  if (shutOut === undefined) return outcome.reported.text
  return shutOut === 'network' ? outcome.reported.textPlace : outcome.reported.textDevice
}

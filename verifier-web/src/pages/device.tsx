// The one page that gives something away. It keeps apart what the device says of itself and what the server saw,
// names the trick, and makes refusing as easy as agreeing (RFC 8628 §5.4, BCP 247 §6.1.13-14).
import { Clock, Eye, Screen, Tick, Warning } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import { Abilities, Account, Code, Form, type Identity, Machine, Notice } from '../parts.tsx'
import { oneLine, say } from '../sentence.ts'
import { ago, duration } from '../time.ts'

const JUST_NOW_SECONDS = 10
// WCAG 2.2.1: the limit itself is essential (a code that never ended could be passed on for ever), so it is shown.
const WARN_SECONDS = 60

export interface DeviceModel {
  /** The registered name of what the device signs in to. */
  readonly client: string
  /** What the device says of itself; anybody can say anything. */
  readonly name?: string
  readonly model?: string
  readonly software?: string
  /** As displayed: `WDJB-MJHT`. */
  readonly userCode: string
  readonly startedSecondsAgo: number
  readonly expiresInSeconds: number
  /** Network address that the request came from. */
  readonly address: string
  /** Compared with the address this page was opened from; `other` where the operator says that this is usual. */
  readonly network: 'same' | 'other' | 'suspicious'
  /** Who asks has proven to be `client`, by a key of its own; everybody else only says so. */
  readonly proven?: boolean
  /** What it is told of the account; nothing when left out. */
  readonly identity?: readonly Identity[]
  /** Sentences, each an ability: "See your library". */
  readonly permissions: readonly string[]
  readonly staysSignedIn: boolean
}

/** The decision page: posts `answer` = `approve` or `deny` to `/link/device`. */
export function devicePage(chrome: Chrome, model: DeviceModel): string {
  const { words } = chrome.locale
  return document(
    chrome,
    words.device.title,
    <>
      <h1>{words.device.title}</h1>
      <p class="lead">{words.device.lead}</p>
      <Claims chrome={chrome} model={model} />
      <Facts chrome={chrome} model={model} />
      <figure class="screen">
        <figcaption>
          <Eye />
          {words.device.code}
        </figcaption>
        <Code value={model.userCode} />
      </figure>
      {model.network === 'suspicious' && (
        <Notice mood="warn">
          <strong>{words.device.warning}</strong> {words.device.warningWhy}
        </Notice>
      )}
      <Abilities
        chrome={chrome}
        identity={model.identity}
        permissions={model.permissions}
        staysSignedIn={model.staysSignedIn}
        nothingMore={words.device.nothingMore}
      />
      <Account
        chrome={chrome}
        label={say(words.sentence.account, { email: <bdi>{oneLine(chrome.account?.email, 254)}</bdi> })}
        leave={words.device.switch}
      />
      <TimeLeft chrome={chrome} model={model} />
      <Form chrome={chrome} action="/link/device" class="answers">
        <button type="submit" name="answer" value="deny">
          {words.device.deny}
        </button>
        <button type="submit" name="answer" value="approve" class="key">
          {words.device.approve}
        </button>
      </Form>
    </>,
  )
}

interface PartProps {
  readonly chrome: Chrome
  readonly model: DeviceModel
}

function Claims({ chrome, model }: PartProps) {
  const { words } = chrome.locale
  const name = oneLine(model.name)
  const details = [oneLine(model.model), oneLine(model.software)].filter((detail) => detail !== undefined)
  const claim = details.flatMap((detail, index) => [
    index > 0 && ' ',
    <span key={detail}>
      {index > 0 && '· '}
      <bdi>{detail}</bdi>
    </span>,
  ])
  return (
    <div class="device">
      <Screen />
      <div>
        <p class="name">
          <bdi>{name ?? oneLine(model.client)}</bdi>
        </p>
        {details.length > 0 && <p class="claim">{say(words.device.says, { claim })}</p>}
        {details.length === 0 && name === undefined && <p class="claim">{words.device.saysNothing}</p>}
        {(details.length > 0 || name !== undefined) && <p class="unverified">{words.device.unverified}</p>}
      </div>
    </div>
  )
}

function Facts({ chrome, model }: PartProps) {
  const { words, tag } = chrome.locale
  const { otherNetwork } = words.device
  const same = model.network === 'same'
  const suspicious = model.network === 'suspicious'
  return (
    <ul class="facts">
      <li>
        {model.proven ? <Tick /> : <Eye />}
        <span>
          {say(words.device.client, {
            client: (
              <strong>
                <bdi>{oneLine(model.client)}</bdi>
              </strong>
            ),
          })}
          {!model.proven && <small>{words.device.unproven}</small>}
        </span>
      </li>
      <li>
        <Tick />
        <span>
          {model.startedSecondsAgo < JUST_NOW_SECONDS
            ? words.device.startedNow
            : say(words.device.started, { ago: ago(tag, model.startedSecondsAgo) })}
        </span>
      </li>
      <li>
        {same ? <Tick /> : suspicious ? <Warning /> : <Eye />}
        <span>
          {same ? words.device.sameNetwork : suspicious ? <strong>{otherNetwork}</strong> : otherNetwork}
          <small>{say(words.device.address, { address: <Machine>{oneLine(model.address) ?? ''}</Machine> })}</small>
        </span>
      </li>
    </ul>
  )
}

function TimeLeft({ chrome, model }: PartProps) {
  const { words, tag } = chrome.locale
  const time = duration(tag, model.expiresInSeconds, 'down')
  if (model.expiresInSeconds < WARN_SECONDS) {
    return (
      <Notice mood="warn">
        <strong>{say(words.device.leftWarning, { time })}</strong> {words.device.leftWarningHow}
      </Notice>
    )
  }
  return (
    <p class="left">
      <Clock />
      <span>{say(words.device.left, { time })}</span>
    </p>
  )
}

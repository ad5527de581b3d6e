// The one page that gives something away. First what the server saw itself, then what the device says of itself, marked
// as such; it names the trick, and makes refusing as easy as agreeing (RFC 8628 §5.4, BCP 247 §6.1.13-14). From
// elsewhere, a proof that the person sees the device's screen takes the place of the yes.
import { LAST_LETTERS } from '@latchkey/shared'
import { ScreenCode } from '../fields.tsx'
import { Clock, Eye, Tick, Warning } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import { Later, Live } from '../live.tsx'
import { Abilities, Account, Claims, Code, Form, type Given, Machine, Named, Notice } from '../parts.tsx'
import { oneLine, say } from '../sentence.ts'
import { ago, duration } from '../time.ts'

const JUST_NOW_SECONDS = 10
// WCAG 2.2.1: the limit itself is essential (a code that never ended could be passed on for ever), so it is shown.
const WARN_SECONDS = 60

export interface DeviceModel extends Given {
  /** The registered name of what the device signs in to. */
  readonly client: string
  /** What the device says of itself; anybody can say anything. */
  readonly name?: string
  readonly model?: string
  readonly software?: string
  /** As displayed: `WDJB-MJHT`; where its last letters are asked for, dots stand for them. */
  readonly userCode: string
  /** How the code came here: by hand, with an address, or with an address that a page of another site led to. */
  readonly arrived: 'typed' | 'address' | 'website'
  readonly startedSecondsAgo: number
  readonly expiresInSeconds: number
  /** Network address that the request came from. */
  readonly address: string
  /** Compared with the address this page was opened from; `other` where the operator says that this is usual. */
  readonly network: 'same' | 'other' | 'suspicious'
  /** Where both are, by ISO 3166-1 code, as far as that is known. */
  readonly countries?: { readonly phone: string; readonly device: string }
  /** Who asks has proven to be `client`, by a key of its own; everybody else only says so. */
  readonly proven?: boolean
  /** What takes the place of the yes; a tap when left out. */
  readonly proof?:
    | { readonly kind: 'number'; readonly choices: readonly string[] }
    | { readonly kind: 'letters'; readonly problem?: 'format' | 'wrong' | 'last' }
}

/**
 * The decision page. Posts to `/link/device`: `answer` = `approve`, `deny` or `report`, or `number` = the one that was
 * picked; `letters` comes with `approve`.
 */
export function devicePage(chrome: Chrome, model: DeviceModel): string {
  const { words } = chrome.locale
  const { proof } = model
  const wrong = proof?.kind === 'letters' && proof.problem !== undefined
  const title = wrong ? words.device.check.problem.title : proof ? words.device.check.title : words.device.title
  return document(
    chrome,
    title,
    <>
      <h1>{proof ? words.device.check.title : words.device.title}</h1>
      {/* A question that is asked further down would be met by a reader who has not looked at the screen. */}
      <p class="lead" id="lead">
        {proof?.kind === 'number' ? words.device.check.number : proof ? words.device.check.lead : words.device.lead}
      </p>
      <Facts chrome={chrome} model={model} />
      {proof?.kind !== 'number' && (
        <figure class="screen">
          <figcaption>
            <Eye />
            {words.device.code}
          </figcaption>
          <Code value={model.userCode} />
        </figure>
      )}
      <Trick chrome={chrome} model={model} />
      <Asker chrome={chrome} model={model} />
      <Abilities chrome={chrome} given={model} nothingMore={words.device.nothingMore} />
      <Account chrome={chrome} leave={words.device.switch} />
      <TimeLeft chrome={chrome} model={model} />
      <Answers chrome={chrome} proof={proof} />
      <Live chrome={chrome} shows="open" seconds={model.expiresInSeconds} />
    </>,
    ['live', 'steady'],
  )
}

interface PartProps {
  readonly chrome: Chrome
  readonly model: DeviceModel
}

/** Who asks, in its own words. What it signs in to is one of them, unless it has proven that. */
function Asker({ chrome, model }: PartProps) {
  const { words } = chrome.locale
  const name = oneLine(model.name)
  const details = [oneLine(model.model), oneLine(model.software)].filter((detail) => detail !== undefined)
  const isSilent = name === undefined && details.length === 0
  return (
    <Named name={name ?? oneLine(model.client)}>
      {details.length > 0 && <p class="claim">{say(words.device.says, { claim: <Claims details={details} /> })}</p>}
      {isSilent && <p class="claim">{words.device.saysNothing}</p>}
      {!model.proven && name !== undefined && (
        <p class="claim">
          <Target chrome={chrome} model={model} />
        </p>
      )}
      {!isSilent && <p class="unverified">{words.device.unverified}</p>}
      {isSilent && !model.proven && <p class="claim">{words.device.unproven}</p>}
    </Named>
  )
}

function Target({ chrome, model }: PartProps) {
  const client = (
    <strong>
      <bdi>{oneLine(model.client)}</bdi>
    </strong>
  )
  return <>{say(chrome.locale.words.device.client, { client })}</>
}

function Facts({ chrome, model }: PartProps) {
  const { words, tag } = chrome.locale
  const { arrived } = model
  return (
    <ul class="facts">
      <li>
        <Tick />
        <span>
          {model.startedSecondsAgo < JUST_NOW_SECONDS
            ? words.device.startedNow
            : say(words.device.started, { ago: ago(tag, model.startedSecondsAgo) })}
        </span>
      </li>
      <Network chrome={chrome} model={model} />
      <li>
        {arrived === 'typed' ? <Tick /> : arrived === 'website' ? <Warning /> : <Eye />}
        <span>
          {arrived === 'typed' && words.device.typed}
          {arrived === 'address' && words.device.fromAddress}
          {arrived === 'website' && <strong>{words.device.fromWebsite}</strong>}
        </span>
      </li>
      {model.proof?.kind === 'number' && (
        <li>
          <Eye />
          <span>{say(words.device.codeIs, { code: <Code value={model.userCode} /> })}</span>
        </li>
      )}
      {model.proven && (
        <li>
          <Tick />
          <span>
            <Target chrome={chrome} model={model} />
          </span>
        </li>
      )}
    </ul>
  )
}

function isAbroad({ network, countries }: DeviceModel): boolean {
  return network !== 'same' && countries !== undefined && countries.phone !== countries.device
}

/** A place is told only where it differs; where none is known, the address says at least something. */
function Network({ chrome, model }: PartProps) {
  const { words, tag } = chrome.locale
  const { network, countries } = model
  const abroad = isAbroad(model)
  const said =
    network === 'same'
      ? words.device.sameNetwork
      : countries === undefined
        ? words.device.otherNetwork
        : abroad
          ? words.device.otherCountry
          : words.device.sameCountry
  const names = new Intl.DisplayNames(tag, { type: 'region' })
  return (
    <li>
      {network === 'same' ? <Tick /> : network === 'suspicious' ? <Warning /> : <Eye />}
      <span>
        {network === 'suspicious' ? <strong>{said}</strong> : said}
        {abroad && countries && (
          <small>
            {say(words.device.countries, {
              phone: <bdi>{names.of(countries.phone)}</bdi>,
              device: <bdi>{names.of(countries.device)}</bdi>,
            })}
          </small>
        )}
        {network !== 'same' && countries === undefined && (
          <small>{say(words.device.address, { address: <Machine>{oneLine(model.address) ?? ''}</Machine> })}</small>
        )}
      </span>
    </li>
  )
}

/** Names the trick, wherever something does not fit. */
function Trick({ chrome, model }: PartProps) {
  const { words } = chrome.locale
  if (model.network !== 'suspicious' && model.arrived !== 'website') return null
  const abroad = model.network === 'suspicious' && isAbroad(model)
  return (
    <Notice mood={abroad ? 'bad' : 'warn'}>
      <strong>{words.device.warning}</strong> {abroad ? words.device.warningAbroad : words.device.warningWhy}
    </Notice>
  )
}

function TimeLeft({ chrome, model }: PartProps) {
  const { words, tag } = chrome.locale
  const seconds = model.expiresInSeconds
  const time = <span data-time="">{duration(tag, seconds, 'down')}</span>
  const warning = <strong>{say(words.device.leftWarning, { time })}</strong>
  if (seconds < WARN_SECONDS) {
    return (
      <Notice mood="warn">
        {warning} {words.device.leftWarningHow}
      </Notice>
    )
  }
  return (
    <>
      {/* On the line that is there: a box would push the answers away under somebody's finger. */}
      <Later on="last-minute">
        <p class="left warn" data-news="">
          <Warning />
          <span>
            {warning}
            <span class="heard"> {words.device.leftWarningHow}</span>
          </span>
        </p>
      </Later>
      <p class="left" data-news="">
        <Clock />
        <span>{say(words.device.left, { time })}</span>
      </p>
    </>
  )
}

interface AnswersProps {
  readonly chrome: Chrome
  readonly proof: DeviceModel['proof']
}

function Answers({ chrome, proof }: AnswersProps) {
  const { words } = chrome.locale
  const action = '/link/device'
  const report = (
    <button type="submit" name="answer" value="report" class="plain report">
      {words.device.report}
    </button>
  )
  const deny = (
    <button type="submit" name="answer" value="deny">
      {proof ? words.device.check.cannotSee : words.device.deny}
    </button>
  )
  if (proof === undefined) {
    return (
      <Form chrome={chrome} action={action} class="answers">
        {deny}
        <button type="submit" name="answer" value="approve" class="key">
          {words.device.approve}
        </button>
        {report}
      </Form>
    )
  }
  return (
    <section class="check">
      {proof.kind === 'number' ? (
        <Numbers chrome={chrome} choices={proof.choices} />
      ) : (
        <Letters chrome={chrome} problem={proof.problem} />
      )}
      <Form chrome={chrome} action={action} class="answers">
        {deny}
        {report}
      </Form>
    </section>
  )
}

/** Three that look alike: nothing here knows which of them the screen shows. */
function Numbers({ chrome, choices }: { readonly chrome: Chrome; readonly choices: readonly string[] }) {
  const { check } = chrome.locale.words.device
  return (
    <>
      <p class="hint" id="hint">
        {check.numberHint}
      </p>
      <Form chrome={chrome} action="/link/device" class="numbers">
        {choices.map((number) => (
          <button key={number} type="submit" name="number" value={number} aria-describedby="lead hint">
            <bdi dir="ltr">{number}</bdi>
          </button>
        ))}
      </Form>
    </>
  )
}

interface LettersProps {
  readonly chrome: Chrome
  readonly problem: 'format' | 'wrong' | 'last' | undefined
}

/** A form of its own, so that Enter in the field says yes and nothing else. */
function Letters({ chrome, problem }: LettersProps) {
  const { words, tag } = chrome.locale
  const { check } = words.device
  const count = new Intl.NumberFormat(tag).format(LAST_LETTERS)
  return (
    <Form chrome={chrome} action="/link/device" class="fields">
      <ScreenCode
        name="letters"
        label={say(check.letters, { count })}
        problem={problem && say(check.problem[problem], { count })}
        invalid={problem !== undefined}
        hint={check.lettersHint}
      />
      <button type="submit" name="answer" value="approve" class="key">
        {words.device.approve}
      </button>
    </Form>
  )
}

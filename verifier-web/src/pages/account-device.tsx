// One device, app or enrolled device of the account: what is known of it, its name, and its end.
import { Ago, accountPart, Place, type When, type Whence } from '../account-parts.tsx'
import { Clock, Eye, Screen, Tick, Warning } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import { Abilities, Form, type Identity, Notice } from '../parts.tsx'
import { oneLine, say } from '../sentence.ts'
import { duration } from '../time.ts'
import { type AccountNews, News } from './account.tsx'

const LONGEST_NAME = 64

export interface AccountDeviceModel {
  readonly id: string
  /** What its person calls it. */
  readonly label?: string
  /** What it says of itself. */
  readonly name?: string
  readonly model?: string
  readonly software?: string
  /** The registered name of what it signs in to. */
  readonly client: string
  readonly used: When
  readonly usedFrom?: Whence
  readonly linked: When
  /** From where its device flow began. */
  readonly startedFrom?: Whence
  /** Whoever allowed it was on another network. */
  readonly fromAfar: boolean
  readonly unused: boolean
  readonly identity: readonly Identity[]
  readonly permissions: readonly string[]
  readonly staysSignedIn: boolean
  readonly news?: AccountNews
}

/** What a device is called where one line must do. */
export function nameOf({ label, name, client }: Pick<AccountDeviceModel, 'label' | 'name' | 'client'>): string {
  return oneLine(label) ?? oneLine(name) ?? oneLine(client) ?? ''
}

/** Posts `name` to the device's own address; leads to its `/remove`. */
export function accountDevicePage(chrome: Chrome, model: AccountDeviceModel): string {
  const { words, tag } = chrome.locale
  const { accountDevice } = words
  const address = `/account/devices/${model.id}` as const
  return accountPart(
    chrome,
    accountDevice.title,
    <>
      <h1>
        <bdi>{nameOf(model)}</bdi>
      </h1>
      <Claims chrome={chrome} model={model} />
      {model.news && <News chrome={chrome} news={model.news} />}
      {model.unused && (
        <Notice mood="warn">
          <strong>{say(words.account.unused, { time: duration(tag, model.used.secondsAgo, 'down') })}</strong>{' '}
          {accountDevice.unusedHow}
        </Notice>
      )}
      <Facts chrome={chrome} model={model} />
      <Abilities
        chrome={chrome}
        title={accountDevice.able}
        identity={model.identity}
        permissions={model.permissions}
        staysSignedIn={model.staysSignedIn}
        nothingMore={words.device.nothingMore}
      />
      <Form chrome={chrome} action={address} class="fields">
        <label for="name">{accountDevice.name}</label>
        <input
          id="name"
          name="name"
          type="text"
          autocomplete="off"
          maxlength={LONGEST_NAME}
          value={oneLine(model.label) ?? oneLine(model.name)}
          aria-describedby="hint"
        />
        <p class="hint" id="hint">
          {accountDevice.nameHint}
        </p>
        <button type="submit">{accountDevice.save}</button>
      </Form>
      <p class="removal">
        <a class="button bad" href={`${chrome.base}${address}/remove`}>
          {accountDevice.remove}
        </a>
      </p>
    </>,
  )
}

interface PartProps {
  readonly chrome: Chrome
  readonly model: AccountDeviceModel
}

function Claims({ chrome, model }: PartProps) {
  const label = oneLine(model.label)
  const own = label === undefined ? undefined : oneLine(model.name)
  const said = [own, oneLine(model.model), oneLine(model.software)].filter((claim) => claim !== undefined)
  if (said.length === 0) return null
  const claim = said.flatMap((detail, index) => [
    ' ',
    <span key={detail}>
      {index > 0 && '· '}
      <bdi>{detail}</bdi>
    </span>,
  ])
  return <p class="lead claim">{say(chrome.locale.words.device.says, { claim })}</p>
}

function Facts({ chrome, model }: PartProps) {
  const { words } = chrome.locale
  const { accountDevice } = words
  const place = (from: Whence | undefined) =>
    from && <small>{say(accountDevice.from, { place: <Place chrome={chrome} from={from} /> })}</small>
  return (
    <ul class="facts">
      <li>
        <Clock />
        <span>
          {say(words.account.used, { ago: <Ago chrome={chrome} when={model.used} /> })}
          {place(model.usedFrom)}
        </span>
      </li>
      <li>
        <Tick />
        <span>
          {say(accountDevice.linked, { ago: <Ago chrome={chrome} when={model.linked} /> })}
          {place(model.startedFrom)}
        </span>
      </li>
      <li>
        <Screen />
        <span>
          {say(words.device.client, {
            client: (
              <strong>
                <bdi>{oneLine(model.client)}</bdi>
              </strong>
            ),
          })}
        </span>
      </li>
      {model.fromAfar && (
        <li>
          <Warning />
          <span>{accountDevice.fromAfar}</span>
        </li>
      )}
    </ul>
  )
}

export interface AccountAppModel {
  /** Part of the address of its page. */
  readonly id: string
  readonly name: string
  readonly used?: When
  readonly usedFrom?: Whence
  readonly identity: readonly Identity[]
  readonly permissions: readonly string[]
  readonly staysSignedIn: boolean
}

/** An app or site that was signed in to with this account. */
export function accountAppPage(chrome: Chrome, model: AccountAppModel): string {
  const { words } = chrome.locale
  const { accountDevice } = words
  return accountPart(
    chrome,
    accountDevice.titleApp,
    <>
      <h1>
        <bdi>{oneLine(model.name)}</bdi>
      </h1>
      {model.used && (
        <ul class="facts">
          <li>
            <Clock />
            <span>
              {say(words.account.used, { ago: <Ago chrome={chrome} when={model.used} /> })}
              {model.usedFrom && (
                <small>{say(accountDevice.from, { place: <Place chrome={chrome} from={model.usedFrom} /> })}</small>
              )}
            </span>
          </li>
        </ul>
      )}
      <Abilities
        chrome={chrome}
        title={accountDevice.able}
        identity={model.identity}
        permissions={model.permissions}
        staysSignedIn={model.staysSignedIn}
        nothingMore={words.consent.nothingMore}
      />
      <p class="removal">
        <a class="button bad" href={`${chrome.base}/account/apps/${model.id}/remove`}>
          {accountDevice.removeApp}
        </a>
      </p>
    </>,
  )
}

export interface AccountEnrolledModel {
  readonly id: string
  readonly name: string
  readonly added: When
  readonly permissions: readonly string[]
}

/** A device that this person set up and that acts as itself, with a key of its own. */
export function accountEnrolledPage(chrome: Chrome, model: AccountEnrolledModel): string {
  const { words } = chrome.locale
  const { accountDevice } = words
  return accountPart(
    chrome,
    accountDevice.title,
    <>
      <h1>
        <bdi>{oneLine(model.name)}</bdi>
      </h1>
      <p class="lead">{accountDevice.enrolled}</p>
      <ul class="facts">
        <li>
          <Tick />
          <span>{say(words.account.added, { ago: <Ago chrome={chrome} when={model.added} /> })}</span>
        </li>
        <li>
          <Eye />
          <span>{accountDevice.enrolledUse}</span>
        </li>
      </ul>
      <Abilities
        chrome={chrome}
        title={accountDevice.able}
        permissions={model.permissions}
        staysSignedIn={false}
        nothingMore={accountDevice.nothing}
      />
      <p class="removal">
        <a class="button bad" href={`${chrome.base}/account/enrolled/${model.id}/remove`}>
          {accountDevice.remove}
        </a>
      </p>
    </>,
  )
}

export interface RemovalModel {
  readonly kind: 'devices' | 'apps' | 'enrolled'
  readonly id: string
  readonly name: string
  /** How long what was handed out before may go on, where nobody asks this server. In seconds. */
  readonly upToSeconds: number
}

/** The question before the end: posts `answer` = `yes` or `no` to `/account/KIND/ID/remove`. */
export function removalPage(chrome: Chrome, model: RemovalModel): string {
  const { words, tag } = chrome.locale
  const { removal } = words
  const address = `/account/${model.kind}/${model.id}` as const
  const texts = { devices: removal.text, apps: removal.textApp, enrolled: removal.textEnrolled }
  return document(
    chrome,
    removal.title,
    <>
      <h1>{say(removal.heading, { device: <bdi>{oneLine(model.name)}</bdi> })}</h1>
      <p class="lead">{say(texts[model.kind], { time: duration(tag, model.upToSeconds, 'up') })}</p>
      <Form chrome={chrome} action={`${address}/remove`} class="answers">
        <button type="submit" name="answer" value="no">
          {removal.no}
        </button>
        <button type="submit" name="answer" value="yes" class="bad">
          {removal.yes}
        </button>
      </Form>
    </>,
    [],
    'wide',
  )
}

// One device, app or enrolled device of the account: what is known of it, its name, and its end.
import { Ago, accountPart, Happened, type When, type Whence } from '../account-parts.tsx'
import { NameForm } from '../fields.tsx'
import { Clock, Eye, Screen, Tick, Warning } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import { Abilities, Claims, Form, type Given, Notice } from '../parts.tsx'
import { oneLine, say } from '../sentence.ts'
import { duration } from '../time.ts'
import { type AccountNews, News } from './account.tsx'

export interface AccountDeviceModel extends Given {
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
  return accountPart(
    chrome,
    accountDevice.title,
    <>
      <h1>
        <bdi>{nameOf(model)}</bdi>
      </h1>
      <Says chrome={chrome} model={model} />
      {model.news && <News chrome={chrome} news={model.news} />}
      {model.unused && (
        <Notice mood="warn">
          <strong>{say(words.account.unused, { time: duration(tag, model.used.secondsAgo, 'down') })}</strong>{' '}
          {accountDevice.unusedHow}
        </Notice>
      )}
      <Facts chrome={chrome} model={model} />
      <Abilities chrome={chrome} title={accountDevice.able} given={model} nothingMore={words.device.nothingMore} />
      <NameForm
        chrome={chrome}
        action={`/account/devices/${model.id}`}
        value={oneLine(model.label) ?? oneLine(model.name)}
        hint={accountDevice.nameHint}
      />
      <Removal chrome={chrome} kind="devices" id={model.id} />
    </>,
  )
}

interface PartProps {
  readonly chrome: Chrome
  readonly model: AccountDeviceModel
}

function Says({ chrome, model }: PartProps) {
  const label = oneLine(model.label)
  const own = label === undefined ? undefined : oneLine(model.name)
  const said = [own, oneLine(model.model), oneLine(model.software)].filter((claim) => claim !== undefined)
  if (said.length === 0) return null
  return <p class="lead claim">{say(chrome.locale.words.device.says, { claim: <Claims details={said} /> })}</p>
}

function Facts({ chrome, model }: PartProps) {
  const { words } = chrome.locale
  const { accountDevice } = words
  return (
    <ul class="facts">
      <li>
        <Clock />
        <Happened chrome={chrome} said={words.account.used} when={model.used} from={model.usedFrom} />
      </li>
      <li>
        <Tick />
        <Happened chrome={chrome} said={accountDevice.linked} when={model.linked} from={model.startedFrom} />
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

/** Leads to the question before the end. */
function Removal({ chrome, kind, id }: { readonly chrome: Chrome } & Pick<RemovalModel, 'kind' | 'id'>) {
  const { accountDevice } = chrome.locale.words
  return (
    <p class="removal">
      <a class="button bad" href={`${chrome.base}/account/${kind}/${id}/remove`}>
        {kind === 'apps' ? accountDevice.removeApp : accountDevice.remove}
      </a>
    </p>
  )
}

export interface AccountAppModel extends Given {
  /** Part of the address of its page. */
  readonly id: string
  readonly name: string
  readonly used?: When
  readonly usedFrom?: Whence
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
            <Happened chrome={chrome} said={words.account.used} when={model.used} from={model.usedFrom} />
          </li>
        </ul>
      )}
      <Abilities chrome={chrome} title={accountDevice.able} given={model} nothingMore={words.consent.nothingMore} />
      <Removal chrome={chrome} kind="apps" id={model.id} />
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
        given={{ identity: [], permissions: model.permissions, staysSignedIn: false }}
        nothingMore={accountDevice.nothing}
      />
      <Removal chrome={chrome} kind="enrolled" id={model.id} />
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

// The account at a glance: what is linked to it, how one signs in to it, and the way out of everything. What can be
// done about one thing has a page of its own, next door.
import type { ComponentChildren } from 'preact'
import { Ago, type When } from '../account-parts.tsx'
import { Onward, Screen } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import { Account, Email, Notice } from '../parts.tsx'
import { oneLine, say } from '../sentence.ts'
import { country, duration } from '../time.ts'

export interface LinkedDevice {
  /** Part of the address of its page. */
  readonly id: string
  /** What its person calls it, else what it calls itself; the app's name stands in for both. */
  readonly name?: string
  /** The registered name of what it signs in to. */
  readonly client: string
  readonly used: When
  /** Where it was used from: ISO 3166-1 alpha-2. */
  readonly country?: string
  /** For so long that its person may not have it any more. */
  readonly unused: boolean
}

export interface LinkedApp {
  readonly id: string
  readonly name: string
  /** Absent: allowed, and not signed in to now. */
  readonly used?: When
}

export interface EnrolledDevice {
  readonly id: string
  readonly name: string
  readonly added: When
}

/** What was done on the page before; said once. */
export type AccountNews =
  | { readonly news: 'removed'; readonly device: string }
  | { readonly news: 'renamed' | 'ended' | 'ended_others' }

export interface AccountModel {
  readonly devices: readonly LinkedDevice[]
  readonly apps: readonly LinkedApp[]
  readonly enrolled: readonly EnrolledDevice[]
  readonly passkeys: number
  readonly password: boolean
  readonly secondFactor: boolean
  /** Absent where nobody can sign in with an account of elsewhere. */
  readonly identities?: number
  readonly browsers: number
  readonly news?: AccountNews
}

interface PartProps {
  readonly chrome: Chrome
  readonly model: AccountModel
}

export function accountPage(chrome: Chrome, model: AccountModel): string {
  const { account, link } = chrome.locale.words
  return document(
    chrome,
    account.title,
    <>
      <h1>{account.title}</h1>
      <Account
        chrome={chrome}
        label={
          <>
            <strong>
              <bdi>{oneLine(chrome.account?.name) ?? account.title}</bdi>
            </strong>
            <small>
              <Email address={chrome.account?.email} />
            </small>
          </>
        }
        leave={link.signOut}
      />
      {model.news && <News chrome={chrome} news={model.news} />}
      <Devices chrome={chrome} model={model} />
      <Apps chrome={chrome} model={model} />
      <Enrolled chrome={chrome} model={model} />
      <Security chrome={chrome} model={model} />
    </>,
    [],
    'wide',
  )
}

/** What has just been done. */
export function News({ chrome, news }: { readonly chrome: Chrome; readonly news: AccountNews }) {
  const { account } = chrome.locale.words
  const said = {
    removed: account.removed,
    renamed: account.renamed,
    ended: account.ended,
    ended_others: account.endedOthers,
  }[news.news]
  return (
    <Notice mood="good">{say(said, { device: news.news === 'removed' && <bdi>{oneLine(news.device)}</bdi> })}</Notice>
  )
}

function Devices({ chrome, model }: PartProps) {
  const { account } = chrome.locale.words
  return (
    <section aria-labelledby="devices">
      <h2 id="devices">{account.devices}</h2>
      {model.devices.length === 0 ? (
        <p class="nothing">{account.noDevices}</p>
      ) : (
        <ul class="rows">
          {model.devices.map((device) => (
            <Row key={device.id} chrome={chrome} to={`/account/devices/${device.id}`} icon={<Screen />}>
              <strong>
                <bdi>{oneLine(device.name) ?? oneLine(device.client)}</bdi>
              </strong>
              <span class="dotted">
                {oneLine(device.name) !== undefined && (
                  <span>
                    <bdi>{oneLine(device.client)}</bdi>
                  </span>
                )}
                <LastUse chrome={chrome} device={device} />
                {device.country !== undefined && <span>{country(chrome.locale.tag, device.country)}</span>}
              </span>
            </Row>
          ))}
        </ul>
      )}
      <p class="next">
        <a href={`${chrome.base}/link`}>{account.link}</a>
      </p>
    </section>
  )
}

function LastUse({ chrome, device: { used, unused } }: { readonly chrome: Chrome; readonly device: LinkedDevice }) {
  const { tag, words } = chrome.locale
  if (!unused) return <span>{say(words.account.used, { ago: <Ago chrome={chrome} when={used} /> })}</span>
  return <span class="late">{say(words.account.unused, { time: duration(tag, used.secondsAgo, 'down') })}</span>
}

function Apps({ chrome, model }: PartProps) {
  const { account } = chrome.locale.words
  if (model.apps.length === 0) return null
  return (
    <section aria-labelledby="apps">
      <h2 id="apps">{account.apps}</h2>
      <ul class="rows">
        {model.apps.map(({ id, name, used }) => (
          <Row key={id} chrome={chrome} to={`/account/apps/${id}`}>
            <strong>
              <bdi>{oneLine(name)}</bdi>
            </strong>
            {used && <small>{say(account.used, { ago: <Ago chrome={chrome} when={used} /> })}</small>}
          </Row>
        ))}
      </ul>
    </section>
  )
}

function Enrolled({ chrome, model }: PartProps) {
  const { account } = chrome.locale.words
  if (model.enrolled.length === 0) return null
  return (
    <section aria-labelledby="enrolled">
      <h2 id="enrolled">{account.enrolled}</h2>
      <ul class="rows">
        {model.enrolled.map(({ id, name, added }) => (
          <Row key={id} chrome={chrome} to={`/account/enrolled/${id}`}>
            <strong>
              <bdi>{oneLine(name)}</bdi>
            </strong>
            <small>{say(account.added, { ago: <Ago chrome={chrome} when={added} /> })}</small>
          </Row>
        ))}
      </ul>
    </section>
  )
}

function Security({ chrome, model }: PartProps) {
  const { words, tag } = chrome.locale
  const { account } = words
  const amount = (count: number) => (count === 0 ? account.none : new Intl.NumberFormat(tag).format(count))
  const state = (on: boolean) => (on ? account.on : account.off)
  return (
    <section aria-labelledby="security">
      <h2 id="security">{account.security}</h2>
      <ul class="rows">
        <Setting chrome={chrome} to="/account/passkeys" name={account.passkeys} state={amount(model.passkeys)} />
        <Setting
          chrome={chrome}
          to="/account/password"
          name={account.password}
          state={model.password ? account.set : account.none}
        />
        <Setting
          chrome={chrome}
          to="/account/second-factor"
          name={account.secondFactor}
          state={state(model.secondFactor)}
        />
        {model.identities !== undefined && (
          <Setting
            chrome={chrome}
            to="/account/identities"
            name={account.identities}
            state={amount(model.identities)}
          />
        )}
        <Setting chrome={chrome} to="/account/sessions" name={account.browsers} state={amount(model.browsers)} />
        <Setting chrome={chrome} to="/account/activity" name={account.activity} />
        <Setting chrome={chrome} to="/account/sign-out" name={account.everywhere} />
      </ul>
    </section>
  )
}

interface RowProps {
  readonly chrome: Chrome
  readonly to: string
  readonly icon?: ComponentChildren
  readonly state?: ComponentChildren
  readonly children: ComponentChildren
}

function Row({ chrome, to, icon, state, children }: RowProps) {
  return (
    <li>
      <a class="row" href={chrome.base + to}>
        {icon}
        <span class="what">{children}</span>
        {state !== undefined && <span class="state">{state}</span>}
        <Onward />
      </a>
    </li>
  )
}

interface SettingProps {
  readonly chrome: Chrome
  readonly to: string
  readonly name: string
  readonly state?: string
}

function Setting({ name, ...rest }: SettingProps) {
  return <Row {...rest}>{name}</Row>
}

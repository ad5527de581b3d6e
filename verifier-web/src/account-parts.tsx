// What the pages of the account share: their frame with the way back, moments and places.
import type { ComponentChildren } from 'preact'
import type { ScriptName } from './assets.ts'
import { Onward } from './icons.tsx'
import { type Chrome, document } from './layout.tsx'
import { Machine } from './parts.tsx'
import { oneLine, say } from './sentence.ts'
import { ago, country, moment } from './time.ts'

/** A page below /account: its heading is its title. For `document`'s arguments see there. */
export function accountPart(
  chrome: Chrome,
  title: string,
  children: ComponentChildren,
  scripts: readonly ScriptName[] = [],
): string {
  const page = (
    <>
      <p class="back">
        <a href={`${chrome.base}/account`}>
          <Onward />
          {chrome.locale.words.account.title}
        </a>
      </p>
      {children}
    </>
  )
  return document(chrome, title, page, scripts, 'wide')
}

/** The way back to the device that somebody came for, once they have on the account what they lacked. */
export function GoOn({ chrome }: { readonly chrome: Chrome }) {
  if (!chrome.deviceWaits) return null
  return (
    <p class="go-on">
      <a class="button key" href={`${chrome.base}/link/device`}>
        {chrome.locale.words.account.goOn}
      </a>
    </p>
  )
}

/** A moment, by the server's clock. */
export interface When {
  /** Epoch milliseconds. */
  readonly at: number
  readonly secondsAgo: number
}

interface WhenProps {
  readonly chrome: Chrome
  readonly when: When
}

/** "2 hours ago", with the moment itself for who points at it. */
export function Ago({ chrome, when }: WhenProps) {
  const { tag, words } = chrome.locale
  return (
    <time datetime={new Date(when.at).toISOString()} title={moment(tag, when.at)}>
      {when.secondsAgo < 60 ? words.justNow : ago(tag, when.secondsAgo)}
    </time>
  )
}

/** Where something was done from: as much of it as is known. */
export interface Whence {
  readonly address: string
  /** ISO 3166-1 alpha-2. */
  readonly country?: string
}

interface WhenceProps {
  readonly chrome: Chrome
  readonly from: Whence
}

/** The country where it is known, else the address. */
export function Place({ chrome, from }: WhenceProps) {
  if (from.country !== undefined) return <bdi>{country(chrome.locale.tag, from.country)}</bdi>
  return <Machine>{oneLine(from.address) ?? ''}</Machine>
}

interface HappenedProps {
  readonly chrome: Chrome
  /** What it was, with `{ago}` in it. */
  readonly said: string
  readonly when: When
  readonly from: Whence | undefined
}

/** What was done, when, and from where as far as that is known. */
export function Happened({ chrome, said, when, from }: HappenedProps) {
  return (
    <span>
      {say(said, { ago: <Ago chrome={chrome} when={when} /> })}
      {from && (
        <small>{say(chrome.locale.words.accountDevice.from, { place: <Place chrome={chrome} from={from} /> })}</small>
      )}
    </span>
  )
}

// Codes of an app as a second factor: setting it up, what there is of it, and the recovery codes, shown until
// somebody has kept them.
import { Ago, accountPart, type When } from '../account-parts.tsx'
import { OneTimeCode } from '../fields.tsx'
import { Clock, Tick, Warning } from '../icons.tsx'
import type { Chrome } from '../layout.tsx'
import type { Words } from '../locales/locale.ts'
import { Email, Form, Heading, Notice } from '../parts.tsx'
import { plural, say, sayText } from '../sentence.ts'

/** A QR code: its side in modules, and its dark ones as the path of an SVG in that many units. */
export interface Square {
  readonly size: number
  readonly path: string
}

export interface FactorSetupModel {
  readonly square: Square
  /** What the square says, for an app on this very phone: otpauth://… */
  readonly uri: string
  /** To be typed in instead: base32. */
  readonly key: string
  /** Sent back with the code: the key as only the server can read it. */
  readonly sealed: string
  readonly problem?: 'wrong' | 'late'
}

/** Posts `key` (sealed) and `code` to `/account/second-factor/on`. */
export function factorSetupPage(chrome: Chrome, model: FactorSetupModel): string {
  const { words } = chrome.locale
  const { factor } = words
  const { size, path } = model.square
  const groups = model.key.match(/.{1,4}/g) ?? []
  const { problem } = model
  const late = problem === 'late'
  const wrong = problem === 'wrong'
  return accountPart(
    chrome,
    problem === undefined ? factor.title : sayText(words.sentence.problem, { title: factor.title }),
    <>
      <Heading focused={late}>{factor.setUp}</Heading>
      {late && <Notice mood="bad">{factor.problem.late}</Notice>}
      <section aria-labelledby="app">
        <h2 id="app">{factor.first}</h2>
        {/* Dark on white in either theme: cameras read nothing else. A margin of four modules belongs to it. */}
        <svg class="square" viewBox={`-4 -4 ${size + 8} ${size + 8}`} role="img" aria-label={factor.square}>
          <rect x="-4" y="-4" width={size + 8} height={size + 8} />
          <path d={path} />
        </svg>
        <p class="next">
          <a href={model.uri}>{factor.here}</a>
        </p>
        <p class="hint" id="typed">
          {factor.typed}
        </p>
        <p class="secret" aria-describedby="typed">
          <bdi dir="ltr">
            {groups.map((group, index) => (
              <span key={index}>{group}</span>
            ))}
          </bdi>
        </p>
      </section>
      <section aria-labelledby="then">
        <h2 id="then">{factor.second}</h2>
        <Form chrome={chrome} action="/account/second-factor/on" class="fields">
          <input type="hidden" name="key" value={model.sealed} />
          {wrong && (
            <Notice mood="bad" id="problem">
              {factor.problem.wrong}
            </Notice>
          )}
          <OneTimeCode chrome={chrome} invalid={wrong} about={wrong ? 'problem' : undefined} again={wrong} />
          <button type="submit" class="key">
            {factor.turnOn}
          </button>
        </Form>
      </section>
    </>,
  )
}

const NEWS = {
  second_factor_off: 'off',
} as const satisfies Record<string, keyof Words['factor']['news']>

/** What was done on the page before; said once. */
export type FactorNews = keyof typeof NEWS

export interface FactorModel {
  /** Absent where there is none. */
  readonly on?: {
    readonly since: When
    readonly recoveryCodes: number
    /** So few that it is time for new ones. */
    readonly few: boolean
    /** The password was chosen to go with it, and is too short to stand alone. */
    readonly needed: boolean
  }
  readonly news?: FactorNews
  /** What a code is asked for after; a passkey needs none. */
  readonly after: 'password' | 'upstream' | 'nothing'
}

const LEADS = { password: 'lead', upstream: 'leadElsewhere', nothing: 'leadNone' } as const

/** Posts nothing to `/account/second-factor` (to set one up), `…/recovery-codes` or `…/off`. */
export function factorPage(chrome: Chrome, { on, news, after }: FactorModel): string {
  const { words } = chrome.locale
  const { factor } = words
  return accountPart(
    chrome,
    factor.title,
    <>
      <h1>{factor.title}</h1>
      <p class="lead">{factor[LEADS[after]]}</p>
      {news && <Notice mood="good">{factor.news[NEWS[news]]}</Notice>}
      {on === undefined ? (
        <Form chrome={chrome} action="/account/second-factor" class="fields">
          <p class="hint">{factor.passkey}</p>
          <button type="submit" class="key">
            {factor.setUp}
          </button>
        </Form>
      ) : (
        <On chrome={chrome} on={on} />
      )}
    </>,
  )
}

function On({ chrome, on }: { readonly chrome: Chrome; readonly on: NonNullable<FactorModel['on']> }) {
  const { words, tag } = chrome.locale
  const { factor } = words
  return (
    <>
      <ul class="facts">
        <li>
          <Tick />
          <span>{say(factor.since, { ago: <Ago chrome={chrome} when={on.since} /> })}</span>
        </li>
        <li>
          {on.few ? <Warning /> : <Clock />}
          <span>{plural(tag, on.recoveryCodes, factor.left)}</span>
        </li>
      </ul>
      {on.few && <Notice mood="warn">{factor.few}</Notice>}
      <Form chrome={chrome} action="/account/second-factor/recovery-codes" class="fields">
        <button type="submit" aria-describedby="renew">
          {factor.renew}
        </button>
        <p class="hint" id="renew">
          {factor.renewHow}
        </p>
      </Form>
      <Form chrome={chrome} action="/account/second-factor/off" class="removal">
        <p class="hint" id="off">
          {on.needed ? factor.needed : factor.offHow}
        </p>
        {on.needed ? (
          <p class="next">
            <a href={`${chrome.base}/account/password`}>{words.password.change}</a>
          </p>
        ) : (
          <button type="submit" class="bad" aria-describedby="off">
            {factor.turnOff}
          </button>
        )}
      </Form>
    </>
  )
}

export interface RecoveryCodesModel {
  readonly codes: readonly string[]
  /** The second factor was turned on just now. */
  readonly fresh: boolean
}

/**
 * Shown until somebody has kept them, which posts nothing to `…/recovery-codes/kept`. The codes are digits: one keyboard
 * types them and the codes of the app.
 */
export function recoveryCodesPage(chrome: Chrome, { codes, fresh }: RecoveryCodesModel): string {
  const { factor } = chrome.locale.words
  return accountPart(
    chrome,
    factor.codes.title,
    <>
      <h1>{factor.codes.title}</h1>
      {fresh && <Notice mood="good">{factor.codes.on}</Notice>}
      <p class="lead">{factor.codes.lead}</p>
      <ul class="secret codes" id="codes" dir="ltr">
        {codes.map((code) => (
          <li key={code}>{code.replace(/(.{4})(?=.)/g, '$1 ')}</li>
        ))}
      </ul>
      <p class="answers">
        <button type="button" hidden data-copy="codes" data-done={factor.codes.copied}>
          {factor.codes.copy}
        </button>
        <button type="button" hidden data-print="">
          {factor.codes.print}
        </button>
      </p>
      <p class="hint paper">
        <Email address={chrome.account?.email} />
      </p>
      <Form chrome={chrome} action="/account/second-factor/recovery-codes/kept" class="answers">
        <button type="submit" class="key">
          {factor.codes.kept}
        </button>
      </Form>
    </>,
    ['handy'],
  )
}

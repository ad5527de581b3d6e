// The passkeys of an account: all of them, and one by one. Making one is browser/passkey.ts's to ask; see ../passkey.tsx.
import { Ago, accountPart, GoOn, type When } from '../account-parts.tsx'
import { NameForm } from '../fields.tsx'
import { Clock, Eye, Key, Onward, Tick } from '../icons.tsx'
import type { Chrome } from '../layout.tsx'
import type { Words } from '../locales/locale.ts'
import { Form, Heading, Notice } from '../parts.tsx'
import { PasskeyForm } from '../passkey.tsx'
import { oneLine, say, sayText } from '../sentence.ts'

export interface OwnPasskey {
  readonly id: string
  readonly name: string
  readonly made: When
  readonly used?: When
  /** It may be on the person's other devices too. */
  readonly synced: boolean
}

const NEWS = {
  passkey_added: 'added',
  passkey_renamed: 'renamed',
  passkey_removed: 'removed',
} as const satisfies Record<string, keyof Words['passkeys']['news']>

/** What was done on the page before; said once. */
export type PasskeyNews = keyof typeof NEWS

const PROBLEMS = {
  failed: 'failed',
  late: 'late',
  taken: 'taken',
  full: 'full',
  last: 'last',
  unsupported: 'unsupported',
} as const satisfies Record<string, keyof Words['passkeys']['problem']>

export interface PasskeysModel {
  readonly passkeys: readonly OwnPasskey[]
  /** WebAuthn creation options as JSON; absent when the person must first show that it is them. */
  readonly create?: string
  /** For the browser: which passkeys of this account are still good (WebAuthn §5.1.10), as JSON. */
  readonly kept?: string
  readonly news?: PasskeyNews
  readonly problem?: keyof typeof PROBLEMS
}

/** Posts `credential` to `/account/passkeys/add`, or nothing to `/account/passkeys`: to be asked who it is. */
export function passkeysPage(chrome: Chrome, model: PasskeysModel): string {
  const { words } = chrome.locale
  const { passkeys, create, problem } = model
  return accountPart(
    chrome,
    problem === undefined ? words.passkeys.title : sayText(words.sentence.problem, { title: words.passkeys.title }),
    <>
      <Heading focused={problem !== undefined}>{words.passkeys.title}</Heading>
      <p class="lead">{words.passkeys.lead}</p>
      {model.news && <News chrome={chrome} news={model.news} />}
      {problem && <Notice mood="bad">{words.passkeys.problem[PROBLEMS[problem]]}</Notice>}
      <section aria-label={words.passkeys.title} data-kept={model.kept}>
        {passkeys.length === 0 ? (
          <p class="nothing">{words.passkeys.none}</p>
        ) : (
          <ul class="rows">
            {passkeys.map((passkey) => (
              <Row key={passkey.id} chrome={chrome} passkey={passkey} />
            ))}
          </ul>
        )}
      </section>
      {create !== undefined && (
        <PasskeyForm
          chrome={chrome}
          action="/account/passkeys/add"
          ask="create"
          options={create}
          says={{ failed: words.passkeys.problem.failed, already: words.passkeys.problem.taken }}
          cannot={words.passkeys.problem.unsupported}
          button={words.passkeys.add}
        />
      )}
      {create === undefined && problem !== 'unsupported' && problem !== 'full' && (
        <Form chrome={chrome} action="/account/passkeys" class="fields">
          <button type="submit" class="key">
            {words.passkeys.add}
          </button>
        </Form>
      )}
    </>,
    ['passkey'],
  )
}

interface PartProps {
  readonly chrome: Chrome
  readonly passkey: OwnPasskey
}

function Row({ chrome, passkey }: PartProps) {
  const { words } = chrome.locale
  return (
    <li>
      <a class="row" href={`${chrome.base}/account/passkeys/${encodeURIComponent(passkey.id)}`}>
        <Key />
        <span class="what">
          <strong>
            <bdi>{oneLine(passkey.name) ?? words.passkeys.unnamed}</bdi>
          </strong>
          <span class="dotted">
            <span>{say(words.passkeys.made, { ago: <Ago chrome={chrome} when={passkey.made} /> })}</span>
            {passkey.used && (
              <span>{say(words.account.used, { ago: <Ago chrome={chrome} when={passkey.used} /> })}</span>
            )}
          </span>
        </span>
        <Onward />
      </a>
    </li>
  )
}

function News({ chrome, news }: { readonly chrome: Chrome; readonly news: PasskeyNews }) {
  return <Notice mood="good">{chrome.locale.words.passkeys.news[NEWS[news]]}</Notice>
}

export interface PasskeyModel {
  readonly passkey: OwnPasskey
  /** Nothing else signs this person in. */
  readonly last: boolean
  readonly news?: PasskeyNews
}

/** Posts `name` to the passkey's own address, and nothing to its `/remove`. */
export function passkeyPage(chrome: Chrome, { passkey, last, news }: PasskeyModel): string {
  const { words } = chrome.locale
  const address = `/account/passkeys/${encodeURIComponent(passkey.id)}` as const
  const name = oneLine(passkey.name)
  return accountPart(
    chrome,
    words.passkeys.one,
    <>
      <h1>
        <bdi>{name ?? words.passkeys.unnamed}</bdi>
      </h1>
      {news && <News chrome={chrome} news={news} />}
      {news === 'passkey_added' && <GoOn chrome={chrome} />}
      <ul class="facts">
        <li>
          <Tick />
          <span>{say(words.passkeys.made, { ago: <Ago chrome={chrome} when={passkey.made} /> })}</span>
        </li>
        <li>
          <Clock />
          <span>
            {passkey.used
              ? say(words.account.used, { ago: <Ago chrome={chrome} when={passkey.used} /> })
              : words.passkeys.unused}
          </span>
        </li>
        <li>
          <Eye />
          <span>{passkey.synced ? words.passkeys.synced : words.passkeys.single}</span>
        </li>
      </ul>
      <NameForm chrome={chrome} action={address} value={name} hint={words.passkeys.nameHint} />
      <Form chrome={chrome} action={`${address}/remove`} class="removal">
        <p class="hint" id="removal">
          {last ? words.passkeys.problem.last : words.passkeys.removeHow}
        </p>
        {!last && (
          <button type="submit" class="bad" aria-describedby="removal">
            {words.passkeys.remove}
          </button>
        )}
      </Form>
      <p class="next">
        <a href={`${chrome.base}/account/passkeys`}>{words.passkeys.all}</a>
      </p>
    </>,
  )
}

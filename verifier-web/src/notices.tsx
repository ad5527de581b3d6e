// What a person is told by mail: a device was linked, a way to sign in changed, or how to go on without a password. Text
// and HTML say the same. Nothing is loaded from anywhere, and what a device says of itself stands in quotes on a line of
// its own, never in the subject and never as anything that a mail program would make a link of.
import { renderToString } from 'preact-render-to-string'
import type { Whence } from './account-parts.tsx'
import { type Locale, langOf, type Words } from './locales/locale.ts'
import { oneLine, sayText, unlinked } from './sentence.ts'
import { country, day, duration, moment } from './time.ts'

export interface Message {
  /** One line. */
  readonly subject: string
  readonly text: string
  readonly html: string
}

interface Common {
  readonly locale: Locale
  /** Name of the service. */
  readonly brand: string
  /** When it happened; epoch milliseconds. */
  readonly at: number
  /** The whole address of the account's page. */
  readonly account: string
}

export interface DeviceNotice extends Common {
  /** What the device says it is called. */
  readonly name?: string
  /** The registered name of what it signs in to. */
  readonly client: string
  /** From where its device flow began. */
  readonly from?: Whence
  /** The whole address that removes it, and until when; epoch milliseconds. */
  readonly undo: string
  readonly undoUntil: number
}

/** A device was linked: who it says it is, from where, and one step to undo it. */
export function deviceNotice(model: DeviceNotice): Message {
  const { locale, from, undo, account } = model
  const { words, tag } = locale
  const { notice } = words
  const name = oneLine(model.name)
  return message(model, notice.device, {
    facts: [
      ...(name === undefined ? [] : [[notice.claim, sayText(notice.quoted, { name: unlinked(name) })] as const]),
      [notice.client, oneLine(model.client) ?? ''],
      [notice.when, moment(tag, model.at)],
      ...(from === undefined ? [] : [origin(locale, from)]),
    ],
    advice: [notice.yours, notice.undo],
    act: [notice.undoHow, undo],
    note: sayText(notice.until, { date: day(tag, model.undoUntil) }),
    also: [notice.account, account],
  })
}

function origin({ words, tag }: Locale, { address, country: code }: Whence): Named {
  return [words.notice.from, [code && country(tag, code), oneLine(address)].filter(Boolean).join(' · ')]
}

/** What about a way to sign in changed, by the names of its sentences. */
export const CHANGES = [
  'passkey_added',
  'passkey_removed',
  'password_changed',
  'second_factor_on',
  'second_factor_off',
  'recovery_code_used',
  'identity_linked',
] as const satisfies readonly (keyof Words['notice'])[]
export type Change = (typeof CHANGES)[number]

export interface ChangeNotice extends Common {
  readonly change: Change
}

/** A way to sign in changed. */
export function changeNotice(model: ChangeNotice): Message {
  const { notice } = model.locale.words
  return message(model, notice[model.change], {
    facts: [[notice.when, moment(model.locale.tag, model.at)]],
    advice: [notice.yours, notice.change],
    act: [notice.account, model.account],
  })
}

export type ResetNotice = Common & {
  /** From where it was asked for. */
  readonly from: Whence
  /** How long a message works, since `at`; in seconds. */
  readonly forSeconds: number
} & (
    | {
        readonly kind: 'choose'
        /** The whole address where the new password is chosen. */
        readonly reset: string
      }
    /** There is no password; the names of providers. */
    | { readonly kind: 'elsewhere'; readonly passkey: boolean; readonly upstreams: readonly string[] }
    /** An operator has to do it. */
    | { readonly kind: 'ask' }
  )

/** Somebody said that they forgot the password of this account. */
export function resetNotice(model: ResetNotice): Message {
  const { locale, account } = model
  const { words, tag } = locale
  const { notice } = words
  const facts: readonly Named[] = [[notice.when, moment(tag, model.at)], origin(locale, model.from)]
  const see: Named = [notice.account, account]
  if (model.kind === 'choose') {
    const note = sayText(notice.resetOnce, { time: duration(tag, model.forSeconds, 'up') })
    const act: Named = [words.reset.title, model.reset]
    return message(model, notice.reset, { facts, advice: [notice.resetNothing], act, note })
  }
  if (model.kind === 'ask') {
    const advice = [notice.resetAskHow, notice.resetNothing]
    return message(model, notice.resetAsk, { facts, advice, act: see })
  }
  const ways = [...(model.passkey ? [words.passkeys.one] : []), ...model.upstreams.map((name) => oneLine(name) ?? '')]
  const how: Named = [notice.resetWays, ways.join(' · ')]
  return message(model, notice.resetElsewhere, { facts: [how, ...facts], advice: [notice.resetNothing], act: see })
}

type Named = readonly [name: string, value: string]

interface Body {
  readonly facts: readonly Named[]
  readonly advice: readonly string[]
  /** The one thing to press: what it does, and its address. */
  readonly act: Named
  readonly note?: string
  readonly also?: Named
}

function message({ locale, brand }: Common, subject: string, body: Body): Message {
  const service = oneLine(brand) ?? ''
  const why = sayText(locale.words.notice.why, { brand: service })
  return { subject, text: textOf(subject, body, why), html: htmlOf(locale, subject, body, why) }
}

function textOf(subject: string, { facts, advice, act, note, also }: Body, why: string): string {
  const paragraphs = [
    [subject],
    // Each value on a line of its own: none rearranges the words around it, whatever direction it is written in.
    facts.flatMap(([name, value]) => [name, `  ${value}`]),
    advice,
    [...act, ...(note === undefined ? [] : [note])],
    also ?? [],
    [why],
  ]
  return `${paragraphs
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

const STYLE = `
body { margin: 0; padding: 24px 16px; background: #f5f4f1; color: #1c1b19; font: 17px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 32rem; margin: 0 auto; padding: 24px; border: 1px solid #dcd9d2; border-radius: 16px; background: #ffffff; }
h1 { margin: 0 0 16px; font-size: 22px; line-height: 1.25; }
p { margin: 16px 0 0; }
small { display: block; color: #5d5a54; font-size: 14px; }
.act small { margin-top: 8px; }
a { color: #0f5c4c; }
.act a { display: inline-block; padding: 12px 20px; border-radius: 12px; background: #0f5c4c; color: #ffffff; font-weight: 600; text-decoration: none; }
@media (prefers-color-scheme: dark) {
  body { background: #131412; color: #f1efe9; }
  main { border-color: #34352f; background: #1d1e1b; }
  small { color: #aaa69c; }
  a { color: #6fd3b8; }
  .act a { background: #6fd3b8; color: #06231c; }
}
`

function htmlOf(locale: Locale, subject: string, { facts, advice, act, note, also }: Body, why: string): string {
  const page = (
    <html lang={langOf(locale)} dir={locale.dir}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        {/* Phones make links of what looks like a number to call, also out of a device's name. */}
        <meta name="format-detection" content="telephone=no, date=no, address=no, email=no, url=no" />
        <title>{subject}</title>
        <style>{STYLE}</style>
      </head>
      <body>
        <main>
          <h1>{subject}</h1>
          {facts.map(([name, value]) => (
            <p key={name}>
              <small>{name}</small>
              <bdi>{value}</bdi>
            </p>
          ))}
          {advice.map((sentence) => (
            <p key={sentence}>{sentence}</p>
          ))}
          <p class="act">
            <a href={act[1]}>{act[0]}</a>
            {note !== undefined && <small>{note}</small>}
          </p>
          {also && (
            <p>
              <a href={also[1]}>{also[0]}</a>
            </p>
          )}
          <p>
            <small>{why}</small>
          </p>
        </main>
      </body>
    </html>
  )
  return `<!doctype html>${renderToString(page)}`
}

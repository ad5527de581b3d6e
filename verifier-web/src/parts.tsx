// What several pages share: forms, codes, notices, the account, what is given away.
import type { ComponentChildren } from 'preact'
import { Tick, Warning } from './icons.tsx'
import type { Chrome } from './layout.tsx'
import { initial, oneLine } from './sentence.ts'

const LONGEST_PERMISSION = 160

interface FormProps {
  readonly chrome: Chrome
  readonly action:
    | '/link'
    | '/sign-in'
    | '/sign-out'
    | '/link/device'
    | '/authorize/consent'
    | '/logout/confirm'
    | '/language'
    | '/sign-in/passkey'
    | '/sign-in/code'
    | '/sign-in/again'
    | '/account/passkeys'
    | `/account/passkeys/${string}`
    | '/account/second-factor'
    | '/account/second-factor/on'
    | '/account/second-factor/off'
    | '/account/second-factor/recovery-codes'
    | '/account/password'
    | '/account/identities/add'
    | '/account/identities/remove'
    | `/account/devices/${string}`
    | `/account/${'devices' | 'apps' | 'enrolled'}/${string}/remove`
    | '/account/sessions'
    | '/account/sign-out'
    | '/undo'
  readonly class?: string
  readonly hidden?: boolean
  readonly children: ComponentChildren
}

/** A form that posts to the server, with its CSRF field. The server checks everything and answers in our own words. */
export function Form({ chrome, action, children, ...rest }: FormProps) {
  return (
    <form method="post" action={chrome.base + action} novalidate {...rest}>
      {chrome.csrf !== undefined && <input type="hidden" name="csrf" value={chrome.csrf} />}
      {children}
    </form>
  )
}

/** A code as it stands on a screen; a screen reader hears it letter by letter. */
export function Code({ value }: { readonly value: string }) {
  return (
    <bdi dir="ltr" class="code">
      <span aria-hidden="true">{value}</span>
      <span class="heard">{Array.from(value.replace(/[^\p{L}\p{N}]/gu, '')).join(' ')}</span>
    </bdi>
  )
}

/** An address, a reference, a URL: left to right in every language. */
export function Machine({ children }: { readonly children: string }) {
  return (
    <bdi dir="ltr" class="machine">
      {children}
    </bdi>
  )
}

interface NoticeProps {
  readonly mood: 'bad' | 'warn' | 'good'
  readonly id?: string
  readonly hidden?: boolean
  readonly children: ComponentChildren
}

const ROLES = { bad: 'alert', warn: undefined, good: 'status' } as const

/** One coloured box with a sign: an error tied to its field by `id`, a warning, or that something is done. */
export function Notice({ mood, children, ...rest }: NoticeProps) {
  return (
    <div class={`notice ${mood}`} role={ROLES[mood]} {...rest}>
      {mood === 'good' ? <Tick /> : <Warning />}
      <p>{children}</p>
    </div>
  )
}

interface AccountProps {
  readonly chrome: Chrome
  readonly label: ComponentChildren
  readonly leave: string
}

/** Who is signed in, and the way out. Nothing when nobody is. */
export function Account({ chrome, label, leave }: AccountProps) {
  if (!chrome.account) return null
  return (
    <Form chrome={chrome} action="/sign-out" class="account">
      <span class="avatar" aria-hidden="true">
        {initial(oneLine(chrome.account.name) ?? chrome.account.email)}
      </span>
      <span class="who" id="account">
        {label}
      </span>
      <button type="submit" class="plain" aria-describedby="account">
        {leave}
      </button>
    </Form>
  )
}

/** What the pages say in their own words, in this order: what is told of the account, and becoming a device of its own. */
const IDENTITY = ['profile', 'email', 'enroll'] as const
export type Identity = (typeof IDENTITY)[number]

interface AbilitiesProps {
  readonly chrome: Chrome
  /** "It will be able to" when absent. */
  readonly title?: string
  readonly identity?: readonly Identity[] | undefined
  /** Sentences, each an ability: "See your library". */
  readonly permissions: readonly string[]
  readonly staysSignedIn: boolean
  /** Said when there is nothing else to say. */
  readonly nothingMore: string
}

/** What a yes gives away, in words. */
export function Abilities({ chrome, title, identity = [], permissions, staysSignedIn, nothingMore }: AbilitiesProps) {
  const { able } = chrome.locale.words
  const sentences: (string | undefined)[] = [
    ...IDENTITY.filter((part) => identity.includes(part)).map((part) => able[part]),
    ...permissions.map((sentence) => oneLine(sentence, LONGEST_PERMISSION)),
  ]
  if (staysSignedIn) sentences.push(able.stay)
  if (sentences.length === 0) sentences.push(nothingMore)
  return (
    <section class="abilities" aria-labelledby="abilities">
      <h2 id="abilities">{title ?? able.title}</h2>
      <ul>
        {sentences.map((sentence) => (
          <li key={sentence}>
            <bdi>{sentence}</bdi>
          </li>
        ))}
      </ul>
    </section>
  )
}

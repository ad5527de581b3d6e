// What several pages share: forms, codes, addresses, notices, the account, what is given away. Fields are in fields.tsx.
import type { ComponentChildren } from 'preact'
import { Screen, Tick, Warning } from './icons.tsx'
import type { Chrome } from './layout.tsx'
import { initial, oneLine, say } from './sentence.ts'

const LONGEST_PERMISSION = 160
const LONGEST_EMAIL = 254

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
    | '/reset-password'
    | '/reset-password/new'
    | '/account/passkeys'
    | `/account/passkeys/${string}`
    | '/account/second-factor'
    | '/account/second-factor/on'
    | '/account/second-factor/off'
    | '/account/second-factor/recovery-codes'
    | '/account/second-factor/recovery-codes/kept'
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

/** Where somebody goes on after a try that failed: keyboards and screen readers are there at once. */
export function focus(now: boolean) {
  return now ? { autofocus: true } : {}
}

interface HeadingProps {
  /** What became of an answer, and nothing to type: readers begin here. */
  readonly focused: boolean
  readonly children: ComponentChildren
}

export function Heading({ focused, children }: HeadingProps) {
  return focused ? (
    <h1 tabIndex={-1} {...focus(true)}>
      {children}
    </h1>
  ) : (
    <h1>{children}</h1>
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

/** A mail address, in a sentence of any direction. */
export function Email({ address }: { readonly address: string | undefined }) {
  return <bdi>{oneLine(address, LONGEST_EMAIL)}</bdi>
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
  /** The address in a short sentence when absent. */
  readonly label?: ComponentChildren
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
        {label ?? say(chrome.locale.words.sentence.account, { email: <Email address={chrome.account.email} /> })}
      </span>
      <button type="submit" class="plain" aria-describedby="account">
        {leave}
      </button>
    </Form>
  )
}

interface NamedProps {
  readonly name: string | undefined
  readonly children: ComponentChildren
}

/** A device by its name, and what is to be said of it: whose words they are, above all. */
export function Named({ name, children }: NamedProps) {
  return (
    <div class="device">
      <Screen />
      <div>
        <p class="name">
          <bdi>{name}</bdi>
        </p>
        {children}
      </div>
    </div>
  )
}

interface ClaimsProps {
  readonly details: readonly string[]
}

/** What a device says of itself, on one line: "Northwind N55 · app 4.2". */
export function Claims({ details }: ClaimsProps) {
  return (
    <>
      {details.flatMap((detail, index) => [
        index > 0 && ' ',
        <span key={detail}>
          {index > 0 && '· '}
          <bdi>{detail}</bdi>
        </span>,
      ])}
    </>
  )
}

/** What is told of the account. */
const TOLD = ['profile', 'email'] as const

/** What a yes gives away, or gave. */
export interface Given {
  /** What the pages say in their own words: what it is told of the account, and becoming a device of its own. */
  readonly identity: readonly ((typeof TOLD)[number] | 'enroll')[]
  /** Sentences, each an ability: "See your library". */
  readonly permissions: readonly string[]
  readonly staysSignedIn: boolean
}

interface AbilitiesProps {
  readonly chrome: Chrome
  /** "It will be able to" when absent. */
  readonly title?: string
  readonly given: Given
  /** Said when there is nothing else to say. */
  readonly nothingMore: string
}

/** The same in words. */
export function Abilities({ chrome, title, given, nothingMore }: AbilitiesProps) {
  const { identity, permissions, staysSignedIn } = given
  const { able } = chrome.locale.words
  const told = TOLD.filter((part) => identity.includes(part))
  const sentences = [
    ...(told.length > 1 ? [able.profileAndEmail] : told.map((part) => able[part])),
    ...(identity.includes('enroll') ? [able.enroll] : []),
    ...permissions.flatMap((sentence) => oneLine(sentence, LONGEST_PERMISSION) ?? []),
    ...(staysSignedIn ? [able.stay] : []),
  ]
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

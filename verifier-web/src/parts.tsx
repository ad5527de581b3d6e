// What several pages share: forms, codes, notices, the account.
import type { ComponentChildren } from 'preact'
import { Warning } from './icons.tsx'
import type { Chrome } from './layout.tsx'
import { initial, oneLine } from './sentence.ts'

interface FormProps {
  readonly chrome: Chrome
  readonly action: '/link' | '/sign-in' | '/sign-out' | '/link/device'
  readonly class?: string
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
  readonly mood: 'bad' | 'warn'
  readonly id?: string
  readonly children: ComponentChildren
}

/** One coloured box with a sign: an error tied to its field by `id`, or a warning. */
export function Notice({ mood, children, ...rest }: NoticeProps) {
  return (
    <div class={`notice ${mood}`} role={mood === 'bad' ? 'alert' : undefined} {...rest}>
      <Warning />
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

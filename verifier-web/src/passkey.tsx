// What a page has ready for browser/passkey.ts: a form that nobody sees until the browser can fill it in.
import type { ComponentChildren } from 'preact'
import { Key } from './icons.tsx'
import type { Chrome } from './layout.tsx'
import { Form, Notice } from './parts.tsx'

interface PasskeyFormProps {
  readonly chrome: Chrome
  readonly action: '/sign-in/passkey' | '/account/passkeys/add'
  /** To be asked for one, or to make a new one. */
  readonly ask: 'get' | 'create'
  /** WebAuthn options as JSON. */
  readonly options: string
  /** Sentences that the script shows when they are true. */
  readonly says: Readonly<Record<string, string>>
  /** Where the browser knows no passkeys, or runs no scripts, and there is no other way. */
  readonly cannot?: string
  readonly button: string
  /** What stands between the button and the other ways. */
  readonly children?: ComponentChildren
}

export function PasskeyForm({ chrome, action, ask, options, says, cannot, button, children }: PasskeyFormProps) {
  const form = (
    <Form chrome={chrome} action={action} class="passkey" hidden data-ask={ask} data-options={options}>
      <input type="hidden" name="credential" />
      {Object.entries(says).map(([name, sentence]) => (
        <Notice key={name} mood="bad" hidden data-say={name}>
          {sentence}
        </Notice>
      ))}
      <button type="submit" class="key">
        <Key />
        {button}
      </button>
      {children}
    </Form>
  )
  if (cannot === undefined) return form
  return (
    <>
      {form}
      <Notice mood="warn" hidden data-cannot="">
        {cannot}
      </Notice>
      <noscript>
        <Notice mood="warn">{cannot}</Notice>
      </noscript>
    </>
  )
}

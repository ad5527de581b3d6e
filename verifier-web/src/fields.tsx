// Fields that several pages ask with, each with its label and its hint.
import type { ComponentChildren } from 'preact'
import type { Chrome } from './layout.tsx'
import { Form, focus, Notice } from './parts.tsx'
import { plural } from './sentence.ts'

// As much as the server reads: who pastes or types more than the code, spaces and invisible marks too, is not cut short.
const LONGEST_CODE = 64
const LONGEST_NAME = 64
// Room for the spaces and dashes that people type between digits: six of an app, twelve of a recovery code.
const LONGEST_APP_CODE = 16
const LONGEST_RECOVERY_CODE = 32

interface ScreenCodeProps {
  readonly name: 'user_code' | 'letters'
  readonly label: ComponentChildren
  /** What was typed before. */
  readonly value?: string | undefined
  /** Why it is asked again. */
  readonly problem: ComponentChildren
  /** It is the code itself that was wrong. */
  readonly invalid: boolean
  readonly hint: ComponentChildren
}

/** The code that a screen shows, or the end of it: exactly the attributes that keep keyboards from meddling. */
export function ScreenCode({ name, label, value, problem, invalid, hint }: ScreenCodeProps) {
  return (
    <>
      <label for={name}>{label}</label>
      <input
        id={name}
        name={name}
        class="code"
        type="text"
        dir="ltr"
        inputmode="text"
        autocapitalize="characters"
        autocomplete="off"
        autocorrect="off"
        spellcheck={false}
        maxlength={LONGEST_CODE}
        value={value}
        aria-invalid={invalid ? 'true' : undefined}
        aria-describedby={problem ? 'problem hint' : 'hint'}
        required
        {...focus(Boolean(problem))}
      />
      {problem && (
        <Notice mood="bad" id="problem">
          {problem}
        </Notice>
      )}
      <p class="hint" id="hint">
        {hint}
      </p>
    </>
  )
}

interface OneTimeCodeProps {
  readonly chrome: Chrome
  /** A recovery code will do as well. */
  readonly recovery?: boolean
  readonly value?: string | undefined
  readonly invalid: boolean
  /** Ids of what is said about it. */
  readonly about: string | undefined
  /** It is what there is to do now, after a try that failed. */
  readonly again: boolean
}

/** The code of an app on the phone: keyboards show digits, and offer it where they know it. */
export function OneTimeCode({ chrome, recovery = false, value, invalid, about, again }: OneTimeCodeProps) {
  return (
    <>
      <label for="code">{chrome.locale.words.code.field}</label>
      <input
        id="code"
        name="code"
        type="text"
        class="code"
        dir="ltr"
        inputmode="numeric"
        autocomplete="one-time-code"
        autocorrect="off"
        spellcheck={false}
        maxlength={recovery ? LONGEST_RECOVERY_CODE : LONGEST_APP_CODE}
        value={value}
        required
        aria-invalid={invalid ? 'true' : undefined}
        aria-describedby={about}
        {...focus(again)}
      />
    </>
  )
}

interface EmailFieldProps {
  readonly chrome: Chrome
  readonly value: string | undefined
  /** Browsers list passkeys here too, once the script has asked for them. */
  readonly passkeys?: boolean
  readonly readonly?: boolean
  readonly invalid: boolean
  /** Ids of what is said about it. */
  readonly about: string | undefined
  /** It is what there is to do now, after a try that failed. */
  readonly again?: boolean
}

/** Who somebody says they are, ready for password managers. */
export function EmailField({
  chrome,
  value,
  passkeys = false,
  readonly = false,
  invalid,
  about,
  again = false,
}: EmailFieldProps) {
  return (
    <>
      <label for="email">{chrome.locale.words.signIn.email}</label>
      <input
        id="email"
        name="email"
        type="email"
        dir="ltr"
        inputmode="email"
        autocapitalize="none"
        autocomplete={passkeys ? 'username webauthn' : 'username'}
        autocorrect="off"
        spellcheck={false}
        value={value}
        readonly={readonly}
        required
        aria-invalid={invalid ? 'true' : undefined}
        aria-describedby={about}
        {...focus(again)}
      />
    </>
  )
}

interface PasswordFormProps {
  readonly chrome: Chrome
  /** Where `password` is posted to, and `devices` = `yes` when ticked. */
  readonly action: '/account/password' | '/reset-password/new'
  /** Whose password it is. */
  readonly email: string | undefined
  /** In characters. */
  readonly shortest: number
  /** Why a password was not taken. */
  readonly problem: string | undefined
  /** Somebody may be signed in by the one that it replaces. */
  readonly replaces: boolean
  /** What else is asked for. */
  readonly children?: ComponentChildren
}

/** A password is chosen: once, since the script shows what was typed. For pages with the script `handy`. */
export function PasswordForm({ chrome, action, email, shortest, problem, replaces, children }: PasswordFormProps) {
  const { words } = chrome.locale
  return (
    <Form chrome={chrome} action={action} class="fields">
      {problem !== undefined && (
        <Notice mood="bad" id="problem">
          {problem}
        </Notice>
      )}
      <NewPassword chrome={chrome} email={email} shortest={shortest} invalid={problem !== undefined} />
      {children}
      {replaces && <DevicesToo said={words.everywhere} />}
      <button type="submit" class="key">
        {words.password.save}
      </button>
    </Form>
  )
}

interface NewPasswordProps {
  readonly chrome: Chrome
  readonly email: string | undefined
  /** In characters. */
  readonly shortest: number
  /** It cannot be taken, as what has the id `problem` says. */
  readonly invalid: boolean
}

function NewPassword({ chrome, email, shortest, invalid }: NewPasswordProps) {
  const { words, tag } = chrome.locale
  const { password } = words
  return (
    <>
      {/* Password managers want to know whose password this is. */}
      <EmailField chrome={chrome} value={email} readonly invalid={false} about={undefined} />
      <label for="password">{password.field}</label>
      <input
        id="password"
        name="password"
        type="password"
        dir="ltr"
        autocomplete="new-password"
        minlength={shortest}
        required
        aria-invalid={invalid ? 'true' : undefined}
        aria-describedby={invalid ? 'problem hint' : 'hint'}
        {...focus(invalid)}
      />
      <p class="hint" id="hint">
        {plural(tag, shortest, password.hint)}
      </p>
      <label class="choice" hidden data-show="password">
        <input type="checkbox" />
        <span>{password.show}</span>
      </label>
    </>
  )
}

interface NameFormProps {
  readonly chrome: Chrome
  /** Where `name` is posted to: the address of what is named. */
  readonly action: `/account/${'devices' | 'passkeys'}/${string}`
  readonly value: string | undefined
  readonly hint: string
}

/** What a person calls one thing of theirs. */
export function NameForm({ chrome, action, value, hint }: NameFormProps) {
  const { accountDevice } = chrome.locale.words
  return (
    <Form chrome={chrome} action={action} class="fields">
      <label for="name">{accountDevice.name}</label>
      <input
        id="name"
        name="name"
        type="text"
        autocomplete="off"
        maxlength={LONGEST_NAME}
        value={value}
        aria-describedby="hint"
      />
      <p class="hint" id="hint">
        {hint}
      </p>
      <button type="submit">{accountDevice.save}</button>
    </Form>
  )
}

interface DevicesTooProps {
  /** In the words of `logout` or `everywhere`. */
  readonly said: { readonly devices: string; readonly devicesHint: string }
}

/** Whether devices are signed out as well: `devices` = `yes` when ticked, which it never is beforehand. */
export function DevicesToo({ said }: DevicesTooProps) {
  return (
    <>
      <label class="choice">
        <input type="checkbox" name="devices" value="yes" aria-describedby="devices" />
        <span>{said.devices}</span>
      </label>
      <p class="hint" id="devices">
        {said.devicesHint}
      </p>
    </>
  )
}

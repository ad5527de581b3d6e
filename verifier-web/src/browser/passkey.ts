// Passkeys: what a form cannot do. The page comes with the questions for the browser and works without this script; here
// they are asked, and an ordinary form brings the answers to the server.
import {
  browserSupportsWebAuthn,
  browserSupportsWebAuthnAutofill,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  sendSignal,
  startAuthentication,
  startRegistration,
  WebAuthnError,
} from '@simplewebauthn/browser'

/** A question lives five minutes at the server: another one is fetched in time for whoever types slowly. */
const REFRESH_MS = 4 * 60 * 1000

const form = document.querySelector<HTMLFormElement>('form[data-ask]')
if (form !== null && browserSupportsWebAuthn()) {
  form.hidden = false
  // It has pushed down where somebody was brought after a try that failed.
  document.querySelector('[autofocus]')?.scrollIntoView({ block: 'nearest' })
  if (form.dataset['ask'] === 'get') askOnSignIn(form)
  else askForNew(form)
} else {
  for (const notice of document.querySelectorAll<HTMLElement>('[data-cannot]')) notice.hidden = false
}

const kept = document.querySelector<HTMLElement>('[data-kept]')?.dataset['kept']
if (kept !== undefined) {
  // Passkeys that were removed here go from the browser's list too, where the browser knows how. No harm where not.
  void sendSignal({ signalName: 'allAcceptedCredentials', ...JSON.parse(kept) }).catch(() => undefined)
}

function askOnSignIn(form: HTMLFormElement): void {
  let options = optionsOf<PublicKeyCredentialRequestOptionsJSON>(form)
  let freshAt = Date.now()
  let asking = false
  let answered = false

  const refresh = async (): Promise<void> => {
    const answer = await fetch(form.action, { headers: { accept: 'application/json' } })
    if (!answer.ok) return
    const fresh = await answer.json()
    options = fresh.options
    freshAt = Date.now()
    for (const field of document.querySelectorAll<HTMLInputElement>('input[name=csrf]')) field.value = fresh.csrf
  }
  const ask = async (useBrowserAutofill: boolean): Promise<void> => {
    const credential = await startAuthentication({ optionsJSON: options, useBrowserAutofill })
    // One answer goes out: whoever picks from the list and presses the button has answered twice.
    if (!answered) send(form, credential)
    answered = true
  }
  /** Passkeys among what the browser offers for the email field, for as long as nobody asks for one by the button. */
  const offer = async (): Promise<void> => {
    if (options.allowCredentials !== undefined || !(await browserSupportsWebAuthnAutofill())) return
    await ask(true).catch(() => undefined)
  }
  const renew = async (): Promise<void> => {
    if (asking || answered || Date.now() - freshAt < REFRESH_MS) return
    // Without a network the old question stays: the server says so when it is too old.
    await refresh().catch(() => undefined)
    await offer()
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    if (asking || answered) return
    asking = true
    say(form)
    try {
      if (Date.now() - freshAt >= REFRESH_MS) await refresh()
      await ask(false)
    } catch {
      say(form, 'failed')
    }
    asking = false
    if (!answered) await offer()
  })
  setInterval(renew, REFRESH_MS)
  // Timers sleep on phones that lie on the table.
  document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && renew())
  void offer()
}

function askForNew(form: HTMLFormElement): void {
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    say(form)
    try {
      const optionsJSON = optionsOf<PublicKeyCredentialCreationOptionsJSON>(form)
      send(form, await startRegistration({ optionsJSON }))
    } catch (error) {
      const already = error instanceof WebAuthnError && error.code === 'ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED'
      say(form, already ? 'already' : 'failed')
    }
  })
}

function optionsOf<O>(form: HTMLFormElement): O {
  return JSON.parse(form.dataset['options'] ?? '') as O
}

function send(form: HTMLFormElement, credential: object): void {
  const field = form.querySelector<HTMLInputElement>('input[name=credential]')
  if (field === null) return
  field.value = JSON.stringify(credential)
  form.submit()
}

/** Shows one of the sentences that the page has ready, or none. */
function say(form: HTMLFormElement, name?: string): void {
  for (const sentence of form.querySelectorAll<HTMLElement>('[data-say]')) {
    sentence.hidden = sentence.dataset['say'] !== name
  }
}

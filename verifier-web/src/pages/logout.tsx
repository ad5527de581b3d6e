// Leaving: asked first, since any site can send a browser here (RP-Initiated Logout §2), and told when it is done.
import { DevicesToo } from '../fields.tsx'
import { Picture } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import { Email, Form } from '../parts.tsx'
import { oneLine, say } from '../sentence.ts'

export interface LogoutModel {
  /** The registered name of the app that the person goes back to afterwards. */
  readonly client?: string
  /** There are devices to sign out too: offered, never ticked beforehand. */
  readonly devicesToo: boolean
}

/** The question: posts `answer` = `yes` or `no`, and `devices` = `yes` when ticked, to `/logout/confirm`. */
export function logoutPage(chrome: Chrome, model: LogoutModel): string {
  const { words } = chrome.locale
  const client = oneLine(model.client)
  return document(
    chrome,
    words.logout.title,
    <>
      <h1>{words.logout.title}</h1>
      <p class="lead">
        {client === undefined ? words.logout.lead : say(words.logout.leadApp, { client: <bdi>{client}</bdi> })}
      </p>
      {chrome.account && (
        <p class="quiet">{say(words.logout.account, { email: <Email address={chrome.account.email} /> })}</p>
      )}
      <Form chrome={chrome} action="/logout/confirm">
        {model.devicesToo && <DevicesToo said={words.logout} />}
        <div class="answers">
          <button type="submit" name="answer" value="no">
            {words.logout.no}
          </button>
          <button type="submit" name="answer" value="yes" class="key">
            {words.logout.yes}
          </button>
        </div>
      </Form>
    </>,
  )
}

export interface LoggedOutModel {
  /** The devices were signed out as well. */
  readonly devicesToo?: boolean
}

/** The end of it, for who came from no app or goes back to none. */
export function loggedOutPage(chrome: Chrome, model: LoggedOutModel): string {
  const { words } = chrome.locale
  return document(
    chrome,
    words.loggedOut.title,
    <div class="outcome">
      <Picture mood="good" />
      <h1>{words.loggedOut.title}</h1>
      <p class="lead">{model.devicesToo ? words.loggedOut.textDevices : words.loggedOut.text}</p>
      <p class="next">
        <a href={`${chrome.base}/sign-in`}>{words.loggedOut.next}</a>
      </p>
    </div>,
  )
}

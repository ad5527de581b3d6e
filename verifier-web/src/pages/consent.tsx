// An app asks for a sign-in (the authorization-code flow). The device's twin of this question is next door in device.tsx.
import { Eye } from '../icons.tsx'
import { type Chrome, document } from '../layout.tsx'
import { Abilities, Account, Form, type Given, Machine, Notice } from '../parts.tsx'
import { oneLine, say } from '../sentence.ts'

const LONGEST_HOST = 253

export interface ConsentModel extends Given {
  /** The registered name of the app. */
  readonly client: string
  /** Where the answer goes, from the registered return address: its host, or the scheme of an app's own address. */
  readonly returnsTo: string
  /** A public app on this machine: any other program could use its name (RFC 8252 §8.6). */
  readonly unproven: boolean
}

/** The consent page: posts `answer` = `approve` or `deny` to `/authorize/consent`. */
export function consentPage(chrome: Chrome, model: ConsentModel): string {
  const { words } = chrome.locale
  const host = oneLine(model.returnsTo, LONGEST_HOST) ?? ''
  return document(
    chrome,
    words.consent.title,
    <>
      <h1>{say(words.consent.heading, { client: <bdi>{oneLine(model.client) ?? host}</bdi> })}</h1>
      <p class="lead">{words.consent.lead}</p>
      <ul class="facts">
        <li>
          <Eye />
          <span>
            {say(words.consent.returnsTo, {
              host: (
                <strong>
                  <Machine>{host}</Machine>
                </strong>
              ),
            })}
          </span>
        </li>
      </ul>
      {model.unproven && <Notice mood="warn">{words.consent.unproven}</Notice>}
      <Abilities chrome={chrome} given={model} nothingMore={words.consent.nothingMore} />
      <Account chrome={chrome} leave={words.consent.switch} />
      <Form chrome={chrome} action="/authorize/consent" class="answers">
        <button type="submit" name="answer" value="deny">
          {words.consent.deny}
        </button>
        <button type="submit" name="answer" value="approve" class="key">
          {words.consent.approve}
        </button>
      </Form>
    </>,
    ['steady'],
  )
}

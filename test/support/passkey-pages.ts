// What the script of a page does with a passkey, done by a browser without scripts.
import type { LightMyRequestResponse } from 'fastify'
import type { Question, SoftwarePasskey, Twist } from './software-passkey.ts'
import type { TestBrowser } from './test-server.ts'

/** What a page wants the browser to ask. Throws when it wants nothing. */
export function questionIn(html: string): Question {
  const found = /data-options="([^"]+)"/.exec(html)?.[1]
  if (found === undefined) throw new Error(`no question for a passkey: ${html}`)
  return JSON.parse(found.replaceAll('&quot;', '"').replaceAll('&amp;', '&')) as Question
}

/** Adds the passkey to the account that has just signed in here. */
export async function addPasskey(
  browser: TestBrowser,
  passkey: SoftwarePasskey,
  twist?: Twist,
): Promise<LightMyRequestResponse> {
  const question = questionIn((await browser.open('/account/passkeys')).body)
  return browser.submit('/account/passkeys/add', { credential: passkey.create(question, twist) })
}

/** Signs in with it, from the sign-in page. */
export async function signInWith(
  browser: TestBrowser,
  passkey: SoftwarePasskey,
  twist?: Twist,
): Promise<LightMyRequestResponse> {
  const question = questionIn((await browser.open('/sign-in')).body)
  return browser.submit('/sign-in/passkey', { credential: passkey.answer(question, twist) })
}

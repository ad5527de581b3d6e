// A person elsewhere who has the page open, as far as the device can tell.

import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { update } from '../../server/src/oauth/store.ts'
import type { TestServer } from './test-server.ts'

/** From now on the screen is to show 58. With the code, somebody opens it first thing after, and the device hears. */
export async function askForNumber(
  server: Pick<TestServer, 'store' | 'browser'>,
  deviceCode: string,
  userCode?: string,
): Promise<void> {
  await update(server.store.deviceRequests, digestOf(deviceCode), (request) => ({
    ...(request && { next: { ...request, number: { shown: '58', choices: ['17', '58', '90'] } } }),
    outcome: undefined,
  }))
  if (userCode === undefined) return
  const browser = server.browser()
  await browser.signIn()
  await browser.open(`/link?user_code=${userCode}`)
}

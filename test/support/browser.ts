// A real browser for the tests that need one. It is never skipped: a page nobody opened proves nothing.
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium } from 'playwright-core'
import type { TestBrowser } from './test-server.ts'

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/**
 * Starts a headless Chromium: LATCHKEY_TEST_CHROMIUM first, then the usual places. `more` is said on its command line.
 * Throws when there is none.
 */
export async function launchBrowser(more: readonly string[] = []): Promise<Browser> {
  const named = process.env['LATCHKEY_TEST_CHROMIUM']
  const executablePath = named ?? PLACES.find((place) => existsSync(place))
  if (executablePath === undefined || !existsSync(executablePath)) {
    throw new Error(`No Chromium at ${named ?? PLACES.join(', ')}: install one, or name it in LATCHKEY_TEST_CHROMIUM.`)
  }
  return chromium.launch({
    executablePath,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...more,
    ],
  })
}

/** From now on, to the server at `origin`, the real browser is the one that has these cookies. */
export function takeOver(context: BrowserContext, origin: string, { cookies }: Pick<TestBrowser, 'cookies'>) {
  return context.addCookies([...cookies].map(([name, value]) => ({ name, value, url: origin })))
}

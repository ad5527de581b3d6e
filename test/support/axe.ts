// Asks axe-core what is wrong with the page as it stands in the browser.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

// Injected through the debugger, so a strict Content-Security-Policy stays in force. `preload` would fetch stylesheets.
const RUN = `axe.run(document, { resultTypes: ['violations'], preload: false }).then(({ violations }) =>
  violations.flatMap(({ id, nodes }) => nodes.map((node) => id + ': ' + node.html)))`

/** Every violation as `rule: element`; an empty list is a clean page. */
export async function axeFindings(page: Page): Promise<readonly string[]> {
  await page.evaluate(source)
  return page.evaluate<readonly string[]>(RUN)
}

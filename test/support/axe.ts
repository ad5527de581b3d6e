// Asks axe-core what is wrong with the page as it stands in the browser.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

// Injected through the debugger, so a strict Content-Security-Policy stays in force. `preload` would fetch stylesheets.
const run = (options: object) => `axe.run(document, {
  resultTypes: ['violations'], preload: false, ...${JSON.stringify(options)},
}).then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map((node) => id + ': ' + node.html)))`

/** Every violation as `rule: element`; an empty list is a clean page. `without` names rules that are left out. */
export function axeFindings(page: Page, without: readonly string[] = []): Promise<readonly string[]> {
  return findings(page, { rules: Object.fromEntries(without.map((rule) => [rule, { enabled: false }])) })
}

/** What a colour scheme alone can change, a small part of the time. */
export function contrastFindings(page: Page): Promise<readonly string[]> {
  return findings(page, { runOnly: ['color-contrast', 'link-in-text-block'] })
}

async function findings(page: Page, options: object): Promise<readonly string[]> {
  if (!(await page.evaluate<boolean>("'axe' in window"))) await page.evaluate(source)
  return page.evaluate<readonly string[]>(run(options))
}

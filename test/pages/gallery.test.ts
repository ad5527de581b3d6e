// Every page in every state, in a real browser, in both themes. The languages are next door.
import { STYLESHEET } from '@latchkey/verifier-web'
import { gallery } from '@latchkey/verifier-web/gallery'
import { expect, it } from 'vitest'
import { inspection } from './inspection.ts'

const { inspect, open, page } = inspection()

it.each(gallery)('UX-04 UX-07 SES-03 NEG-15 $name', ({ name }) => inspect(name))

it('SES-03 the stylesheet is really in force, so what was measured is what people see', async () => {
  await open('link')
  expect(STYLESHEET.path).toMatch(/^\/assets\/style\.[0-9a-f]{12}\.css$/)
  expect(await page().evaluate("getComputedStyle(document.querySelector('.sheet')).borderRadius")).toBe('16px')
})

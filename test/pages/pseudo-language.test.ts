// Every page in a language nobody speaks: right to left, in another script, with longer sentences. What is still in
// Latin letters was never translated.
import { expect, it } from 'vitest'
import { inspection, ordinaryPages } from './inspection.ts'
import { PSEUDO } from './pseudo-locale.ts'

const { inspect, open, page } = inspection({ locale: PSEUDO })

// Names, codes, addresses and the configured sentences are data; every other word is in the catalogue.
const DATA =
  /Northwind (TV|N55|Player)|Fabrikam Sport|app\.example\.com|Living room TV|Old TV|app 4\.2|ana@example\.com|(?<![a-z])A(na)?(?![a-z])|Firefox|Safari|macOS|Android|See your library|See what you watch|WDJB(-MJHT)?|[WDJBMHT]( [WDJBMHT]){3,}|2001:[0-9a-f:]+|https:\/\/|req-4f1c|Chrome on Android|Blue key|Acme SSO|Google|Universitätsklinikum Nordwest Anmeldung|Wohnungsbaugenossenschaftsverwaltung SW|login\.example\.org|ana\.maria[\w.@-]+|(?:[A-Z2-7]{4}\s*){8}/g

it.each(ordinaryPages)('UX-07 UX-08 $name', async ({ name }) => {
  await inspect(name, ['light'])
  // The names of other languages are in their own words.
  await page().evaluate("document.querySelectorAll('body [lang]').forEach((other) => other.remove())")
  const left = await page().evaluate<string>("document.title + ' ' + document.body.innerText")
  expect(left.replace(DATA, '').match(/[a-z]+/gi)).toBeNull()
})

it('UX-08 lang and dir are the page’s, codes stay left to right, and the layout is mirrored', async () => {
  await open('device-same-network')
  expect(await page().evaluate("document.documentElement.lang + ' ' + document.documentElement.dir")).toBe('he rtl')
  expect(await page().locator('.screen bdi').getAttribute('dir')).toBe('ltr')
  const deny = await page().locator('button[value=deny]').boundingBox()
  const approve = await page().locator('button[value=approve]').boundingBox()
  expect(deny?.x).toBeGreaterThan(approve?.x ?? Number.POSITIVE_INFINITY)
})

// Somebody begins a flow on a device of theirs and talks another person into finishing it (RFC 8628 §5.4, RFC 10027 §2):
// what they may try to get around the ladder, what a report does to them, and what their device hears of it.
// The rules themselves, one by one, are in ../rfc/10027-ladder.test.ts and ../rfc/10027-report.test.ts.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AWAY, type Elsewhere, elsewhereServer, type Started } from '../support/elsewhere.ts'
import type { TestBrowser } from '../support/test-server.ts'

const MINUTE = 60_000
const FOREIGN = { 'sec-fetch-site': 'cross-site' }
const asksForLetters = (body: string) => body.includes('name="letters"')

let place: Elsewhere
beforeEach(async () => {
  place = await elsewhereServer()
})
afterEach(() => place.server.close())

/** Presses the button of the page as it stands there: every field is sent as it came. */
async function press(browser: TestBrowser, body: string) {
  const form = /<form method="post" action="\/link"[^>]*>(.*?)<\/form>/s.exec(body)?.[1] ?? ''
  const fields = [...form.matchAll(/<input[^>]*>/g)].map(([input]) => [
    / name="([^"]*)"/.exec(input)?.[1] ?? '',
    / value="([^"]*)"/.exec(input)?.[1] ?? '',
  ])
  const answer = await browser.submit('/link', Object.fromEntries(fields))
  return browser.open(String(answer.headers.location))
}

describe('a code that nobody typed counts as typed', () => {
  let code: Started
  beforeEach(async () => {
    code = await place.start('usual')
  })

  it('DEV-23 not when the site that brought it opens a second window of ours meanwhile', async () => {
    for (const second of ['/link', '/link?user_code=', '/link?user_code=BCDF-GHJK', '/language', '/undo/x']) {
      const victim = await place.person('bo')
      await victim.get(`/link?user_code=${code.user_code}`, FOREIGN)
      const filled = await victim.open('/link', FOREIGN)
      expect(filled.body).toContain(`value="${code.user_code}"`)
      await victim.get(second, FOREIGN)
      const device = await press(victim, filled.body)
      expect(asksForLetters(device.body), second).toBe(true)
      await victim.submit('/link/device', { answer: 'approve' })
      expect((await place.record(code))?.state).toBe('pending')
    }
  })

  it('DEV-23 not when it came with an address, and stood in the field because somebody had to wait', async () => {
    const victim = await place.person('bo')
    for (const last of 'BCDFG') await victim.open(`/link?user_code=BBBB-BBB${last}`)
    await place.server.host.advance(8 * MINUTE)
    const late = await place.start('usual')
    const waiting = await victim.open(`/link?user_code=${late.user_code}`)
    expect(waiting.statusCode).toBe(429)
    expect(waiting.body).toContain(`value="${late.user_code}"`)
    await place.server.host.advance(Number(waiting.headers['retry-after']) * 1000)
    const device = await press(victim, waiting.body)
    expect(asksForLetters(device.body)).toBe(true)
  })

  it('DEV-23 WEB-04 and the page says how it really came, though the window that knew was overwritten', async () => {
    const victim = await place.person('bo')
    await victim.get(`/link?user_code=${code.user_code}`, FOREIGN)
    const filled = await victim.open('/link', FOREIGN)
    await victim.get('/link?user_code=', FOREIGN)
    expect((await press(victim, filled.body)).body).toContain('A website brought you here with its code')
    // Typing another code over it is typing.
    const own = await place.start('usual')
    await victim.open('/link')
    await victim.submit('/link', { user_code: own.user_code, from_website: code.user_code })
    expect(asksForLetters((await victim.open('/link/device')).body)).toBe(false)
  })
})

describe('a device that says it is where the victim is', () => {
  const PHISHER = '203.0.113.66'
  /** From that address, over a proxy that the server trusts or straight, with whatever it says of others. */
  const starts = async (remoteAddress: string, claims: Record<string, string>) => {
    const answer = await place.server.app.inject({
      method: 'POST',
      url: '/device_authorization',
      remoteAddress,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...claims },
      payload: 'client_id=usual',
    })
    return { ...answer.json(), clientId: 'usual' } as Started
  }

  it.each([
    ['straight', PHISHER, { 'x-forwarded-for': AWAY }],
    [
      'straight, in other words',
      PHISHER,
      { forwarded: `for=${AWAY}`, 'x-real-ip': AWAY, 'client-ip': AWAY, via: AWAY },
    ],
    ['through the proxy', '127.0.0.1', { 'x-forwarded-for': `${AWAY}, ${PHISHER}` }],
    [
      'through the proxy, as if it had come through it twice',
      '127.0.0.1',
      { 'x-forwarded-for': `${AWAY}, 127.0.0.1, ${PHISHER}` },
    ],
  ])('DEV-23 SES-05 %s: it is believed nothing, and the letters are asked for', async (_how, remote, claims) => {
    const code = await starts(remote, claims)
    expect((await place.record(code))?.address).toBe(PHISHER)
    const victim = await place.person('bo', AWAY)
    expect(asksForLetters((await victim.open(`/link?user_code=${code.user_code}`)).body)).toBe(true)
  })
})

// The ladder (RFC 10027 §6.1.1): a person in the device's own network taps once; from elsewhere they show that they see
// its screen, by a number that goes to the device alone, or by letters; or they are told that it will not do.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ALL_POLICIES,
  AWAY,
  choicesOn,
  type Elsewhere,
  elsewhereServer,
  from,
  HOME,
  type Started,
} from '../support/elsewhere.ts'
import { csrfIn, titleOf } from '../support/page-text.ts'
import { EMAIL, PASSWORD, type TestBrowser } from '../support/test-server.ts'

const WARNING = 'Nobody from support will ever ask for this.'
const MINUTE = 60_000

let place: Elsewhere
beforeEach(async () => {
  place = await elsewhereServer()
})
afterEach(() => place.server.close())

const events = (name: string) => place.log.events(name)
const open = (browser: TestBrowser, { user_code }: Started) => browser.open(`/link?user_code=${user_code}`)
const answer = (browser: TestBrowser, fields: Record<string, string>) => browser.submit('/link/device', fields)
const asksToTap = (body: string) => body.includes('value="approve"') && !body.includes('name="letters"')
const asksForLetters = (body: string) => body.includes('name="letters"')

/** Four letters that a code may end in, and this one does not. */
const notTheLettersOf = ({ user_code }: Started) => (user_code.endsWith('BBBB') ? 'CCCC' : 'BBBB')

/** Somebody who looks at the page that asks for the letters of a device. */
async function askedForLetters() {
  const started = await place.start('match')
  const browser = await place.person()
  await open(browser, started)
  return { started, browser, wrong: notTheLettersOf(started) }
}

/** Types the whole code on our page, as far as the page that it leads to. */
async function type(browser: TestBrowser, code: string) {
  await browser.open('/link')
  const said = await browser.submit('/link', { user_code: code })
  return said.headers.location === undefined ? said : browser.open(String(said.headers.location))
}

/** Whoever sees the screen, and whoever does not. */
async function asked(started: Started, browser: TestBrowser) {
  const choices = choicesOn((await open(browser, started)).body)
  const right = await place.shown(started)
  return { right, wrong: choices.filter((number) => number !== right), choices }
}

describe('in the device’s own network', () => {
  it.each(ALL_POLICIES)(
    'DEV-23 WEB-02 %s: one tap, the code is shown, nothing is warned of or asked',
    async (policy) => {
      for (const shows of [false, true]) {
        const started = await place.start(policy, { shows })
        const browser = await place.person('bo', HOME)
        const { body } = await open(browser, started)
        expect(asksToTap(body)).toBe(true)
        expect(body).toContain(started.user_code)
        expect(body).toContain('On the same network as this phone')
        expect(body).not.toContain(WARNING)
        expect(choicesOn(body)).toEqual([])
        await answer(browser, { answer: 'approve' })
        expect(await place.record(started)).toMatchObject({ state: 'approved' })
        expect((await place.record(started))?.decision).not.toHaveProperty('fromAfar')
        expect((await place.record(started))?.number).toBeUndefined()
      }
      expect(events('approved')[0]).toMatchObject({ fromAfar: false, proof: 'none' })
    },
  )
})

describe('from elsewhere, without a proof', () => {
  it('DEV-23 allow: the fact is told, and nothing is warned of', async () => {
    const started = await place.start('allow', { shows: true })
    const browser = await place.person()
    const { body } = await open(browser, started)
    expect(asksToTap(body)).toBe(true)
    expect(body).toContain('On a different network from this phone')
    expect(body).not.toContain(WARNING)
    await answer(browser, { answer: 'approve' })
    expect((await place.record(started))?.decision).toMatchObject({ fromAfar: true })
    expect(events('approved')[0]).toMatchObject({ fromAfar: true, proof: 'none' })
  })

  it('DEV-23 warn: the page warns, with the address, and asks for no more', async () => {
    const started = await place.start('warn', { shows: true })
    const browser = await place.person()
    const { body } = await open(browser, started)
    expect(asksToTap(body)).toBe(true)
    expect(body).toContain(WARNING)
    expect(body).toContain(HOME)
    await answer(browser, { answer: 'approve' })
    expect(await place.record(started)).toMatchObject({ state: 'approved' })
  })

  it.each([
    ['block', true],
    ['block', false],
    ['strict', false],
  ])(
    'DEV-23 %s, a device that shows a number %s: refused, typed or not, with what to do; at home it works',
    async (policy, shows) => {
      const started = await place.start(policy, { shows })
      const browser = await place.person()
      const refused = await open(browser, started)
      expect([refused.statusCode, titleOf(refused.body)]).toEqual([403, 'This device is somewhere else'])
      expect(refused.body).toContain('Connect this phone to the device’s Wi-Fi')
      expect((await type(browser, started.user_code)).statusCode).toBe(403)
      expect((await place.record(started))?.number).toBeUndefined()
      const home = await place.person('bo', HOME)
      expect(asksToTap((await open(home, started)).body)).toBe(true)
      await answer(home, { answer: 'approve' })
      expect(await place.record(started)).toMatchObject({ state: 'approved' })
    },
  )

  it('DEV-23 strict asks a device that shows a number for that', async () => {
    const started = await place.start('strict', { shows: true })
    expect(choicesOn((await open(await place.person(), started)).body)).toHaveLength(3)
  })

  it('DEV-23 who opened the page at home and answers from elsewhere meets the rule as well; a refusal always counts', async () => {
    for (const [policy, shows] of [
      ['block', false],
      ['match', true],
      ['match', false],
      ['strict', false],
    ] as const) {
      const started = await place.start(policy, { shows })
      const browser = await place.person('bo', HOME)
      const page = await open(browser, started)
      const csrf = csrfIn(page.body)
      const say = (value: string) => browser.submit('/link/device', { csrf, answer: value }, from(AWAY))
      expect((await say('approve')).headers.location).toBe('/link/device')
      expect(await place.record(started)).toMatchObject({ state: 'pending' })
      await say('deny')
      expect(await place.record(started)).toMatchObject({ state: 'denied', decision: { fromAfar: true } })
    }
  })
})

describe('the number on the screen', () => {
  it.each(['usual', 'match', 'strict'])(
    'DEV-23 %s: three numbers, one of which the device shows; the right one is a yes',
    async (policy) => {
      const started = await place.start(policy, { shows: true })
      const browser = await place.person()
      const page = await open(browser, started)
      expect(titleOf(page.body)).toBe('Check the screen')
      expect(page.body).toContain(WARNING)
      // WEB-02: the code is there to compare all the same.
      expect(page.body).toContain(started.user_code)
      const choices = choicesOn(page.body)
      expect(new Set(choices).size).toBe(3)
      const right = await place.shown(started)
      expect(choices).toContain(right)
      await answer(browser, { number: right })
      expect(titleOf((await browser.open('/link/device')).body)).toBe('Device allowed')
      expect(await place.record(started)).toMatchObject({ state: 'approved', decision: { fromAfar: true } })
      expect(events('approved')[0]).toMatchObject({ fromAfar: true, proof: 'number', userId: 'usr_bo@example.com' })
      expect((await place.poll(started)).statusCode).toBe(200)
    },
  )

  it('DEV-23 WEB-05 a wrong number ends it, says so and what to do, and stands in the log; the device hears that it was refused', async () => {
    const started = await place.start('match', { shows: true })
    const browser = await place.person()
    const { right, wrong } = await asked(started, browser)
    await answer(browser, { number: wrong[0] ?? '' })
    const page = await browser.open('/link/device')
    expect(titleOf(page.body)).toBe('Nothing was linked')
    expect(page.body).toContain('press OK on it for a new code')
    expect(await place.record(started)).toMatchObject({ state: 'denied', refused: 'mismatch' })
    expect((await place.poll(started)).json().error).toBe('access_denied')
    expect(events('denied')).toMatchObject([{ reason: 'mismatch', userId: 'usr_bo@example.com', clientId: 'match' }])
    // The right one comes too late, and so does going home.
    await answer(browser, { number: right })
    await browser.submit('/link/device', { answer: 'approve' }, from(HOME))
    expect(await place.record(started)).toMatchObject({ state: 'denied', refused: 'mismatch' })
    expect(events('approved')).toEqual([])
  })

  it('DEV-23 nothing on the page tells the right one: all three look alike, and reloads and other browsers show the same', async () => {
    const started = await place.start('match', { shows: true })
    const browser = await place.person()
    const first = await open(browser, started)
    const choices = choicesOn(first.body)
    const anonymous = first.body.match(/<button[^>]*name="number"[\s\S]*?<\/button>/g) ?? []
    expect(new Set(anonymous.map((button) => button.replace(/\d\d/g, '··'))).size).toBe(1)
    const right = await place.shown(started)
    // Nowhere on the page does the right one stand more often than the others.
    const withoutToken = first.body.replace(/value="[\w-]{20,}"/g, '').replace(/<(head|svg)[\s\S]*?<\/\1>/g, '')
    const times = choices.map(
      (number) => withoutToken.split(`>${number}<`).length + withoutToken.split(`"${number}"`).length,
    )
    expect(new Set(times).size).toBe(1)
    const again = [
      await browser.open('/link/device'),
      await open(browser, started),
      await open(await place.person(), started),
    ]
    for (const page of again) expect(choicesOn(page.body)).toEqual(choices)
    await place.server.host.advance(5_000)
    expect(await place.shown(started)).toBe(right)
  })

  it('DEV-23 the right number stands in each place, one time in three: the order tells nothing', async () => {
    const places = [0, 0, 0]
    for (let times = 0; times < 60; times++) {
      const started = await place.start('match', { shows: true, address: `192.0.2.${times}` })
      const { right, choices } = await asked(started, await place.person())
      const at = choices.indexOf(right)
      places[at] = (places[at] ?? 0) + 1
      await place.server.host.advance(MINUTE)
    }
    for (const count of places) expect(count).toBeGreaterThan(6)
  })

  it('DEV-23 asked for many times at once it is one number; that the code was opened is noted once', async () => {
    const started = await place.start('match', { shows: true })
    const browsers = await Promise.all(Array.from({ length: 5 }, () => place.person()))
    const pages = await Promise.all(browsers.map((browser) => open(browser, started)))
    const seen = new Set(pages.map((page) => choicesOn(page.body).join()))
    expect(seen.size).toBe(1)
    expect([...seen][0]).toContain(await place.shown(started))
    expect(events('opened')).toMatchObject([{ userId: 'usr_bo@example.com', clientId: 'match' }])
  })

  it.each([0, 1])(
    'DEV-23 NEG-08 right and wrong at once (%i first): one answer is kept, and every page tells that one',
    async (first) => {
      const started = await place.start('match', { shows: true })
      const browsers = [await place.person(), await place.person()] as const
      const { right, wrong } = await asked(started, browsers[0])
      await open(browsers[1], started)
      const numbers = first === 0 ? [right, wrong[0] ?? ''] : [wrong[0] ?? '', right]
      await Promise.all(browsers.map((browser, index) => answer(browser, { number: numbers[index] ?? '' })))
      const kept = (await place.record(started))?.state
      const title = kept === 'approved' ? 'Device allowed' : 'Nothing was linked'
      for (const browser of browsers) expect(titleOf((await browser.open('/link/device')).body)).toBe(title)
      expect(events('approved').length + events('denied').length).toBe(1)
      expect((await place.poll(started)).statusCode).toBe(kept === 'approved' ? 200 : 400)
    },
  )

  it('DEV-23 NEG-08 a double click is one answer, told once', async () => {
    const started = await place.start('match', { shows: true })
    const browser = await place.person()
    const { right } = await asked(started, browser)
    const answers = await Promise.all([answer(browser, { number: right }), answer(browser, { number: right })])
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([303, 303])
    expect(events('approved')).toHaveLength(1)
  })

  it('DEV-23 a plain yes, letters or a number that was not offered are no proof', async () => {
    const started = await place.start('match', { shows: true })
    const browser = await place.person()
    const { choices } = await asked(started, browser)
    const other = ['10', '11', '12', '13'].find((number) => !choices.includes(number)) ?? ''
    expect((await answer(browser, { answer: 'approve' })).headers.location).toBe('/link/device')
    const letters = started.user_code.slice(5)
    expect((await answer(browser, { answer: 'approve', letters })).headers.location).toBe('/link/device')
    expect((await answer(browser, { number: other })).statusCode).toBe(400)
    expect((await answer(browser, { number: choices[0] ?? '', answer: 'maybe' })).statusCode).toBe(400)
    expect(await place.record(started)).toMatchObject({ state: 'pending' })
  })

  it('DEV-23 typing the whole code lets nobody off the number', async () => {
    const started = await place.start('match', { shows: true })
    const { body } = await type(await place.person(), started.user_code)
    expect(choicesOn(body)).toHaveLength(3)
    expect(body).toContain('You typed its code here')
  })

  it('DEV-23 DEV-22 no other account and no other session can bring the number', async () => {
    const started = await place.start('match', { shows: true })
    const bo = await place.person()
    const { right } = await asked(started, bo)
    const cy = await place.person('cy')
    expect(titleOf((await open(cy, started)).body)).toBe('This code was already used')
    expect((await answer(cy, { number: right })).statusCode).toBe(403)
    // The same account in a browser that has not brought the code.
    const stranger = await place.person()
    await stranger.open('/link')
    expect((await answer(stranger, { number: right })).statusCode).toBe(403)
    expect(await place.record(started)).toMatchObject({ state: 'pending' })
  })

  it('DEV-22 a code that another browser of the account gave back, and somebody else took: its old page is no good any more', async () => {
    const started = await place.start('match', { shows: true })
    const bo = await place.person()
    const { right } = await asked(started, bo)
    const other = await place.person()
    await open(other, started)
    await other.submit('/sign-out', {})
    const cy = await place.person('cy')
    expect(choicesOn((await open(cy, started)).body)).toHaveLength(3)
    expect(titleOf((await bo.open('/link/device')).body)).toBe('This code was already used')
    await answer(bo, { number: right })
    expect(await place.record(started)).toMatchObject({ state: 'pending', openedBy: 'usr_cy@example.com' })
  })

  it('DEV-23 the phone joins the device’s network: one tap will do, and a number that is picked must still be right', async () => {
    const [near, far] = [await place.start('match', { shows: true }), await place.start('match', { shows: true })]
    const browser = await place.person()
    await asked(near, browser)
    await browser.submit('/link/device', { answer: 'approve' }, from(HOME))
    expect((await place.record(near))?.decision).not.toHaveProperty('fromAfar')
    expect(await place.record(near)).toMatchObject({ state: 'approved' })
    const { wrong } = await asked(far, browser)
    await browser.submit('/link/device', { number: wrong[0] ?? '' }, from(HOME))
    expect(await place.record(far)).toMatchObject({ state: 'denied', refused: 'mismatch' })
  })

  it('DEV-23 a number is drawn for people elsewhere alone, and the device hears of it at once', async () => {
    const started = await place.start('match', { shows: true })
    const home = await place.person('bo', HOME)
    await open(home, started)
    expect((await place.poll(started)).json()).not.toHaveProperty('number')
    await place.server.host.advance(5_000)
    const held = place.server.token(
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        device_code: started.device_code,
        client_id: 'match',
      },
      { prefer: 'wait=25' },
    )
    await place.server.host.advance(1_000)
    const page = await home.get('/link/device', from(AWAY))
    const { number } = (await held).json()
    expect(choicesOn(page.body)).toContain(number)
  })

  it('DEV-23 words of device_display that nobody knows are skipped', async () => {
    const fields = { device_display: 'colour number picture' }
    const started = await place.start('match', { fields })
    expect(await place.record(started)).toMatchObject({ showsNumber: true })
    expect(
      await place.record(await place.start('match', { fields: { device_display: 'numbers' } })),
    ).not.toHaveProperty('showsNumber')
  })

  it('DEV-23 "I can’t see the device" is a no', async () => {
    const started = await place.start('match', { shows: true })
    const browser = await place.person()
    expect((await open(browser, started)).body).toContain('I can’t see the device')
    await answer(browser, { answer: 'deny' })
    expect(await place.record(started)).toMatchObject({ state: 'denied' })
    expect(events('denied')).toMatchObject([{ reason: 'person' }])
  })
})

describe('letters, where no number can be shown', () => {
  it.each(['usual', 'match'])(
    'DEV-23 %s: the last letters are nowhere on the way, and typed from the screen they are a yes',
    async (policy) => {
      const started = await place.start(policy)
      const hidden = started.user_code.slice(5)
      const browser = place.server.browser(from(AWAY))
      const pages = [await browser.open(`/link?user_code=${started.user_code}`)]
      // Signing in comes first, and tells no more.
      expect(pages[0]?.body).toContain('name="password"')
      await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD })
      const page = await browser.open('/link/device')
      pages.push(page)
      expect(asksForLetters(page.body)).toBe(true)
      expect(page.body).toContain(WARNING)
      expect(page.body).toContain(`${started.user_code.slice(0, 5)}••••`)
      for (const { body } of pages) {
        expect(body.replace(/value="[\w-]{20,}"/g, '')).not.toContain(hidden)
        expect(body).not.toContain([...hidden].join(' '))
      }
      await answer(browser, { answer: 'approve', letters: hidden.toLowerCase() })
      expect(await place.record(started)).toMatchObject({ state: 'approved', decision: { fromAfar: true } })
      expect(events('approved')[0]).toMatchObject({ proof: 'letters', fromAfar: true })
    },
  )

  it('DEV-23 the whole code in the field, spaces and look-alikes are as good', async () => {
    for (const spell of [(code: string) => code, (code: string) => ` ${[...code.slice(5)].join('-')} `]) {
      const started = await place.start('match')
      const browser = await place.person()
      await open(browser, started)
      await answer(browser, { answer: 'approve', letters: spell(started.user_code) })
      expect(await place.record(started)).toMatchObject({ state: 'approved' })
    }
  })

  it('DEV-23 three wrong tries are final; the page says at each what is wrong, and keeps what was asked', async () => {
    const { started, browser, wrong } = await askedForLetters()
    const said = ['These are not its letters. Read them off the screen again.', 'You have one more try.']
    for (const [index, sentence] of said.entries()) {
      expect((await answer(browser, { answer: 'approve', letters: wrong })).headers.location).toBe('/link/device')
      const page = await browser.open('/link/device')
      expect(asksForLetters(page.body)).toBe(true)
      expect(page.body).toContain(sentence)
      expect(titleOf(page.body)).toBe('Check the letters')
      expect(await place.record(started)).toMatchObject({ state: 'pending', wrongLetters: index + 1 })
    }
    await answer(browser, { answer: 'approve', letters: wrong })
    expect(titleOf((await browser.open('/link/device')).body)).toBe('Nothing was linked')
    expect(await place.record(started)).toMatchObject({ state: 'denied', refused: 'mismatch' })
    expect(events('denied')).toMatchObject([{ reason: 'mismatch' }])
    await answer(browser, { answer: 'approve', letters: started.user_code.slice(5) })
    expect(await place.record(started)).toMatchObject({ state: 'denied' })
  })

  it('DEV-23 UX-03 wrong letters are told to the account that typed them, and counted for all', async () => {
    const { started, browser, wrong } = await askedForLetters()
    await answer(browser, { answer: 'approve', letters: wrong })
    expect(titleOf((await browser.open('/link/device')).body)).toBe('Check the letters')
    // "Switch" on the same phone: the errand goes on, and whoever comes next has typed nothing.
    await browser.submit('/sign-out', {})
    const cy = await place.person('cy')
    browser.cookies.set('latchkey-session', cy.cookies.get('latchkey-session') ?? '')
    const page = await browser.open('/link/device')
    expect(asksForLetters(page.body)).toBe(true)
    expect([titleOf(page.body), page.body.includes('aria-invalid')]).toEqual(['Check the screen', false])
    await answer(browser, { answer: 'approve', letters: wrong })
    expect((await browser.open('/link/device')).body).toContain('You have one more try.')
    await answer(browser, { answer: 'approve', letters: wrong })
    expect(await place.record(started)).toMatchObject({ state: 'denied', refused: 'mismatch' })
  })

  it('DEV-23 many wrong tries at once are counted all the same: no more than three are looked at', async () => {
    const started = await place.start('match')
    const browsers = await Promise.all(Array.from({ length: 6 }, () => place.person()))
    for (const browser of browsers) await open(browser, started)
    const wrong = notTheLettersOf(started)
    await Promise.all(browsers.map((browser) => answer(browser, { answer: 'approve', letters: wrong })))
    expect(await place.record(started)).toMatchObject({ state: 'denied', refused: 'mismatch', wrongLetters: 3 })
  })

  it.each(['', 'BBB', 'BBBBB', 'AEIO', '1234', 'ДЛЖЩ'])(
    'DEV-23 UX-03 "%s" cannot be read: said at once, and no try',
    async (letters) => {
      const started = await place.start('match')
      const browser = await place.person()
      await open(browser, started)
      const page = await answer(browser, { answer: 'approve', letters })
      expect(page.statusCode).toBe(400)
      expect(page.body).toContain('Type the last 4 letters of its code, those after the dash.')
      expect(page.body.replace(/value="[\w-]{20,}"/g, '')).not.toContain(started.user_code.slice(5))
      expect(await place.record(started)).not.toHaveProperty('wrongLetters')
    },
  )

  it('DEV-23 letters that cannot be read, for a device that was decided since: what became of it is told', async () => {
    const started = await place.start('match')
    const [browser, other] = [await place.person(), await place.person()]
    for (const one of [browser, other]) await open(one, started)
    await answer(other, { answer: 'deny' })
    expect(titleOf((await answer(browser, { answer: 'approve', letters: 'no' })).body)).toBe('Nothing was linked')
  })

  it('DEV-23 who typed the whole code by hand is not asked again, over the sign-in too; brought by its address, it is not typed any more', async () => {
    const started = await place.start('match')
    const browser = place.server.browser(from(AWAY))
    await type(browser, started.user_code)
    await browser.submit('/sign-in', { email: EMAIL, password: PASSWORD })
    const page = await browser.open('/link/device')
    expect(asksToTap(page.body)).toBe(true)
    expect(page.body).toContain('You typed its code here')
    expect(page.body).toContain(WARNING)
    expect(asksForLetters((await open(browser, started)).body)).toBe(true)
    await answer(browser, { answer: 'approve' })
    expect(await place.record(started)).toMatchObject({ state: 'pending' })
    await type(browser, started.user_code)
    await answer(browser, { answer: 'approve' })
    expect(await place.record(started)).toMatchObject({ state: 'approved' })
  })

  it('DEV-23 a typed code is good for its own device: another tab’s counts for nothing here', async () => {
    const [shown, typed] = [await place.start('match'), await place.start('match')]
    const browser = await place.person()
    const page = await open(browser, shown)
    const csrf = csrfIn(page.body)
    await browser.open('/link')
    await browser.submit('/link', { user_code: typed.user_code })
    await answer(browser, { csrf, answer: 'approve' })
    await answer(browser, { csrf, answer: 'approve', letters: typed.user_code.slice(5) })
    expect(await place.record(shown)).toMatchObject({ state: 'pending' })
    expect(await place.record(shown)).not.toHaveProperty('wrongLetters')
  })

  it('DEV-23 giving the code back and taking it again gives no new tries, and no new number', async () => {
    const { started, browser, wrong } = await askedForLetters()
    await answer(browser, { answer: 'approve', letters: wrong })
    await browser.open('/link/device')
    await browser.submit('/sign-out', {})
    const cy = await place.person('cy')
    expect(asksForLetters((await open(cy, started)).body)).toBe(true)
    expect(await place.record(started)).toMatchObject({ wrongLetters: 1 })
  })
})

describe('how the code came', () => {
  const CROSS_SITE = { 'sec-fetch-site': 'cross-site' }
  const facts = {
    typed: 'You typed its code here',
    address: 'Its code came with a link',
    website: 'A website brought you here with its code',
  }

  it('WEB-01 WEB-04 typed, by its address, or by another site: the page tells which, and never "scanned"', async () => {
    const started = await place.start('match')
    const browser = await place.person('bo', HOME)
    const typed = await type(browser, started.user_code)
    const address = await open(browser, started)
    // Nothing is looked up yet: the code waits in the field.
    const waiting = await browser.open(`/link?user_code=${started.user_code}`, CROSS_SITE)
    expect(waiting.body).toContain(`value="${started.user_code}"`)
    const said = await browser.submit('/link', { user_code: started.user_code })
    const website = await browser.open(String(said.headers.location))
    for (const [name, { body }] of Object.entries({ typed, address, website })) {
      for (const [other, sentence] of Object.entries(facts)) expect(body.includes(sentence)).toBe(name === other)
      expect(body).not.toMatch(/scan/i)
      // What another site brought raises the guard, at home too.
      expect(body.includes(WARNING)).toBe(name === 'website')
    }
  })

  it('DEV-23 a code that another site brought is not typed: from elsewhere its letters are asked for', async () => {
    const started = await place.start('match')
    const browser = await place.person()
    await browser.open(`/link?user_code=${started.user_code}`, CROSS_SITE)
    const said = await browser.submit('/link', { user_code: started.user_code })
    expect(asksForLetters((await browser.open(String(said.headers.location))).body)).toBe(true)
  })
})

// "Someone sent me this code": the request is refused, whoever began it is shut out for a while, and what else they
// began is ended (RFC 10027 §6.1.6). An honest neighbour behind the same address keeps their television.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { REPORTS_PER_ACCOUNT } from '../../server/src/oauth/device/containment.ts'
import { FREEZE_MS, FREEZES_A_DAY, WINDOW_MS } from '../../server/src/oauth/device/freezes.ts'
import { type DpopClient, dpopClient } from '../support/dpop-client.ts'
import {
  AWAY,
  choicesOn,
  type Elsewhere,
  elsewhereConfig,
  elsewhereServer,
  from,
  HOME,
  type Started,
} from '../support/elsewhere.ts'
import { fakeHost } from '../support/fake-host.ts'
import { csrfIn, titleOf } from '../support/page-text.ts'
import { serverTerminal } from '../support/server-terminal.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { ISSUER, type TestBrowser } from '../support/test-server.ts'

const MINUTE = 60_000
const CLIENT = 'warn'

let place: Elsewhere
beforeEach(async () => {
  place = await elsewhereServer()
})
afterEach(() => place.server.close())

const events = (name: string) => place.log.events(name)
const bring = (browser: TestBrowser, { user_code }: Started) => browser.open(`/link?user_code=${user_code}`)
const answer = (browser: TestBrowser, value: string) => browser.submit('/link/device', { answer: value })
const starts = async (fields: Record<string, string>, address: string) =>
  (await place.server.post('/device_authorization', fields, from(address))).statusCode

/** Somebody brings the code and says yes. */
async function approved(started: Started, name: string, address = AWAY): Promise<TestBrowser> {
  const browser = await place.person(name, address)
  await bring(browser, started)
  await answer(browser, 'approve')
  if ((await place.record(started))?.state !== 'approved') throw new Error('not approved')
  return browser
}

/** The same, and the device picks its tokens up. */
async function linked(started: Started, name: string, address = AWAY) {
  await approved(started, name, address)
  const { refresh_token } = (await place.poll(started)).json()
  const lives = async () => {
    const { familyId = '' } = (await place.record(started)) ?? {}
    return (await place.server.store.families.get(familyId))?.revokedAt === undefined
  }
  return { refresh_token: String(refresh_token), lives, started }
}

/** Somebody brings the code and says that it was sent to them. */
async function reports(started: Started, name = 'victim', address = AWAY): Promise<TestBrowser> {
  const browser = await place.person(name, address)
  await bring(browser, started)
  const said = await answer(browser, 'report')
  expect([said.statusCode, said.headers.location]).toEqual([303, '/link/device'])
  return browser
}

describe('report = contain', () => {
  it('DEV-22 WEB-05 one tap refuses for good, thanks with what was done, tells operators, and the device hears no', async () => {
    const started = await place.start(CLIENT)
    const victim = await reports(started)
    const page = await victim.open('/link/device')
    expect(titleOf(page.body)).toBe('Thank you')
    expect(page.body).toContain('others that were started from the same place')
    expect(page.body).toContain('type a password on another page, change it now')
    expect(await place.record(started)).toMatchObject({
      state: 'denied',
      refused: 'reported',
      contained: 'network',
      decision: { userId: 'usr_victim@example.com', fromAfar: true },
    })
    expect((await place.poll(started)).json().error).toBe('access_denied')
    const told = { clientId: CLIENT, userId: 'usr_victim@example.com', requests: 0, links: 0, frozen: true }
    expect(events('reported')).toMatchObject([told])
  })

  it('DEV-22 what else began there is ended: codes that wait, approvals that nobody fetched, links of today', async () => {
    const [reported, waiting, opened, approval, link] = await Promise.all(
      [1, 2, 3, 4, 5].map(() => place.start(CLIENT)),
    )
    if (!reported || !waiting || !opened || !approval || !link) throw new Error('no codes')
    const reader = await place.person('reader')
    await bring(reader, opened)
    const approver = await approved(approval, 'approver')
    const { lives, refresh_token } = await linked(link, 'first')
    await reports(reported)
    for (const started of [waiting, opened, approval]) {
      expect((await place.poll(started)).json().error).toBe('access_denied')
      expect(await place.record(started)).toMatchObject({ state: 'denied', withdrawnBy: 'report' })
    }
    expect(await lives()).toBe(false)
    const refresh = { grant_type: 'refresh_token', refresh_token, client_id: CLIENT }
    expect((await place.server.token(refresh)).json().error).toBe('invalid_grant')
    expect(events('reported')).toMatchObject([{ requests: 3, links: 1, frozen: true }])
    expect(events('unlinked')).toMatchObject([{ userId: 'usr_first@example.com', by: 'report' }])
    // Who looks at it, or had said yes, reads why.
    for (const browser of [reader, approver]) {
      expect(titleOf((await browser.open('/link/device')).body)).toBe('This device was shut out')
    }
    await answer(reader, 'approve')
    expect((await place.record(opened))?.state).toBe('denied')
  })

  it('DEV-22 the neighbour’s honest television survives: its person was in the device’s own network', async () => {
    const [reported, link, approval] = await Promise.all([1, 2, 3].map(() => place.start(CLIENT)))
    if (!reported || !link || !approval) throw new Error('no codes')
    const neighbour = await linked(link, 'neighbour', HOME)
    await approved(approval, 'neighbour', HOME)
    await reports(reported)
    expect(await neighbour.lives()).toBe(true)
    expect((await place.poll(approval)).statusCode).toBe(200)
    expect(events('reported')).toMatchObject([{ requests: 0, links: 0 }])
  })

  it('DEV-22 other clients, other networks and other days are left alone', async () => {
    const old = await linked(await place.start(CLIENT), 'a')
    await place.server.host.advance(WINDOW_MS + 1)
    const others = [
      await linked(await place.start('allow'), 'b'),
      await linked(await place.start(CLIENT, { address: '203.0.113.9' }), 'c'),
    ]
    const today = await linked(await place.start(CLIENT), 'd')
    await reports(await place.start(CLIENT))
    expect(await Promise.all([old, ...others, today].map((link) => link.lives()))).toEqual([true, true, true, false])
  })

  it('DEV-22 all of an IPv6 /64 is one place', async () => {
    const link = await linked(await place.start(CLIENT, { address: '2001:db8:1:2::1' }), 'a')
    await reports(await place.start(CLIENT, { address: '2001:db8:1:2:ffff::2' }))
    expect(await link.lives()).toBe(false)
  })

  it('DEV-22 NEG-08 what was allowed is not reported any more: nothing changes, nothing is frozen', async () => {
    const started = await place.start(CLIENT)
    const browser = await place.person('bo')
    const csrf = csrfIn((await bring(browser, started)).body)
    await answer(browser, 'approve')
    const before = await place.record(started)
    expect((await browser.open('/link/device')).body).not.toContain('value="report"')
    // By the form that stood on the page before, too.
    for (const fetched of [false, true]) {
      if (fetched) await place.poll(started)
      const now = fetched ? await place.record(started) : before
      await browser.submit('/link/device', { csrf, answer: 'report' })
      expect(await place.record(started)).toEqual(now)
    }
    expect(events('reported')).toEqual([])
    expect(await place.server.store.freezes.all()).toEqual([])
  })

  it('DEV-22 NEG-08 reported, back, approve: it stays refused', async () => {
    const started = await place.start(CLIENT)
    const victim = await place.person('victim')
    const csrf = csrfIn((await bring(victim, started)).body)
    await answer(victim, 'report')
    await victim.submit('/link/device', { csrf, answer: 'approve' })
    await victim.submit('/link/device', { csrf, answer: 'deny' })
    expect(await place.record(started)).toMatchObject({ state: 'denied', refused: 'reported' })
    expect(titleOf((await victim.open('/link/device')).body)).toBe('Thank you')
    expect(events('denied')).toEqual([])
  })

  it('DEV-22 NEG-08 a double click is one report', async () => {
    const started = await place.start(CLIENT)
    const victim = await place.person('victim')
    await bring(victim, started)
    await Promise.all([answer(victim, 'report'), answer(victim, 'report')])
    expect(events('reported')).toHaveLength(1)
  })

  it('DEV-22 only who opened the code may report it', async () => {
    const started = await place.start(CLIENT)
    await bring(await place.person('owner'), started)
    const stranger = await place.person('stranger')
    await bring(stranger, started)
    expect((await answer(stranger, 'report')).statusCode).toBe(403)
    expect(await place.record(started)).toMatchObject({ state: 'pending' })
  })

  it('DEV-22 NEG-16 a report from another site, or without the page’s own token, does nothing', async () => {
    const started = await place.start(CLIENT)
    const victim = await place.person('victim')
    await bring(victim, started)
    for (const [fields, headers] of [
      [{ answer: 'report' }, { 'sec-fetch-site': 'cross-site' }],
      [{ answer: 'report', csrf: 'forged' }, {}],
    ] as const) {
      expect((await victim.submit('/link/device', fields, headers)).statusCode).toBe(403)
    }
    expect(await place.record(started)).toMatchObject({ state: 'pending' })
  })

  it('DEV-22 somebody who has read for longer than the code lived can still report it', async () => {
    const started = await place.start(CLIENT)
    const link = await linked(await place.start(CLIENT), 'a')
    const victim = await place.person('victim')
    await bring(victim, started)
    await place.server.host.advance(11 * MINUTE)
    await answer(victim, 'report')
    expect(titleOf((await victim.open('/link/device')).body)).toBe('Thank you')
    expect(await link.lives()).toBe(false)
  })

  it('DEV-22 DEV-23 from the page that asks for a number it is one tap as well', async () => {
    const started = await place.start('match', { shows: true })
    const victim = await place.person('victim')
    const page = await bring(victim, started)
    expect(choicesOn(page.body)).toHaveLength(3)
    expect(page.body).toContain('value="report"')
    await answer(victim, 'report')
    expect(await place.record(started)).toMatchObject({ refused: 'reported', contained: 'network' })
  })
})

describe('a report after a no', () => {
  const REPORT = 'value="report"'

  /** Somebody brings the code and says no; the page that follows. */
  async function refused(started: Started, name = 'victim', address = AWAY) {
    const victim = await place.person(name, address)
    await bring(victim, started)
    await answer(victim, 'deny')
    const page = await victim.open('/link/device')
    expect(titleOf(page.body)).toBe('Nothing was linked')
    return { victim, page, before: await place.record(started) }
  }

  it('DEV-22 WEB-05 the page of a refusal asks once more; a report from it contains as ever, and the no stays as it was', async () => {
    const started = await place.start(CLIENT)
    const link = await linked(await place.start(CLIENT), 'first')
    const { victim, page, before } = await refused(started)
    expect(page.body).toContain('Did someone send you the code?')
    expect(page.body).toContain(REPORT)
    await place.server.host.advance(MINUTE)
    await answer(victim, 'report')
    const thanks = await victim.open('/link/device')
    expect(titleOf(thanks.body)).toBe('Thank you')
    expect(thanks.body).toContain('others that were started from the same place')
    expect(thanks.body).not.toContain(REPORT)
    const { version: _, ...no } = before ?? {}
    expect(await place.record(started)).toMatchObject({ ...no, refused: 'reported', contained: 'network' })
    expect(await link.lives()).toBe(false)
    expect(await starts({ client_id: CLIENT }, HOME)).toBe(429)
    expect((await place.poll(started)).json().error).toBe('access_denied')
    const told = { userId: 'usr_victim@example.com', requests: 0, links: 1, frozen: true }
    expect(events('reported')).toMatchObject([told])
    expect(events('denied')).toHaveLength(1)
  })

  it('DEV-22 DEV-23 after a wrong number, and where nothing may be answered from, just the same', async () => {
    const guessed = await place.start('match', { shows: true })
    const victim = await place.person('victim')
    const { body } = await bring(victim, guessed)
    const right = await place.shown(guessed)
    await victim.submit('/link/device', { number: choicesOn(body).find((number) => number !== right) ?? '' })
    expect((await place.record(guessed))?.refused).toBe('mismatch')
    expect((await victim.open('/link/device')).body).toContain(REPORT)
    await answer(victim, 'report')
    expect(await place.record(guessed)).toMatchObject({ state: 'denied', refused: 'reported', contained: 'network' })

    const blocked = await place.start('block')
    const page = await bring(victim, blocked)
    expect([titleOf(page.body), page.body.includes(REPORT)]).toEqual(['This device is somewhere else', true])
    await answer(victim, 'report')
    expect(await place.record(blocked)).toMatchObject({ state: 'denied', refused: 'reported', contained: 'network' })
    expect(titleOf((await victim.open('/link/device')).body)).toBe('Thank you')
  })

  it('DEV-22 UX-06 the page of a code that has run out offers it too, for as long as the code is known', async () => {
    const started = await place.start(CLIENT)
    const victim = await place.person('victim')
    await bring(victim, started)
    await place.server.host.advance(11 * MINUTE)
    const page = await bring(victim, started)
    expect([titleOf(page.body), page.body.includes(REPORT)]).toEqual(['This code has run out', true])
    await place.server.store.purge((await place.record(started))?.expiresAt ?? 0)
    expect((await answer(victim, 'report')).statusCode).toBe(303)
    expect(events('reported')).toEqual([])
  })

  it('DEV-22 NEG-08 twice, from two tabs at once and by the old form is one report; no answer changes it any more', async () => {
    const started = await place.start(CLIENT)
    const { victim, page } = await refused(started)
    const csrf = csrfIn(page.body)
    const say = (said: string) => victim.submit('/link/device', { csrf, answer: said })
    await Promise.all([say('report'), say('report'), say('report')])
    const after = await place.record(started)
    for (const said of ['report', 'approve', 'deny']) await say(said)
    expect(await place.record(started)).toEqual(after)
    expect(events('reported')).toHaveLength(1)
    expect(await place.server.store.freezes.all()).toHaveLength(1)
  })

  it('DEV-22 NEG-16 no other account, no session that did not open the code, and no other site reports it', async () => {
    const started = await place.start(CLIENT)
    const { victim, page, before } = await refused(started)
    const csrf = csrfIn(page.body)
    const forged = { csrf, answer: 'report' }
    for (const name of ['stranger', 'victim']) {
      const other = await place.person(name)
      expect((await other.submit('/link/device', forged)).statusCode, `${name}, who opened nothing`).toBe(403)
      await bring(other, started)
      expect((await other.submit('/link/device', forged)).statusCode, `${name}, who brought the code late`).toBe(403)
      // With a device and a token of their own.
      await bring(other, await place.start(CLIENT))
      expect((await other.submit('/link/device', forged)).statusCode, `${name}, with another code`).toBe(403)
    }
    for (const [fields, headers] of [
      [forged, { 'sec-fetch-site': 'cross-site' }],
      [forged, { origin: 'https://evil.example' }],
      [{ answer: 'report', csrf: 'forged' }, {}],
      [{ answer: 'report', csrf: csrfIn((await victim.open('/account/password')).body) }, {}],
    ] as const) {
      expect((await victim.submit('/link/device', fields, headers)).statusCode).toBe(403)
    }
    const { decision, refused: why } = (await place.record(started)) ?? {}
    expect([decision, why]).toEqual([before?.decision, undefined])
    expect(events('reported')).toEqual([])
  })

  it('DEV-22 NEG-08 what a report of somebody else has ended offers none, whether one had said yes or nothing yet', async () => {
    const [first, second] = [await place.start(CLIENT), await place.start(CLIENT)]
    const reader = await place.person('reader')
    await bring(reader, first)
    const approver = await approved(second, 'approver')
    await reports(await place.start(CLIENT), 'somebody')
    for (const [browser, started] of [
      [reader, first],
      [approver, second],
    ] as const) {
      const before = await place.record(started)
      const page = await browser.open('/link/device')
      expect([titleOf(page.body), page.body.includes(REPORT)]).toEqual(['This device was shut out', false])
      expect((await answer(browser, 'report')).statusCode).toBe(303)
      expect(await place.record(started)).toEqual(before)
    }
    expect(events('reported')).toHaveLength(1)
  })

  it('DEV-22 it counts from where the no was said: who refused at home closes the house to nobody from the bus', async () => {
    const link = await linked(await place.start(CLIENT), 'flatmate')
    const started = await place.start(CLIENT)
    const { victim } = await refused(started, 'victim', HOME)
    await victim.submit('/link/device', { answer: 'report' }, from(AWAY))
    expect(await place.record(started)).toMatchObject({ refused: 'reported' })
    expect(await link.lives()).toBe(true)
    expect(await starts({ client_id: CLIENT }, HOME)).toBe(200)
    expect(events('reported')).toMatchObject([{ frozen: false }])
  })

  it('DEV-22 an account’s three a day are counted together, before a no and after one', async () => {
    for (let times = 0; times < REPORTS_PER_ACCOUNT; times++) {
      const { victim } = await refused(await place.start(CLIENT, { address: `203.0.113.${times}` }), 'stranger')
      await answer(victim, 'report')
    }
    await reports(await place.start(CLIENT, { address: '203.0.113.77' }), 'stranger')
    const { victim } = await refused(await place.start(CLIENT, { address: '203.0.113.78' }), 'stranger')
    await answer(victim, 'report')
    expect(events('reported').map(({ frozen }) => frozen)).toEqual([true, true, true, false, false])
  })
})

describe('the freeze', () => {
  it('DEV-22 DEV-21 for an hour nothing begins from there with this client: 429, and Retry-After until its end', async () => {
    await reports(await place.start(CLIENT))
    await place.server.host.advance(20 * MINUTE)
    const refused = await place.server.post('/device_authorization', { client_id: CLIENT }, from(HOME))
    expect([refused.statusCode, refused.json().error]).toEqual([429, 'temporarily_unavailable'])
    expect(Number(refused.headers['retry-after'])).toBe((FREEZE_MS - 20 * MINUTE) / 1000)
    // Another client in the same house, and the same one elsewhere, never notice.
    expect(await starts({ client_id: 'allow' }, HOME)).toBe(200)
    expect(await starts({ client_id: CLIENT }, '192.0.2.2')).toBe(200)
    await place.server.host.advance(Number(refused.headers['retry-after']) * 1000 - 1)
    expect(await starts({ client_id: CLIENT }, HOME)).toBe(429)
    await place.server.host.advance(1)
    expect(await starts({ client_id: CLIENT }, HOME)).toBe(200)
  })

  it('DEV-21 a start that is refused by a freeze takes nothing of what others may start', async () => {
    await reports(await place.start(CLIENT))
    const before = (await place.server.store.deviceRequests.all()).length
    for (let times = 0; times < 700; times++) expect(await starts({ client_id: CLIENT }, HOME)).toBe(429)
    expect(await place.server.store.deviceRequests.all()).toHaveLength(before)
    await place.server.host.advance(FREEZE_MS)
    expect(await starts({ client_id: CLIENT }, HOME)).toBe(200)
  })

  it('DEV-22 one that has ended, and is not purged yet, begins anew with the next report', async () => {
    await reports(await place.start(CLIENT), 'one')
    await place.server.host.advance(FREEZE_MS)
    await reports(await place.start(CLIENT), 'two')
    expect(await starts({ client_id: CLIENT }, HOME)).toBe(429)
    const [freeze, ...more] = await place.server.store.freezes.all()
    expect([freeze?.reportedBy, more]).toEqual(['usr_two@example.com', []])
  })

  it('DEV-22 two people report two codes of one place at once: both are thanked or told, and it is frozen once', async () => {
    const [first, second] = [await place.start(CLIENT), await place.start(CLIENT)]
    const people = [await place.person('one'), await place.person('two')] as const
    await bring(people[0], first)
    await bring(people[1], second)
    await Promise.all(people.map((browser) => answer(browser, 'report')))
    for (const started of [first, second]) expect((await place.record(started))?.state).toBe('denied')
    for (const browser of people) {
      expect(['Thank you', 'This device was shut out']).toContain(titleOf((await browser.open('/link/device')).body))
    }
    expect(await place.server.store.freezes.all()).toHaveLength(1)
  })

  it('DEV-22 OPS-06 a restart thaws nothing', async () => {
    const folder = temporaryFolder()
    const config = elsewhereConfig({ database: `sqlite:${join(folder, 'latchkey.db')}` })
    const host = fakeHost()
    const before = await elsewhereServer({ config, host })
    const started = await before.start(CLIENT)
    const victim = await before.person('victim')
    await bring(victim, started)
    await answer(victim, 'report')
    await before.server.close()
    const after = await elsewhereServer({ config, host })
    await expect(after.start(CLIENT)).rejects.toThrow('temporarily_unavailable')
    await after.server.close()
    removeFolder(folder)
  })

  it('DEV-22 a start that is being written while the report comes does not slip through', async () => {
    const started = await place.start(CLIENT)
    const { deviceRequests } = place.server.store
    const { insert } = deviceRequests
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let waits: () => void = () => undefined
    const waiting = new Promise<void>((resolve) => {
      waits = resolve
    })
    // It has looked for a freeze, found none, and is about to be written.
    deviceRequests.insert = async (record) => {
      waits()
      await held
      return insert(record)
    }
    const racing = place.server.post('/device_authorization', { client_id: CLIENT }, from(HOME))
    await waiting
    await reports(started)
    release()
    expect((await racing).statusCode).toBe(429)
    const states = (await deviceRequests.all()).map(({ state }) => state)
    expect(states).toEqual(['denied', 'denied'])
  })

  it('DEV-22 a device that is fetching its tokens while the report comes gets none that last', async () => {
    const [reported, racing] = [await place.start(CLIENT), await place.start(CLIENT)]
    await approved(racing, 'other')
    const { families } = place.server.store
    const { insert } = families
    let report: (() => Promise<unknown>) | undefined = () => reports(reported)
    // The request is redeemed, the link is not there yet: the report can only end the request.
    families.insert = async (family) => {
      const now = report
      report = undefined
      await now?.()
      return insert(family)
    }
    expect((await place.poll(racing)).json().error).toBe('access_denied')
    expect((await families.all()).map(({ revokedAt }) => revokedAt !== undefined)).toEqual([true])
    expect(events('unlinked')).toMatchObject([{ by: 'report' }])
  })

  it('DEV-22 NEG-08 approve against report at once, over and over: never both', async () => {
    for (let round = 0; round < 20; round++) {
      const address = `192.0.2.${round + 100}`
      const [mine, theirs] = [await place.start(CLIENT, { address }), await place.start(CLIENT, { address })]
      const [victim, other] = [await place.person(`v${round}`), await place.person(`o${round}`)]
      await bring(victim, mine)
      await bring(other, theirs)
      const [, , poll] = await Promise.all([answer(other, 'approve'), answer(victim, 'report'), place.poll(theirs)])
      const last = poll.statusCode === 200 ? poll : await place.poll(theirs)
      expect((await place.record(theirs))?.state).toBe('denied')
      if (last.statusCode !== 200) continue
      const { refresh_token } = last.json()
      const refresh = await place.server.token({ grant_type: 'refresh_token', refresh_token, client_id: CLIENT })
      expect(refresh.statusCode).toBe(400)
    }
  })
})

describe('a report from the device’s own network', () => {
  it('DEV-22 without a key: only the request; the house goes on', async () => {
    const link = await linked(await place.start(CLIENT), 'flatmate')
    const started = await place.start(CLIENT)
    const victim = await reports(started, 'victim', HOME)
    const page = await victim.open('/link/device')
    expect(page.body).toContain('The device that asked gets no access.')
    expect(page.body).not.toContain('shut out')
    expect(await place.record(started)).toMatchObject({ state: 'denied', refused: 'reported' })
    expect(await link.lives()).toBe(true)
    expect(await starts({ client_id: CLIENT }, HOME)).toBe(200)
    expect(events('reported')).toMatchObject([{ requests: 0, links: 0, frozen: false }])
  })
})

describe('by the key', () => {
  let device: DpopClient
  beforeEach(async () => {
    device = await dpopClient(place.server)
  })

  async function startWithKey(address = HOME, by = device): Promise<Started> {
    const answered = await by.post('/device_authorization', { client_id: CLIENT }, from(address))
    if (answered.statusCode !== 200) throw new Error(answered.body)
    return { ...answered.json(), clientId: CLIENT }
  }
  const fetch = (started: Started, by = device) =>
    by.post('/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      client_id: CLIENT,
      device_code: started.device_code,
    })
  const livesOf = async (started: Started) => {
    const { familyId = '' } = (await place.record(started)) ?? {}
    const family = await place.server.store.families.get(familyId)
    return family !== undefined && family.revokedAt === undefined
  }

  it('DEV-22 a device that moves on is known by its key: its links and codes of other networks end, and it begins nothing', async () => {
    const [elsewhere, waiting] = [await startWithKey('203.0.113.9'), await startWithKey('203.0.113.10')]
    await approved(elsewhere, 'far')
    await fetch(elsewhere)
    await reports(await startWithKey())
    expect(await livesOf(elsewhere)).toBe(false)
    expect(await place.record(waiting)).toMatchObject({ state: 'denied', withdrawnBy: 'report' })
    await expect(startWithKey('203.0.113.11')).rejects.toThrow('temporarily_unavailable')
    expect(await starts({ client_id: CLIENT }, '203.0.113.11')).toBe(200)
    expect(events('reported')).toMatchObject([{ requests: 1, links: 1, frozen: true }])
  })

  it('DEV-22 reported in its own network, the key alone is shut out: its links end, the house goes on', async () => {
    const [own, neighbour] = [await startWithKey(), await startWithKey(HOME, await dpopClient(place.server))]
    await approved(own, 'guest', HOME)
    await fetch(own)
    const approval = await startWithKey()
    await approved(approval, 'guest', HOME)
    await reports(await startWithKey(), 'victim', HOME)
    // Behind one address live many; behind one key, nobody else.
    expect(await livesOf(own)).toBe(false)
    expect(await place.record(approval)).toMatchObject({ state: 'denied', withdrawnBy: 'report' })
    expect(await place.record(neighbour)).toMatchObject({ state: 'pending' })
    expect(await starts({ client_id: CLIENT }, HOME)).toBe(200)
    await expect(startWithKey()).rejects.toThrow('temporarily_unavailable')
    const [freeze] = await place.server.store.freezes.all()
    expect(freeze).toMatchObject({ what: 'key', clientId: CLIENT, reportedBy: 'usr_victim@example.com' })
    expect(JSON.stringify(freeze)).not.toContain(device.key.jkt)
  })

  it('DEV-22 a key that was proven at the token endpoint alone is known by its link', async () => {
    const silent = await place.start(CLIENT, { address: '203.0.113.9' })
    await approved(silent, 'far')
    expect((await fetch(silent)).statusCode).toBe(200)
    await reports(await startWithKey())
    expect(await livesOf(silent)).toBe(false)
  })

  it('DEV-22 the same key of another client is another device', async () => {
    const started = await device.post('/device_authorization', { client_id: 'allow' }, from(HOME))
    await reports(await startWithKey())
    expect((await place.record(started.json()))?.state).toBe('pending')
    expect((await device.post('/device_authorization', { client_id: 'allow' }, from(HOME))).statusCode).toBe(200)
  })
})

describe('how often', () => {
  it('DEV-22 one account shuts others out three times a day; after that its reports refuse, and operators are told', async () => {
    const addresses = Array.from({ length: REPORTS_PER_ACCOUNT + 1 }, (_, index) => `203.0.113.${index}`)
    const links = []
    for (const address of addresses) {
      links.push(await linked(await place.start(CLIENT, { address }), 'somebody'))
      await reports(await place.start(CLIENT, { address }), 'stranger')
    }
    expect(await Promise.all(links.map((link) => link.lives()))).toEqual([false, false, false, true])
    expect(await Promise.all(addresses.map((address) => starts({ client_id: CLIENT }, address)))).toEqual([
      429, 429, 429, 200,
    ])
    expect(events('reported').map(({ frozen }) => frozen)).toEqual([true, true, true, false])
    // Somebody else's word is as good as ever.
    await reports(await place.start(CLIENT, { address: addresses[3] ?? '' }), 'another')
    expect(await starts({ client_id: CLIENT }, addresses[3] ?? '')).toBe(429)
    await place.server.host.advance(WINDOW_MS)
    await place.server.store.purge(place.server.host.clock.now())
    await reports(await place.start(CLIENT, { address: '203.0.113.77' }), 'stranger')
    expect(events('reported').at(-1)).toMatchObject({ frozen: true })
  })

  it('DEV-22 with however many accounts: one place is shut three hours a day; what began there is ended all the same', async () => {
    for (let times = 0; times < 3 * FREEZES_A_DAY; times++) {
      const link = await linked(await place.start(CLIENT), `guest${times}`)
      const stranger = await reports(await place.start(CLIENT), `stranger${times}`)
      const frozen = times < FREEZES_A_DAY
      // Nobody is told more than was done.
      const thanks = await stranger.open('/link/device')
      expect([titleOf(thanks.body), thanks.body.includes('shut out')]).toEqual(['Thank you', frozen])
      expect(await starts({ client_id: CLIENT }, HOME)).toBe(frozen ? 429 : 200)
      expect(await link.lives()).toBe(false)
      expect(events('reported').at(-1)).toMatchObject({ links: 1, frozen })
      if (frozen) await place.server.host.advance(FREEZE_MS)
    }
    // Another place, and another client there, have three of their own.
    await reports(await place.start(CLIENT, { address: '203.0.113.7' }), 'stranger')
    expect(await starts({ client_id: CLIENT }, '203.0.113.7')).toBe(429)
    await reports(await place.start('allow'), 'another')
    expect(await starts({ client_id: 'allow' }, HOME)).toBe(429)
    await place.server.host.advance(WINDOW_MS - FREEZES_A_DAY * FREEZE_MS)
    await place.server.store.purge(place.server.host.clock.now())
    await reports(await place.start(CLIENT), 'late')
    expect(await starts({ client_id: CLIENT }, HOME)).toBe(429)
  })

  it('DEV-22 so is one key, by whomever and wherever it is reported', async () => {
    const device = await dpopClient(place.server)
    const begins = (address: string) => device.post('/device_authorization', { client_id: CLIENT }, from(address))
    const seen = []
    for (let times = 0; times <= FREEZES_A_DAY; times++) {
      const asked = await begins(`203.0.113.${times}`)
      await reports({ ...asked.json(), clientId: CLIENT }, `stranger${times}`)
      seen.push((await begins('198.51.100.99')).statusCode)
      await place.server.host.advance(FREEZE_MS)
    }
    expect(seen).toEqual([429, 429, 429, 200])
  })

  it('DEV-22 many reports at once of one place take no more than there are, and it stays shut', async () => {
    const started = await Promise.all(Array.from({ length: 5 }, () => place.start(CLIENT)))
    const browsers = await Promise.all(started.map((_, index) => place.person(`stranger${index}`)))
    for (const [index, browser] of browsers.entries()) await bring(browser, started[index] as Started)
    await Promise.all(browsers.map((browser) => answer(browser, 'report')))
    expect(await starts({ client_id: CLIENT }, HOME)).toBe(429)
    for (const { frozen } of events('reported')) expect(frozen).toBe(true)
  })

  it('DEV-22 many reports of one account at once are counted all the same', async () => {
    const started = await Promise.all(
      Array.from({ length: 6 }, (_, index) => place.start(CLIENT, { address: `203.0.113.${index}` })),
    )
    const browsers = await Promise.all(started.map(() => place.person('stranger')))
    for (const [index, browser] of browsers.entries()) await bring(browser, started[index] as Started)
    await Promise.all(browsers.map((browser) => answer(browser, 'report')))
    expect(events('reported').filter(({ frozen }) => frozen)).toHaveLength(REPORTS_PER_ACCOUNT)
    for (const one of started) expect(await place.record(one)).toMatchObject({ refused: 'reported' })
  })

  it('DEV-22 a report that finds nothing to shut out takes none of the three', async () => {
    for (let times = 0; times < 4; times++) await reports(await place.start(CLIENT), 'bo', HOME)
    await reports(await place.start(CLIENT), 'bo')
    expect(events('reported').at(-1)).toMatchObject({ frozen: true })
  })

  it('DEV-22 when the storage fails halfway operators hear of the report all the same, and it stays refused', async () => {
    const started = await place.start(CLIENT)
    const victim = await place.person('victim')
    await bring(victim, started)
    place.server.store.freezes.insert = () => Promise.reject(new Error('the disk is full'))
    expect((await answer(victim, 'report')).statusCode).toBe(500)
    expect(events('reported')).toMatchObject([{ frozen: false }])
    expect(await place.record(started)).toMatchObject({ state: 'denied', refused: 'reported' })
    expect((await victim.open('/link/device')).body).not.toContain('shut out')
  })
})

describe('an operator', () => {
  let folder: string
  let run: (words: string) => ReturnType<ReturnType<typeof serverTerminal>['run']>
  beforeEach(async () => {
    folder = temporaryFolder()
    const database = `sqlite:${join(folder, 'latchkey.db')}`
    await place.server.close()
    place = await elsewhereServer({ config: elsewhereConfig({ database }) })
    const config = join(folder, 'latchkey.json')
    writeFileSync(config, JSON.stringify({ issuer: ISSUER, database }))
    // The commands' clock is the server's.
    const { run: runWords } = serverTerminal({ LATCHKEY_CONFIG: config }, undefined, place.server.host)
    run = (words) => runWords(words.split(' '))
  })
  afterEach(() => removeFolder(folder))

  it('DEV-22 sees what is frozen, where and why, for people and for scripts', async () => {
    const device = await dpopClient(place.server)
    const asked = await device.post('/device_authorization', { client_id: CLIENT }, from(HOME))
    await reports({ ...asked.json(), clientId: CLIENT })
    const { code, out } = await run('freeze list')
    expect(code).toBe(0)
    const [since, until] = ['2030-01-15T12:00:00.000Z', '2030-01-15T13:00:00.000Z']
    const rest = ['victim@example.com', since, until]
    expect(out.map((line) => line.split('\t').slice(1)).sort()).toEqual([
      ['key', CLIENT, device.key.jkt, ...rest],
      ['network', CLIENT, HOME, ...rest],
    ])
    const json = (await run('freeze list --json')).out.map((line) => JSON.parse(line))
    expect(json).toContainEqual({
      id: expect.any(String),
      what: 'network',
      client_id: CLIENT,
      where: HOME,
      reported_by: 'victim@example.com',
      since,
      until,
    })
    await place.server.host.advance(FREEZE_MS)
    expect((await run('freeze list')).out).toEqual([])
  })

  it('DEV-22 lifts it: devices begin there again at once, and the trail says so', async () => {
    await reports(await place.start(CLIENT))
    const [line = ''] = (await run('freeze list')).out
    const [id] = line.split('\t')
    expect(await run(`freeze lift ${id}`)).toEqual({
      code: 0,
      out: [],
      err: [`Lifted: ${CLIENT} may begin there again`],
    })
    expect(await starts({ client_id: CLIENT }, HOME)).toBe(200)
    const again = await run(`freeze lift ${id}`)
    expect(again).toMatchObject({ code: 1, err: [expect.stringMatching(/no such freeze/)] })
    const trail = await place.server.store.auditEntries.newest({ most: 100 })
    expect(trail.filter(({ event }) => event === 'freeze_lifted')).toMatchObject([
      { clientId: CLIENT, details: { what: 'network' } },
    ])
  })
})

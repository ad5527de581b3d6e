import { describe, expect, it } from 'vitest'
import type { ScreenData } from '../../device-agent/src/kiosk/screen-data.ts'
import { groupsOf, viewOf } from '../../device-agent/src/kiosk/view.ts'

const CODE: ScreenData = {
  state: 'code',
  user_code: 'WDJB-MJHT',
  verification_uri: 'https://id.northwind.example/link',
  expires_in: 600,
  lifetime: 600,
}
const around = { secondsSince: 0, hasSquare: true, canLink: true }
const timerAfter = (secondsSince: number) => viewOf(CODE, { ...around, secondsSince }).timer

it('AGT-03 a code has its address as people type it, its letters in groups, and words that fit a square or none', () => {
  expect(viewOf(CODE, around)).toMatchObject({
    picture: 'square',
    lead: 'Scan the square, or open',
    address: 'id.northwind.example/link',
    groups: ['WDJB', 'MJHT'],
  })
  expect(viewOf(CODE, { ...around, hasSquare: false })).toMatchObject({
    picture: 'phone',
    lead: 'On your phone, open',
    ask: 'and enter this code',
  })
})

it('AGT-03 opened on a phone, the square steps back, and the code and the address stay', () => {
  expect(viewOf({ ...CODE, opened: true }, around)).toMatchObject({
    picture: 'phone',
    title: 'Continue on your phone',
    address: 'id.northwind.example/link',
    groups: ['WDJB', 'MJHT'],
  })
})

it('DEV-23 a number takes the place of the square, and the code stays to be compared', () => {
  for (const hasSquare of [true, false]) {
    const view = viewOf({ ...CODE, opened: true, number: '58' }, { ...around, hasSquare })
    expect(view).toMatchObject({
      picture: 'number',
      title: 'Continue on your phone',
      ask: 'Check that it shows this code',
      groups: ['WDJB', 'MJHT'],
      number: { ask: 'On your phone, tap', digits: '58' },
    })
  }
  expect(viewOf({ ...CODE, opened: true, number: '58' }, { ...around, secondsSince: 600 }).number).toBeUndefined()
})

it('AGT-07 the code is gone with its last second, whether or not anybody says so', () => {
  expect(viewOf(CODE, { ...around, secondsSince: 599.9 }).groups).toEqual(['WDJB', 'MJHT'])
  const over = viewOf(CODE, { ...around, secondsSince: 600 })
  expect(over).toEqual({
    picture: 'late',
    title: 'This code has run out',
    lead: 'Press OK for a new code.',
    button: 'OK',
  })
})

describe('the ring', () => {
  it('counts whole minutes, and in the last one seconds', () => {
    expect(timerAfter(0)).toEqual({ left: 1, number: '10', unit: 'minutes left', urgent: false })
    expect(timerAfter(78)).toMatchObject({ number: '9', left: 0.87 })
    expect(timerAfter(539)).toMatchObject({ number: '2', unit: 'minutes left', urgent: false })
    expect(timerAfter(540)).toMatchObject({ number: '60', unit: 'seconds left', urgent: true })
    expect(timerAfter(599)).toMatchObject({ number: '1', unit: 'second left' })
  })
})

describe('trouble in one plain sentence, with what happens next', () => {
  it('keeps the code where it is', () => {
    const view = viewOf({ ...CODE, message: 'cannot be reached', retry_in: 20 }, around)
    expect(view).toMatchObject({ groups: ['WDJB', 'MJHT'], status: 'No connection. Trying again in 20 s.' })
  })

  it('counts down, and says so when it is now', () => {
    const offline: ScreenData = { state: 'offline', message: 'No network.', retry_in: 20 }
    expect(viewOf(offline, around)).toMatchObject({ lead: 'No network.', status: 'Trying again in 20 s.' })
    expect(viewOf(offline, { ...around, secondsSince: 13 }).status).toBe('Trying again in 7 s.')
    expect(viewOf(offline, { ...around, secondsSince: 20 }).status).toBe('Trying again now.')
    expect(viewOf({ ...offline, retry_in: 300 }, around).status).toBe('Trying again in 5 minutes.')
  })

  it('is shortened when a server tells a story', () => {
    const { lead = '' } = viewOf({ state: 'problem', message: 'word '.repeat(200) }, around)
    expect(lead).toHaveLength(160)
    expect(lead.endsWith('…')).toBe(true)
  })
})

it('AGT-02 promises that OK does something only where it does', () => {
  for (const state of ['unlinked', 'needs_linking', 'expired', 'denied', 'problem'] as const) {
    expect(viewOf({ state }, around).button).toBe('OK')
    const without = viewOf({ state }, { ...around, canLink: false })
    expect(without.button).toBeUndefined()
    expect(without.lead).not.toContain('OK')
  }
  for (const state of ['asking', 'linked', 'offline'] as const) expect(viewOf({ state }, around).button).toBeUndefined()
  expect(viewOf(CODE, around).button).toBeUndefined()
  expect(viewOf({ state: 'unlinked' }, { ...around, idle: 'Ask Northwind' }).lead).toBe('Ask Northwind')
})

it.each([
  ['WDJB-MJHT', ['WDJB', 'MJHT']],
  ['CZ5DRNN2X', ['CZ5', 'DRN', 'N2X']],
  ['WDJBMJHT', ['WDJB', 'MJHT']],
  ['123456', ['123', '456']],
  ['12345', ['12345']],
  ['ABC-DEF GHI', ['ABC', 'DEF', 'GHI']],
])('reads %s in groups', (code, groups) => {
  expect(groupsOf(code)).toEqual(groups)
})

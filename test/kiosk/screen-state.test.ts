import { describe, expect, it } from 'vitest'
import { AgentError } from '../../device-agent/src/core/errors.ts'
import { openScreen } from '../../device-agent/src/kiosk/screen.ts'
import { screenData } from '../../device-agent/src/kiosk/screen-data.ts'
import { type ScreenState, screenStateOf } from '../../device-agent/src/kiosk/screen-state.ts'
import { spokenCode } from '../../device-agent/src/node/spoken-code.ts'
import { fakeHost } from '../support/fake-host.ts'
import { shownRequest } from '../support/kiosk-page.ts'

const host = fakeHost()
const now = host.clock.monotonic()
const request = shownRequest(host)
const unlinked: ScreenState = { kind: 'unlinked' }
const code = screenStateOf({ kind: 'waiting', request }, unlinked, now)
const failed = (reason: AgentError['reason']) => ({ kind: 'failed', error: new AgentError(reason, 'Why.') }) as const

describe('what is shown after each piece of news', () => {
  it.each([
    [{ kind: 'unlinked' }, { kind: 'unlinked' }],
    [{ kind: 'cancelled' }, { kind: 'unlinked' }],
    [{ kind: 'asking' }, { kind: 'asking' }],
    [{ kind: 'needs_linking' }, { kind: 'needs_linking' }],
    [failed('denied'), { kind: 'denied' }],
    [failed('expired'), { kind: 'expired' }],
    [failed('unlinked'), { kind: 'needs_linking' }],
    [failed('refused'), { kind: 'problem', message: 'Why.' }],
    [failed('lost_approval'), { kind: 'problem', message: 'Why.' }],
    [
      { kind: 'offline', reason: 'Nothing answers.', inSeconds: 20 },
      { kind: 'offline', reason: 'Nothing answers.', retryAtMonotonic: now + 20_000 },
    ],
    [
      { kind: 'linked', linked: { subject: { name: 'Ana', email: 'ana@example.com' } } },
      { kind: 'linked', name: 'Ana' },
    ],
    [
      { kind: 'linked', linked: { subject: { email: 'ana@example.com' } } },
      { kind: 'linked', name: 'ana@example.com' },
    ],
    [
      { kind: 'linked', linked: { subject: undefined } },
      { kind: 'linked', name: undefined },
    ],
  ] as const)('%j', (news, state) => {
    expect(screenStateOf(news, code, now)).toEqual(state)
  })
})

it('AGT-03 a code comes with the address, the complete address as it was sent, and its time', () => {
  expect(code).toEqual({
    kind: 'code',
    userCode: 'WDJB-MJHT',
    verificationUri: 'https://id.northwind.example/link',
    verificationUriComplete: 'https://id.northwind.example/link?user_code=WDJB-MJHT',
    expiresAtMonotonic: now + 600_000,
    lifetimeSeconds: 600,
    opened: false,
    number: undefined,
    trouble: undefined,
  })
})

it('a code that was opened stays opened through trouble, and its ring goes on; another code starts afresh', () => {
  const opened = screenStateOf({ kind: 'opened', request }, code, now + 60_000)
  expect(opened).toEqual({ ...code, opened: true })
  expect(screenStateOf({ kind: 'waiting', request, opened: true }, unlinked, now)).toEqual({ ...code, opened: true })
  const retrying = screenStateOf(
    { kind: 'retrying', request, reason: 'No answer.', inSeconds: 8 },
    opened,
    now + 70_000,
  )
  const trouble = { reason: 'No answer.', retryAtMonotonic: now + 78_000 }
  expect(retrying).toEqual({ ...code, opened: true, trouble })
  expect(screenStateOf({ kind: 'waiting', request }, retrying, now + 80_000)).toEqual(opened)
  const other = shownRequest(host, { userCode: 'BCDF-GHJK', seconds: 300 })
  expect(screenStateOf({ kind: 'waiting', request: other }, retrying, now)).toMatchObject({
    opened: false,
    lifetimeSeconds: 300,
  })
})

it('DEV-23 the number is that of the request on show: it says that somebody has opened it, and a new code has none', () => {
  const numbered = shownRequest(host, { number: '58' })
  const state = screenStateOf({ kind: 'waiting', request: numbered }, code, now)
  expect(state).toEqual({ ...code, opened: true, number: '58' })
  expect(screenData(state, now)).toMatchObject({ state: 'code', opened: true, number: '58' })
  const next = screenStateOf({ kind: 'waiting', request: shownRequest(host, { userCode: 'BCDF-GHJK' }) }, state, now)
  expect(next).toMatchObject({ opened: false, number: undefined })
  expect(screenData(next, now)).not.toHaveProperty('number')
})

it('words of others steer nothing: invisible marks and control characters are gone, and a square with some is not drawn', () => {
  const hostile = shownRequest(host, {
    userCode: 'WDJB\u202e-MJHT\u0000',
    verificationUri: 'https://id.northwind.example/\u001b[2Jlink',
    verificationUriComplete: 'https://id.northwind.example/\u2066link',
  })
  const state = screenStateOf({ kind: 'waiting', request: hostile }, unlinked, now)
  expect(state).toMatchObject({ userCode: 'WDJB-MJHT', verificationUri: 'https://id.northwind.example/[2Jlink' })
  expect(state).toMatchObject({ verificationUriComplete: undefined })
  const linked = { kind: 'linked', linked: { subject: { name: '\u202eanA\n' } } } as const
  expect(screenStateOf(linked, code, now)).toEqual({ kind: 'linked', name: 'anA' })
})

it('leaves the process with durations for moments, in the words of RFC 8628', () => {
  const troubled = screenStateOf({ kind: 'retrying', request, reason: 'No answer.', inSeconds: 20 }, code, now)
  expect(screenData(troubled, now + 5_500)).toEqual({
    state: 'code',
    user_code: 'WDJB-MJHT',
    verification_uri: 'https://id.northwind.example/link',
    verification_uri_complete: 'https://id.northwind.example/link?user_code=WDJB-MJHT',
    expires_in: 595,
    lifetime: 600,
    opened: false,
    message: 'No answer.',
    retry_in: 15,
  })
  expect(screenData(troubled, now + 700_000)).toMatchObject({ expires_in: 0, retry_in: 0 })
  expect(screenData({ kind: 'linked', name: 'Ana' }, now)).toEqual({ state: 'linked', name: 'Ana' })
  expect(screenData({ kind: 'linked', name: undefined }, now)).toEqual({ state: 'linked' })
  expect(screenData({ kind: 'problem', message: 'Why.' }, now)).toEqual({ state: 'problem', message: 'Why.' })
  const offline = { kind: 'offline', reason: 'Why.', retryAtMonotonic: now + 1 } as const
  expect(screenData(offline, now)).toEqual({ state: 'offline', message: 'Why.', retry_in: 1 })
})

it('tells its followers of changes alone, each of them, until they have heard enough', () => {
  const screen = openScreen(host.clock)
  const heard: string[] = []
  const listen = (state: ScreenState) => void heard.push(state.kind)
  const stop = screen.follow(listen)
  const stopSecond = screen.follow(listen)
  screen.show({ kind: 'unlinked' })
  screen.show({ kind: 'asking' })
  screen.show({ kind: 'asking' })
  expect(heard).toEqual(['asking', 'asking'])
  stop()
  screen.show({ kind: 'waiting', request })
  expect(heard).toEqual(['asking', 'asking', 'code'])
  expect(screen.current()).toEqual(code)
  stopSecond()
  screen.show({ kind: 'unlinked' })
  expect(heard).toHaveLength(3)
})

it('UX-07 the code is read letter by letter with a pause between its groups, or spelled for a room', () => {
  expect(spokenCode('WDJB-MJHT')).toBe('W, D, J, B. M, J, H, T.')
  expect(spokenCode('wdj 42')).toBe('W, D, J. 4, 2.')
  expect(spokenCode('WD-7', 'words')).toBe('W as in Whiskey, D as in Delta. 7.')
  expect(spokenCode('-')).toBe('')
})

import { expect, it } from 'vitest'
import { openScreen } from '../../device-agent/src/kiosk/screen.ts'
import {
  kioskSockets,
  MOST_UNSENT_BYTES,
  type PageSocket,
  PING_EVERY_MS,
} from '../../device-agent/src/node/kiosk-sockets.ts'
import { fakeHost } from '../support/fake-host.ts'
import { shownRequest } from '../support/kiosk-page.ts'

/** A socket that remembers what was done to it. */
function fakeSocket() {
  const listeners = new Map<string, (...what: never[]) => void>()
  const did: string[] = []
  const socket: PageSocket & { bufferedAmount: number } = {
    bufferedAmount: 0,
    send: (text: unknown) => void did.push(JSON.parse(String(text)).screen.state),
    ping: () => void did.push('ping'),
    close: (code) => void did.push(`close ${code}`),
    terminate: () => void did.push('terminate'),
    on: (event: string, listener: (...what: never[]) => void) => listeners.set(event, listener),
  }
  const emit = (event: string, ...what: unknown[]) => listeners.get(event)?.(...(what as never[]))
  return { socket, did, emit }
}

function opened(onLink?: () => void) {
  const host = fakeHost()
  const screen = openScreen(host.clock)
  const sockets = kioskSockets({ screen, machine: host, version: '1', onLink })
  sockets.start()
  return { host, screen, sockets, request: shownRequest(host) }
}

it('a page that comes late hears at once what is on show, and then every change', () => {
  const { screen, sockets, request } = opened()
  screen.show({ kind: 'waiting', request })
  const { socket, did, emit } = fakeSocket()
  sockets.accept(socket)
  screen.show({ kind: 'linked', linked: { subject: undefined } })
  expect(did).toEqual(['code', 'linked'])
  emit('close')
  screen.show({ kind: 'unlinked' })
  expect([did.length, sockets.count()]).toEqual([2, 0])
})

it('SOC-01 a page that does not listen is dropped, and the others hear all', () => {
  const { screen, sockets } = opened()
  const [slow, quick] = [fakeSocket(), fakeSocket()]
  sockets.accept(slow.socket)
  sockets.accept(quick.socket)
  slow.socket.bufferedAmount = MOST_UNSENT_BYTES + 1
  screen.show({ kind: 'asking' })
  expect(slow.did).toEqual(['unlinked', 'terminate'])
  expect(quick.did).toEqual(['unlinked', 'asking'])
  expect(sockets.count()).toBe(1)
})

it('a page that does not answer two pings is dropped', async () => {
  const { host, sockets } = opened()
  const [dead, alive] = [fakeSocket(), fakeSocket()]
  sockets.accept(dead.socket)
  sockets.accept(alive.socket)
  await host.advance(PING_EVERY_MS)
  alive.emit('pong')
  await host.advance(PING_EVERY_MS)
  expect(dead.did).toEqual(['unlinked', 'ping', 'terminate'])
  expect(alive.did).toEqual(['unlinked', 'ping', 'ping'])
})

it('AGT-02 OK at the screen is one press however long it is held, and none while a code is out or the device is linked', async () => {
  let presses = 0
  const { host, screen, sockets, request } = opened(() => {
    presses += 1
  })
  const { socket, did, emit } = fakeSocket()
  sockets.accept(socket)
  const press = () => emit('message', Buffer.from('ok'), false)
  press()
  press()
  expect(presses).toBe(1)
  await host.advance(1_000)
  press()
  expect(presses).toBe(2)
  for (const news of [
    { kind: 'asking' },
    { kind: 'waiting', request },
    { kind: 'offline', reason: '', inSeconds: 1 },
    { kind: 'linked', linked: { subject: undefined } },
  ] as const) {
    await host.advance(1_000)
    screen.show(news)
    press()
  }
  expect(presses).toBe(2)
  expect(did).not.toContain('close 1008')
})

it.each([
  ['a word of its own', Buffer.from('link'), false],
  ['bytes', Buffer.from('ok'), true],
])('SOC-01 %s closes the socket', (_, data, isBinary) => {
  const { sockets } = opened(() => expect.unreachable())
  const { socket, did, emit } = fakeSocket()
  sockets.accept(socket)
  emit('message', data, isBinary)
  expect(did).toEqual(['unlinked', 'close 1008'])
})

it('SYS-03 stopping says goodbye to every page and leaves no timer', () => {
  const { host, screen, sockets } = opened()
  const { socket, did } = fakeSocket()
  sockets.accept(socket)
  sockets.stop()
  screen.show({ kind: 'asking' })
  expect(did).toEqual(['unlinked', 'close 1001', 'terminate'])
  expect(host.asleep()).toEqual([])
})

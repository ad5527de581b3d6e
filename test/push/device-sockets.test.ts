import { CLOSE, type DeviceNews } from '@latchkey/shared'
import { describe, expect, it } from 'vitest'
import { deviceSockets, HELLO_WITHIN_MS, type Standing } from '../../server/src/push/device-sockets.ts'
import { localNews } from '../../server/src/push/local-news.ts'
import { PING_EVERY_MS } from '../../server/src/push/waiting-room.ts'
import { fakeHost } from '../support/fake-host.ts'
import { settled, waitingSocket } from '../support/waiting-socket.ts'

const HELLO = JSON.stringify({ device_code: 'code' })

function waitingRoom(options: { most?: number; mostPerNetwork?: number; news?: DeviceNews } = {}) {
  const host = fakeHost()
  const news = localNews()
  let standing: Standing | undefined = {
    requestId: 'request',
    deadlineAt: host.clock.now() + 600_000,
    news: options.news,
  }
  let looks = 0
  let fails = false
  const sockets = deviceSockets({
    news,
    clock: host.clock,
    look: async (code) => {
      looks++
      if (fails) throw new Error('the store is away')
      return code === 'code' ? standing : undefined
    },
    most: options.most ?? 100,
    mostPerNetwork: options.mostPerNetwork ?? 100,
  })
  return {
    host,
    news,
    sockets,
    looks: () => looks,
    fail() {
      fails = true
    },
    stand: (change: Partial<Standing> | undefined) => {
      standing = change && standing ? { ...standing, ...change } : undefined
    },
    async join(network = '192.0.2.1') {
      const device = waitingSocket()
      sockets.accept(device.socket, network)
      device.say(HELLO)
      await settled()
      return device
    },
  }
}

describe('devices that wait on a socket', () => {
  it('AGT-04 DEV-13 a device hears opened, then approved, and is let go', async () => {
    const room = waitingRoom()
    const device = await room.join()
    room.stand({ news: { event: 'opened' } })
    room.news.publish('request', 'opened')
    room.news.publish('another', 'denied')
    await settled()
    expect(device.did).toEqual(['opened'])
    room.news.publish('request', 'approved')
    room.news.publish('request', 'denied')
    expect(device.did).toEqual(['opened', 'approved', `close ${CLOSE.done}`])
    expect(room.sockets.size).toBe(0)
  })

  it('DEV-14 what happened before it came is told at once', async () => {
    expect((await waitingRoom({ news: { event: 'denied' } }).join()).did).toEqual(['denied', `close ${CLOSE.done}`])
    expect((await waitingRoom({ news: { event: 'opened' } }).join()).did).toEqual(['opened'])
  })

  it('DEV-23 the number for its screen comes with opened: later than the first one, or to who connects later', async () => {
    const room = waitingRoom()
    const device = await room.join()
    room.stand({ news: { event: 'opened' } })
    room.news.publish('request', 'opened')
    await settled()
    room.stand({ news: { event: 'opened', number: '58' } })
    room.news.publish('request', 'opened')
    await settled()
    expect(device.said).toEqual([{ event: 'opened' }, { event: 'opened', number: '58' }])
    expect((await room.join()).said).toEqual([{ event: 'opened', number: '58' }])
  })

  it('DEV-23 a number that cannot be looked up just now is left out: the device hears opened, and polls', async () => {
    const room = waitingRoom()
    const device = await room.join()
    room.fail()
    room.news.publish('request', 'opened')
    await settled()
    expect(device.did).toEqual(['opened'])
  })

  it('DEV-23 that it has its tokens is no news for a device', async () => {
    const room = waitingRoom()
    const device = await room.join()
    room.news.publish('request', 'linked')
    expect(device.did).toEqual([])
    expect(room.sockets.size).toBe(1)
  })

  it('DEV-14 what happens between the look and the listening is not missed', async () => {
    const room = waitingRoom()
    const device = waitingSocket()
    room.sockets.accept(device.socket, 'n')
    device.say(HELLO)
    // The first look has been made; nobody listens yet.
    room.stand({ news: { event: 'approved' } })
    room.news.publish('request', 'approved')
    await settled()
    expect(device.did).toEqual(['approved', `close ${CLOSE.done}`])
    expect(room.looks()).toBe(2)
  })

  it('DEV-14 expiry is told when the deadline is there', async () => {
    const room = waitingRoom()
    const device = await room.join()
    for (let half = 0; half < 20; half++) {
      await room.host.advance(PING_EVERY_MS - 1)
      room.sockets.sweep()
      device.emit('pong')
    }
    await room.host.advance(30_000)
    room.sockets.sweep()
    expect(device.did.slice(-2)).toEqual(['expired', `close ${CLOSE.done}`])
  })

  it('NEG-17 an unknown code, garbage, binary and a second message are refused', async () => {
    const room = waitingRoom()
    for (const message of ['{"device_code":"unknown"}', '{"device_code":7}', 'garbage', '[]', '{}', '']) {
      const device = waitingSocket()
      room.sockets.accept(device.socket, 'n')
      device.say(message)
      await settled()
      expect([message, device.did]).toEqual([message, [`close ${CLOSE.refused}`]])
    }
    const binary = waitingSocket()
    room.sockets.accept(binary.socket, 'n')
    binary.say(HELLO, true)
    expect(binary.did).toEqual([`close ${CLOSE.refused}`])
    const talkative = await room.join()
    talkative.say(HELLO)
    expect(talkative.did).toEqual([`close ${CLOSE.refused}`])
    expect(room.sockets.size).toBe(0)
  })

  it('NEG-14 who never says a code is sent away', async () => {
    const room = waitingRoom()
    const silent = waitingSocket()
    room.sockets.accept(silent.socket, 'n')
    await room.host.advance(HELLO_WITHIN_MS - 1)
    room.sockets.sweep()
    expect(silent.did).toEqual([])
    await room.host.advance(1)
    room.sockets.sweep()
    expect(silent.did).toEqual([`close ${CLOSE.refused}`])
  })

  it('NEG-14 a peer that is gone is noticed, one that answers stays', async () => {
    const room = waitingRoom()
    const alive = await room.join()
    const gone = await room.join()
    await room.host.advance(PING_EVERY_MS)
    room.sockets.sweep()
    alive.emit('pong')
    await room.host.advance(PING_EVERY_MS)
    room.sockets.sweep()
    expect(alive.did).toEqual(['ping', 'ping'])
    expect(gone.did).toEqual(['ping', 'terminate'])
    expect(room.sockets.size).toBe(1)
  })

  it('NEG-14 who does not read is cut, and costs the others nothing', async () => {
    const room = waitingRoom()
    const slow = await room.join()
    const quick = await room.join()
    slow.socket.bufferedAmount = 1_000_000
    room.stand({ news: { event: 'opened' } })
    room.news.publish('request', 'opened')
    await settled()
    expect(slow.did).toEqual(['terminate'])
    expect(quick.did).toEqual(['opened'])
  })

  it('NEG-14 all in all and per network there is a bound, and leaving makes room', async () => {
    const room = waitingRoom({ most: 3, mostPerNetwork: 2 })
    const first = await room.join('a')
    await room.join('a')
    expect([room.sockets.hasRoomFor('a'), room.sockets.hasRoomFor('b')]).toEqual([false, true])
    await room.join('b')
    expect(room.sockets.hasRoomFor('c')).toBe(false)
    first.emit('close')
    expect([room.sockets.hasRoomFor('a'), room.sockets.hasRoomFor('c')]).toEqual([true, true])
    first.emit('close')
    expect(room.sockets.size).toBe(2)
  })

  it('NEG-11 a server that stops sends everybody away with the word to come back', async () => {
    const room = waitingRoom()
    const device = await room.join()
    room.sockets.close()
    expect(device.did).toEqual([`close ${CLOSE.restart}`])
    room.news.publish('request', 'approved')
    expect(device.did).toHaveLength(1)
  })
})

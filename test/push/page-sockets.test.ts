import { CLOSE } from '@latchkey/shared'
import { describe, expect, it } from 'vitest'
import { localNews } from '../../server/src/push/local-news.ts'
import { type PageStanding, pageSockets } from '../../server/src/push/page-sockets.ts'
import { PING_EVERY_MS } from '../../server/src/push/waiting-room.ts'
import { fakeHost } from '../support/fake-host.ts'
import { settled, waitingSocket } from '../support/waiting-socket.ts'

const OPEN: PageStanding = { message: { event: 'open' }, isOver: false }
const APPROVED: PageStanding = { message: { event: 'approved' }, isOver: false }
const LINKED: PageStanding = { message: { event: 'linked' }, isOver: true }

function pages(standing: PageStanding | undefined, options: { most?: number; mostPerSession?: number } = {}) {
  const host = fakeHost()
  const news = localNews()
  const { most = 100, mostPerSession = 100 } = options
  const sockets = pageSockets({ news, clock: host.clock, most, mostPerSession })
  let looks = 0
  let look = async (): Promise<PageStanding | undefined> => standing
  return {
    host,
    news,
    sockets,
    looks: () => looks,
    stand(next: PageStanding | undefined | Error) {
      look = async () => {
        if (next instanceof Error) throw next
        return next
      }
    },
    /** What a look finds from now on, each time when the test says so. */
    standLater() {
      const found: ((standing: PageStanding) => void)[] = []
      look = () => new Promise((resolve) => found.push(resolve))
      return found
    },
    async open(sessionId = 'session', requestId = 'request') {
      const page = waitingSocket()
      sockets.accept(page.socket, {
        sessionId,
        requestId,
        look: () => {
          looks++
          return look()
        },
      })
      await settled()
      return page
    },
  }
}

describe('pages that wait on a socket', () => {
  it('WEB-05 a page hears how it stands, then each change of its own device, then is let go', async () => {
    const room = pages(OPEN)
    const page = await room.open()
    expect(page.did).toEqual(['open'])
    room.news.publish('another', 'approved')
    await settled()
    expect(room.looks()).toBe(1)
    room.stand(APPROVED)
    room.news.publish('request', 'approved')
    await settled()
    room.stand(LINKED)
    room.news.publish('request', 'linked')
    await settled()
    expect(page.did).toEqual(['open', 'approved', 'linked', `close ${CLOSE.done}`])
    expect(room.sockets.size).toBe(0)
    room.news.publish('request', 'denied')
    await settled()
    expect(room.looks()).toBe(3)
  })

  it('WEB-05 news that change nothing for the page are not told', async () => {
    const room = pages(OPEN)
    const page = await room.open()
    room.news.publish('request', 'opened')
    await settled()
    expect([page.did, room.looks()]).toEqual([['open'], 2])
  })

  it('WEB-05 looks that overtake each other tell nothing old: one comes after the other', async () => {
    const room = pages(OPEN)
    const page = await room.open()
    const found = room.standLater()
    room.news.publish('request', 'approved')
    room.news.publish('request', 'linked')
    await settled()
    expect(found).toHaveLength(1)
    found[0]?.(APPROVED)
    await settled()
    found[1]?.(LINKED)
    await settled()
    expect(page.did).toEqual(['open', 'approved', 'linked', `close ${CLOSE.done}`])
  })

  it('SES-01 who has signed out meanwhile hears nothing more, and is let go within half a minute without news', async () => {
    const room = pages(OPEN)
    const [told, untold] = [await room.open('a', 'one'), await room.open('b', 'two')]
    room.stand(undefined)
    room.news.publish('one', 'approved')
    await settled()
    expect(told.did).toEqual(['open', `close ${CLOSE.refused}`])
    await room.host.advance(PING_EVERY_MS)
    room.sockets.sweep()
    await settled()
    expect(untold.did.at(-1)).toBe(`close ${CLOSE.refused}`)
  })

  it('UX-06 what changes by time alone is told when its time is there', async () => {
    const room = pages(OPEN)
    room.stand({ ...OPEN, until: room.host.clock.now() + 5_000 })
    const page = await room.open()
    room.stand({ message: { event: 'closed' }, isOver: true })
    await room.host.advance(4_999)
    room.sockets.sweep()
    await settled()
    expect(page.did).toEqual(['open'])
    await room.host.advance(1)
    room.sockets.sweep()
    room.sockets.sweep()
    await settled()
    expect(page.did).toEqual(['open', 'closed', `close ${CLOSE.done}`])
    expect(room.looks()).toBe(2)
  })

  it('NEG-12 a store that cannot be read sends the page away with the word to come back', async () => {
    const room = pages(OPEN)
    const page = await room.open()
    room.stand(new Error('the store is away'))
    room.news.publish('request', 'approved')
    await settled()
    expect(page.did).toEqual(['open', `close ${CLOSE.restart}`])
  })

  it('NEG-14 a page has nothing to say; one that is gone is noticed', async () => {
    const room = pages(OPEN)
    const talkative = await room.open()
    talkative.say('{"event":"approved"}')
    expect(talkative.did).toEqual(['open', `close ${CLOSE.refused}`])
    const gone = await room.open()
    await room.host.advance(PING_EVERY_MS)
    room.sockets.sweep()
    await room.host.advance(PING_EVERY_MS)
    room.sockets.sweep()
    expect(gone.did).toEqual(['open', 'ping', 'terminate'])
    expect(room.sockets.size).toBe(0)
  })

  it('NEG-14 all in all and per session there is a bound, and leaving makes room', async () => {
    const room = pages(OPEN, { most: 3, mostPerSession: 2 })
    const first = await room.open('a')
    await room.open('a')
    expect([room.sockets.hasRoomFor('a'), room.sockets.hasRoomFor('b')]).toEqual([false, true])
    await room.open('b')
    expect(room.sockets.hasRoomFor('c')).toBe(false)
    first.emit('close')
    expect([room.sockets.hasRoomFor('a'), room.sockets.hasRoomFor('c')]).toEqual([true, true])
  })

  it('NEG-11 a server that stops sends everybody away with the word to come back', async () => {
    const room = pages(OPEN)
    const page = await room.open()
    room.sockets.close()
    expect(page.did).toEqual(['open', `close ${CLOSE.restart}`])
  })
})

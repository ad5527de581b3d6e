// Pages of people that wait on a WebSocket for what becomes of one device. They say nothing and are told how it stands:
// at first, and after each change. What may be told to whom is for `look` to say, each time anew; the sockets themselves
// are looked after next door in waiting-room.ts.
import { CLOSE, type Clock } from '@latchkey/shared'
import type { News } from '../oauth/news.ts'
import { PING_EVERY_MS, type WaitingRoom, type WaitingSocket, waitingRoom } from './waiting-room.ts'

/** How it stands, as the page is told. */
export interface PageStanding {
  readonly message: { readonly event: string }
  /** Nothing more will happen, or nothing that this page waits for. */
  readonly isOver: boolean
  /** When it changes by itself, in epoch milliseconds. */
  readonly until?: number
}

export interface WaitingPage {
  /** Whose sockets are counted together. */
  readonly sessionId: string
  readonly requestId: string
  /** Undefined when nothing may be told any more: who waits has signed out, or waits for another device. */
  look(): Promise<PageStanding | undefined>
}

export interface PageSocketOptions {
  readonly news: News
  readonly clock: Clock
  readonly most: number
  readonly mostPerSession: number
}

export interface PageSockets extends Pick<WaitingRoom, 'size' | 'hasRoomFor' | 'sweep' | 'close'> {
  accept(socket: WaitingSocket, page: WaitingPage): void
}

export function pageSockets({ news, clock, most, mostPerSession }: PageSocketOptions): PageSockets {
  const room = waitingRoom({ clock, most, mostPerName: mostPerSession })
  return {
    get size() {
      return room.size
    },
    hasRoomFor: room.hasRoomFor,
    accept: (socket, { sessionId, requestId, look }) =>
      room.admit(socket, sessionId, (guest) => {
        let told = ''
        let lookAgainAt = Number.POSITIVE_INFINITY
        let looking = Promise.resolve()

        const tell = async (): Promise<void> => {
          if (!guest.isHere) return
          const standing = await look()
          if (standing === undefined) return guest.dismiss(CLOSE.refused)
          const { message, isOver, until = Number.POSITIVE_INFINITY } = standing
          // A sign-out is no news here: it is found when somebody looks.
          lookAgainAt = Math.min(until, clock.now() + PING_EVERY_MS)
          if (message.event !== told) guest.tell(message)
          told = message.event
          if (isOver) guest.dismiss(CLOSE.done)
        }
        /** One look after the other, so that what is told is never older than what was told before. */
        const lookAgain = (): void => {
          lookAgainAt = Number.POSITIVE_INFINITY
          looking = looking.then(tell).catch(() => guest.dismiss(CLOSE.restart))
        }
        const silence = news.listen(requestId, lookAgain)
        lookAgain()
        return {
          heard: () => guest.dismiss(CLOSE.refused),
          swept: () => {
            if (clock.now() >= lookAgainAt) lookAgain()
          },
          left: silence,
        }
      }),
    sweep: room.sweep,
    close: room.close,
  }
}

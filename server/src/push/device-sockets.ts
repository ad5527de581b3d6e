// Devices that wait on a WebSocket: one small object each. Knows news, neither HTTP nor the flow's rules; the sockets
// themselves are looked after next door in waiting-room.ts.
import { CLOSE, type Clock, type DeviceNews, readHello } from '@latchkey/shared'
import type { News, NewsEvent } from '../oauth/news.ts'
import { type Guest, type WaitingRoom, type WaitingSocket, waitingRoom } from './waiting-room.ts'

/** How a request stands when a device begins to listen, and each time that there is news. */
export interface Standing {
  readonly requestId: string
  readonly deadlineAt: number
  /** What happened already, if anything. */
  readonly news: DeviceNews | undefined
}

export interface DeviceSocketOptions {
  readonly news: News
  readonly clock: Clock
  /** Undefined for a code that nobody waits for: unknown, used, of another day. */
  readonly look: (deviceCode: string) => Promise<Standing | undefined>
  /** All in all; one network's share is bounded by `mostPerNetwork`. */
  readonly most: number
  readonly mostPerNetwork: number
}

export interface DeviceSockets extends Pick<WaitingRoom, 'size' | 'hasRoomFor' | 'sweep' | 'close'> {
  accept(socket: WaitingSocket, network: string): void
}

/** A device says its code at once, or it is none. */
export const HELLO_WITHIN_MS = 10_000

export function deviceSockets(options: DeviceSocketOptions): DeviceSockets {
  const { news, clock, look, most, mostPerNetwork } = options
  const room = waitingRoom({ clock, most, mostPerName: mostPerNetwork })

  const attend = (guest: Guest) => {
    const since = clock.monotonic()
    let deadlineAt = Number.POSITIVE_INFINITY
    let isGreeted = false
    // Further messages are no reason to look again.
    let isLooking = false
    let silence = (): void => undefined

    const tell = (message: DeviceNews): void => {
      guest.tell(message)
      if (message.event !== 'opened') guest.dismiss(CLOSE.done)
    }
    const tellStanding = async (deviceCode: string): Promise<void> => {
      const standing = await look(deviceCode)
      if (standing?.news !== undefined) tell(standing.news)
    }
    const hear = (event: NewsEvent, deviceCode: string): void => {
      if (event === 'linked') return
      // Whether there is a number to show stands in the record. Without it the device asks the token endpoint, as ever.
      if (event === 'opened') tellStanding(deviceCode).catch(() => tell({ event }))
      else tell({ event })
    }
    const hello = async (text: string): Promise<void> => {
      const deviceCode = readHello(text)?.device_code
      const standing = deviceCode === undefined ? undefined : await look(deviceCode)
      if (!guest.isHere) return
      if (deviceCode === undefined || standing === undefined) return guest.dismiss(CLOSE.refused, 'no such device_code')
      isGreeted = true
      deadlineAt = standing.deadlineAt
      silence = news.listen(standing.requestId, (event) => hear(event, deviceCode))
      // Between the look and the listening something may have happened: look once more, now that nothing is missed.
      await tellStanding(deviceCode)
    }
    return {
      heard(text: string | undefined) {
        if (text === undefined || isLooking) {
          return guest.dismiss(CLOSE.refused, 'one text message, with the device_code')
        }
        isLooking = true
        hello(text).catch(() => guest.dismiss(CLOSE.restart))
      },
      swept() {
        if (clock.now() >= deadlineAt) tell({ event: 'expired' })
        else if (!isGreeted && clock.monotonic() - since >= HELLO_WITHIN_MS) {
          guest.dismiss(CLOSE.refused, 'no device_code')
        }
      },
      left: () => silence(),
    }
  }

  return {
    get size() {
      return room.size
    },
    hasRoomFor: room.hasRoomFor,
    accept: (socket, network) => room.admit(socket, network, attend),
    sweep: room.sweep,
    close: room.close,
  }
}

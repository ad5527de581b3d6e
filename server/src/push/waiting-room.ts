// Sockets on which somebody waits for news: how many there may be, whether they are still there, how they are let go.
// What is said on them is next door: device-sockets.ts for devices, page-sockets.ts for the pages of people.
import { CLOSE, type Clock } from '@latchkey/shared'

/** What of a WebSocket is used here; `ws` has it. */
export interface WaitingSocket {
  readonly bufferedAmount: number
  send(text: string): void
  ping(): void
  close(code: number, reason?: string): void
  terminate(): void
  on(event: 'message', listener: (data: { toString(): string }, isBinary: boolean) => void): unknown
  on(event: 'pong' | 'close' | 'error', listener: () => void): unknown
}

/** One who waits, as seen by whoever tells it something. */
export interface Guest {
  /** False from the moment it left or was let go: whatever is told then is told to nobody. */
  readonly isHere: boolean
  tell(message: object): void
  dismiss(code: number, reason?: string): void
}

/** How a guest is looked after. */
export interface Care {
  /** It said something; undefined for what is no text. */
  heard(text: string | undefined): void
  /** Once a second, as long as it is here. */
  swept(): void
  /** Once, whoever ended it. */
  left(): void
}

export interface WaitingRoomOptions {
  readonly clock: Clock
  /** All in all; who shares a name (a network, a session) has `mostPerName` of it. */
  readonly most: number
  readonly mostPerName: number
}

export interface WaitingRoom {
  readonly size: number
  /** Whether one more of this name may wait. */
  hasRoomFor(name: string): boolean
  admit(socket: WaitingSocket, name: string, attend: (guest: Guest) => Care): void
  /** Once a second: looks after everybody, ends what is gone, pings the others every half minute. */
  sweep(): void
  /** Sends everybody away with the word to come back. */
  close(): void
}

export const PING_EVERY_MS = 30_000
// News are a few dozen bytes. Whoever lets so much pile up is not reading.
const MOST_BUFFERED_BYTES = 16_384

interface Seat {
  readonly guest: Guest
  sweep(now: number): void
}

export function waitingRoom({ clock, most, mostPerName }: WaitingRoomOptions): WaitingRoom {
  const seats = new Set<Seat>()
  const perName = new Map<string, number>()

  const free = (seat: Seat, name: string): boolean => {
    if (!seats.delete(seat)) return false
    const left = (perName.get(name) ?? 1) - 1
    if (left === 0) perName.delete(name)
    else perName.set(name, left)
    return true
  }

  return {
    get size() {
      return seats.size
    },
    hasRoomFor: (name) => seats.size < most && (perName.get(name) ?? 0) < mostPerName,
    admit(socket, name, attend) {
      let pingedAt = clock.monotonic()
      let answered = true
      const leave = (): void => {
        if (free(seat, name)) care.left()
      }
      const cut = (): void => {
        leave()
        socket.terminate()
      }
      const guest: Guest = {
        get isHere() {
          return seats.has(seat)
        },
        tell(message) {
          if (!guest.isHere) return
          if (socket.bufferedAmount > MOST_BUFFERED_BYTES) cut()
          else socket.send(JSON.stringify(message))
        },
        dismiss(code, reason) {
          if (!guest.isHere) return
          leave()
          socket.close(code, reason)
        },
      }
      const seat: Seat = {
        guest,
        sweep(now) {
          care.swept()
          if (!guest.isHere || now - pingedAt < PING_EVERY_MS) return
          if (!answered) return cut()
          answered = false
          pingedAt = now
          socket.ping()
        },
      }
      seats.add(seat)
      perName.set(name, (perName.get(name) ?? 0) + 1)
      const care = attend(guest)
      socket.on('pong', () => {
        answered = true
      })
      socket.on('close', leave)
      socket.on('error', leave)
      socket.on('message', (data, isBinary) => care.heard(isBinary ? undefined : data.toString()))
    },
    sweep() {
      const now = clock.monotonic()
      for (const seat of seats) seat.sweep(now)
    },
    close() {
      for (const { guest } of seats) guest.dismiss(CLOSE.restart, 'restarting')
    },
  }
}

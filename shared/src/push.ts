// What a waiting device hears, and how: a WebSocket that carries news and never a token.
import { isJsonObject } from './jws.ts'

/** The WebSocket subprotocol. */
export const DEVICE_EVENTS_PROTOCOL = 'latchkey.device.v1'

/**
 * - `opened`: somebody has this code on their phone; the screen can say "continue on your phone";
 * - `approved`: ask the token endpoint, at once;
 * - `denied`, `expired`: it is over.
 */
export const DEVICE_EVENTS = ['opened', 'approved', 'denied', 'expired'] as const
export type DeviceEvent = (typeof DEVICE_EVENTS)[number]

/** The first message of a device, and the only one. Browsers on TVs cannot set headers, so the code comes here. */
export interface DeviceHello {
  readonly device_code: string
}

/** What the server sends. Unknown members and events are to be ignored. */
export interface DeviceNews {
  readonly event: DeviceEvent
  /**
   * With `opened`, where the person is elsewhere: two digits for the screen, to be found on the phone among others. It
   * may come later than the first `opened`, and does not change.
   */
  readonly number?: string
}

/** Close codes (RFC 6455 §7.4): what a device does next follows from them. */
export const CLOSE = {
  /** The last event was told. */
  done: 1000,
  /** Restarting: connect again after a random while, poll meanwhile. */
  restart: 1012,
  /** No such code, or a message that is not understood: do not come back with it. */
  refused: 1008,
  /** Too many wait already: poll. */
  busy: 1013,
} as const

/** Undefined for everything that is not a hello. */
export function readHello(text: string): DeviceHello | undefined {
  const message = readObject(text)
  const code = message?.['device_code']
  return typeof code === 'string' && code !== '' ? { device_code: code } : undefined
}

/** Undefined for what this version does not know. */
export function readNews(text: string): DeviceNews | undefined {
  const message = readObject(text)
  const event = DEVICE_EVENTS.find((known) => known === message?.['event'])
  if (event === undefined) return undefined
  const number = event === 'opened' ? readScreenNumber(message?.['number']) : undefined
  return number === undefined ? { event } : { event, number }
}

/** A number as a server may put it on a device's screen; undefined for everything else, which no screen shows. */
export function readScreenNumber(value: unknown): string | undefined {
  return typeof value === 'string' && /^\d{2}$/.test(value) ? value : undefined
}

function readObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

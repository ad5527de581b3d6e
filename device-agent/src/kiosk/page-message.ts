// What passes between the server of the page and the page: both ends read their types here.
import type { ScreenData } from './screen-data.ts'

/** The WebSocket of the page, and its subprotocol. */
export const SOCKET_PATH = '/screen'
export const SOCKET_PROTOCOL = 'latchkey.screen.v1'

/** A QR code as an SVG path, one unit a module, without the quiet zone. */
export interface Square {
  /** Modules a side. */
  readonly size: number
  readonly path: string
}

/** To the page, whenever something changes and once at the start. */
export interface PageMessage {
  /** Of the page's own files: a page that differs loads itself again. */
  readonly version: string
  readonly screen: ScreenData
  readonly square?: Square
  /** The code as a screen reader should say it. */
  readonly spoken?: string
  /** True when the page may ask for a new code. */
  readonly canLink: boolean
}

/** The only thing that the page ever says: somebody pressed OK. */
export const PRESSED = 'ok'

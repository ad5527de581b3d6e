// What a TV app gets: the element, and the parts to build one of its own. Importing it defines <latchkey-link>.
import { LatchkeyLink } from './latchkey-link.ts'
import { fillGaps } from './older-browsers.ts'

export * from '../core/agent.ts'
export type { ApiRequest } from '../core/api-request.ts'
export type { KeyFit } from '../core/connection.ts'
export * from '../core/credentials.ts'
export * from '../core/errors.ts'
export { type KeyStore, memoryKeys } from '../core/keys.ts'
export type { LinkRequest, WaitingState } from '../core/link-request.ts'
export * from './indexed-db-store.ts'
export { LatchkeyLink, type LinkElementEvents } from './latchkey-link.ts'
export type { LinkElementState, LinkElementStateKind, Protection, ShownCode } from './link-state.ts'
export { qrPicture } from './qr-picture.ts'
export type { LinkWords } from './words.ts'

fillGaps()
if (!customElements.get('latchkey-link')) customElements.define('latchkey-link', LatchkeyLink)

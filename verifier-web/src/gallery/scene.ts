// What the pages of the gallery share: who looks at them, and the television and the app that they are about.
import { STYLESHEET } from '../assets.ts'
import type { Chrome } from '../layout.tsx'
import { ENGLISH } from '../locales/locale.ts'
import type { ConsentModel } from '../pages/consent.tsx'
import type { DeviceModel } from '../pages/device.tsx'

/** One page in one state; `around` replaces parts of the frame, such as the language or where the stylesheet is. */
export interface GalleryEntry {
  readonly name: string
  readonly html: (around?: Partial<Chrome>) => string
}

export const ANYBODY: Chrome = {
  brand: 'Northwind TV',
  locale: ENGLISH,
  stylesheet: STYLESHEET.path,
  base: '',
  csrf: 'canned-csrf-token',
  languages: '/language?from=%2Flink',
}
export const ANA: Chrome = { ...ANYBODY, account: { email: 'ana@example.com', name: 'Ana' } }

export const TV: DeviceModel = {
  client: 'Northwind TV',
  name: 'Living room TV',
  model: 'Northwind N55',
  software: 'app 4.2',
  userCode: 'WDJB-MJHT',
  arrived: 'address',
  startedSecondsAgo: 40,
  expiresInSeconds: 521,
  address: '203.0.113.7',
  network: 'same',
  identity: [],
  permissions: ['See your library', 'See what you watch'],
  staysSignedIn: true,
}

export const PLAYER: ConsentModel = {
  client: 'Northwind Player',
  returnsTo: 'app.example.com',
  identity: ['profile', 'email'],
  permissions: ['See your library'],
  staysSignedIn: true,
  unproven: false,
}

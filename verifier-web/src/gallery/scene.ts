// Who looks at the pages of the gallery.
import { STYLESHEET } from '../assets.ts'
import type { Chrome } from '../layout.tsx'
import { ENGLISH } from '../locales/locale.ts'

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

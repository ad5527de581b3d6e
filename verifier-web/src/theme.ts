// How the pages look for somebody else: their name, their logo, their key colour. Paper and ink stay ours, so that what
// warns and what is read looks the same on every page. The logo's file is judged next door, in logo.ts.
import { type Asset, named } from './assets.ts'

/** A theme as pages use it; what is absent stays as it is. */
export interface Theme {
  /** Beside the logo, in the place of the service's own name. */
  readonly name?: string
  readonly logo?: Asset
  /** Nothing but custom properties; it comes after the pages' own. */
  readonly stylesheet?: Asset
}

/** The key colour on light and on dark paper, `#rrggbb`. */
export interface KeyColours {
  readonly light: string
  readonly dark: string
}

/** What the key stands on, as in style.css. */
const SURFACES = {
  light: { paper: '#f5f4f1', sheet: '#ffffff' },
  dark: { paper: '#131412', sheet: '#1d1e1b' },
} as const
// What can be read on the sheet is as far from this as from the sheet itself, or further: no choice is needed.
const ON_KEY = { light: '#ffffff', dark: '#0c0d0b' } as const
/** A pointer over the key takes it away from the ink on it. */
const OVER = { light: { towards: '#000000', by: 0.2 }, dark: { towards: '#ffffff', by: 0.2 } } as const
/** WCAG 1.4.3: the key is the colour of links and the ground of words. */
const LEAST_CONTRAST = 4.5

/** Why a colour will not do, as `light: …` or `dark: …`; empty when both will. */
export function keyProblems(key: KeyColours): readonly string[] {
  return (['light', 'dark'] as const).flatMap((scheme) => {
    const [worst] = Object.entries(SURFACES[scheme])
      .map(([surface, colour]) => ({ surface, ratio: contrast(key[scheme], colour) }))
      .sort((a, b) => a.ratio - b.ratio)
    if (worst === undefined || worst.ratio >= LEAST_CONTRAST) return []
    const figure = Math.floor(worst.ratio * 10) / 10
    return [
      `${scheme}: ${key[scheme]} on the ${worst.surface} has a contrast of ${figure}; ${LEAST_CONTRAST} is needed`,
    ]
  })
}

/** The stylesheet of a key colour without problems. */
export function keyStylesheet(key: KeyColours): Asset {
  const properties = (scheme: 'light' | 'dark') => {
    const { towards, by } = OVER[scheme]
    return `:root{--key:${key[scheme]};--key-over:${mixed(key[scheme], towards, by)};--on-key:${ON_KEY[scheme]}}`
  }
  return named('theme', 'css', `${properties('light')}@media (prefers-color-scheme:dark){${properties('dark')}}`)
}

/** Between 1 and 21 (WCAG 2.2, contrast ratio), for two colours `#rrggbb`. */
export function contrast(one: string, other: string): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (lighter + 0.05) / (darker + 0.05)
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = channels(colour).map((channel) => {
    const part = channel / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function mixed(colour: string, towards: string, by: number): string {
  const goal = channels(towards)
  const parts = channels(colour).map((channel, index) => Math.round(channel + ((goal[index] ?? 0) - channel) * by))
  return `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`
}

function channels(colour: string): readonly number[] {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))
}

// What a product may change about the page: its name, the one strong colour, dark or light, the idle sentence.
import { AgentError } from '../core/errors.ts'
import { plainText } from './plain-text.ts'

export interface Brand {
  /** Stands beside the mark and in the window's title. */
  readonly name?: string | undefined
  /** `#rrggbb`, for the mark, the ring and the button; at least 4.5 : 1 against the ground. */
  readonly key?: string | undefined
  /** Dark unless said: a screen on a wall is a lamp. */
  readonly theme?: 'dark' | 'light' | undefined
  /** Shown while nothing is linked; "Press OK to link" unless said. */
  readonly idle?: string | undefined
}

export interface CheckedBrand {
  readonly name: string
  readonly key: string
  readonly onKey: string
  readonly theme: 'dark' | 'light'
  readonly idle: string | undefined
}

const GROUND = { dark: '#131412', light: '#f5f4f1' }
const KEY = { dark: '#6fd3b8', light: '#0f5c4c' }
const INK = '#06231c'
const PAPER = '#ffffff'
const LEAST_CONTRAST = 4.5

/** @throws AgentError `usage` for a colour that cannot be read, as text or by people */
export function checkBrand(brand: Brand): CheckedBrand {
  const { name = 'Latchkey', theme = 'dark', idle } = brand
  const key = (brand.key ?? KEY[theme]).toLowerCase()
  if (!/^#[0-9a-f]{6}$/.test(key)) {
    throw new AgentError('usage', `The screen's colour is written "#rrggbb", not "${plainText(key)}".`)
  }
  const contrast = contrastOf(key, GROUND[theme])
  if (contrast < LEAST_CONTRAST) {
    const message = `The screen's colour ${key} has a contrast of ${contrast.toFixed(1)} on the ${theme} ground; at least ${LEAST_CONTRAST} is needed.`
    throw new AgentError('usage', message)
  }
  const onKey = contrastOf(key, INK) > contrastOf(key, PAPER) ? INK : PAPER
  return { name: plainText(name), key, onKey, theme, idle: idle === undefined ? undefined : plainText(idle) }
}

/** WCAG 2.2, "contrast ratio": 1 to 21. */
function contrastOf(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminanceOf(one), luminanceOf(other)].sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

function luminanceOf(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

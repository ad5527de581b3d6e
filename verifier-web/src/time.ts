// Durations, moments and places as a person says them, in the page's language. Clocks live in the server.
import type { Locale } from './locales/locale.ts'

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const MONTH = 30 * DAY
const YEAR = 365 * DAY

/** "8 minutes": a stretch of time in its largest fitting unit. Time left rounds down, time to wait rounds up. */
export function duration(tag: string, seconds: number, round: 'down' | 'up'): string {
  const { amount, unit } = measure(seconds, round === 'down' ? Math.floor : Math.ceil)
  return new Intl.NumberFormat(tag, { style: 'unit', unit, unitDisplay: 'long' }).format(amount)
}

/** How long to wait before trying again: "8 minutes", or "a moment" where nobody can tell. */
export function toWait({ tag, words }: Locale, seconds: number | undefined): string {
  return seconds === undefined ? words.aMoment : duration(tag, seconds, 'up')
}

/** "40 seconds ago", rounded down. */
export function ago(tag: string, seconds: number): string {
  const { amount, unit } = measure(seconds, Math.floor)
  return new Intl.RelativeTimeFormat(tag).format(-amount, unit)
}

function measure(seconds: number, round: (n: number) => number) {
  const whole = Number.isFinite(seconds) ? Math.max(0, seconds) : 0
  if (whole < MINUTE) return { amount: round(whole), unit: 'second' } as const
  if (whole < 2 * HOUR) return { amount: round(whole / MINUTE), unit: 'minute' } as const
  if (whole < 2 * DAY) return { amount: round(whole / HOUR), unit: 'hour' } as const
  if (whole < 2 * MONTH) return { amount: round(whole / DAY), unit: 'day' } as const
  if (whole < 2 * YEAR) return { amount: round(whole / MONTH), unit: 'month' } as const
  return { amount: round(whole / YEAR), unit: 'year' } as const
}

const TO_THE_MINUTE = { year: 'numeric', month: 'long', day: 'numeric', hour: 'numeric', minute: '2-digit' } as const

/** "15 January 2030 at 12:00 UTC": nobody told the server where the person's clock stands. `at` is epoch milliseconds. */
export function moment(tag: string, at: number): string {
  return new Intl.DateTimeFormat(tag, { ...TO_THE_MINUTE, timeZone: 'UTC', timeZoneName: 'short' }).format(at)
}

/** "14 February 2030", for what need not be known to the minute. */
export function day(tag: string, at: number): string {
  return new Intl.DateTimeFormat(tag, { dateStyle: 'long', timeZone: 'UTC' }).format(at)
}

/** "Germany"; the code itself where it is none (ISO 3166-1 alpha-2). */
export function country(tag: string, code: string): string {
  return (/^[A-Z]{2}$/.test(code) ? new Intl.DisplayNames(tag, { type: 'region' }).of(code) : undefined) ?? code
}

// Durations as a person says them, in the page's language. Clocks live in the server: here are only amounts.
const MINUTE = 60
const HOUR = 60 * MINUTE

/** "8 minutes": a stretch of time in its largest fitting unit. Time left rounds down, time to wait rounds up. */
export function duration(tag: string, seconds: number, round: 'down' | 'up'): string {
  const { amount, unit } = measure(seconds, round === 'down' ? Math.floor : Math.ceil)
  return new Intl.NumberFormat(tag, { style: 'unit', unit, unitDisplay: 'long' }).format(amount)
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
  return { amount: round(whole / HOUR), unit: 'hour' } as const
}

// A screen that shows the same for weeks: the picture wanders a few pixels each minute, and is dimmed after ten in
// which nothing happened.

const MINUTE_MS = 60_000
const DIM_AFTER_MINUTES = 10
/** In thousandths of the screen's height; whole device pixels, or the square would blur. */
const PATH = [
  [0, 0],
  [4, 2],
  [6, 6],
  [2, 8],
  [-3, 6],
  [-6, 2],
  [-4, -3],
  [0, -6],
  [5, -4],
  [2, 1],
] as const

export interface Panel {
  /** Something happened, or somebody is there. */
  wake(): void
}

export function spareThePanel(body: HTMLElement, stage: HTMLElement): Panel {
  let minutes = 0
  let idleMinutes = 0
  const wake = () => {
    idleMinutes = 0
    body.classList.remove('dim')
  }
  setInterval(() => {
    minutes += 1
    idleMinutes += 1
    const [x, y] = PATH[minutes % PATH.length] ?? [0, 0]
    stage.style.setProperty('--shift-x', `${wholePixels(x)}px`)
    stage.style.setProperty('--shift-y', `${wholePixels(y)}px`)
    body.classList.toggle('dim', idleMinutes >= DIM_AFTER_MINUTES)
  }, MINUTE_MS)
  for (const sign of ['pointermove', 'keydown', 'touchstart']) addEventListener(sign, wake, { passive: true })
  return { wake }
}

function wholePixels(thousandths: number): number {
  return Math.round((thousandths / 1000) * innerHeight * devicePixelRatio) / devicePixelRatio
}

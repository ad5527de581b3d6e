// On pages where one tap gives something away: a button ignores what was not meant for it. Without this script the tap
// counts at once. What is meant, and why, is front.ts.
import { createFront } from './front.ts'

// From the first paint on, however late this script came.
const [paint] = performance.getEntriesByName('first-contentful-paint')
const front = createFront(paint?.startTime ?? performance.now())

const came = ({ timeStamp }: Event): void => front.came(timeStamp)
addEventListener('focus', came)
addEventListener('pageshow', (event) => event.persisted && came(event))
document.addEventListener('visibilitychange', (event) => document.visibilityState === 'visible' && came(event))
document.addEventListener('pointerdown', ({ timeStamp }) => front.pressed(timeStamp))
document.addEventListener('click', (event) => {
  const isOnButton = event.target instanceof Element && event.target.closest('button') !== null
  if (front.ignores(event.detail) && isOnButton) event.preventDefault()
})

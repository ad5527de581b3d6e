// On pages where one tap gives something away: a button ignores what was not meant for it. Without this script the tap
// counts at once. What is meant, and why, is front.ts.
import { createFront } from './front.ts'

// Brought here by another site: from the first paint on, however late this script came. Who came by themselves, from a
// scan or from the page before, has pressed nothing yet that was meant for anybody else.
const [paint] = performance.getEntriesByName('first-contentful-paint')
const painted = paint?.startTime ?? performance.now()
const front = createFront('brought' in document.body.dataset ? painted : Number.NEGATIVE_INFINITY)

const came = ({ timeStamp }: Event): void => front.came(timeStamp)
addEventListener('focus', came)
addEventListener('pageshow', (event) => event.persisted && came(event))
document.addEventListener('visibilitychange', (event) => document.visibilityState === 'visible' && came(event))
document.addEventListener('pointerdown', ({ timeStamp }) => front.pressed(timeStamp))
document.addEventListener('click', (event) => {
  const isOnButton = event.target instanceof Element && event.target.closest('button') !== null
  if (front.ignores(event.detail) && isOnButton) event.preventDefault()
})

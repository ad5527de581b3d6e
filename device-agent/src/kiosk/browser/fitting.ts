// Sizes that a stylesheet cannot work out: whole pixels for the square, and letters as large as their words allow.
import type { Square } from '../page-message.ts'

/** ISO 18004: four light modules on each side. */
const QUIET = 4
/** Less of its size than this makes text unreadable from afar: it is then broken over several lines instead. */
const SMALLEST = 0.72

/** As large as its place allows, with the same whole number of device pixels for every module. */
export function drawSquare(svg: SVGSVGElement, square: Square | undefined): void {
  const path = svg.querySelector('path')
  const place = svg.closest('#picture')
  if (path === null || place === null) return
  if (square === undefined) {
    path.removeAttribute('d')
    return
  }
  const modules = square.size + 2 * QUIET
  const probe = document.createElement('div')
  probe.className = 'room'
  place.append(probe)
  const room = probe.getBoundingClientRect().width
  probe.remove()
  const scale = Math.max(1, Math.floor((room * devicePixelRatio) / modules))
  const side = (scale * modules) / devicePixelRatio
  svg.setAttribute('viewBox', `${-QUIET} ${-QUIET} ${modules} ${modules}`)
  svg.setAttribute('width', String(side))
  svg.setAttribute('height', String(side))
  path.setAttribute('d', square.path)
}

/** Shrinks one line until it fits; when that would make it too small, it takes more lines. */
export function fitText(element: HTMLElement): void {
  element.style.removeProperty('font-size')
  element.classList.remove('long')
  const room = element.parentElement?.clientWidth ?? 0
  const needed = element.scrollWidth
  if (room === 0 || needed <= element.clientWidth) return
  const ratio = element.clientWidth / needed
  if (ratio < SMALLEST) element.classList.add('long')
  const size = Number.parseFloat(getComputedStyle(element).fontSize)
  element.style.fontSize = `${Math.floor(size * Math.max(ratio, SMALLEST))}px`
}

// Sizes that a stylesheet cannot work out: whole pixels for the square, and letters as large as their words allow.
import type { Square } from '../page-message.ts'

/** ISO 18004: four light modules on each side. */
const QUIET = 4
/** Less of its size than this makes text unreadable from afar: it is then broken over several lines instead. */
const SMALLEST = 0.75
/** Of the height, on each side. */
const MARGIN = 0.06

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
  svg.style.translate = 'none'
  const { left, top } = svg.getBoundingClientRect()
  svg.style.translate = `${toPixel(left)}px ${toPixel(top)}px`
}

/** The way from here to the nearest whole device pixel. */
function toPixel(at: number): number {
  return Math.round(at * devicePixelRatio) / devicePixelRatio - at
}

/** Makes each of `lines` as large as its place allows, and all of `words` smaller when together they are too high. */
export function fitWords(words: HTMLElement, lines: readonly HTMLElement[]): void {
  words.style.removeProperty('--squeeze')
  for (const line of lines) fitLine(line)
  const foot = Number.parseFloat(getComputedStyle(words).marginBlockEnd)
  const room = innerHeight * (1 - 2 * MARGIN) - foot
  for (let squeeze = 0.95; words.scrollHeight > room && squeeze > 0.4; squeeze -= 0.05) {
    words.style.setProperty('--squeeze', String(squeeze))
    for (const line of lines) fitLine(line)
  }
}

/** Shrinks until it fits on one line; when that would make it too small, it takes more lines. */
export function fitLine(line: HTMLElement): void {
  line.style.removeProperty('font-size')
  line.classList.remove('long')
  const ratio = overflowOf(line)
  if (ratio < SMALLEST) line.classList.add('long')
  shrink(line, overflowOf(line))
}

/** 1 when it fits, less when it is too wide. */
function overflowOf(line: HTMLElement): number {
  return line.scrollWidth > line.clientWidth ? line.clientWidth / line.scrollWidth : 1
}

function shrink(line: HTMLElement, ratio: number): void {
  if (ratio === 1) return
  const size = Number.parseFloat(getComputedStyle(line).fontSize)
  line.style.fontSize = `${Math.floor(size * ratio)}px`
}

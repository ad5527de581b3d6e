// The address as a square, drawn once: dark on white with its own quiet zone, whatever the page around it looks like.
import { qrMatrix } from './qr-matrix.ts'

const QUIET = 4
const SVG = 'http://www.w3.org/2000/svg'

/** An `<svg>` for exactly `text`; undefined when it would take more than version 6. */
export function qrPicture(text: string, label: string): SVGSVGElement | undefined {
  const modules = qrMatrix(text)
  if (!modules) return undefined
  const { size, data } = modules
  let path = ''
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const from = x
      while (x < size && data[y * size + x] === 1) x++
      if (x > from) path += `M${from + QUIET} ${y + QUIET}h${x - from}v1h${from - x}z`
    }
  }
  const side = size + 2 * QUIET
  const picture = svg('svg', { viewBox: `0 0 ${side} ${side}`, role: 'img', 'aria-label': label })
  // Neighbours must not be smoothed into each other.
  picture.setAttribute('shape-rendering', 'crispEdges')
  picture.append(svg('rect', { width: String(side), height: String(side), fill: '#fff' }), svg('path', { d: path }))
  return picture
}

export function svg<N extends keyof SVGElementTagNameMap>(
  name: N,
  attributes: Readonly<Record<string, string>>,
): SVGElementTagNameMap[N] {
  const element = document.createElementNS(SVG, name)
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value)
  return element
}

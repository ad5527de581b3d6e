// Whether a file may stand where the mark stands: a small square picture, and nothing that does more than draw.
// It is shown as an image, where scripts never run, and served under a policy of its own; this is the first door of three.
import { type Asset, named } from './assets.ts'

/** It is part of a first visit. */
const LARGEST_BYTES = 64 * 1024
const FEWEST_PIXELS = 64
/** The shorter side as a part of the longer. */
const SQUARE_ENOUGH = 0.8
const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')

const DRAWING = new Set(
  'svg g path rect circle ellipse line polyline polygon text tspan defs symbol use linearGradient radialGradient stop clipPath mask pattern filter feGaussianBlur feOffset feBlend feColorMatrix feComposite feFlood feMerge feMergeNode title desc style'.split(
    ' ',
  ),
)

/** The logo as it is served, or why it cannot be. What it is shows in its content; file names say nothing. */
export function readLogo(bytes: Uint8Array): { readonly logo: Asset } | { readonly problem: string } {
  if (bytes.length > LARGEST_BYTES) return { problem: `larger than ${LARGEST_BYTES / 1024} KB` }
  const file = Buffer.from(bytes)
  if (file.subarray(0, PNG_SIGNATURE.length).equals(PNG_SIGNATURE)) {
    const problem = pngProblem(file)
    return problem === undefined ? { logo: named('logo', 'png', file) } : { problem }
  }
  const text = decoded(file)
  const content = text?.replace(/^<\?xml[^>]*>/, '').replace(/<!--[\s\S]*?-->/g, '')
  const [root] = /<(?![?!])[^\s>]*/.exec(content ?? '') ?? []
  if (text === undefined || content === undefined || root !== '<svg') {
    return { problem: 'neither a PNG nor an SVG file' }
  }
  const problem = svgProblem(content)
  return problem === undefined ? { logo: named('logo', 'svg', text) } : { problem }
}

function decoded(file: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(file)
  } catch {
    return undefined
  }
}

/** The header is the first chunk: width and height are its first numbers (PNG §11.2.2). */
function pngProblem(file: Buffer): string | undefined {
  if (file.length < 24 || file.toString('latin1', 12, 16) !== 'IHDR') return 'a PNG file that is not whole'
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)]
  if (Math.min(width, height) < FEWEST_PIXELS) {
    return `${width} by ${height} pixels; at least ${FEWEST_PIXELS} by ${FEWEST_PIXELS} are needed`
  }
  return shapeProblem(width, height)
}

const PLAIN = '; save it as plain SVG that only draws'

/** `content` without comments. */
function svgProblem(content: string): string | undefined {
  const odd = /<[!?][^\s>]*/.exec(content)
  if (odd !== null) return `holds ${odd[0]}${PLAIN}`
  for (const [, element = ''] of content.matchAll(/<\s*([^\s/>]+)/g)) {
    if (!DRAWING.has(element)) return `holds <${element}>${PLAIN}`
  }
  const handler = /[\s"'](on\w+)\s*=/i.exec(content)
  if (handler !== null) return `holds ${handler[1]}${PLAIN}`
  const reference = /(?:(?:href|src)\s*=\s*["']|url\(\s*["']?|@import)(?!\s*#)\s*[^\s"')]*/i.exec(content)
  if (reference !== null) return `refers to something outside itself: ${reference[0].slice(0, 60)}`
  const root = /<svg[^>]*>/.exec(content)?.[0] ?? ''
  const box = /\sviewBox\s*=\s*["']\s*[-\d.]+[\s,]+[-\d.]+[\s,]+([\d.]+)[\s,]+([\d.]+)/.exec(root)
  if (box === null) return 'has no viewBox, so it cannot be made to fit'
  return shapeProblem(Number(box[1]), Number(box[2]))
}

function shapeProblem(width: number, height: number): string | undefined {
  const square = Math.min(width, height) >= SQUARE_ENOUGH * Math.max(width, height)
  return square && width > 0 ? undefined : `is ${width} by ${height}; its place is square`
}

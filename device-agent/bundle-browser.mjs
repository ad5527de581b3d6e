// Makes the one file that a TV loads: ES2020, everything in it. The build, the tests and the example all use this.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, transform } from 'esbuild'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/**
 * The parts of `qrcode` that know every kind of square, in the little form that an address needs: one segment of bytes,
 * level M, versions 1 to 6 (src/browser/qr-matrix.ts). Placing, masking and correcting stay the library's own; a test
 * compares the outcome with the whole library.
 */
const FOR_ADDRESSES = {
  segments: `
    const ByteData = require('./byte-data')
    exports.fromArray = (segments) => segments.map(({ data }) => new ByteData(data))`,
  mode: `
    exports.BYTE = { bit: 4 }
    exports.getCharCountIndicator = () => 8`,
  'error-correction-level': `
    exports.M = { bit: 0 }
    exports.from = () => exports.M`,
  'error-correction-code': `
    exports.getBlocksCount = (version) => [0, 1, 1, 1, 2, 2, 4][version]
    exports.getTotalCodewordsCount = (version) => [0, 10, 16, 26, 36, 48, 64][version]`,
  utils: `
    exports.getSymbolSize = (version) => version * 4 + 17
    exports.getSymbolTotalCodewords = (version) => [0, 26, 44, 70, 100, 134, 172][version]
    exports.getBCHDigit = (data) => 32 - Math.clz32(data)`,
  version: `
    exports.from = () => undefined
    exports.getBestVersionForData = ([data]) =>
      1 + [14, 26, 42, 62, 84, 106].findIndex((most) => most >= data.getLength())`,
}

const lighter = {
  name: 'lighter',
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /^jose$/ }, () => ({ path: here('src/browser/jose-by-webcrypto.ts') }))
    onResolve({ filter: /^qrcode$/ }, ({ kind, resolveDir }) =>
      resolve('qrcode/lib/core/qrcode.js', { kind, resolveDir }),
    )
    for (const [part, contents] of Object.entries(FOR_ADDRESSES)) {
      onLoad({ filter: new RegExp(`qrcode[/\\\\]lib[/\\\\]core[/\\\\]${part}\\.js$`) }, () => ({ contents }))
    }
    // To a minifier of scripts the element's stylesheet is a text like any other.
    onLoad({ filter: /link-style\.ts$/ }, async ({ path }) => {
      const [before = '', sheet = ''] = (await readFile(path, 'utf8')).split('`')
      const { code } = await transform(sheet, { loader: 'css', minify: true, target: 'chrome85' })
      return { loader: 'ts', contents: before + JSON.stringify(code) }
    })
  },
}

/** Bundles `entry`, by default the package's browser door. Returns the text and its size in bytes. */
export async function bundleForBrowser(entry = here('src/browser/index.ts'), outfile) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2020',
    conditions: ['@latchkey/source'],
    plugins: [lighter],
    write: false,
    legalComments: 'none',
    logLevel: 'warning',
    ...(outfile === undefined ? {} : { outfile }),
  })
  const [{ text, contents }] = outputFiles
  return { text, bytes: contents.byteLength, gzipped: gzipSync(contents, { level: 9 }).byteLength }
}

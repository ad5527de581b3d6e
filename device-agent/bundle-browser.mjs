// Makes the one file that a TV loads: ES2020, everything in it. The build, the tests and the example all use this.
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** What is left of the library where an address is one segment of bytes, up to version 9 (src/browser/qr-picture.ts). */
const BYTES_ALONE = {
  segments: `
    const ByteData = require('./byte-data')
    exports.fromArray = (segments) => segments.map(({ data }) => new ByteData(data))`,
  mode: `
    exports.BYTE = { bit: 4 }
    exports.getCharCountIndicator = () => 8`,
}

const lighter = {
  name: 'lighter',
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /^jose$/ }, () => ({ path: here('src/browser/jose-by-webcrypto.ts') }))
    onResolve({ filter: /^qrcode$/ }, ({ kind, resolveDir }) =>
      resolve('qrcode/lib/core/qrcode.js', { kind, resolveDir }),
    )
    for (const [part, contents] of Object.entries(BYTES_ALONE)) {
      onLoad({ filter: new RegExp(`qrcode[/\\\\]lib[/\\\\]core[/\\\\]${part}\\.js$`) }, () => ({ contents }))
    }
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

// Makes the one file that a Pi runs: the whole command, with nothing beside it but Node. The build and the tests use this.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const read = (path) => readFileSync(here(path), 'utf8')

const ENTRY = `
import { main } from './main.ts'
main(process.argv.slice(2)).then((code) => { process.exitCode = code })`

/** Written by hand, for a Node that is too old must be able to read it; what follows asks for its parts only after this. */
const START = `#!/usr/bin/env node
import { createRequire } from 'node:module'
const bundleUrl = import.meta.url
const require = createRequire(bundleUrl)
const [nodeMajor, nodeMinor] = process.versions.node.split('.').map(Number)
if (!((nodeMajor === 20 && nodeMinor >= 19) || (nodeMajor === 22 && nodeMinor >= 14) || nodeMajor > 22)) {
  console.error('latchkey-agent needs Node 20.19 or 22.14 and above; this is ' + process.versions.node + '.')
  process.exit(1)
}
`

/** Parts that read their own files, with the files inside. */
const selfContained = {
  name: 'self-contained',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]src[/\\]node[/\\]package-version\.ts$/ }, () => {
      const { version } = JSON.parse(read('package.json'))
      return { contents: `export const packageVersion = () => ${JSON.stringify(version)}` }
    })
    onLoad({ filter: /[/\\]src[/\\]node[/\\]kiosk-files\.ts$/ }, async () => {
      const { outputFiles } = await build({
        entryPoints: [here('src/kiosk/browser/page.ts')],
        bundle: true,
        minify: true,
        format: 'esm',
        target: 'es2020',
        write: false,
      })
      const files = { style: read('src/kiosk/page.css'), script: outputFiles[0].text }
      return { contents: `export const builtKioskFiles = () => (${JSON.stringify(files)})` }
    })
  },
}

/** Bundles the command. Returns the text and its size in bytes. */
export async function bundleForNode() {
  const { outputFiles, metafile } = await build({
    stdin: { contents: ENTRY, resolveDir: here('src'), sourcefile: 'bundle.ts', loader: 'ts' },
    bundle: true,
    platform: 'node',
    target: 'node20',
    // Required and not imported: Node links imports before a line runs, and could not say that it is too old.
    format: 'cjs',
    define: { 'import.meta.url': 'bundleUrl' },
    conditions: ['@latchkey/source'],
    // Native code that ws takes when it finds it.
    external: ['bufferutil', 'utf-8-validate'],
    plugins: [selfContained],
    // Names stay, so that a stack trace can be read.
    minifyWhitespace: true,
    minifySyntax: true,
    banner: { js: START },
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'warning',
  })
  const text = `${outputFiles[0].text}\n${licences(Object.keys(metafile.inputs))}`
  return { text, bytes: Buffer.byteLength(text) }
}

/** What the licences of the packages inside ask for: their words, along with the code. */
function licences(inputs) {
  const packages = new Set(inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean))
  const words = [...packages].sort().map((path) => {
    const folder = existsSync(path) ? path : join(dirname(here('package.json')), path)
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each))
    return `${name} ${version}\n\n${file ? readFileSync(join(folder, file), 'utf8').trim() : ''}`
  })
  return `/*!\n${words.join('\n\n\n').replaceAll('*/', '* /')}\n*/\n`
}

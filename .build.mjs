// Builds every workspace into its own dist/: one compiler run over the one tsconfig, then each package gets its part.
// Types are not checked here (that is `npm run check`), so that a newcomer's first start stays quick.
import { execFileSync } from 'node:child_process'
import { cpSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { bundleForBrowser } from './device-agent/bundle-browser.mjs'
import { bundleForNode } from './device-agent/bundle-node.mjs'

const root = dirname(fileURLToPath(import.meta.url))
const out = join(root, '.build')
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')

rmSync(out, { recursive: true, force: true })
execFileSync(process.execPath, [tsc, '-p', root, '--noCheck', '--noEmit', 'false', '--outDir', out], {
  stdio: 'inherit',
})

for (const name of ['shared', 'verifier-web', 'server', 'device-agent']) {
  const dist = join(root, name, 'dist')
  const built = join(out, name, 'src')
  for (const asset of readdirSync(join(root, name, 'src'), { recursive: true })) {
    if (asset.endsWith('.css')) cpSync(join(root, name, 'src', asset), join(built, asset))
  }
  rmSync(dist, { recursive: true, force: true })
  renameSync(built, dist)
}
rmSync(out, { recursive: true, force: true })

// The scripts that improve the pages on the phone.
buildSync({
  entryPoints: ['live', 'steady', 'passkey', 'handy'].map((name) => join(root, `verifier-web/src/browser/${name}.ts`)),
  outdir: join(root, 'verifier-web/dist/browser'),
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2020', 'safari14.1'],
  conditions: ['@latchkey/source'],
})

// What runs in a browser is one file, for the browsers of televisions too.
buildSync({
  entryPoints: [join(root, 'device-agent/src/kiosk/browser/page.ts')],
  outfile: join(root, 'device-agent/dist/kiosk/browser/page.js'),
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2020',
})

// Its types, for apps: of a program of its own, whose globals are those of a page.
const page = join(root, 'device-agent/src/browser')
const types = ['-p', page, '--noCheck', '--noEmit', 'false', '--emitDeclarationOnly', '--outDir', out]
execFileSync(process.execPath, [tsc, ...types], { stdio: 'inherit' })
renameSync(join(out, 'device-agent/src/browser'), join(root, 'device-agent/dist/browser'))
rmSync(out, { recursive: true, force: true })

const { text, bytes, gzipped } = await bundleForBrowser()
writeFileSync(join(root, 'device-agent', 'dist', 'browser', 'latchkey-link.js'), text)
console.log(`device-agent/dist/browser/latchkey-link.js: ${bytes} bytes, ${gzipped} gzipped`)

// The whole command in one file, for devices without npm.
const agent = await bundleForNode()
writeFileSync(join(root, 'device-agent', 'dist', 'latchkey-agent.mjs'), agent.text, { mode: 0o755 })
console.log(`device-agent/dist/latchkey-agent.mjs: ${agent.bytes} bytes`)

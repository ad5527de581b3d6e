// Builds every workspace into its own dist/: one compiler run over the one tsconfig, then each package gets its part.
// Types are not checked here (that is `npm run check`), so that a newcomer's first start stays quick.
import { execFileSync } from 'node:child_process'
import { cpSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

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

#!/usr/bin/env node
// Committed, so that npm can link the command before anything is built. Plain enough to speak on a Node that is too old.
import { existsSync } from 'node:fs'

const [major, minor] = process.versions.node.split('.').map(Number)
const built = new URL('../dist/main.js', import.meta.url)

if (!((major === 20 && minor >= 19) || (major === 22 && minor >= 14) || major > 22)) {
  console.error(`latchkey-agent needs Node 20.19 or 22.14 and above; this is ${process.versions.node}.`)
  process.exitCode = 1
} else if (!existsSync(built)) {
  console.error('latchkey-agent is not built yet: npm run build')
  process.exitCode = 1
} else {
  void import(built.href)
    .then(({ main }) => main(process.argv.slice(2)))
    .then((code) => {
      process.exitCode = code
    })
}

#!/usr/bin/env node
// Committed, so that npm can link the command before anything is built. Plain JavaScript that the oldest Node reads.
import { existsSync } from 'node:fs'

const [major, minor] = process.versions.node.split('.').map(Number)
const main = new URL('../dist/main.js', import.meta.url)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`latchkey: needs Node 20.19 or newer; this is ${process.versions.node}`)
  process.exitCode = 1
} else if (!existsSync(main)) {
  console.error('latchkey: not built yet: npm run build')
  process.exitCode = 1
} else {
  const { main: run } = await import(main.href)
  const { processTerminal } = await import(new URL('../dist/commands/process-terminal.js', import.meta.url).href)
  process.exitCode = await run(process.argv.slice(2), processTerminal())
}

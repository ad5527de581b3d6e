import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleForNode } from '../../device-agent/bundle-node.mjs'
import { runAgent } from '../support/agent-process.ts'
import { type ServerProcess, startServer } from '../support/server-process.ts'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { LIBRARY } from '../support/test-server.ts'

const LARGEST_BYTES = 1_000_000

describe('the one file, alone in a folder', () => {
  let folder: string
  let program: string
  let text: string
  let server: ServerProcess
  const run = (argv: readonly string[], onLine?: (line: string) => Promise<void>) => runAgent(argv, onLine, program)
  const state = () => ['--state', join(folder, 'state')]

  beforeAll(async () => {
    folder = temporaryFolder()
    mkdirSync(join(folder, 'alone'))
    mkdirSync(join(folder, 'server'))
    program = join(folder, 'alone', 'latchkey-agent.mjs')
    const bundle = await bundleForNode()
    text = bundle.text
    expect(bundle.bytes).toBe(Buffer.byteLength(text))
    writeFileSync(program, text, { mode: 0o755 })
    server = await startServer({ folder: join(folder, 'server') })
  })
  afterAll(async () => {
    await server.kill('SIGKILL')
    removeFolder(folder)
  })

  it('needs nothing but Node: no package, no native code, no file beside it', () => {
    expect(Buffer.byteLength(text)).toBeLessThan(LARGEST_BYTES)
    const code = text.slice(0, text.lastIndexOf('/*!'))
    const asked = [...code.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name = '']) => name.replace(/^node:/, ''))
    // Native code that ws takes where somebody installed it, and does without.
    const optional = ['bufferutil', 'utf-8-validate']
    expect(asked.filter((name) => !builtinModules.includes(name) && !optional.includes(name))).toEqual([])
    expect(code).not.toMatch(/\.node"\)|process\.dlopen/)
  })

  it('brings the licences of what is inside', () => {
    const words = text.slice(text.lastIndexOf('/*!'))
    for (const name of ['commander', 'jose', 'qrcode']) expect(words).toMatch(new RegExp(`^${name} \\d+\\.`, 'm'))
    expect(words.match(/Permission is hereby granted/g)?.length).toBeGreaterThanOrEqual(3)
  })

  it('says its version and its help, and that nothing is linked yet', async () => {
    const { version }: { version: string } = JSON.parse(
      readFileSync(new URL('../../device-agent/package.json', import.meta.url), 'utf8'),
    )
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
    const help = await run(['--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain('Usage: latchkey-agent')
    expect(await run(['status', ...state()])).toEqual({ code: 5, stdout: 'Not linked.\n', stderr: '' })
  })

  it('links by a real server, with a person, and gets a token', async () => {
    const person = server.browser()
    await person.signIn()
    const scope = 'openid profile offline_access library:read'
    const argv = ['link', '--json', '--issuer', server.issuer, '--client-id', 'tv', '--scope', scope]
    const linked = await run([...argv, '--resource', LIBRARY, ...state()], async (line) => {
      const { event, user_code: code }: { event: string; user_code?: string } = JSON.parse(line)
      if (event === 'waiting' && code !== undefined) await person.decide(code, 'approve')
    })
    expect(linked.code, linked.stderr).toBe(0)
    expect(await run(['status', ...state()])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Linked as Ana'),
    })
    expect((await run(['token', ...state()])).stdout).toMatch(/^eyJ[\w.-]+\n$/)
    expect(readdirSync(join(folder, 'alone'))).toEqual(['latchkey-agent.mjs'])
  })

  it('is started by its own name', () => {
    const { status, stdout } = spawnSync(program, ['--help'], { encoding: 'utf8' })
    expect([status, stdout.includes('Usage: latchkey-agent')]).toEqual([0, true])
  })

  it('says to a Node that is too old what it needs', () => {
    const older = join(folder, 'older.cjs')
    writeFileSync(older, `Object.defineProperty(process, 'versions', { value: { node: '18.20.4' } })`)
    const { status, stderr } = spawnSync(process.execPath, ['--require', older, program, 'status'], {
      encoding: 'utf8',
    })
    expect(status).toBe(1)
    expect(stderr).toBe('latchkey-agent needs Node 20.19 or 22.14 and above; this is 18.20.4.\n')
  })
})

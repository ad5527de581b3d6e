import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { PASSWORD } from '../support/test-server.ts'

const COMMAND = fileURLToPath(new URL('../../server/bin/latchkey.js', import.meta.url))

describe('the built command', () => {
  let folder: string
  beforeAll(() => {
    folder = temporaryFolder()
  })
  afterAll(() => removeFolder(folder))

  function latchkey(words: readonly string[], input = '') {
    const { PATH = '' } = process.env
    const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...words], {
      cwd: folder,
      env: { PATH },
      input,
      encoding: 'utf8',
    })
    return { status, stdout, stderr }
  }

  it('--help goes to stdout, exit code 0', () => {
    const { status, stdout, stderr } = latchkey(['--help'])
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^Usage: latchkey /)
  })

  it('an unknown command: one line on stderr, exit code 2', () => {
    const { status, stdout, stderr } = latchkey(['frobnicate'])
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^latchkey: unknown command 'frobnicate'\n/)
  })

  it('a password from a pipe: the id on stdout; too short, exit code 2; nobody to ask, exit code 2', () => {
    const add = ['user', 'add', 'ana@example.com']
    const short = latchkey([...add, '--password-stdin'], 'short\n')
    expect(short).toEqual({
      status: 2,
      stdout: '',
      stderr: 'latchkey: a password needs at least 15 characters\n',
    })
    expect(latchkey(add, PASSWORD).status).toBe(2)
    const added = latchkey([...add, '--password-stdin'], `${PASSWORD}\n`)
    expect(added).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^usr_[\w-]{22}\n$/),
      stderr: 'Added ana@example.com\n',
    })
    expect(latchkey(['user', 'list']).stdout).toContain('ana@example.com\tana\tactive\tpassword\n')
  })
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { credentialFile } from '@latchkey/device-agent'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts'

const CHILD = fileURLToPath(new URL('../support/saving-child.mjs', import.meta.url))
const LIVES = 200
const MOST_SAVES = 40

describe('the agent, killed while it saves', () => {
  let folder: string
  beforeAll(() => {
    folder = temporaryFolder()
  })
  afterAll(() => removeFolder(folder))

  /** Runs until so many saves were reported, then kills at whatever moment that is; the last save that was reported. */
  async function live(from: number, saves: number): Promise<number> {
    const child = spawn(process.execPath, [CHILD, folder, String(from)], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    let said = ''
    for await (const chunk of child.stdout) {
      said += String(chunk)
      if (said.split('\n').length > saves) child.kill('SIGKILL')
    }
    expect((await ended)[1]).toBe('SIGKILL')
    return Number(said.split('\n').filter(Boolean).at(-1))
  }

  it(`STO-02 STO-04 by SIGKILL, ${LIVES} times: the last state that was saved, or the one after it, and never none`, async () => {
    let from = 0
    for (let life = 0; life < LIVES; life++) {
      // The kill lands wherever the child has got to by the time it arrives: in a write, a sync, a rename.
      const reported = await live(from, 1 + ((life * 7) % MOST_SAVES))
      const loaded = await credentialFile({ directory: folder }).load()
      if (loaded.kind === 'none') throw new Error(`life ${life}: nothing is left`)
      const kept = Number(loaded.record.refreshToken?.replace('token-', ''))
      expect([reported, reported + 1]).toContain(kept)
      from = kept + 1
    }
  }, 180_000)
})

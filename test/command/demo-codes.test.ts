// What the demo says when a code links nothing, and when it asks for another one. The whole demo is in e2e/demo.test.ts.
import { AgentError, type DeviceAgent, type Linked } from '@latchkey/device-agent'
import { openStore } from '@latchkey/server'
import { systemHost } from '@latchkey/shared'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Terminal } from '../../server/src/commands/terminal.ts'
import { linkByCodes } from '../../server/src/demo/demo-codes.ts'
import type { Store } from '../../server/src/oauth/store.ts'

const LINKED: Linked = { issuer: 'x', subject: undefined, scopes: [], missingScopes: [], endsAt: undefined }
const expired = new AgentError('expired', 'The code has run out.')
const denied = new AgentError('denied', 'The request was refused.')

describe('the codes of the demo', () => {
  let store: Store
  beforeEach(async () => {
    store = await openStore('sqlite::memory:')
  })
  afterEach(() => store.close())

  /** Each code ends as told; `presses` says for each question whether somebody presses Enter. */
  async function story(ends: readonly (AgentError | Linked)[], presses: readonly boolean[], stop = false) {
    const said: string[] = []
    const stopped = new AbortController()
    const [ending, pressing] = [ends.values(), presses.values()]
    const terminal: Terminal = {
      host: systemHost,
      environment: {},
      print: (line) => void said.push(line),
      say: (line) => void said.push(line.trim()),
      askSecret: async () => undefined,
      async askToGoOn(question) {
        said.push(question.trim())
        if (stop) stopped.abort()
        return pressing.next().value ?? false
      },
      readInput: async () => '',
      untilStopped: () => new Promise(() => undefined),
    }
    let codes = 0
    const agent: Pick<DeviceAgent, 'link'> = {
      async link() {
        codes += 1
        const end = ending.next().value
        if (end === undefined || end instanceof AgentError) throw end ?? new Error('one code too many')
        return end
      },
    }
    const linked = await linkByCodes(agent, { terminal, store, signal: stopped.signal })
    return { linked, codes, said }
  }
  const RAN_OUT = 'The code has run out, since nobody answered: nothing is linked.'
  const QUESTION = 'Press Enter for a new code.'

  it('AGT-02 AGT-06 a code that ran out is told, and Enter shows a new one, each time', async () => {
    const { linked, codes, said } = await story([expired, expired, LINKED], [true, true])
    expect([linked, codes]).toEqual([true, 3])
    expect(said).toEqual([RAN_OUT, QUESTION, RAN_OUT, QUESTION])
  })

  it('AGT-02 where nobody can press Enter there is one code, and no loop', async () => {
    expect(await story([expired], [])).toMatchObject({ linked: false, codes: 1, said: [RAN_OUT, QUESTION] })
  })

  it('AGT-02 AGT-06 a no is told in other words', async () => {
    expect((await story([denied], [])).said).toEqual(['The phone said no: nothing is linked.', QUESTION])
  })

  it('AGT-06 what another code would not change ends the demo', async () => {
    const refused = new AgentError('refused', 'The server refused (invalid_client)')
    await expect(story([refused], [true])).rejects.toBe(refused)
  })

  it('AGT-02 Ctrl-C at the question is no answer to it', async () => {
    await expect(story([expired], [], true)).rejects.toThrow('aborted')
  })
})

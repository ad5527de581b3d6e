// The built agent as a process of its own, run once to its end.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const AGENT = fileURLToPath(new URL('../../device-agent/bin/latchkey-agent.js', import.meta.url))

export interface AgentRun {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `latchkey-agent` without a terminal. `onLine` hears each line of stdout as it comes. `program`: another build of it. */
export async function runAgent(
  argv: readonly string[],
  onLine: (line: string) => Promise<void> | void = () => undefined,
  program: string = AGENT,
): Promise<AgentRun> {
  const child = spawn(process.execPath, [program, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  let stdout = ''
  for await (const line of createInterface({ input: child.stdout })) {
    stdout += `${line}\n`
    await onLine(line)
  }
  await ended
  return { code: child.exitCode, stdout, stderr }
}

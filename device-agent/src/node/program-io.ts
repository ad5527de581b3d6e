// What the commands for other programs (token, proxy, and the helpers of git, docker and MQTT) are given; main.ts fills it
// from the process.
import type { Host } from '@latchkey/shared'
import type { DeviceAgent } from '../core/agent.ts'
import type { Fetch } from '../core/exchange.ts'
import type { Terminal } from './terminal-screen.ts'

export interface ProgramIo {
  readonly stdin: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>
  readonly stdout: Terminal
  readonly stderr: Terminal
  readonly env: Readonly<Record<string, string | undefined>>
  readonly host: Host
  readonly fetch: Fetch
  /** Aborts when the person or the system wants the command to stop. */
  readonly signal: AbortSignal
  /** The agent of this device's link, on `fetch` or on another one. @throws AgentError `unlinked` */
  linkedAgent(fetch?: Fetch): Promise<DeviceAgent>
}

/** What most of these commands share. */
export interface ProgramOptions {
  /** The state directory, where one was named. */
  readonly state?: string
  /** The token socket, where one was named. */
  readonly socket?: string
  /** RFC 8707; that of the link unless said. */
  readonly resource?: string
}

/** All of stdin, which is a few lines. */
export async function readInput({ stdin }: Pick<ProgramIo, 'stdin'>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

// What every command stands on: the process as it is passed in, the exit codes, and the agent of this device's link.
import { readFile } from 'node:fs/promises'
import type { Host } from '@latchkey/shared'
import { DeviceAgent, type DeviceAgentOptions } from '../core/agent.ts'
import type { CredentialStore } from '../core/credentials.ts'
import { AgentError, type AgentErrorReason } from '../core/errors.ts'
import type { Fetch } from '../core/exchange.ts'
import type { KeyStore } from '../core/keys.ts'
import type { Sockets } from '../core/sockets.ts'
import { plainText } from '../kiosk/plain-text.ts'
import { credentialFile, stateDirectory } from '../node/credential-file.ts'
import { keyFile } from '../node/key-file.ts'
import type { FolderOptions } from '../node/private-folder.ts'
import { type Seal, systemdSeal } from '../node/sealed-file.ts'
import type { Terminal } from '../node/terminal-screen.ts'

export interface AgentIo {
  readonly stdin?: AsyncIterable<string | Uint8Array>
  readonly stdout: Terminal
  readonly stderr: Terminal
  readonly env: Readonly<Record<string, string | undefined>>
  readonly host: Host
  readonly fetch: Fetch
  readonly sockets?: Sockets
  /** Aborts when the person or the system wants the command to stop. */
  readonly signal: AbortSignal
  /** Calls `listener` when somebody on the spot wants a code. Returns how to stop that. */
  readonly onTrigger?: (listener: () => void) => () => void
}

export const EXIT: Readonly<Record<AgentErrorReason, number>> = {
  usage: 2,
  denied: 3,
  expired: 4,
  lost_approval: 5,
  unlinked: 5,
  unreachable: 6,
  refused: 1,
  untrusted: 1,
  storage: 1,
}
export const EXIT_FAILED = 1
export const EXIT_USAGE = 2
export const EXIT_INTERRUPTED = 130

export interface CommonOptions {
  readonly state?: string
  readonly clientSecretFile?: string
}

/** For commands that go on with a link: who to ask when the credentials cannot tell any more. */
export interface LinkedOptions extends CommonOptions {
  readonly issuer?: string
  readonly clientId?: string
  readonly resource?: string
}

export type Identity = Omit<DeviceAgentOptions, 'credentials' | 'keys' | 'host' | 'fetch' | 'sockets' | 'onTrouble'>

export function agentFor(io: AgentIo, options: CommonOptions, identity: Identity): DeviceAgent {
  const { host, fetch, sockets } = io
  const onTrouble = (error: AgentError) => complain(io, error.message)
  return new DeviceAgent({ ...identity, ...stores(io, options), host, fetch, sockets, onTrouble })
}

/** The agent for the server and client that this device was linked to. @throws AgentError `unlinked` */
export async function linkedAgent(io: AgentIo, options: LinkedOptions): Promise<DeviceAgent> {
  const loaded = await stores(io, options).credentials.load()
  if (loaded.kind === 'none') return damagedAgent(io, options, loaded.damaged)
  const { issuer, clientId, accessTokens } = loaded.record
  const resource = accessTokens[0]?.resource
  return agentFor(io, options, { issuer, clientId, resource, clientSecret: await clientSecret(io, options) })
}

/** The credentials are gone, and with them the name of the server; told it, the device may still come back by its key. */
async function damagedAgent(io: AgentIo, options: LinkedOptions, damaged: boolean): Promise<DeviceAgent> {
  if (!damaged) throw new AgentError('unlinked', 'This device is not linked. Link it: latchkey-agent link')
  const issuer = options.issuer ?? io.env['LATCHKEY_AGENT_ISSUER']
  const clientId = options.clientId ?? io.env['LATCHKEY_AGENT_CLIENT_ID']
  if (issuer && clientId) {
    return agentFor(io, options, { issuer, clientId, clientSecret: await clientSecret(io, options) })
  }
  const message =
    'The credentials are damaged. Link it again: latchkey-agent link. Or let it come back by its key: --issuer and --client-id'
  throw new AgentError('unlinked', message)
}

/** Where the state of this call lives, and what opens it. */
export function placeOf(io: AgentIo, { state }: CommonOptions): FolderOptions & { readonly seal: Seal } {
  return { directory: stateDirectory(state, io.env), host: io.host, seal: systemdSeal(io.env) }
}

export function stores(
  io: AgentIo,
  options: CommonOptions,
): { readonly credentials: CredentialStore; readonly keys: KeyStore } {
  const place = placeOf(io, options)
  return { credentials: credentialFile(place), keys: keyFile(place) }
}

export async function clientSecret(io: AgentIo, { clientSecretFile }: CommonOptions): Promise<string | undefined> {
  if (!clientSecretFile) return io.env['LATCHKEY_AGENT_CLIENT_SECRET'] || undefined
  try {
    return (await readFile(clientSecretFile, 'utf8')).trim()
  } catch (cause) {
    throw new AgentError('usage', `The client secret cannot be read from ${clientSecretFile}.`, { cause })
  }
}

export function complain(io: Pick<AgentIo, 'stderr'>, message: string): void {
  io.stderr.write(`latchkey-agent: ${plainText(message.replace(/\s+/g, ' '))}\n`)
}

// The commands for other programs: what they do is in node/, next to the token socket and the proxy.
import type { Command } from 'commander'
import { dockerCredential } from '../node/docker-credential.ts'
import { gitCredential } from '../node/git-credential.ts'
import { mqttPassword } from '../node/mqtt-password.ts'
import type { ProgramIo, ProgramOptions } from '../node/program-io.ts'
import { proxy } from '../node/proxy.ts'
import { token } from '../node/token-client.ts'
import { type AgentIo, type LinkedOptions, linkedAgent } from './agent-io.ts'

type MakeCommand = (name: string, description: string) => Command
type Options = LinkedOptions & ProgramOptions

/** Adds them by `linked`, which gives each the options by which a link is found. `exit` hears each one's exit code. */
export function programCommands(io: AgentIo, linked: MakeCommand, exit: (code: number) => void): void {
  const given = (options: Options): ProgramIo => ({
    stdin: io.stdin ?? nothing(),
    stdout: io.stdout,
    stderr: io.stderr,
    env: io.env,
    host: io.host,
    fetch: io.fetch,
    signal: io.signal,
    linkedAgent: (fetch = io.fetch) => linkedAgent({ ...io, fetch }, options),
  })
  const asking = (name: string, description: string) =>
    linked(name, description).option('--socket <path>', 'the daemon’s token socket, where it has a place of its own')

  asking('token', 'print a fresh access token').action(async (options: Options) => {
    exit(await token(given(options), options))
  })
  linked('proxy', 'listen here, and send what comes to an API with the device’s token')
    .requiredOption('--upstream <url>', 'the API')
    .option('--listen <address>', 'where to listen', '127.0.0.1:7180')
    .option('--allow-origin <origin>', 'web pages that may use it; may be repeated', append)
    .option('--timeout <seconds>', 'how long the API may take to begin its answer', Number)
    .action(async (options: Options & Parameters<typeof proxy>[1]) => {
      exit(await proxy(given(options), options))
    })
  asking('git-credential', 'a credential helper of git')
    .argument('<operation>', 'get, store or erase')
    .requiredOption('--host <name>', 'the one server that gets tokens')
    .option('--username <name>', 'what it wants beside the token')
    .action(async (operation: string, options: Options & { readonly host: string }) => {
      exit(await gitCredential(given(options), { ...options, operation }))
    })
  asking('docker-credential', 'a credential helper of docker')
    .argument('<operation>', 'get, store, erase or list')
    .requiredOption('--registry <name>', 'the one registry that gets tokens')
    .option('--username <name>', 'what it wants beside the token')
    .action(async (operation: string, options: Options & { readonly registry: string }) => {
      exit(await dockerCredential(given(options), { ...options, operation }))
    })
  asking('mqtt-password', 'print a token for the password of an MQTT client')
    .option('--username <name>', 'print both, as lines for mosquitto_pub and mosquitto_sub')
    .action(async (options: Options & { readonly username?: string }) => {
      exit(await mqttPassword(given(options), options))
    })
}

async function* nothing(): AsyncIterable<string> {}

function append(value: string, values: readonly string[] = []): readonly string[] {
  return [...values, value]
}

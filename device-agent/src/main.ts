// The command line of the agent: arguments in, exit code out. Data goes to stdout, talk to stderr, secrets to neither.
import { hostname, uptime } from 'node:os'
import { systemHost } from '@latchkey/shared'
import { Command, CommanderError } from 'commander'
import {
  type AgentIo,
  agentFor,
  type CommonOptions,
  clientSecret,
  complain,
  EXIT,
  EXIT_FAILED,
  EXIT_INTERRUPTED,
  EXIT_USAGE,
  type LinkedOptions,
  linkedAgent,
} from './commands/agent-io.ts'
import { type EnrolOptions, enrol } from './commands/enrol.ts'
import { programCommands } from './commands/programs.ts'
import { type RunOptions, run } from './commands/run.ts'
import type { LinkState, Status } from './core/agent.ts'
import type { KeyFit } from './core/connection.ts'
import { AgentError } from './core/errors.ts'
import { unreachable } from './core/exchange.ts'
import { plainText } from './kiosk/plain-text.ts'
import { type DoctorOptions, doctor } from './node/doctor.ts'
import { type InstallServiceOptions, installService, uninstallService } from './node/install-service.ts'
import { packageVersion } from './node/package-version.ts'
import { terminalScreen } from './node/terminal-screen.ts'
import { nodeSockets } from './node/web-sockets.ts'

export type { AgentIo } from './commands/agent-io.ts'

const BOOTING_SECONDS = 300
/** systemd kills what has not ended 5 s after it was asked to. */
const STOP_WITHIN_MS = 4_500

interface RequestOptions extends LinkedOptions {
  readonly request?: string
  readonly data?: string
  readonly header: readonly string[]
}

interface LinkOptions extends CommonOptions {
  readonly issuer: string
  readonly clientId: string
  readonly scope?: string
  readonly resource?: string
  readonly name?: string
  readonly model?: string
  readonly json?: boolean
  readonly showsNumber?: boolean
  /** False: tokens bound to no key, for programs that can carry no proof. */
  readonly key: boolean
}

/** The real process: Ctrl-C and SIGTERM abort once, so that a second one ends a stuck process the hard way. */
export function processIo(): AgentIo {
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      stop.abort()
      // A request that nobody waits for any more must not keep the process; without one it ends by itself, and sooner.
      setTimeout(() => process.exit(), STOP_WITHIN_MS).unref()
    })
  }
  const { stdin, stdout, stderr, env } = process
  const fetchIt: AgentIo['fetch'] = (url, init) => fetch(url, init)
  const { signal } = stop
  return { stdin, stdout, stderr, env, host: systemHost, fetch: fetchIt, sockets: nodeSockets, signal, onTrigger }
}

/** SIGUSR1, or Enter where somebody sits at the terminal. */
function onTrigger(listener: () => void): () => void {
  const { stdin } = process
  process.on('SIGUSR1', listener)
  if (stdin.isTTY) stdin.on('data', listener)
  return () => {
    process.off('SIGUSR1', listener)
    if (stdin.isTTY) stdin.off('data', listener).pause()
  }
}

/** Runs one command. `argv` is without the program's own name. Returns the exit code. */
export async function main(argv: readonly string[], io: AgentIo = processIo()): Promise<number> {
  let code = 0
  const program = describe(io, (exitCode) => {
    code = exitCode
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE
    if (io.signal.aborted) return EXIT_INTERRUPTED
    complain(io, error instanceof Error ? error.message : String(error))
    return error instanceof AgentError ? EXIT[error.reason] : EXIT_FAILED
  }
}

function describe(io: AgentIo, exit: (code: number) => void): Command {
  const program = new Command('latchkey-agent')
    .description('Links this device to a person’s account and keeps its tokens fresh.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .addHelpText('after', EXAMPLES)
  const command = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .option('--state <dir>', 'where the credentials live (default: LATCHKEY_AGENT_STATE or the usual place)')
  const secretive = (name: string, description: string) =>
    command(name, description).option(
      '--client-secret-file <file>',
      'holds the client secret (or LATCHKEY_AGENT_CLIENT_SECRET), where the client has one',
    )

  secretive('link', 'show a code and wait until a person has approved it on a phone')
    .requiredOption('--issuer <url>', 'the server')
    .requiredOption('--client-id <id>', 'what this kind of device is called there')
    .option('--scope <scopes>', 'what to ask for, separated by spaces')
    .option('--resource <url>', 'the API that the tokens are for')
    .option('--name <name>', 'what the person sees this device called', hostname())
    .option('--model <model>', 'what the person sees this device described as')
    .option('--no-key', 'plain tokens, for git, docker and MQTT; only where the server allows it')
    .option('--json', 'write one JSON object per event to stdout')
    .option('--shows-number', 'whoever reads the JSON shows the number of its events too')
    .action((options: LinkOptions) => link(io, options))
  command('enrol', 'make this device a client of its own, with a key of its own, once a person has approved it')
    .requiredOption('--issuer <url>', 'the server')
    .requiredOption('--client-id <id>', 'what devices that enrol are called there')
    .option('--name <name>', 'what the person sees this device called', hostname())
    .option('--json', 'write one JSON object per event to stdout')
    .option('--shows-number', 'whoever reads the JSON shows the number of its events too')
    .action((options: EnrolOptions) => enrol(io, options, eventData))
  const linked = (name: string, description: string) =>
    secretive(name, description)
      .option('--resource <url>', 'the API that the token is for')
      .option('--issuer <url>', 'the server, for when the credentials are damaged (or LATCHKEY_AGENT_ISSUER)')
      .option('--client-id <id>', 'this kind of device, for the same case (or LATCHKEY_AGENT_CLIENT_ID)')
  secretive('run', 'stay linked: show a code when one is needed, keep the tokens fresh, serve screens and programs')
    .option('--issuer <url>', 'the server (or LATCHKEY_AGENT_ISSUER; default: the one of the link)')
    .option('--client-id <id>', 'what this kind of device is called there (or LATCHKEY_AGENT_CLIENT_ID)')
    .option('--scope <scopes>', 'what to ask for, separated by spaces (or LATCHKEY_AGENT_SCOPE)')
    .option('--resource <url>', 'the API that the tokens are for (or LATCHKEY_AGENT_RESOURCE)')
    .option('--name <name>', 'what the person sees this device called', hostname())
    .option('--model <model>', 'what the person sees this device described as')
    .option('--screen <kind>', 'where to show the code: terminal or none', 'terminal')
    .option('--kiosk [port]', 'serve the full-screen page to this machine (port 7170 unless said)')
    .option('--brand <name>', 'the name at the top of the full-screen page')
    .option('--screen-files <dir>', 'keep code.png, code.svg and state.json there, for panels of your own')
    .option('--on-state <command>', 'run this at every change, with the state in LATCHKEY_STATE')
    .option('--shows-number', 'what is shown by these two shows the number too that a person elsewhere is asked for')
    .option('--socket <path>', 'hand out access tokens on this Unix socket (or LATCHKEY_AGENT_SOCKET)')
    .option('--audience <url>', 'one more API whose tokens the socket hands out; may be repeated', append, [])
    .option('--splay <seconds>', 'wait a random part of this first (default: 30 while the machine boots)', bootSplay())
    .option('--once', 'end as soon as there is a link with a fresh token, or it takes somebody to get one')
    .action(async (options: RunOptions) => exit(await run(io, options)))
  programCommands(io, linked, exit)
  linked('request', 'ask an API, with the right headers, and print its answer')
    .argument('<url>', 'what to ask for')
    .option('-X, --request <method>', 'the method (default: GET, with --data POST)')
    .option('-d, --data <body>', 'what to send')
    .option('-H, --header <line>', 'one more header, as "Name: value"; may be repeated', append, [])
    .action(async (url: string, options: RequestOptions) => {
      if (!(await request(io, url, options))) exit(EXIT_FAILED)
    })
  command('status', 'say who this device is linked to')
    .option('--json', 'as JSON')
    .action(async (options: CommonOptions & { readonly json?: boolean }) => {
      const status = await agentFor(io, options, { issuer: '', clientId: '' }).status()
      io.stdout.write(options.json ? `${JSON.stringify(statusData(status))}\n` : statusText(status))
      if (status.kind === 'unlinked' || !status.usable) exit(EXIT.unlinked)
    })
  secretive('unlink', 'end the link and forget the credentials; the device keeps its key').action(
    async (options: CommonOptions) => {
      const told = await (await linkedAgent(io, options)).unlink(io.signal)
      io.stderr.write(
        told ? 'Unlinked.\n' : 'Unlinked here; the server was not told. End it on your account page too.\n',
      )
    },
  )
  command('doctor', 'find out what keeps this device from working')
    .option('--issuer <url>', 'the server to look at (default: the one of the link)')
    .option('--json', 'as JSON')
    .action(async (options: DoctorOptions) => exit(await doctor(io, options)))
  program
    .command('install-service')
    .description('run as a service of systemd; what comes after -- are the arguments of run')
    .argument('[run-arguments...]')
    .option('--user <name>', 'who runs it; made when missing')
    .option('--print', 'say what the unit would be, and change nothing')
    .option('--sealed', 'seal the state with a secret of systemd’s')
    .option('--no-start', 'enable it, but start it later')
    .action(async (runArguments: readonly string[], options: InstallServiceOptions) => {
      exit(await installService(io, { ...options, runArguments }))
    })
  program
    .command('uninstall-service')
    .description('take the service away; the state stays')
    .action(async () => exit(await uninstallService(io, {})))
  return program
}

/** A power cut ends for a whole street at once; whoever starts the agent by hand does not want to wait. */
function bootSplay(): string {
  return uptime() < BOOTING_SECONDS ? '30' : '0'
}

async function link(io: AgentIo, options: LinkOptions): Promise<void> {
  const { issuer, clientId, scope, resource, name, model } = options
  const screen = terminalScreen({ terminal: io.stderr, env: io.env, host: io.host })
  const agent = agentFor(io, options, {
    issuer,
    clientId,
    scope,
    resource,
    clientSecret: await clientSecret(io, options),
    device: { name, model, software: `latchkey-agent ${packageVersion()}` },
    binding: options.key ? 'offered' : 'never',
    showsNumber: !options.json || options.showsNumber,
  })
  const tell = (state: LinkState) => io.stdout.write(`${JSON.stringify(eventData(state))}\n`)
  try {
    await agent.link({ signal: io.signal, onState: options.json ? tell : screen.show })
  } finally {
    screen.close()
  }
}

/** Sends one request and prints the answer. Returns whether the API said yes. */
async function request(io: AgentIo, url: string, options: RequestOptions): Promise<boolean> {
  const { data, request: method = data === undefined ? 'GET' : 'POST' } = options
  // As curl has it, unless a header says otherwise.
  const headers = new Headers(data === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' })
  for (const line of options.header) {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\x20-\x7e\t\x80-\xff]*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) throw new AgentError('usage', 'A header is written "Name: value".')
    headers.set(name, value)
  }
  const agent = await linkedAgent(io, options)
  const init = { method, headers, signal: io.signal, ...(data === undefined ? {} : { body: data }) }
  const answer = await agent.fetch(url, init, pick(options)).catch((error: unknown) => {
    // What fetch throws has its reason in the cause; only the exchange knows how to say that.
    throw error instanceof AgentError || io.signal.aborted ? error : unreachable(new URL(url).host, error)
  })
  io.stdout.write(await answer.text())
  if (!answer.ok) complain(io, `${new URL(url).host} answered ${answer.status} ${answer.statusText}`.trim())
  return answer.ok
}

function append(line: string, lines: readonly string[]): readonly string[] {
  return [...lines, line]
}

function pick({ resource }: { readonly resource?: string }): { readonly resource?: string } {
  return resource === undefined ? {} : { resource }
}

/** What a script may know of a state. */
function eventData(state: LinkState): object {
  if (state.kind === 'waiting') {
    if (state.opened) return { event: 'opened', number: state.request.number }
    const { userCode, verificationUri, verificationUriComplete } = state.request
    return {
      event: 'waiting',
      user_code: userCode,
      verification_uri: verificationUri,
      verification_uri_complete: verificationUriComplete,
      expires_in: Math.ceil(state.request.secondsLeft()),
    }
  }
  if (state.kind === 'retrying') return { event: 'retrying', reason: state.reason, in: Math.ceil(state.inSeconds) }
  if (state.kind === 'failed') return { event: 'failed', reason: state.error.reason, error: state.error.oauthError }
  if (state.kind !== 'linked') return { event: state.kind }
  const { issuer, subject, scopes, endsAt } = state.linked
  return { event: 'linked', issuer, subject, scope: scopes.join(' '), ends_at: isoTime(endsAt) }
}

function statusData(status: Status): object {
  if (status.kind === 'unlinked') return { linked: false, damaged: status.damaged }
  const { issuer, clientId, subject, scope, linkedAt, boundTo, accessTokens } = status.record
  const tokens = accessTokens.map(({ resource, expiresAt }) => ({ resource, expires_at: isoTime(expiresAt) }))
  const linked_at = isoTime(linkedAt)
  return {
    linked: true,
    usable: status.usable,
    issuer,
    client_id: clientId,
    subject,
    scope,
    linked_at,
    bound_to: boundTo,
    key: status.key,
    access_tokens: tokens,
  }
}

const ENDED: Readonly<Record<KeyFit, string>> = {
  unbound: 'the server has ended it',
  here: 'the server has ended it',
  missing: 'the key that the credentials belong to is gone',
  another: 'the credentials belong to the key of another device',
}

function statusText(status: Status): string {
  if (status.kind === 'unlinked') return status.damaged ? 'Not linked: the credentials are damaged.\n' : 'Not linked.\n'
  const { issuer, subject, scope, linkedAt } = status.record
  const name = subject?.name ?? subject?.email
  const who = name ? ` as ${name}` : ''
  const lines = [
    status.usable ? `Linked${who}` : `Was linked${who}; ${ENDED[status.key]}. Link again.`,
    `server   ${issuer}`,
    `since    ${isoTime(linkedAt)}`,
    ...(scope ? [`allowed  ${scope}`] : []),
    ...(status.usable && status.key === 'here' ? ['bound    to the key of this device'] : []),
  ]
  return lines.map((line) => `${plainText(line)}\n`).join('')
}

function isoTime(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString()
}

const EXAMPLES = `
Examples:
  latchkey-agent link --issuer https://id.example.com --client-id tv --scope "openid library:read"
  latchkey-agent request https://api.example.com/library
  latchkey-agent run --kiosk --issuer https://id.example.com --client-id tv

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 denied, 4 expired, 5 needs linking, 6 server unreachable`

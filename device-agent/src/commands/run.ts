// `latchkey-agent run`: the daemon with everything around it: screens, the token socket, systemd, the clock. The daemon
// itself is node/daemon.ts. Whatever is started here is ended here, within the five seconds that systemd gives.
import type { DeviceAgent } from '../core/agent.ts'
import { clockFloor, clockPasses, flooredClock } from '../core/clock-floor.ts'
import type { CredentialRecord } from '../core/credentials.ts'
import { AgentError, isAgentError } from '../core/errors.ts'
import { openScreen } from '../kiosk/screen.ts'
import { type Daemon, type DaemonNews, daemon } from '../node/daemon.ts'
import { kioskServer } from '../node/kiosk-server.ts'
import { packageVersion } from '../node/package-version.ts'
import { pendingFile } from '../node/pending-file.ts'
import { screenFolder } from '../node/screen-folder.ts'
import { sealFolder } from '../node/sealed-folder.ts'
import { PERMANENT_FAULT } from '../node/service-unit.ts'
import { tokenSocketPath } from '../node/socket-place.ts'
import { stateHook } from '../node/state-hook.ts'
import { SystemdNotify } from '../node/systemd-notify.ts'
import { type TerminalScreen, terminalScreen } from '../node/terminal-screen.ts'
import { tokenSocket } from '../node/token-socket.ts'
import {
  type AgentIo,
  agentFor,
  clientSecret,
  complain,
  type Identity,
  type LinkedOptions,
  placeOf,
  stores,
} from './agent-io.ts'

export interface RunOptions extends LinkedOptions {
  readonly scope?: string
  readonly name?: string
  readonly model?: string
  readonly screen: string
  /** True for the usual port. */
  readonly kiosk?: string | true
  readonly brand?: string
  readonly screenFiles?: string
  readonly onState?: string
  readonly showsNumber?: boolean
  readonly socket?: string
  readonly audience: readonly string[]
  readonly splay?: string
  readonly once?: boolean
}

/** How long a device without a battery is given for its time to come over the network, before it goes on without. */
const CLOCK_PATIENCE_SECONDS = 60
const CLOSE_WITHIN_MS = 1_500

type End = () => Promise<unknown> | unknown

/** Runs until `io.signal` aborts, with `once` until there is a fresh token. Returns the exit code. @throws AgentError */
export async function run(io: AgentIo, options: RunOptions): Promise<number> {
  if (!['terminal', 'none'].includes(options.screen)) throw new AgentError('usage', '--screen is terminal or none.')
  const place = placeOf(io, options)
  let record: CredentialRecord | undefined
  try {
    await sealFolder(place)
    const loaded = await stores(io, options).credentials.load()
    record = loaded.kind === 'found' ? loaded.record : undefined
  } catch (error) {
    // No restart mends it, and systemd knows that by this code.
    if (!isAgentError(error, 'storage')) throw error
    complain(io, error.message)
    return PERMANENT_FAULT.configuration
  }
  const pending = pendingFile(place)
  const identity = { ...(await identityOf(io, options, record)), pending }
  const savedAt = [record?.linkedAt, ...(record?.accessTokens ?? []).map(({ obtainedAt }) => obtainedAt)]
  const floor = clockFloor(savedAt.filter((at) => at !== undefined))

  const ends: End[] = []
  const notify = new SystemdNotify({ env: io.env, host: io.host, onTrouble: (sentence) => complain(io, sentence) })
  try {
    // While it waits for the time it is up, and systemd need not wait with it.
    notify.ready()
    watch(notify, io, ends)
    if (io.host.clock.now() < floor) {
      notify.status('Waiting for the time')
      complain(io, 'The clock is behind what is surely past; waiting for the time.')
      await clockPasses(floor, io.host, { patienceSeconds: CLOCK_PATIENCE_SECONDS, signal: io.signal })
    }
    const host = { ...io.host, clock: flooredClock(io.host.clock, floor) }
    const agent = agentFor({ ...io, host }, options, identity)
    let running: Daemon | undefined
    const trigger = () => running?.trigger()
    const screens = await openScreens(io, options, ends, trigger)
    await openTokenSocket(io, options, { agent, resource: identity.resource }, ends)
    running = daemon({
      agent,
      host,
      signal: io.signal,
      once: options.once,
      splaySeconds: Number(options.splay ?? 0),
      onNews: (news) => {
        notify.status(statusLine(news))
        screens(news)
      },
    })
    const silence = io.onTrigger?.(trigger)
    if (silence) ends.push(silence)
    await running.run()
    return 0
  } catch (error) {
    if (io.signal.aborted && !(error instanceof AgentError)) return 0
    throw error
  } finally {
    await endAll(io, [...ends, () => notify.stopping()])
  }
}

async function identityOf(io: AgentIo, options: RunOptions, record: CredentialRecord | undefined): Promise<Identity> {
  const { env } = io
  const issuer = options.issuer || env['LATCHKEY_AGENT_ISSUER'] || record?.issuer
  const clientId = options.clientId || env['LATCHKEY_AGENT_CLIENT_ID'] || record?.clientId
  if (!issuer || !clientId) {
    const message =
      'Name the server and this kind of device: --issuer and --client-id, or LATCHKEY_AGENT_ISSUER and LATCHKEY_AGENT_CLIENT_ID.'
    throw new AgentError('usage', message)
  }
  return {
    issuer,
    clientId,
    clientSecret: await clientSecret(io, options),
    scope: options.scope || env['LATCHKEY_AGENT_SCOPE'] || undefined,
    resource: options.resource || env['LATCHKEY_AGENT_RESOURCE'] || record?.accessTokens[0]?.resource,
    device: { name: options.name, model: options.model, software: `latchkey-agent ${packageVersion()}` },
    showsNumber: showsNumber(io, options),
  }
}

/** Programs of somebody's own may be the only screen that people see, and from before there were numbers: they say so. */
function showsNumber(io: AgentIo, { screen, kiosk, screenFiles, onState, showsNumber: said }: RunOptions): boolean {
  if (said || kiosk !== undefined) return true
  const isAlone = screenFiles === undefined && onState === undefined
  return screen === 'terminal' && (isAlone || io.stderr.isTTY === true)
}

/** Signs of life for systemd: the loop of events turns. Everything else mends itself or needs a person. */
function watch(notify: SystemdNotify, io: AgentIo, ends: End[]): void {
  const over = new AbortController()
  notify
    .keepWatch({ isWell: async () => true, signal: over.signal })
    .catch((error: unknown) => complain(io, String(error)))
  ends.push(() => over.abort())
}

/** Opens what was asked for, and returns whom to tell. */
async function openScreens(
  io: AgentIo,
  options: RunOptions,
  ends: End[],
  onLink: () => void,
): Promise<(news: DaemonNews) => void> {
  const screen = openScreen(io.host.clock)
  const onTrouble = (message: string) => complain(io, message)
  if (options.kiosk !== undefined) {
    const port = options.kiosk === true ? undefined : Number(options.kiosk)
    if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65_536)) {
      throw new AgentError('usage', '--kiosk takes a port.')
    }
    const kiosk = kioskServer({ screen, port, onLink, machine: io.host, brand: { name: options.brand } })
    io.stderr.write(`The screen is at ${await kiosk.start()}\n`)
    ends.push(() => kiosk.stop())
  }
  if (options.screenFiles !== undefined) {
    const folder = screenFolder({ screen, directory: options.screenFiles, clock: io.host.clock, onTrouble })
    ends.push(() => folder.stop())
  }
  if (options.onState !== undefined) {
    const hook = stateHook({ screen, command: options.onState, env: io.env, host: io.host, onTrouble })
    hook.start()
    ends.push(() => hook.stop())
  }
  const terminal =
    options.screen === 'terminal' ? terminalScreen({ terminal: io.stderr, env: io.env, host: io.host }) : undefined
  if (terminal) ends.push(() => terminal.close())
  const log = logOf(io, terminal)
  return (news) => {
    log(news)
    if (news.kind !== 'refreshing') screen.show(news)
  }
}

/** The daemon's words on stderr: the terminal's page while a code waits, and lines for the rest. */
function logOf(io: AgentIo, terminal: TerminalScreen | undefined): (news: DaemonNews) => void {
  let before: DaemonNews['kind'] | undefined
  const again = io.onTrigger === undefined ? '' : ' For a new code: press Enter, or send SIGUSR1.'
  return (news) => {
    // Each refresh tells that all is well; once is enough.
    if (news.kind === 'refreshing' || (news.kind === 'linked' && before === 'linked')) return
    before = news.kind
    if (news.kind === 'offline') {
      terminal?.close()
      complain(io, `${news.reason} Trying again in ${Math.ceil(news.inSeconds)} s.`)
    } else if (news.kind === 'unlinked') complain(io, `This device is not linked.${again}`)
    else if (news.kind === 'needs_linking') complain(io, `This device has to be linked again.${again}`)
    else if (news.kind === 'failed') {
      terminal?.show(news)
      complain(io, `${news.error.message}${again}`)
    } else terminal?.show(news.kind === 'opened' ? { ...news, kind: 'waiting', opened: true } : news)
  }
}

const STATUS: Readonly<Record<DaemonNews['kind'], string>> = {
  asking: 'Asking for a code',
  waiting: 'Shows a code and waits for a person',
  opened: 'Somebody has the code on their phone',
  retrying: 'Shows a code; the server does not answer',
  linked: 'Linked',
  refreshing: 'Linked; fetching a fresh token',
  failed: 'Waits for somebody to ask for a new code',
  cancelled: 'Stopping',
  unlinked: 'Not linked',
  offline: 'The server does not answer; trying again',
  needs_linking: 'Has to be linked again',
}

/** Arguments of programs are public: nothing of the code goes there. */
function statusLine(news: DaemonNews): string {
  return STATUS[news.kind]
}

async function openTokenSocket(
  io: AgentIo,
  { audience, socket }: RunOptions,
  { agent, resource }: { readonly agent: DeviceAgent; readonly resource: string | undefined },
  ends: End[],
): Promise<void> {
  const audiences = [...new Set([...(resource === undefined ? [] : [resource]), ...audience])]
  const path = tokenSocketPath(socket, io.env)
  if (path === undefined || (audiences.length === 0 && !socket)) return
  const onTrouble = (error: unknown) => complain(io, error instanceof Error ? error.message : String(error))
  const opened = await tokenSocket({ path, agent, audiences, host: io.host, onTrouble })
  ends.push(() => opened.close())
}

async function endAll(io: AgentIo, ends: readonly End[]): Promise<void> {
  const over = new AbortController()
  const patience = io.host.sleep(CLOSE_WITHIN_MS, over.signal).catch(() => undefined)
  await Promise.race([Promise.allSettled(ends.map(async (end) => end())), patience])
  over.abort()
}

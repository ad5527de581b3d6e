// `latchkey-agent doctor`: looks at everything that keeps a device from working, and names the mend. It changes nothing,
// uses up no token and sends no secret anywhere.
import type { Fetch } from '../core/exchange.ts'
import { plainText } from '../kiosk/plain-text.ts'
import { stateDirectory } from './credential-file.ts'
import { clockFinding, linkFindings, nodeFinding, proxyFinding, stateFinding } from './doctor-device.ts'
import { type Finding, type Probes, warn } from './doctor-findings.ts'
import { systemProbes } from './doctor-probes.ts'
import { lookAtServer } from './doctor-server.ts'
import { paint } from './link-page.ts'
import { type Terminal, terminalView } from './terminal-screen.ts'

export interface DoctorOptions {
  readonly state?: string | undefined
  /** The server to look at; else `LATCHKEY_AGENT_ISSUER`, else the one that this device is linked to. */
  readonly issuer?: string | undefined
  readonly json?: boolean | undefined
}

export interface DoctorIo extends Pick<Probes, 'host' | 'env'> {
  readonly stdout: Terminal
  readonly fetch: Fetch
}

/** Prints what was found. Returns 0 when nothing failed, 6 when only the server is out of reach, else 1. */
export async function doctor(io: DoctorIo, options: DoctorOptions, probes: Probes = systemProbes(io)): Promise<number> {
  const findings = await examine(probes, options)
  io.stdout.write(options.json ? asData(findings) : asText(findings, io))
  const codes = findings.flatMap(({ level, exitCode = 1 }) => (level === 'fail' ? [exitCode] : []))
  return codes.includes(1) ? 1 : (codes[0] ?? 0)
}

async function examine(probes: Probes, options: DoctorOptions): Promise<readonly Finding[]> {
  const directory = stateDirectory(options.state, probes.env)
  const state = await stateFinding(probes, directory)
  // What is wrong with the directory would only be said once more.
  const link = state.level === 'fail' ? { findings: [] } : await linkFindings(probes, directory)
  const record = 'record' in link ? link.record : undefined
  const proxy = proxyFinding(probes)
  const issuer = options.issuer || probes.env['LATCHKEY_AGENT_ISSUER'] || record?.issuer
  const server = issuer
    ? await lookAtServer(probes, issuer, !proxy.used)
    : { findings: [noServer()], serverAheadMs: undefined }
  const clock = await clockFinding(probes, { serverAheadMs: server.serverAheadMs, record })
  return [nodeFinding(probes), state, ...link.findings, ...proxy.findings, ...server.findings, clock]
}

function noServer(): Finding {
  return warn('server', 'No server is known, so the way to it was not looked at.', 'latchkey-agent doctor --issuer URL')
}

function asData(findings: readonly Finding[]): string {
  const isWell = findings.every(({ level }) => level !== 'fail')
  const each = findings.map(({ check, level, says, mend }) => ({ check, level, says, mend }))
  return `${JSON.stringify({ ok: isWell, findings: each })}\n`
}

const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red' } as const

function asText(findings: readonly Finding[], { stdout, env }: Pick<DoctorIo, 'stdout' | 'env'>): string {
  const view = terminalView(stdout, env)
  const arrow = view.unicode ? '→' : '->'
  const lines = findings.flatMap(({ check, level, says, mend }) => [
    `${paint(view, COLOURS[level], level.padEnd(4))}  ${check.padEnd(6)}  ${plainText(says)}`,
    ...(mend === undefined ? [] : [`${' '.repeat(14)}${arrow} ${plainText(mend)}`]),
  ])
  return lines.map((line) => `${line}\n`).join('')
}

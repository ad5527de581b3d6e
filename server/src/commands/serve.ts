// `latchkey serve`: the server, until it is asked to stop.
import { buildApp } from '../app.ts'
import type { Config } from '../config.ts'
import { masterSecretFor } from '../master-secret.ts'
import { TOLERABLE_YEARLY_RISK, yearlyGuessingRisk } from '../oauth/device/guessing.ts'
import { openStore } from '../storage/open.ts'
import { readSettings } from './settings.ts'
import { closeWithin } from './stopping.ts'
import { CommandError, type Terminal } from './terminal.ts'

// In-flight requests are short; what is still open then is an idle connection.
const STOP_WITHIN_MS = 5_000

export async function serve(terminal: Terminal, options: { config?: string }): Promise<void> {
  const { config, path } = readSettings(terminal, options.config)
  const masterSecret = masterSecretFor(config, terminal.host.entropy)
  const store = await openStore(config.database)
  const logger = { level: terminal.environment['LATCHKEY_LOG_LEVEL'] ?? 'info' }
  const app = await buildApp({ config, store, host: terminal.host, masterSecret, logger })
  const { host, port } = config.listen
  let address: string
  try {
    address = await app.listen({ host, port })
  } catch (error) {
    await app.close()
    throw listenProblem(error, host, port)
  }
  terminal.say(`Latchkey serves ${config.issuer}, listening on ${address}`)
  if (path === undefined)
    terminal.say('No latchkey.json here: defaults are used, with no API and no client yet (docs/configuration.md).')
  if (config.notices === undefined && config.issuer.startsWith('https:'))
    terminal.say('Nobody hears of a new device: set notices.smtp or notices.webhook (docs/operations.md).')
  const risk = riskProblem(config)
  if (risk !== undefined) terminal.say(risk)
  if (!(await store.users.any())) terminal.say('No account yet: npx latchkey user add you@example.com')
  await terminal.untilStopped()
  await closeWithin(STOP_WITHIN_MS, terminal.host.sleep, app)
}

/** What an operator should know who lets many codes live at once. */
export function riskProblem({ limits }: Pick<Config, 'limits'>): string | undefined {
  const risk = yearlyGuessingRisk(limits.live_device_codes)
  if (risk <= TOLERABLE_YEARLY_RISK) return undefined
  const percent = Math.round(risk * 100)
  return `With ${limits.live_device_codes} live codes, a year of guessing hits one with ${percent} %: lower limits.live_device_codes (docs/security.md).`
}

export function listenProblem(error: unknown, host: string, port: number): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'EADDRINUSE') return new CommandError(`port ${port} is taken: set listen.port, or LATCHKEY_LISTEN__PORT`)
  if (code === 'EACCES') return new CommandError(`port ${port} needs more rights: take one above 1023`)
  if (code === 'EADDRNOTAVAIL') return new CommandError(`${host} is no address of this machine: set listen.host`)
  return error
}

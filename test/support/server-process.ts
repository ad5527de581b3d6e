// The built server as a process of its own, in a folder of its own: to be killed, started again, and talked to by HTTP.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openStore } from '@latchkey/server'
import { systemHost } from '@latchkey/shared'
import { addUser } from '../../server/src/accounts/users.ts'
import { freePort } from './free-port.ts'
import { type HttpBrowser, httpBrowser } from './http-browser.ts'
import { DEVICE, EMAIL, LIBRARY, PASSWORD } from './test-server.ts'

const COMMAND = fileURLToPath(new URL('../../server/bin/latchkey.js', import.meta.url))
const READY = 'Latchkey serves'

/** With everything that a client must encode for HTTP Basic (RFC 6749 §2.3.1). */
export const REPORTS_SECRET = 'reports+secret/of:northwind=%20&more-than-32'

export interface ServerProcess {
  /** Where it is reached. */
  readonly origin: string
  readonly issuer: string
  readonly port: number
  readonly folder: string
  readonly database: string
  /** All that it has said so far, over all its lives. */
  stderr(): string
  /** Ends the process; returns its exit code, or null when the signal ended it. */
  kill(signal: NodeJS.Signals): Promise<number | null>
  /** Starts it again in the same folder, on the same port. */
  restart(): Promise<void>
  /** A browser of its own. */
  browser(): HttpBrowser
}

export interface ServerProcessOptions {
  /** A temporary folder; the database and the configuration lie in it. */
  readonly folder: string
  /** Members of the configuration that replace the usual ones. */
  readonly config?: Readonly<Record<string, unknown>>
}

/** Starts `latchkey serve` on a free port and waits until it answers. The account of `EMAIL` is there. */
export async function startServer({ folder, config = {} }: ServerProcessOptions): Promise<ServerProcess> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const settings = {
    name: 'Northwind TV',
    issuer: origin,
    listen: { host: '127.0.0.1', port },
    database: `sqlite:${join(folder, 'latchkey.db')}`,
    limits: { poll_interval_seconds: 1 },
    apis: [{ resource: LIBRARY, scopes: { 'library:read': 'See your library' } }],
    clients: CLIENTS,
    ...config,
  }
  const file = join(folder, `latchkey-${port}.json`)
  writeFileSync(file, JSON.stringify(settings))
  await makeAccount(settings.database)

  let said = ''
  let child: ChildProcess | undefined
  const start = async () => {
    const started = spawn(process.execPath, [COMMAND, 'serve', '--config', file], {
      cwd: folder,
      env: { ...process.env, REPORTS_SECRET },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child = started
    await new Promise<void>((resolve, reject) => {
      let life = ''
      started.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text
        life += text
        if (life.includes(READY)) resolve()
      })
      started.once('error', reject)
      started.once('exit', (code, signal) => reject(new Error(`the server ended (${code ?? signal}): ${said}`)))
    })
    const health = await fetch(`${origin}/healthz`)
    if (health.status !== 200) throw new Error(`the server is not well: ${health.status}`)
  }
  await start()
  return {
    origin,
    issuer: settings.issuer,
    port,
    folder,
    database: settings.database,
    stderr: () => said,
    async kill(signal) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
      const ended = once(child, 'exit')
      child.kill(signal)
      await ended
      return child.exitCode
    },
    restart: start,
    browser: () => httpBrowser(origin),
  }
}

const CLIENTS = [
  DEVICE,
  {
    client_id: 'reports',
    client_secret: { env: 'REPORTS_SECRET' },
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['client_credentials'],
    scope: 'library:read',
  },
  {
    client_id: 'posted',
    client_secret: { env: 'REPORTS_SECRET' },
    token_endpoint_auth_method: 'client_secret_post',
    grant_types: ['client_credentials'],
    scope: 'library:read',
  },
]

async function makeAccount(database: string): Promise<void> {
  if (existsSync(database.replace('sqlite:', ''))) return
  const store = await openStore(database)
  await addUser(store, systemHost, { email: EMAIL, name: 'Ana', password: PASSWORD })
  await store.close()
}

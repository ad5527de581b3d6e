// `latchkey demo`: the whole story in one terminal. Server, account and API are real, and so is the device.
import { createServer } from 'node:net'
import { join } from 'node:path'
import { clientCredentials, credentialFile, DeviceAgent, discover, keyFile } from '@latchkey/device-agent'
import { DEVICE_CODE_GRANT, type Entropy, JWT_BEARER_GRANT, makeUserCode } from '@latchkey/shared'
import { hashPassword } from '../accounts/passwords.ts'
import { addUser } from '../accounts/users.ts'
import { buildApp } from '../app.ts'
import { closeWithin } from '../commands/stopping.ts'
import type { Terminal } from '../commands/terminal.ts'
import { type Config, parseConfig } from '../config.ts'
import { masterSecretFor } from '../master-secret.ts'
import { randomToken } from '../oauth/keys/vault.ts'
import { type Store, update } from '../oauth/store.ts'
import { openStore } from '../storage/open.ts'
import { DEMO_SCOPES, demoApi } from './demo-api.ts'
import { linkByCodes } from './demo-codes.ts'

const SERVER_PORT = 8080
const API_PORT = 8090
const STOP_WITHIN_MS = 2_000
const FOLDER = join('data', 'demo')
const EMAIL = 'demo@example.com'
const NAME = 'Demo'
const TV = 'demo-tv'
const BOX = 'demo-box'

export async function demo(terminal: Terminal): Promise<void> {
  const stop = new AbortController()
  const stopped = terminal.untilStopped().then(() => stop.abort())
  const port = await freePort(SERVER_PORT, terminal)
  const apiPort = await freePort(API_PORT, terminal)
  const issuer = `http://localhost:${port}`
  const resource = `http://localhost:${apiPort}`
  const secret = randomToken(terminal.host.entropy)
  const config = demoConfig(issuer, port, resource, secret)

  const store = await openStore(config.database)
  const masterSecret = masterSecretFor(config, terminal.host.entropy)
  const server = await buildApp({ config, store, host: terminal.host, masterSecret })
  const api = await demoApi(issuer, resource)
  try {
    const password = await demoAccount(store, terminal)
    await server.listen({ host: 'localhost', port })
    await api.listen({ host: 'localhost', port: apiPort })
    terminal.say('')
    terminal.say(`   Latchkey  ${issuer}      a demo API  ${resource}`)
    terminal.say(`   Sign in as  ${EMAIL}   password  ${password}`)
    const end = await tellStory({ terminal, store, issuer, resource, secret, signal: stop.signal })
    terminal.say(`\n   ${end} Ctrl-C ends the demo; the pages stay open until then.`)
    await stopped
  } catch (error) {
    if (!stop.signal.aborted) throw error
  } finally {
    await closeWithin(STOP_WITHIN_MS, terminal.host.sleep, server, api)
  }
  terminal.say('\n   Stopped.')
}

interface Story {
  readonly terminal: Terminal
  readonly store: Store
  readonly issuer: string
  readonly resource: string
  readonly secret: string
  readonly signal: AbortSignal
}

/** A device signs in for a person and calls the API; then a box calls it as itself. Returns what to say at the end. */
async function tellStory({ terminal, store, issuer, resource, secret, signal }: Story): Promise<string> {
  const { host } = terminal
  const place = { directory: join(FOLDER, 'agent'), host }
  const agent = new DeviceAgent({
    issuer,
    clientId: TV,
    scope: 'openid profile email offline_access library:read',
    resource,
    device: { name: 'Living room TV', model: 'Northwind N55', software: 'app 4.2' },
    showsNumber: true,
    credentials: credentialFile(place),
    keys: keyFile(place),
    host,
  })
  if (!(await linkByCodes(agent, { terminal, store, signal }))) return 'For a new code, start the demo again.'
  terminal.say(`\n   The TV calls the API with its token and its key:   GET ${resource}/library`)
  terminal.say(`   ${await told(await agent.fetch(`${resource}/library`, { signal }))}`)

  const wire = { host, fetch }
  const metadata = await discover(wire, issuer, signal)
  const box = { ...wire, metadata, clientId: BOX, clientSecret: secret }
  const answer = await clientCredentials(box, { scope: 'screen:report', resource }, signal)
  if (answer.kind === 'refused') throw new Error(`client credentials were refused: ${answer.error}`)
  terminal.say(`\n   A box without a person calls it as itself:   GET ${resource}/screen`)
  const authorization = `Bearer ${answer.value.accessToken}`
  terminal.say(`   ${await told(await fetch(`${resource}/screen`, { headers: { authorization }, signal }))}`)
  return 'That was all of it.'
}

async function told(answer: Response): Promise<string> {
  return `${answer.status} ${await answer.text()}`
}

function demoConfig(issuer: string, port: number, resource: string, secret: string): Config {
  return parseConfig(
    {
      name: 'Northwind TV',
      issuer,
      listen: { host: 'localhost', port },
      database: `sqlite:${join(FOLDER, 'latchkey.db')}`,
      // A demo is watched: nobody waits five seconds to see what their tap did.
      limits: { poll_interval_seconds: 1 },
      apis: [{ resource, scopes: { ...DEMO_SCOPES } }],
      clients: [
        {
          client_id: TV,
          client_name: 'Northwind TV app',
          token_endpoint_auth_method: 'none',
          grant_types: [DEVICE_CODE_GRANT, 'refresh_token', JWT_BEARER_GRANT],
          scope: 'openid profile email offline_access library:read',
        },
        {
          client_id: BOX,
          client_name: 'Northwind screen',
          client_secret: { env: 'DEMO_BOX_SECRET' },
          token_endpoint_auth_method: 'client_secret_basic',
          grant_types: ['client_credentials'],
          scope: 'screen:report',
        },
      ],
    },
    { DEMO_BOX_SECRET: secret },
  )
}

/** The account is kept between runs; its password is new each time, so that none is ever left lying about. */
async function demoAccount(store: Store, { host }: Terminal): Promise<string> {
  const password = demoPassword(host.entropy)
  const user =
    (await addUser(store, host, { email: EMAIL, name: NAME, password })) ?? (await store.users.byEmail(EMAIL))
  if (user === undefined) throw new Error('the demo account could not be made')
  const passwordHash = await hashPassword(password)
  await update(store.users, user.id, (current) => ({
    next: { ...(current ?? user), passwordHash },
    outcome: undefined,
  }))
  return password
}

/** Sixteen letters that are easy to copy from one screen to another. */
function demoPassword(entropy: Entropy): string {
  const letters = (makeUserCode(entropy) + makeUserCode(entropy)).toLowerCase()
  return letters.replace(/(.{4})(?=.)/g, '$1-')
}

/** The wished port, or any free one when it is taken, said aloud. */
async function freePort(wished: number, terminal: Terminal): Promise<number> {
  const port = (await probe(wished)) ?? (await probe(0))
  if (port === undefined) throw new Error('no free port')
  if (port !== wished) terminal.say(`   Port ${wished} is taken; using ${port}.`)
  return port
}

function probe(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen({ port, host: 'localhost' }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? undefined) : undefined))
    })
  })
}

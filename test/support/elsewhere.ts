// Devices and people in different places: addresses come through a proxy that the server trusts, as they do in life.
import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { type KeptLog, keptLog } from './kept-log.ts'
import { signedIn } from './signed-in.ts'
import { DEVICE, type TestBrowser, type TestServer, testConfig, testServer } from './test-server.ts'

/** Where the device is, and where its person is not. */
export const HOME = '192.0.2.1'
export const AWAY = '198.51.100.7'

export const from = (address: string) => ({ 'x-forwarded-for': address })

const POLICIES = {
  usual: {},
  allow: { elsewhere: 'allow' },
  warn: { elsewhere: 'warn' },
  match: { elsewhere: 'match' },
  strict: { elsewhere: 'match', elsewhere_fallback: 'block' },
  block: { elsewhere: 'block' },
} as const
export type Policy = keyof typeof POLICIES
export const ALL_POLICIES = Object.keys(POLICIES) as readonly Policy[]

/** A configuration with one client for each policy, named after it; `changes` as for `testConfig`. */
export function elsewhereConfig(changes: Record<string, unknown> = {}) {
  const clients = Object.entries(POLICIES).map(([client_id, policy]) => ({
    ...DEVICE,
    client_id,
    scope: 'library:read',
    ...policy,
  }))
  return testConfig({ clients, listen: { trusted_proxies: ['127.0.0.1'] }, ...changes })
}

export interface Started {
  readonly user_code: string
  readonly device_code: string
  readonly clientId: string
}

export interface Elsewhere {
  readonly server: TestServer
  readonly log: KeptLog
  /** A device asks for a code; at home, unless `address` says otherwise. It shows a number when it may. */
  start(
    clientId: string,
    options?: { readonly address?: string; readonly shows?: boolean; readonly fields?: Record<string, string> },
  ): Promise<Started>
  /** Somebody who is signed in; away, unless `address` says otherwise. */
  person(name?: string, address?: string): Promise<TestBrowser>
  poll(started: Started): ReturnType<TestServer['token']>
  record(started: Pick<Started, 'device_code'>): ReturnType<TestServer['store']['deviceRequests']['get']>
  /** The number on the device's screen, as the device learns it. */
  shown(started: Started): Promise<string>
}

export async function elsewhereServer(options: Parameters<typeof testServer>[0] = {}): Promise<Elsewhere> {
  const log = keptLog()
  const server = await testServer({ config: elsewhereConfig(), logger: log.logger, ...options })
  const elsewhere: Elsewhere = {
    server,
    log,
    async start(clientId, { address = HOME, shows = false, fields = {} } = {}) {
      const display = shows ? { device_display: 'number' } : {}
      const asked = { client_id: clientId, ...display, ...fields }
      const answer = await server.post('/device_authorization', asked, from(address))
      if (answer.statusCode !== 200) throw new Error(`no code: ${answer.body}`)
      return { ...answer.json(), clientId }
    },
    person: (name = 'bo', address = AWAY) => signedIn(server, `${name}@example.com`, from(address)),
    poll: ({ device_code, clientId }) =>
      server.token({ grant_type: DEVICE_CODE_GRANT, device_code, client_id: clientId }, from(HOME)),
    record: ({ device_code }) => server.store.deviceRequests.get(digestOf(device_code)),
    async shown(started) {
      const { number } = (await elsewhere.poll(started)).json()
      if (typeof number !== 'string') throw new Error('the device knows of no number')
      return number
    },
  }
  return elsewhere
}

/** The numbers on the buttons of a page, in their order. */
export function choicesOn(body: string): readonly string[] {
  return [...body.matchAll(/name="number" value="(\d+)"/g)].map(([, number = '']) => number)
}

// Clients that hold, ask about and give back tokens, two APIs that ask, and links for any of them.
import { DEVICE_CODE_GRANT } from '@latchkey/shared'
import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import { basic, LIBRARY, REPORTS, SECRETS, type TestServer, testConfig } from './test-server.ts'

type Fields = Readonly<Record<string, string | readonly string[]>>
type Headers = Readonly<Record<string, string>>

const SCOPE = 'openid profile email offline_access library:read library:write reports:read'
const device = { grant_types: [DEVICE_CODE_GRANT, 'refresh_token'], scope: SCOPE }
const unbound = { dpop_bound_access_tokens: false }
const open = { ...unbound, token_endpoint_auth_method: 'none' }
const secret = {
  ...unbound,
  client_secret: { env: 'REPORTS_SECRET' },
  token_endpoint_auth_method: 'client_secret_basic',
}
const pairwise = { ...device, ...open, subject_type: 'pairwise' }

/** Tokens of the library are JWTs, tokens of the reports are opaque; `changes` replace whole members. */
export const tokenConfig = (changes: Record<string, unknown> = {}) =>
  testConfig({
    apis: [
      {
        resource: LIBRARY,
        scopes: { 'library:read': 'See your library', 'library:write': 'Change your library' },
        introspection_clients: ['library-api'],
      },
      {
        resource: REPORTS,
        scopes: { 'reports:read': 'Read the reports' },
        access_token_format: 'opaque',
        introspection_clients: ['reports-api'],
      },
    ],
    clients: [
      { client_id: 'tv', ...device, ...open },
      { client_id: 'other-tv', ...device, ...open, id_token_signed_response_alg: 'ES256' },
      { client_id: 'bound-tv', ...device, ...open, dpop_bound_access_tokens: true },
      { client_id: 'kiosk', ...device, ...secret },
      { client_id: 'shop-tv', ...pairwise, sector_identifier_host: 'shop.example.com' },
      { client_id: 'shop-kiosk', ...pairwise, ...secret, sector_identifier_host: 'shop.example.com' },
      { client_id: 'bank-tv', ...pairwise },
      { client_id: 'robot', ...secret, grant_types: ['client_credentials'], scope: 'library:read reports:read' },
      { client_id: 'library-api', ...secret, grant_types: ['client_credentials'] },
      { client_id: 'reports-api', ...secret, grant_types: ['client_credentials'] },
    ],
    ...changes,
  })

/** How a confidential client of `tokenConfig` says who it is. */
export const as = (clientId: string): Headers => basic(clientId, SECRETS.REPORTS_SECRET)

export interface LinkedTokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly id_token?: string
  readonly token_type: string
  readonly expires_in: number
  readonly scope: string
}

/** A link, allowed by `server.user` without a browser. `post` may be that of a client that holds a key. */
export async function linkFor(
  server: TestServer,
  fields: Fields,
  { headers = {}, post = server.post }: { readonly headers?: Headers; readonly post?: TestServer['post'] } = {},
): Promise<LinkedTokens> {
  const started = (await post('/device_authorization', fields, headers)).json()
  await approve(server, started.device_code)
  const client = typeof fields['client_id'] === 'string' ? { client_id: fields['client_id'] } : {}
  const poll = { ...client, grant_type: DEVICE_CODE_GRANT, device_code: started.device_code }
  const answer = await post('/token', poll, headers)
  if (answer.statusCode !== 200) throw new Error(`not linked: ${answer.body}`)
  return answer.json()
}

export async function approve({ store, host, user }: TestServer, deviceCode: string): Promise<void> {
  const request = await store.deviceRequests.get(digestOf(deviceCode))
  if (request === undefined) throw new Error('no such device_code')
  const now = host.clock.now()
  const decision = { userId: user.id, decidedAt: now, authenticatedAt: now, amr: ['pwd'] }
  if (!(await store.deviceRequests.swap({ ...request, state: 'approved', decision }))) throw new Error('not approved')
}

/** Closes or opens the account of `server.user`. */
export async function setDisabled({ store, host, user }: TestServer, disabled: boolean): Promise<void> {
  const record = await store.users.get(user.id)
  if (record === undefined) throw new Error('no such user')
  const { disabledAt: _disabledAt, ...rest } = record
  await store.users.swap(disabled ? { ...rest, disabledAt: host.clock.now() } : rest)
}

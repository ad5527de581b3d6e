// A server where devices register themselves, and devices that did.
import { DEVICE_CODE_GRANT, JWT_BEARER_ASSERTION } from '@latchkey/shared'
import type { LightMyRequestResponse } from 'fastify'
import type { Config } from '../../server/src/config.ts'
import { type DeviceKey, type DpopClient, dpopClient, linkWithKey, signedBy } from './dpop-client.ts'
import { ISSUER, LIBRARY, type TestBrowser, type TestServer, testConfig } from './test-server.ts'

/** What a device asks for, to be allowed to register. */
export const ENROL = { client_id: 'box', scope: 'device:enroll' } as const

export function enrolmentConfig(registration: Readonly<Record<string, unknown>> = {}): Config {
  const forDevices = { token_endpoint_auth_method: 'none', grant_types: [DEVICE_CODE_GRANT, 'refresh_token'] }
  return testConfig({
    registration: { scope: 'library:read', ...registration },
    apis: [
      {
        resource: LIBRARY,
        scopes: { 'library:read': 'See your library', 'library:write': 'Change your library' },
        introspection_clients: ['reports'],
      },
    ],
    clients: [
      { client_id: 'box', client_name: 'Northwind box', ...forDevices, scope: 'openid device:enroll library:read' },
      { client_id: 'loose', ...forDevices, dpop_bound_access_tokens: false, scope: 'device:enroll' },
      {
        client_id: 'reports',
        client_secret: { env: 'REPORTS_SECRET' },
        grant_types: ['client_credentials'],
        scope: 'device:enroll',
      },
    ],
  })
}

export const metadataFor = (key: DeviceKey, more: Readonly<Record<string, unknown>> = {}) => ({
  client_name: 'Hall box',
  token_endpoint_auth_method: 'private_key_jwt',
  jwks: { keys: [key.jwk] },
  ...more,
})

/** `body` is what to send; a text as it is. */
export function register(
  device: DpopClient,
  accessToken: string,
  body: unknown = metadataFor(device.key),
): Promise<LightMyRequestResponse> {
  return device.send({
    method: 'POST',
    path: '/register',
    accessToken,
    headers: { 'content-type': 'application/json' },
    payload: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

export interface EnrolledDevice {
  readonly device: DpopClient
  readonly clientId: string
  readonly registrationToken: string
  /** What registering answered. */
  readonly information: Readonly<Record<string, unknown>>
}

/** Allowed by the server's user, or by whom `browser` is signed in. */
export async function enrolledDevice(
  server: TestServer,
  browser?: TestBrowser,
  known?: DpopClient,
): Promise<EnrolledDevice> {
  const device = known ?? (await dpopClient(server))
  const { access_token } = await linkWithKey(server, device, ENROL, browser)
  const answer = await register(device, access_token)
  if (answer.statusCode !== 201) throw new Error(`not registered: ${answer.body}`)
  const information = answer.json()
  const { client_id: clientId, registration_access_token: registrationToken } = information
  return { device, clientId, registrationToken, information }
}

/** What a client asks for with an assertion by `key`, good for a minute. */
export async function assertionBy(
  { host }: Pick<TestServer, 'host'>,
  key: DeviceKey,
  clientId: string,
  claims: Readonly<Record<string, unknown>> = {},
  header: Parameters<typeof signedBy>[2] = {},
): Promise<{ readonly client_assertion_type: string; readonly client_assertion: string }> {
  const jti = Buffer.from(host.entropy(16)).toString('hex')
  const usual = { iss: clientId, sub: clientId, aud: ISSUER, exp: host.clock.now() / 1000 + 60, jti }
  const client_assertion = await signedBy(key, { ...usual, ...claims }, header)
  return { client_assertion_type: JWT_BEARER_ASSERTION, client_assertion }
}

/** An access token for the client itself, by its own key. */
export async function ownToken(
  server: TestServer,
  device: DpopClient,
  clientId: string,
  key: DeviceKey = device.key,
): Promise<LightMyRequestResponse> {
  return device.post('/token', { grant_type: 'client_credentials', ...(await assertionBy(server, key, clientId)) })
}

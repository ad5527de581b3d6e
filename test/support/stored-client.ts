// A client in the database of a test server, beside those of its configuration.

import { digestOf } from '../../server/src/oauth/keys/vault.ts'
import type { Client } from '../../server/src/oauth/records.ts'
import type { TestServer } from './test-server.ts'

interface NewClient extends Pick<Client, 'id' | 'grantTypes'> {
  /** With a secret it authenticates by client_secret_basic, without one it is public. */
  readonly secret?: string
  readonly name?: string
  readonly disabledAt?: number
}

export async function createStoredClient(
  { store, host }: TestServer,
  { id, grantTypes, secret, name = id, disabledAt }: NewClient,
): Promise<Client> {
  const record: Client = {
    id,
    version: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    name,
    authMethod: secret === undefined ? 'none' : 'client_secret_basic',
    ...(secret === undefined ? {} : { secretDigest: digestOf(secret) }),
    jwks: [],
    grantTypes,
    scope: ['library:read'],
    redirectUris: [],
    postLogoutRedirectUris: [],
    dpopBound: false,
    idTokenAlg: 'RS256',
    subjectType: 'public',
    sector: id,
    createdAt: host.clock.now(),
    ...(disabledAt === undefined ? {} : { disabledAt }),
  }
  if (!(await store.clients.insert(record))) throw new Error(`client ${id} is there already`)
  return record
}

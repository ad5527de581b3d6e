// What a registered device may do with its registration: read it, change its name and keys, end it (RFC 7592).
import type { JsonObject } from '@latchkey/shared'
import { OAuthError } from '../errors.ts'
import { digestOf, sameDigest } from '../keys/vault.ts'
import { endLinks } from '../links.ts'
import type { Provider } from '../provider.ts'
import type { Client } from '../records.ts'
import { update } from '../store.ts'
import { challenges, presentedToken, refusal } from '../tokens/presented-token.ts'
import { clientInformation, invalid, readDeviceMetadata } from './client-information.ts'
import { removalMark } from './registration.ts'

/** A device and its registration access token. */
export interface Holder {
  readonly clientId: string
  /** The Authorization header. */
  readonly authorization: string | undefined
}

// While it changes its key, a device has the old one and the new one.
const MOST_KEYS = 2
// Longer than any access token of a person lives.
const REMEMBERED_MS = 24 * 60 * 60 * 1000
// For the server alone to say (RFC 7592 §2.2).
const NOT_IN_A_CHANGE = [
  'registration_access_token',
  'registration_client_uri',
  'client_secret_expires_at',
  'client_id_issued_at',
]

/** Throws `invalid_token`. */
export async function readRegistration(provider: Provider, holder: Holder): Promise<JsonObject> {
  const token = tokenOf(holder)
  const client = checked(await provider.store.clients.get(holder.clientId), token)
  return clientInformation(provider.issuer, client, token)
}

/**
 * Name and keys become what is sent, or nothing when they are left out; scopes and grants stay the server's.
 * Throws `invalid_token`, or `invalid_client_metadata` having changed nothing.
 */
export async function replaceRegistration(provider: Provider, holder: Holder, body: JsonObject): Promise<JsonObject> {
  const token = tokenOf(holder)
  checked(await provider.store.clients.get(holder.clientId), token)
  if (body['client_id'] !== holder.clientId) throw invalid('client_id must be the one of this registration')
  const forbidden = NOT_IN_A_CHANGE.find((member) => Object.hasOwn(body, member))
  if (forbidden !== undefined) throw invalid(`${forbidden} is not for the client to set`)
  const { name = holder.clientId, keys } = readDeviceMetadata(body, MOST_KEYS)
  const client = await update(provider.store.clients, holder.clientId, (current) => {
    const next: Client = { ...checked(current, token), name, jwks: keys }
    return { next, outcome: next }
  })
  return clientInformation(provider.issuer, client, token)
}

/** Throws `invalid_token`. */
export async function removeRegistration(provider: Provider, holder: Holder): Promise<void> {
  await removeDevice(provider, checked(await provider.store.clients.get(holder.clientId), tokenOf(holder)))
}

/** Ends the client and all that it was given; its key may be registered again, if a person allows it again. */
export async function removeDevice(provider: Provider, client: Client): Promise<void> {
  const { clients, families, spent } = provider.store
  const now = provider.host.clock.now()
  if (client.registration !== undefined) {
    const id = removalMark(client.registration.jkt)
    // An older mark may end too soon.
    await spent.delete(id)
    await spent.insert({ id, version: 0, expiresAt: now + REMEMBERED_MS })
  }
  // The client first: what is not a client any more gets no further family.
  await clients.delete(client.id)
  await endLinks(provider.store, await families.byClient(client.id), now)
  const owner = client.registration?.ownerId
  provider.note({ event: 'removed', clientId: client.id, ...(owner === undefined ? {} : { userId: owner }) })
}

function tokenOf({ authorization }: Holder): string {
  const presented = presentedToken(authorization)
  if (presented?.scheme === 'Bearer') return presented.token
  const headers = { 'WWW-Authenticate': challenges('Bearer') }
  throw new OAuthError('invalid_token', 'a registration access token is needed', { headers })
}

/** No client, one that was suspended, and another token: one answer. */
function checked(client: Client | undefined, token: string): Client {
  const digest = client?.registration?.tokenDigest
  if (client !== undefined && client.disabledAt === undefined && sameDigest(digestOf(token), digest ?? ''))
    return client
  throw refusal('Bearer', 'invalid_token', 'the registration access token is not valid')
}

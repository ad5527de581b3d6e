// A device registers itself as a client with a key of its own (RFC 7591), allowed by a person who from then on owns it.
// What it may do with its registration afterwards: registration-management.ts. How its tokens are earned: ../grants/.
import { type JsonObject, thumbprint } from '@latchkey/shared'
import { OAuthError } from '../errors.ts'
import { digestOf, randomToken } from '../keys/vault.ts'
import type { Api, Provider, RegistrationTerms } from '../provider.ts'
import type { Client, PublicJwk, TokenFamily } from '../records.ts'
import { IDENTITY_SCOPES, knownScopes } from '../scopes.ts'
import { type Step, update } from '../store.ts'
import { createThrottle, type Throttle } from '../throttle.ts'
import { challenges, presentedToken, readPresented, refusal } from '../tokens/presented-token.ts'
import {
  clientInformation,
  type DeviceMetadata,
  invalid,
  isSameKey,
  REGISTRATION_PATH,
  readDeviceMetadata,
} from './client-information.ts'
import { readClientMetadata } from './client-metadata.ts'

export const ENROL_SCOPE = 'device:enroll'

/** The server's own API; the pages say in their own words what it is to set itself up. */
export function enrolmentApi(issuer: string): Api {
  return { resource: issuer, scopes: { [ENROL_SCOPE]: {} } }
}

export interface RegistrationRequest {
  /** The Authorization header. */
  readonly authorization: string | undefined
  /** The DPoP header. */
  readonly dpop: string | undefined
  readonly body: JsonObject
}

/** Throws OAuthError. */
export type Register = (request: RegistrationRequest) => Promise<JsonObject>

// A person who sets up a shelf of boxes by hand is slower than that.
const ATTEMPTS_PER_USER = { most: 20, windowSeconds: 600 }
// Nothing but a device less makes room.
const FULL_RETRY_SECONDS = 3600
const CLIENT_ID_BYTES = 16
/** What scanners for leaked secrets know it by. */
const TOKEN_PREFIX = 'lk_reg_'
// Longer than any code or access token that the link may still be asked for with.
const KEPT_MS = 24 * 60 * 60 * 1000

/**
 * The order: the token and the proof, the pace, what the device says of itself; then the token is consumed and the
 * client made. After a crash in between the same token still makes the one client that it is good for. A key that is
 * registered gets the client it has, with a new registration access token: its device lost the answer, or its memory.
 */
export function createRegistration(provider: Provider, terms: RegistrationTerms): Register {
  const attempts = createThrottle(ATTEMPTS_PER_USER, provider.host.clock)
  return async ({ authorization, dpop, body }) => {
    const permit = await readPermit(provider, authorization, dpop)
    slowDown(attempts, permit.userId)
    const device = readDeviceMetadata(body, 1)
    const [key] = device.keys
    if (key === undefined || (await thumbprint(key)) !== permit.jkt) {
      throw invalid('jwks must hold the key of the DPoP proof')
    }
    const known = await provider.store.clients.byRegisteredKey(permit.jkt)
    if (known !== undefined) refuseForeign(known, permit)
    else await refuseBeyondQuota(provider, terms, permit)
    await consume(provider, permit, known !== undefined)
    const made = known === undefined ? await make(provider, terms, permit, device) : undefined
    const { client, token } = made ?? (await makeAgain(provider, permit, key))
    await update(provider.store.families, permit.familyId, (family) =>
      endEnrolment(family, provider.host.clock.now() + KEPT_MS),
    )
    provider.note({ event: 'registered', clientId: client.id, userId: permit.userId })
    return clientInformation(provider.issuer, client, token)
  }
}

/** What a person allowed: one device, which holds one key. */
interface Permit {
  readonly userId: string
  readonly jkt: string
  readonly familyId: string
  readonly jti: string
  readonly expiresAt: number
}

async function readPermit(provider: Provider, authorization: string | undefined, dpop: string | undefined) {
  const presented = presentedToken(authorization)
  if (presented === undefined) {
    const headers = { 'WWW-Authenticate': challenges('DPoP') }
    throw new OAuthError('invalid_token', `an access token with ${ENROL_SCOPE} is needed`, { headers })
  }
  const request = { method: 'POST', path: REGISTRATION_PATH, dpop }
  const { claims, user } = await readPresented(provider, presented, request)
  const { aud, scope = '', cnf, link, jti, exp } = claims
  if (aud !== provider.issuer || !scope.split(' ').includes(ENROL_SCOPE)) {
    throw refusal('DPoP', 'insufficient_scope', `the access token is not good for ${ENROL_SCOPE}`, {
      scope: ENROL_SCOPE,
    })
  }
  if (user === undefined || link === undefined || cnf === undefined) {
    throw refusal('DPoP', 'invalid_token', 'a person must have allowed this device, and its key, to register')
  }
  const permit: Permit = { userId: user.id, jkt: cnf.jkt, familyId: link, jti, expiresAt: exp * 1000 }
  return permit
}

function slowDown(attempts: Throttle, userId: string): void {
  const wait = attempts.secondsToWait(userId)
  if (wait > 0) throw tooMany('too many registrations for this account; wait', wait)
  attempts.count(userId)
}

async function refuseBeyondQuota(provider: Provider, { devicesPerUser }: RegistrationTerms, { userId }: Permit) {
  const owned = await provider.store.clients.byOwner(userId)
  if (owned.length >= devicesPerUser) throw tooMany('this account owns as many devices as it may', FULL_RETRY_SECONDS)
}

function tooMany(description: string, retryAfterSeconds: number): OAuthError {
  const headers = { 'Retry-After': String(retryAfterSeconds) }
  return new OAuthError('temporarily_unavailable', description, { status: 429, headers })
}

/** Whoever comes to own a used device must make it forget its key first. One that was suspended is not let back in. */
function refuseForeign({ registration, disabledAt }: Client, { userId }: Permit): void {
  if (registration?.ownerId !== userId || disabledAt !== undefined) throw invalid('this key cannot be registered')
}

/** Good once. The same device may come again with it, as long as nobody has removed what it was good for. */
async function consume(provider: Provider, { jti, jkt, expiresAt }: Permit, known: boolean): Promise<void> {
  const { spent } = provider.store
  if (await spent.insert({ id: digestOf(`enrolment ${jti}`), version: 0, expiresAt })) return
  if (!known && (await spent.get(removalMark(jkt))) !== undefined) {
    throw refusal('DPoP', 'invalid_token', 'the access token was used')
  }
}

/** Set when the client of a key is removed; outlives every permit that the key had before. */
export function removalMark(jkt: string): string {
  return digestOf(`removed device ${jkt}`)
}

export interface Registered {
  readonly client: Client
  /** The registration access token, which is stored by its digest alone. */
  readonly token: string
}

/** Undefined when the key was registered in the meantime: by the same device, for nobody else has its key. */
async function make(
  provider: Provider,
  { scope }: RegistrationTerms,
  { userId, jkt }: Permit,
  { name, keys }: DeviceMetadata,
): Promise<Registered | undefined> {
  const { clock, entropy } = provider.host
  const { client, problems } = readClientMetadata(
    `dev_${randomToken(entropy, CLIENT_ID_BYTES)}`,
    {
      ...(name === undefined ? {} : { client_name: name }),
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: ['client_credentials'],
      scope: scope.join(' '),
      jwks: { keys },
      dpop_bound_access_tokens: true,
    },
    { hasSecret: false, knownScopes: knownScopes(provider.apis), createdAt: clock.now() },
  )
  const [problem] = problems
  if (problem !== undefined) throw invalid(`${problem.member} cannot be registered`)
  const token = newRegistrationToken(provider)
  const record: Client = { ...client, registration: { ownerId: userId, tokenDigest: digestOf(token), jkt } }
  return (await provider.store.clients.insert(record)) ? { client: record, token } : undefined
}

/** The client that the key has. One that had changed to another key is back at this one, as its owner allowed. */
async function makeAgain(provider: Provider, permit: Permit, key: PublicJwk): Promise<Registered> {
  const { clients } = provider.store
  const token = newRegistrationToken(provider)
  const known = await clients.byRegisteredKey(permit.jkt)
  return update(clients, known?.id ?? '', (client): Step<Client, Registered> => {
    if (client?.registration === undefined) {
      throw new OAuthError('temporarily_unavailable', 'removed meanwhile', { headers: { 'Retry-After': '1' } })
    }
    refuseForeign(client, permit)
    const next: Client = {
      ...client,
      jwks: client.jwks.some((held) => isSameKey(held, key)) ? client.jwks : [key],
      registration: { ...client.registration, tokenDigest: digestOf(token) },
    }
    return { next, outcome: { client: next, token } }
  })
}

function newRegistrationToken(provider: Provider): string {
  return TOKEN_PREFIX + randomToken(provider.host.entropy)
}

/**
 * What the link was for is done, so nothing of it can earn another permit. A link for nothing else ends by itself: not
 * at once, for the device may have to ask again with the access token that it has.
 */
export function endEnrolment(family: TokenFamily | undefined, endsAt: number): Step<TokenFamily, undefined> {
  if (family === undefined || !family.scope.includes(ENROL_SCOPE)) return { outcome: undefined }
  const scope = family.scope.filter((name) => name !== ENROL_SCOPE)
  if (scope.some((name) => !(IDENTITY_SCOPES as readonly string[]).includes(name))) {
    return { next: { ...family, scope }, outcome: undefined }
  }
  const { current: _current, previous: _previous, sealedSuccessor: _sealed, sealedHandle: _handle, ...rest } = family
  return { next: { ...rest, scope, expiresAt: Math.min(family.expiresAt, endsAt) }, outcome: undefined }
}

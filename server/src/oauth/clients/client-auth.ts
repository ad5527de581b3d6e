// Who is calling (RFC 6749 §2.3, RFC 7523 §2.2): each client by its registered way only.
import { JWT_BEARER_ASSERTION } from '@latchkey/shared'
import { OAuthError } from '../errors.ts'
import { digestOf, sameDigest } from '../keys/vault.ts'
import type { Parameters } from '../parameters.ts'
import type { Provider } from '../provider.ts'
import type { Client } from '../records.ts'
import { networkOf } from '../throttle.ts'
import { assertedClientId, verifyClientAssertion } from './client-assertion.ts'

// 256 random bits in base64url are 43 characters; what operators bring along may be longer, never this long.
const LONGEST_SECRET = 1024
const NO_SECRET = digestOf('')

export interface CallerCredentials {
  /** The Authorization header. */
  readonly authorization: string | undefined
  readonly parameters: Parameters
  /** The network address, for the brake on guessing. */
  readonly address: string
}

type Presented =
  | { readonly method: 'none'; readonly clientId: string }
  | {
      readonly method: 'client_secret_basic' | 'client_secret_post'
      readonly clientId: string
      readonly secret: string
    }
  | { readonly method: 'private_key_jwt'; readonly clientId: string; readonly assertion: string }

// Unknown, disabled, wrong method, wrong secret: one and the same answer. A 401 needs a challenge (RFC 9110 §15.5.2).
const refused = () =>
  new OAuthError('invalid_client', 'client authentication failed', {
    headers: { 'WWW-Authenticate': 'Basic realm="latchkey"' },
  })

/** Throws `invalid_client` or, when two ways are tried at once, `invalid_request`. */
export async function authenticateClient(provider: Provider, credentials: CallerCredentials): Promise<Client> {
  const presented = readCredentials(credentials)
  const brake = `${presented.clientId} ${networkOf(credentials.address)}`
  const wait = presented.method === 'none' ? 0 : provider.failedClients.secondsToWait(brake)
  if (wait > 0) {
    const headers = { 'Retry-After': String(wait) }
    throw new OAuthError('invalid_client', 'too many failures; wait', { status: 429, headers })
  }
  const client = await provider.clients.find(presented.clientId)
  if (await fits(provider, client, presented)) return client as Client
  if (presented.method !== 'none') provider.failedClients.count(brake)
  throw refused()
}

async function fits(provider: Provider, client: Client | undefined, presented: Presented): Promise<boolean> {
  const admitted = client !== undefined && client.disabledAt === undefined && client.authMethod === presented.method
  switch (presented.method) {
    case 'none':
      return admitted
    case 'private_key_jwt':
      return admitted && (await verifyClientAssertion(provider, client, presented.assertion))
    default: {
      // Compared in any case, so that an unknown client takes as long as a wrong secret.
      const secretFits = sameDigest(digestOf(presented.secret), client?.secretDigest ?? NO_SECRET)
      return admitted && client.secretDigest !== undefined && secretFits
    }
  }
}

function readCredentials({ authorization, parameters }: CallerCredentials): Presented {
  const bodyId = parameters.get('client_id')
  const bodySecret = parameters.get('client_secret')
  const assertion = parameters.get('client_assertion')
  const assertionType = parameters.get('client_assertion_type')
  const asserted = assertion !== undefined || assertionType !== undefined
  if (Number(authorization !== undefined) + Number(bodySecret !== undefined) + Number(asserted) > 1) {
    throw new OAuthError('invalid_request', 'two ways of client authentication at once')
  }
  if (authorization !== undefined) {
    const basic = readBasic(authorization)
    if (bodyId !== undefined && bodyId !== basic.clientId) {
      throw new OAuthError('invalid_request', 'client_id differs from the Authorization header')
    }
    return { method: 'client_secret_basic', ...basic }
  }
  if (asserted) {
    const clientId = assertion === undefined ? undefined : assertedClientId(assertion)
    if (assertion === undefined || assertionType !== JWT_BEARER_ASSERTION || clientId === undefined) throw refused()
    if (bodyId !== undefined && bodyId !== clientId) throw refused()
    return { method: 'private_key_jwt', clientId, assertion }
  }
  if (bodyId === undefined) throw refused()
  if (bodySecret === undefined) return { method: 'none', clientId: bodyId }
  if (bodySecret.length > LONGEST_SECRET) throw refused()
  return { method: 'client_secret_post', clientId: bodyId, secret: bodySecret }
}

/** RFC 6749 §2.3.1: base64, split at the first colon, then both halves form-decoded. */
function readBasic(header: string): { clientId: string; secret: string } {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header) ?? []
  if (encoded === undefined || encoded.length > 2 * LONGEST_SECRET) throw refused()
  const decoded = decodeUtf8(Buffer.from(encoded, 'base64'))
  const colon = decoded.indexOf(':')
  if (colon < 1) throw refused()
  return { clientId: formDecode(decoded.slice(0, colon)), secret: formDecode(decoded.slice(colon + 1)) }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw refused()
  }
}

function formDecode(text: string): string {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '))
    if (decoded.includes('\0')) throw refused()
    return decoded
  } catch {
    throw refused()
  }
}

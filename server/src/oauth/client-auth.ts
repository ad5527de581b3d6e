// Who is calling (RFC 6749 §2.3): none, client_secret_basic, client_secret_post; each client by its registered way only.
import type { ClientDirectory } from './client-directory.ts'
import { OAuthError } from './errors.ts'
import type { Parameters } from './parameters.ts'
import type { Client } from './records.ts'
import { digestOf, sameDigest } from './vault.ts'

// 256 random bits in base64url are 43 characters; what operators bring along may be longer, never this long.
const LONGEST_SECRET = 1024
const NO_SECRET = digestOf('')

interface Presented {
  readonly method: 'none' | 'client_secret_basic' | 'client_secret_post'
  readonly clientId: string
  readonly secret: string
}

// Unknown, disabled, wrong method, wrong secret: one and the same answer. A 401 needs a challenge (RFC 9110 §15.5.2).
const refused = () =>
  new OAuthError('invalid_client', 'client authentication failed', {
    headers: { 'WWW-Authenticate': 'Basic realm="latchkey"' },
  })

/** Throws `invalid_client` or, when two ways are tried at once, `invalid_request`. */
export async function authenticateClient(
  directory: ClientDirectory,
  authorization: string | undefined,
  parameters: Parameters,
): Promise<Client> {
  const presented = readCredentials(authorization, parameters)
  const client = await directory.find(presented.clientId)
  // The comparison is made in any case, so that an unknown client takes as long as a wrong secret.
  const secretFits = sameDigest(digestOf(presented.secret), client?.secretDigest ?? NO_SECRET)
  if (client === undefined || client.disabledAt !== undefined || client.authMethod !== presented.method) throw refused()
  if (presented.method !== 'none' && (client.secretDigest === undefined || !secretFits)) throw refused()
  return client
}

function readCredentials(authorization: string | undefined, parameters: Parameters): Presented {
  const bodyId = parameters.get('client_id')
  const bodySecret = parameters.get('client_secret')
  if (authorization !== undefined) {
    if (bodySecret !== undefined) throw new OAuthError('invalid_request', 'two ways of client authentication at once')
    const basic = readBasic(authorization)
    if (bodyId !== undefined && bodyId !== basic.clientId) {
      throw new OAuthError('invalid_request', 'client_id differs from the Authorization header')
    }
    return { method: 'client_secret_basic', ...basic }
  }
  if (bodyId === undefined) throw refused()
  if (bodySecret === undefined) return { method: 'none', clientId: bodyId, secret: '' }
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

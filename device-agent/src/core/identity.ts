// Who approved, as the server signed it. An id_token that does not pass every check says nothing about anybody.
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import type { Client } from './client.ts'
import type { Subject } from './credentials.ts'
import { AgentError } from './errors.ts'
import { exchange } from './exchange.ts'

const ALGORITHMS = ['RS256', 'ES256', 'EdDSA', 'Ed25519']
const TOLERANCE_SECONDS = 30

/**
 * Reads the subject out of an id_token after checking signature, algorithm, issuer, audience and expiry
 * (OpenID Connect Core §3.1.3.7). `nowAt` (epoch milliseconds) is best the server's own clock: a device's may be years off.
 *
 * @throws AgentError `untrusted` when a check fails, `unreachable` when the server's keys cannot be fetched.
 */
export async function readIdentity(client: Client, idToken: string, nowAt: number): Promise<Subject> {
  const { jwks_uri: jwksUri, issuer } = client.metadata
  if (!jwksUri) throw new AgentError('untrusted', 'The server signs identities but publishes no keys.')
  const { body } = await exchange(client, jwksUri, { headers: { accept: 'application/json' } })
  if (!isKeySet(body)) throw new AgentError('untrusted', "The server's key set cannot be read.")
  try {
    const { payload } = await jwtVerify(idToken, createLocalJWKSet(body), {
      algorithms: ALGORITHMS,
      issuer,
      audience: client.clientId,
      currentDate: new Date(nowAt),
      clockTolerance: TOLERANCE_SECONDS,
      requiredClaims: ['sub', 'exp', 'iat'],
    })
    const { sub, aud, azp, name, email } = payload
    if (typeof sub !== 'string') throw new Error('no subject')
    if (Array.isArray(aud) && aud.length > 1 && azp !== client.clientId) throw new Error('meant for another client')
    return {
      sub,
      ...(typeof name === 'string' ? { name } : {}),
      ...(typeof email === 'string' ? { email } : {}),
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new AgentError('untrusted', `The server's statement of who approved cannot be trusted: ${why}.`, { cause })
  }
}

function isKeySet(body: unknown): body is JSONWebKeySet {
  return typeof body === 'object' && body !== null && 'keys' in body && Array.isArray(body.keys)
}

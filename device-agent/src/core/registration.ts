// The requests of a device that is a client of its own: registering (RFC 7591), changing its keys (RFC 7592), and a token
// for itself. Each is sent once, once more when a proof lacked the nonce. When to send which is enrolment.ts.
import { JWT_BEARER_ASSERTION, type ProofKey } from '@latchkey/shared'
import { exportJWK } from 'jose'
import { type Client, isSafeAddress, missing, readTokens, send, type Tokens, text } from './client.ts'
import { AgentError } from './errors.ts'
import { exchange, type Reply, type Wire } from './exchange.ts'
import { refused } from './link-request.ts'
import { clientAssertionFor, proofFor } from './proof.ts'

export type KeyedClient = Client & { readonly key: ProofKey }

export interface Registered {
  readonly clientId: string
  readonly registrationUri: string
  readonly registrationToken: string
}

/** RFC 7591 §3.1, with the key that the access token is bound to. @throws AgentError `refused`, `unreachable`, `untrusted` */
export async function register(
  client: KeyedClient,
  request: { readonly accessToken: string; readonly name: string | undefined },
  signal?: AbortSignal,
): Promise<Registered> {
  const url = client.metadata.registration_endpoint
  if (!url) throw noRegistration(client)
  const { accessToken, name } = request
  const body = JSON.stringify(await metadataOf(name, [client.key]))
  const ask = async (): Promise<Reply> => {
    const dpop = await proofFor(client, client.key, { method: 'POST', url, accessToken })
    const headers = { ...JSON_BOTH_WAYS, authorization: `DPoP ${accessToken}`, dpop }
    return exchange(client, url, { method: 'POST', headers, body }, signal)
  }
  const first = await ask()
  return readRegistered(first.body?.['error'] === 'use_dpop_nonce' ? await ask() : first, 201)
}

/** RFC 7592 §2.2: these keys, in place of those that were registered. @throws AgentError as `register` */
export async function replaceKeys(
  wire: Wire,
  registered: Registered & { readonly name?: string | undefined },
  keys: readonly ProofKey[],
  signal?: AbortSignal,
): Promise<Registered> {
  const { clientId, registrationUri, registrationToken, name } = registered
  const body = JSON.stringify({ client_id: clientId, ...(await metadataOf(name, keys)) })
  const headers = { ...JSON_BOTH_WAYS, authorization: `Bearer ${registrationToken}` }
  const reply = await exchange(wire, registrationUri, { method: 'PUT', headers, body }, signal)
  // RFC 7592 §3: the answer may bring another token, and need not bring one.
  return readRegistered(reply, 200, registered)
}

/** RFC 6749 §4.4 by private_key_jwt. @throws AgentError as `register` */
export async function ownTokens(
  client: KeyedClient,
  resource: string | undefined,
  signal?: AbortSignal,
): Promise<Tokens> {
  const { key, clientId, metadata } = client
  const ask = async (): Promise<Reply> => {
    // Signed anew for each try: an assertion is spent by the request that carries it, whatever is answered.
    const client_assertion = await clientAssertionFor(client, key, { issuer: metadata.issuer, clientId })
    const assertion = { client_assertion_type: JWT_BEARER_ASSERTION, client_assertion }
    const form = { grant_type: 'client_credentials', resource, ...assertion }
    return send(client, metadata.token_endpoint, form, signal)
  }
  const first = await ask()
  const answer = readTokens(client, first.body?.['error'] === 'use_dpop_nonce' ? await ask() : first)
  if (answer.kind === 'refused') throw refused(answer.error, answer.description)
  return answer.value
}

export function noRegistration({ metadata }: Client): AgentError {
  return new AgentError('refused', `${metadata.issuer} does not let devices register themselves.`)
}

const JSON_BOTH_WAYS = { accept: 'application/json', 'content-type': 'application/json' }

async function metadataOf(name: string | undefined, keys: readonly ProofKey[]): Promise<object> {
  const jwks = { keys: await Promise.all(keys.map(({ publicKey }) => exportJWK(publicKey))) }
  return { client_name: name, token_endpoint_auth_method: 'private_key_jwt', jwks }
}

function readRegistered({ status, body }: Reply, expected: number, before?: Registered): Registered {
  if (!body || status !== expected) {
    const error = body && status >= 400 ? text(body, 'error') : undefined
    if (body && error !== undefined) throw refused(error, text(body, 'error_description'))
    throw new AgentError('untrusted', `The server's answer (status ${status}) is not one that registration knows.`)
  }
  const clientId = text(body, 'client_id') ?? missing('client_id')
  if (before && before.clientId !== clientId) {
    throw new AgentError('untrusted', `The server answered for another client than ${before.clientId}.`)
  }
  const registrationUri =
    text(body, 'registration_client_uri') ?? before?.registrationUri ?? missing('registration_client_uri')
  if (!isSafeAddress(registrationUri)) {
    throw new AgentError('untrusted', "The server's registration_client_uri is not an https address.")
  }
  const registrationToken =
    text(body, 'registration_access_token') ?? before?.registrationToken ?? missing('registration_access_token')
  return { clientId, registrationUri, registrationToken }
}

// A client asks that its person be signed out (OpenID Connect RP-Initiated Logout §2, §3): who asks, and where to go after.
import { parseJsonObject, readJwsHeader } from '@latchkey/shared'
import { compactVerify } from 'jose'
import type { Parameters } from './parameters.ts'
import type { Provider } from './provider.ts'
import type { Client } from './records.ts'

export interface LogoutRequest {
  readonly client: Client | undefined
  /** Only where the client is known and registered exactly this address. */
  readonly redirectUri?: string
  readonly state?: string
}

/** Undefined when what was sent contradicts itself: then nobody is signed out and nobody is sent anywhere. */
export async function readLogoutRequest(
  provider: Provider,
  parameters: Parameters,
): Promise<LogoutRequest | undefined> {
  const hint = parameters.get('id_token_hint')
  const hinted = hint === undefined ? undefined : await audienceOf(provider, hint)
  if (hint !== undefined && hinted === undefined) return undefined
  const named = parameters.get('client_id')
  if (hinted !== undefined && named !== undefined && hinted !== named) return undefined
  const clientId = hinted ?? named
  const client = clientId === undefined ? undefined : await provider.clients.find(clientId)
  const redirectUri = parameters.get('post_logout_redirect_uri')
  if (redirectUri === undefined) return { client }
  if (client === undefined || !client.postLogoutRedirectUris.includes(redirectUri)) return undefined
  const state = parameters.get('state')
  return { client, redirectUri, ...(state === undefined ? {} : { state }) }
}

/** The client of an id_token of ours. It may have run out: people stay signed in longer than an id_token lives. */
async function audienceOf(provider: Provider, idToken: string): Promise<string | undefined> {
  try {
    const { kid, typ } = readJwsHeader(idToken)
    const key = typeof kid === 'string' ? provider.signingKeys.verificationKey(kid) : undefined
    // An access token is not taken for an id_token: its type says so (RFC 8725 §3.11).
    if (key === undefined || typ !== 'JWT') return undefined
    const { payload } = await compactVerify(idToken, key.publicKey, { algorithms: [key.alg] })
    const { iss, aud } = parseJsonObject(payload)
    return iss === provider.issuer && typeof aud === 'string' ? aud : undefined
  } catch {
    return undefined
  }
}

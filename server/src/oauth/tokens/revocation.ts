// A client gives a token back (RFC 7009): a refresh token ends its whole link, an access token itself alone.
//
// No DPoP proof is asked for, of key-bound clients either: a device that lost its key must be able to unlink, and
// whoever finds a leaked token should be able to end it. A thief without the key gains nothing by it.
import { authenticateClient } from '../clients/client-auth.ts'
import { OAuthError } from '../errors.ts'
import { unlink } from '../links.ts'
import { readParameters } from '../parameters.ts'
import type { Provider } from '../provider.ts'
import type { Client } from '../records.ts'
import type { TokenMessage } from './introspection.ts'
import { familyOf } from './token-family.ts'

const FOREIGN = new OAuthError('invalid_grant', 'this token belongs to another client')

/**
 * Returns when the token is worth nothing any more, whether or not it ever was (RFC 7009 §2.2). Throws `invalid_client`,
 * or `invalid_grant` for a token of another client, which stays valid.
 */
export async function revokeToken(provider: Provider, message: TokenMessage): Promise<void> {
  const parameters = readParameters(message.form)
  const token = parameters.required('token')
  const caller = await authenticateClient(provider, { ...message, parameters })
  // As with introspection, a hint is not needed: the token shows of which kind it is.
  const familyId = familyOf(token)
  if (familyId !== undefined) return endLinkOf(provider, caller, familyId)
  // Told apart by what they say, not by whether they are good: an account that is closed today may be opened again.
  const claims = await provider.accessTokens.claimsOf(token)
  if (claims === undefined) return
  if (claims.client_id !== caller.id) throw FOREIGN
  await provider.accessTokens.revoke(token, claims)
}

/** Any token of the family does, one that was rotated away as well: a device that lost an answer has no other. */
async function endLinkOf(provider: Provider, caller: Client, familyId: string): Promise<void> {
  const clientId = caller.id
  const family = await provider.store.families.get(familyId)
  if (family === undefined) return
  if (family.clientId !== clientId) {
    provider.note({ event: 'foreign_refresh_token', familyId, clientId })
    throw FOREIGN
  }
  await unlink(provider, familyId, 'device')
}

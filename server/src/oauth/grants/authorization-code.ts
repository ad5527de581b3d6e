// A code that came back through the browser (RFC 6749 §4.1.3, with PKCE always: RFC 9700 §2.1.1).
import { checkCodeVerifier } from '../code-verifier.ts'
import { OAuthError } from '../errors.ts'
import { digestOf } from '../keys/vault.ts'
import { endLink } from '../links.ts'
import type { Provider } from '../provider.ts'
import { narrow } from '../scopes.ts'
import { update } from '../store.ts'
import { handleFor } from '../tokens/token-family.ts'
import type { Grant } from './grant.ts'
import { beginLink, refuseOtherKey } from './link.ts'

const INVALID = new OAuthError('invalid_grant', 'code is unknown, was used, or has run out')

export const authorizationCode: Grant = {
  type: 'authorization_code',
  requiredParameters: ['code'],

  async find(provider, exchange) {
    const { client, parameters } = exchange
    const code = parameters.required('code')
    const record = await provider.store.authorizationCodes.get(digestOf(code))
    if (record === undefined || record.clientId !== client.id) throw INVALID
    const { clock } = provider.host
    const { handle, familyId } = handleFor(code)
    if (record.state === 'redeemed' && (await endFamily(provider, familyId, client.id))) throw INVALID
    if (clock.now() >= record.deadlineAt) throw INVALID
    const redirectUri = parameters.get('redirect_uri')
    if (redirectUri !== undefined && redirectUri !== record.redirectUri) {
      throw new OAuthError('invalid_grant', 'redirect_uri is not the one of the authorization')
    }
    refuseOtherKey(record.jkt, exchange)
    checkCodeVerifier(record.codeChallenge, parameters.get('code_verifier'))
    const reach = narrow(provider.apis, record, { scope: parameters.get('scope'), resources: parameters.resources })
    const { scope, resources, userId, authenticatedAt, amr, nonce } = record
    return {
      userId,
      async redeem() {
        if (record.state === 'issued') await consume(provider, record.id)
        const entitlement = await beginLink(provider, client, {
          terms: { scope, resources, userId, authenticatedAt, amr, device: {}, origin: 'code' },
          handle,
          // RFC 9449 §5: the refresh token of a client that can prove who it is stays bound to the client alone.
          jkt: record.jkt ?? exchange.jkt,
          address: exchange.address,
          reach,
          withRefreshToken: client.grantTypes.includes('refresh_token') && scope.includes('offline_access'),
          nonce,
        })
        if (entitlement === undefined) throw INVALID
        return entitlement
      },
    }
  },
}

async function consume(provider: Provider, id: string): Promise<void> {
  await update(provider.store.authorizationCodes, id, (code) => {
    if (code?.state !== 'issued') throw INVALID
    return { next: { ...code, state: 'redeemed' as const }, outcome: undefined }
  })
}

/** A code that comes twice was stolen by one of the two: what the first one got dies (RFC 6749 §4.1.2). */
async function endFamily(provider: Provider, familyId: string, clientId: string): Promise<boolean> {
  const family = await provider.store.families.get(familyId)
  if (family === undefined) return false
  const ended = await endLink(provider.store, familyId, provider.host.clock.now())
  if (ended) provider.note({ event: 'code_reuse', familyId, clientId, userId: family.userId })
  return true
}

// The pipeline that no grant can skip (RFC 6749 §3.2). The order is fixed, so that an unauthenticated caller learns
// nothing about grants: parameters, client, grant allowed, DPoP, what was granted, the gate, redemption, tokens.
import { DEVICE_CODE_GRANT, type TokenResponse } from '@latchkey/shared'
import { authenticateClient } from './clients/client-auth.ts'
import { OAuthError } from './errors.ts'
import { grants } from './grants/index.ts'
import { issueTokens } from './keys/issuer.ts'
import { endWithPassword } from './links.ts'
import type { Patience } from './news.ts'
import { type Form, readParameters } from './parameters.ts'
import type { Provider } from './provider.ts'

export interface TokenRequest {
  readonly form: Form
  /** The Authorization header. */
  readonly authorization: string | undefined
  /** The DPoP header. */
  readonly dpop: string | undefined
  readonly address: string
  readonly patience?: Patience | undefined
}

/** Throws OAuthError. */
export async function exchange(provider: Provider, request: TokenRequest): Promise<TokenResponse> {
  const parameters = readParameters(request.form)
  const type = parameters.required('grant_type')
  const grant = grants.find((candidate) => candidate.type === type)
  if (grant === undefined) throw new OAuthError('unsupported_grant_type', 'grant_type is not supported')
  for (const name of grant.requiredParameters) parameters.required(name)

  const client = await authenticateClient(provider, { ...request, parameters })
  if (!client.grantTypes.includes(grant.type) || (grant.confidentialOnly && client.authMethod === 'none')) {
    throw new OAuthError('unauthorized_client', 'this client may not use this grant_type')
  }

  const jkt = await provider.dpop.verify({ proof: request.dpop, htm: 'POST', htu: `${provider.issuer}/token` })
  if (client.dpopBound && jkt === undefined)
    throw new OAuthError('invalid_dpop_proof', 'this client needs a DPoP proof')

  const { address, patience } = request
  const found = await grant.find(provider, { client, parameters, jkt, address, patience })
  if (found.userId !== undefined && !(await mayBeSpokenFor(provider, found.userId))) {
    // A waiting device hears that it was refused; a token that was good once is good no more.
    const code = grant.type === DEVICE_CODE_GRANT ? 'access_denied' : 'invalid_grant'
    throw new OAuthError(code, 'this account may not use the service')
  }
  const owner = client.registration?.ownerId
  if (owner !== undefined && !(await mayBeSpokenFor(provider, owner))) {
    throw new OAuthError('unauthorized_client', 'the account that this device belongs to may not use the service')
  }
  const entitlement = await found.redeem()
  const tokens = await issueTokens(provider, entitlement)
  const { user, familyId } = entitlement
  provider.note({
    event: 'tokens',
    grant: grant.type,
    clientId: client.id,
    ...(user === undefined ? {} : { userId: user.id }),
    ...(familyId === undefined ? {} : { familyId }),
  })
  return tokens
}

/** The one gate: nobody gets tokens for an account, or a device of an account, that was closed, by whatever grant. */
async function mayBeSpokenFor(provider: Provider, userId: string): Promise<boolean> {
  const user = await provider.store.users.get(userId)
  if (user === undefined || user.disabledAt !== undefined) return false
  // What ended with the old password is ended before anything can come of it.
  await endWithPassword(provider, user)
  return true
}

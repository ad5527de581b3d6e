// The client acts as itself (RFC 6749 §4.4): no person, so no refresh token and no id_token.
import { OAuthError } from '../errors.ts'
import { IDENTITY_SCOPES, narrow, newPermission, parseScope } from '../scopes.ts'
import type { Grant } from './grant.ts'

const isAboutAPerson = (scope: string): boolean => (IDENTITY_SCOPES as readonly string[]).includes(scope)

export const clientCredentials: Grant = {
  type: 'client_credentials',
  requiredParameters: [],
  confidentialOnly: true,

  async find(provider, { client, parameters, jkt }) {
    const asked = { scope: parameters.get('scope'), resources: parameters.resources }
    if (parseScope(asked.scope)?.some(isAboutAPerson)) {
      throw new OAuthError('invalid_scope', 'scopes about a person need a person')
    }
    const allowed = client.scope.filter((scope) => !isAboutAPerson(scope))
    const permission = newPermission(provider, allowed, asked)
    const reach = narrow(provider.apis, permission, { scope: undefined, resources: asked.resources })
    return { redeem: async () => ({ client, reach, jkt }) }
  },
}

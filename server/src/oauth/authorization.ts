// From a checked request and a signed-in person to a code: what is still missing, and the code itself.

import { isNativeRedirectUri } from './clients/redirect-uri.ts'
import { digestOf, randomToken } from './keys/vault.ts'
import type { Provider } from './provider.ts'
import type { Authentication, AuthorizationRequest, Client, Consent } from './records.ts'
import { NEVER } from './records.ts'
import { update } from './store.ts'

/** A code is on its way for seconds; a minute is generous (RFC 6749 §4.1.2 allows ten). */
export const CODE_LIFE_MS = 60 * 1000

export type Missing = 'sign_in' | 'consent' | undefined

type Asked = Pick<AuthorizationRequest, 'prompt' | 'maxAgeSeconds' | 'scope' | 'createdAt' | 'redirectUri'>

/** Whether the sign-in is recent enough for this request: after it came in, or within max_age. */
export function isRecentEnough(
  asked: Pick<Asked, 'prompt' | 'maxAgeSeconds' | 'createdAt'>,
  { authenticatedAt }: Authentication,
  now: number,
): boolean {
  if (authenticatedAt >= asked.createdAt) return true
  if (asked.prompt.includes('login')) return false
  return asked.maxAgeSeconds === undefined || now - authenticatedAt <= asked.maxAgeSeconds * 1000
}

/** What the person must do before there is a code; nothing is asked twice, except where nobody can tell who asks. */
export function missingFor(
  asked: Asked,
  client: Client,
  session: Authentication,
  consent: Consent | undefined,
  now: number,
): Missing {
  if (!isRecentEnough(asked, session, now)) return 'sign_in'
  const covered = consent !== undefined && asked.scope.every((scope) => consent.scope.includes(scope))
  return covered && !asked.prompt.includes('consent') && !isUnproven(client, asked.redirectUri) ? undefined : 'consent'
}

/** Another app on the same machine could pretend to be this one (RFC 8252 §8.6). */
export function isUnproven(client: Client, redirectUri: string): boolean {
  return client.authMethod === 'none' && isNativeRedirectUri(redirectUri)
}

export function consentId(userId: string, clientId: string): string {
  return digestOf(`consent ${userId} ${clientId}`)
}

/** Adds to what was allowed before. */
export async function rememberConsent(provider: Provider, userId: string, clientId: string, scope: readonly string[]) {
  const id = consentId(userId, clientId)
  if (await provider.store.consents.insert({ id, version: 0, expiresAt: NEVER, userId, clientId, scope })) return
  await update(provider.store.consents, id, (consent) => {
    if (consent === undefined) return { outcome: undefined }
    return { next: { ...consent, scope: [...new Set([...consent.scope, ...scope])] }, outcome: undefined }
  })
}

/** Only its digest is kept. */
export async function issueCode(
  provider: Provider,
  asked: AuthorizationRequest,
  userId: string,
  { authenticatedAt, amr }: Authentication,
): Promise<string> {
  const code = randomToken(provider.host.entropy)
  const deadlineAt = provider.host.clock.now() + CODE_LIFE_MS
  const { scope, resources, clientId, redirectUri, codeChallenge, nonce, jkt } = asked
  await provider.store.authorizationCodes.insert({
    id: digestOf(code),
    version: 0,
    // Kept as long as what it was exchanged for may live unused, so that a second use is known for what it is.
    expiresAt: deadlineAt + provider.limits.refresh.idleDays * 24 * 60 * 60 * 1000,
    scope,
    resources,
    clientId,
    redirectUri,
    codeChallenge,
    userId,
    authenticatedAt,
    amr,
    deadlineAt,
    state: 'issued',
    ...(nonce === undefined ? {} : { nonce }),
    ...(jkt === undefined ? {} : { jkt }),
  })
  return code
}

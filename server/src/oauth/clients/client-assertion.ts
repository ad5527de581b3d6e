// A client proves who it is by a signature, with no secret on the way (RFC 7523 §2.2, §3; RFC 7523bis).
import { isJsonObject, parseJsonObject, readJwsHeader, type SignatureAlgorithm } from '@latchkey/shared'
import { importJWK, type JWK, jwtVerify } from 'jose'
import { digestOf } from '../keys/vault.ts'
import type { Provider } from '../provider.ts'
import type { Client } from '../records.ts'
import { algorithmOf } from './client-metadata.ts'

export const ASSERTION_LIFE_SECONDS = 300
export const ASSERTION_SKEW_SECONDS = 60
const LONGEST_ASSERTION = 8192
const LONGEST_JTI = 256
const ASSERTION_TYPES: readonly unknown[] = [undefined, 'JWT', 'client-authentication+jwt']

/** Whom an assertion says it is of, before anything about it is believed. */
export function assertedClientId(assertion: string): string | undefined {
  const payload = assertion.length <= LONGEST_ASSERTION ? assertion.split('.')[1] : undefined
  if (payload === undefined) return undefined
  try {
    const claims = parseJsonObject(Buffer.from(payload, 'base64url'))
    return typeof claims['iss'] === 'string' ? claims['iss'] : undefined
  } catch {
    return undefined
  }
}

export async function verifyClientAssertion(provider: Provider, client: Client, assertion: string): Promise<boolean> {
  const claims = await verifiedClaims(provider, client.jwks, assertion, ASSERTION_TYPES)
  if (claims === undefined || claims['iss'] !== client.id || claims['sub'] !== client.id) return false
  return spendAssertion(provider, `client ${client.id}`, claims)
}

/**
 * The claims of an assertion to us by one of these keys: its time, its audience and its signature fit. Keys that the
 * header brings along are ignored; the alg is the registered key's. Undefined for everything else.
 */
export async function verifiedClaims(
  provider: Provider,
  keys: Client['jwks'],
  assertion: string,
  types: readonly unknown[],
): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const { alg, kid, typ } = readJwsHeader(assertion)
    if (!types.includes(typ)) return undefined
    const named = keys.filter((key) => kid === undefined || key['kid'] === undefined || key['kid'] === kid)
    for (const key of named.filter((candidate) => nameOf(algorithmOf(candidate)) === nameOf(alg))) {
      const claims = await claimsBy(provider, key, alg, assertion)
      if (claims !== undefined) return claims
    }
    return undefined
  } catch {
    return undefined
  }
}

/** RFC 9864 gave EdDSA on Ed25519 a name of its own; keys and signatures may say either. */
function nameOf(alg: SignatureAlgorithm | undefined): string | undefined {
  return alg === 'EdDSA' ? 'Ed25519' : alg
}

async function claimsBy(provider: Provider, key: Client['jwks'][number], alg: string, assertion: string) {
  try {
    const { payload } = await jwtVerify(assertion, await importJWK(key as JWK, alg), {
      algorithms: [alg],
      currentDate: new Date(provider.host.clock.now()),
      clockTolerance: ASSERTION_SKEW_SECONDS,
      requiredClaims: ['exp', 'jti', 'iss', 'sub', 'aud'],
    })
    const { exp = 0, iat, jti } = payload
    const now = provider.host.clock.now() / 1000
    if (exp <= now || exp > now + ASSERTION_LIFE_SECONDS) return undefined
    if (iat !== undefined && iat > now + ASSERTION_SKEW_SECONDS) return undefined
    if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_JTI) return undefined
    // Our issuer, and nobody else beside it: an assertion for two is one that the other can play to us.
    const [audience, ...others] = [payload.aud].flat()
    if (audience !== provider.issuer || others.length > 0) return undefined
    return isJsonObject(payload) ? payload : undefined
  } catch {
    return undefined
  }
}

/** Good once: whoever inserts the mark first. It outlives the assertion, and a restart. */
export async function spendAssertion(provider: Provider, owner: string, claims: Readonly<Record<string, unknown>>) {
  const expiresAt = (Number(claims['exp']) + ASSERTION_SKEW_SECONDS) * 1000
  return provider.store.spent.insert({ id: digestOf(`jti ${owner} ${claims['jti']}`), version: 0, expiresAt })
}

// A device asks for a code (RFC 8628 §3.1, §3.2).
import { DEVICE_CODE_GRANT, type DeviceAuthorizationResponse, displayUserCode, makeUserCode } from '@latchkey/shared'
import { readAcrValues } from '../acr.ts'
import { authenticateClient } from '../clients/client-auth.ts'
import { OAuthError } from '../errors.ts'
import { digestOf, randomToken } from '../keys/vault.ts'
import { type Form, type Parameters, readCodeChallenge, readMaxAge, readParameters } from '../parameters.ts'
import type { Api, Provider } from '../provider.ts'
import type { DeviceClaims, DeviceRequest } from '../records.ts'
import { newPermission } from '../scopes.ts'
import { update } from '../store.ts'
import { KEPT_AFTER_DEADLINE_MS, withdraw } from './device-request.ts'
import { refuseFrozen } from './freezes.ts'

export interface DeviceAuthorizationRequest {
  readonly form: Form
  readonly authorization: string | undefined
  readonly dpop: string | undefined
  /** The network address that asks. */
  readonly address: string
}

// 8 letters of 20 met once at 600,000 live codes; ten draws in a row will not.
const MOST_DRAWS = 10
const LONGEST_CLAIM = 64
// Control characters, line and paragraph separators, and the marks that turn the direction of text.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu
// Unicode's blocks of symbols, arrows to dingbats, and of emoji, but for the digits in them; what may be drawn as a picture
// elsewhere (not digits, # and *, which need a keycap for that); what has no meaning but in somebody's font. A tick, a
// lock, a shield or a warning is what we say, where something was checked; a list of all that look alike would never be
// whole.
const SIGNS = /(?!\p{N})[\u2190-\u2BFF\u{1F000}-\u{1FBFF}]|[\p{Extended_Pictographic}\p{Co}]|[\uFE0E\uFE0F]|\u20E3/gu

/** Throws OAuthError. */
export async function authorizeDevice(
  provider: Provider,
  request: DeviceAuthorizationRequest,
): Promise<DeviceAuthorizationResponse> {
  const parameters = readParameters(request.form)
  const client = await authenticateClient(provider, { ...request, parameters })
  if (!client.grantTypes.includes(DEVICE_CODE_GRANT)) {
    throw new OAuthError('unauthorized_client', 'this client may not use the device flow')
  }
  // Optional here, even for clients bound to a key: many libraries prove their key at the token endpoint alone. Who does
  // it here already gets a code that nobody else can redeem.
  const jkt = await provider.dpop.verify({
    proof: request.dpop,
    htm: 'POST',
    htu: `${provider.issuer}/device_authorization`,
  })
  const codeChallenge = readCodeChallenge(parameters)
  const maxAgeSeconds = readMaxAge(parameters)
  const acrValues = readAcrValues(provider.acr, parameters.get('acr_values'))
  const permission = newPermission(provider, forDevices(provider.apis, client.scope), {
    scope: parameters.get('scope'),
    resources: parameters.resources,
  })
  const { clock, entropy } = provider.host
  const { deviceCodeSeconds, pollIntervalSeconds } = provider.limits
  const deviceCode = randomToken(entropy)
  const now = clock.now()
  const deadlineAt = now + deviceCodeSeconds * 1000
  const record: Omit<DeviceRequest, 'userCodeDigest'> = {
    id: digestOf(deviceCode),
    version: 0,
    expiresAt: deadlineAt + KEPT_AFTER_DEADLINE_MS,
    ...permission,
    clientId: client.id,
    device: readClaims(parameters),
    address: request.address,
    ...(jkt === undefined ? {} : { jkt }),
    ...(showsNumber(parameters) ? { showsNumber: true } : {}),
    ...(codeChallenge === undefined ? {} : { codeChallenge }),
    ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
    ...(acrValues === undefined ? {} : { acrValues }),
    createdAt: now,
    deadlineAt,
    state: 'pending',
  }
  await refuseFrozen(provider, record, now)
  provider.deviceStarts.admit({ requestId: record.id, clientId: client.id, address: request.address, jkt })
  const userCode = displayUserCode(await insertUnderNewCode(provider, record))
  await refuseFrozenSince(provider, record)
  provider.note({ event: 'issued', requestId: record.id, clientId: client.id })
  const verificationUri = verificationUriOf(provider.issuer)
  return {
    device_code: deviceCode,
    user_code: userCode,
    verification_uri: verificationUri,
    verification_uri_complete: `${verificationUri}?user_code=${userCode}`,
    expires_in: deviceCodeSeconds,
    interval: pollIntervalSeconds,
  }
}

/** A report that came in between has not seen this request; so the request sees the report. */
async function refuseFrozenSince(provider: Provider, record: Omit<DeviceRequest, 'userCodeDigest'>): Promise<void> {
  try {
    await refuseFrozen(provider, record, provider.host.clock.now())
  } catch (error) {
    await update(provider.store.deviceRequests, record.id, (current) => withdraw(current, 'report'))
    provider.deviceStarts.ended(record.id)
    throw error
  }
}

/** What of a client's scopes a device may be given (RFC 10027 §6.1.9). */
function forDevices(apis: readonly Api[], scope: readonly string[]): readonly string[] {
  const kept = new Set(apis.flatMap((api) => (api.device_scopes === undefined ? [] : Object.keys(api.scopes))))
  const allowed = new Set(apis.flatMap((api) => api.device_scopes ?? []))
  return scope.filter((name) => !kept.has(name) || allowed.has(name))
}

export function verificationUriOf(issuer: string): string {
  return `${issuer}/link`
}

/** A code that is taken, or was within the last day, is drawn again: the insert itself tells. */
async function insertUnderNewCode(provider: Provider, record: Omit<DeviceRequest, 'userCodeDigest'>): Promise<string> {
  for (let draws = 0; draws < MOST_DRAWS; draws++) {
    const code = makeUserCode(provider.host.entropy)
    const userCodeDigest = provider.vault.digest('user-code', code)
    if (await provider.store.deviceRequests.insert({ ...record, userCodeDigest })) return code
  }
  provider.deviceStarts.ended(record.id)
  throw new OAuthError('temporarily_unavailable', 'no free user code', { headers: { 'Retry-After': '10' } })
}

function readClaims(parameters: Parameters): DeviceClaims {
  const claims: { name?: string; model?: string; software?: string } = {}
  for (const key of ['name', 'model', 'software'] as const) {
    const value = cleanClaim(parameters.get(`device_${key}`))
    if (value !== undefined) claims[key] = value
  }
  return claims
}

/** `device_display` lists what its screen can show beside the code; words that nobody knows yet are skipped. */
function showsNumber(parameters: Parameters): boolean {
  return parameters.get('device_display')?.split(' ').includes('number') ?? false
}

/**
 * A device may say what it likes of itself, also where it registers: in one short line of words, which cannot rearrange
 * the page around it nor wear our signs. Whoever owns it may call it otherwise, with emoji too.
 */
export function cleanClaim(claim: string | undefined): string | undefined {
  const line = claim?.replace(UNPRINTABLE, '').replace(SIGNS, ' ').replace(/\s+/gu, ' ').trim()
  return line ? [...line].slice(0, LONGEST_CLAIM).join('') : undefined
}

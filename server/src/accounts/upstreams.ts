// Other providers that vouch for people, spoken to in OpenID Connect by openid-client: where to send somebody, and what
// their answer says. Whose account that opens is upstream-accounts.ts; the routes are ../http/upstream.ts.
import type { Host } from '@latchkey/shared'
import {
  AuthorizationResponseError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  fetchUserInfo,
  type IDToken,
  ResponseBodyError,
  type ServerMetadata,
} from 'openid-client'
import { discovered } from './upstream-discovery.ts'
import { type Fetch, UpstreamTrouble } from './upstream-fetch.ts'
import { type UpstreamProfile, upstreamProfile } from './upstream-profile.ts'
import type { UpstreamSettings } from './upstream-settings.ts'

/** What must come back as it was sent, and where to. */
export interface Begun {
  readonly redirectUri: string
  readonly state: string
  readonly nonce: string
  /** PKCE (RFC 7636). */
  readonly verifier: string
}

/** What the provider says of whoever signed in there, its signature checked. */
export interface Vouched {
  readonly issuer: string
  readonly subject: string
  /** When it last asked them who they are, epoch milliseconds; undefined when it does not tell. */
  readonly authTime: number | undefined
  /** RFC 8176 values; empty unless the configuration believes them. */
  readonly amr: readonly string[]
  /** Asked for only when somebody is new here. Throws UpstreamTrouble. */
  profile(): Promise<UpstreamProfile>
}

export interface Upstream {
  readonly settings: UpstreamSettings
  /** Whether it can be made to ask who somebody is though it knows them, and says that it did. */
  readonly asksAnew: boolean
  /** Where to send the browser; `anew`: whoever is signed in there is asked again. Throws UpstreamTrouble. */
  authorizationUrl(begun: Begun, wishes: { readonly anew: boolean; readonly uiLocales: string }): Promise<URL>
  /** `answer`: the query that the browser brought back. Throws UpstreamTrouble. */
  redeem(begun: Begun, answer: URLSearchParams): Promise<Vouched>
}

/** Older sign-ins there are not asked for: as long as a session lasts here. */
export const LONGEST_SIGN_IN_SECONDS = 12 * 60 * 60
/** Its clock and ours differ; the tolerance of openid-client. */
const CLOCK_TOLERANCE_MS = 30 * 1000
const GOOGLE = 'https://accounts.google.com/'

/** What a provider may vouch for (RFC 8176 §2). */
export const METHODS: ReadonlySet<string> = new Set(
  'face fpt geo hwk iris kba mca mfa otp pin pop pwd rba retina sc sms swk tel user vbm wia'.split(' '),
)

export function createUpstream(settings: UpstreamSettings, host: Host, fetch: Fetch): Upstream {
  const configuration = discovered(settings, host, fetch)
  const google = new URL(settings.issuer).href === GOOGLE
  return {
    settings,
    asksAnew: !google,
    authorizationUrl: ({ redirectUri, state, nonce, verifier }, { anew, uiLocales }) =>
      speaking(async () => {
        const config = await configuration()
        const authTime = { auth_time: { essential: true }, ...(settings.trustAmr ? { amr: { essential: true } } : {}) }
        return buildAuthorizationUrl(config, {
          redirect_uri: redirectUri,
          scope: settings.scope.join(' '),
          state,
          nonce,
          code_challenge: await calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
          // Makes `auth_time` a duty (OpenID Connect Core §3.1.2.1). Google goes by the claims request instead.
          max_age: String(anew ? 0 : LONGEST_SIGN_IN_SECONDS),
          claims: JSON.stringify({ id_token: authTime }),
          ui_locales: uiLocales,
          ...(anew && !google && takesPromptLogin(config.serverMetadata()) ? { prompt: 'login' } : {}),
        })
      }),
    redeem: ({ redirectUri, state, nonce, verifier }, answer) =>
      speaking(async () => {
        const config = await configuration()
        // openid-client looks at `iss` (RFC 9207) and `state` before anything else, and reads exp and iat of the ID
        // token by the machine's clock.
        const tokens = await authorizationCodeGrant(config, new URL(`${redirectUri}?${answer}`), {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier,
        })
        const claims = tokens.claims()
        if (claims === undefined) throw new UpstreamTrouble('failed', 'no ID token')
        return {
          issuer: claims.iss,
          subject: claims.sub,
          authTime: claims.auth_time === undefined ? undefined : claims.auth_time * 1000,
          amr: settings.trustAmr ? methodsIn(claims) : [],
          profile: () =>
            speaking(async () => {
              // Providers that keep their ID token small tell the rest at the userinfo endpoint.
              const small = claims['email'] === undefined && config.serverMetadata().userinfo_endpoint !== undefined
              const told = small ? await fetchUserInfo(config, tokens.access_token, claims.sub) : claims
              return upstreamProfile(told, settings, google)
            }),
        }
      }),
  }
}

function takesPromptLogin(metadata: ServerMetadata): boolean {
  const offered = metadata['prompt_values_supported']
  return !Array.isArray(offered) || offered.includes('login')
}

function methodsIn(claims: IDToken): readonly string[] {
  const { amr } = claims
  return Array.isArray(amr)
    ? amr.flatMap((method) => (typeof method === 'string' && METHODS.has(method) ? [method] : []))
    : []
}

/**
 * When somebody signed in, as far as the provider shows it (epoch milliseconds); undefined when they had to sign in
 * anew, at or after `since`, and it does not show that they did. Who tells no time is taken to have asked as long ago
 * as it may.
 */
export function signedInAt(
  authTime: number | undefined,
  { anew, since, now }: { readonly anew: boolean; readonly since: number; readonly now: number },
): number | undefined {
  if (!anew) return authTime === undefined ? now - LONGEST_SIGN_IN_SECONDS * 1000 : Math.min(authTime, now)
  if (authTime === undefined || authTime < since - CLOCK_TOLERANCE_MS) return undefined
  return Math.max(since, Math.min(authTime, now))
}

/** Turns whatever goes wrong in between into one kind of error. */
async function speaking<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw troubleIn(error)
  }
}

function troubleIn(error: unknown): UpstreamTrouble {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof UpstreamTrouble) return cause
    if (cause instanceof AuthorizationResponseError) return saidNo(cause.error)
    if (cause instanceof ResponseBodyError) {
      // Of the provider itself, to this server: what an operator needs to read.
      const said = [cause.error, cause.error_description].filter((text) => typeof text === 'string')
      return new UpstreamTrouble('failed', `its token endpoint says ${said.join(': ').slice(0, 300)}`)
    }
  }
  const { message, cause } = error instanceof Error ? error : new Error(String(error))
  return new UpstreamTrouble('failed', cause instanceof Error ? `${message}: ${cause.message}` : message)
}

/** OpenID Connect Core §3.1.2.6. The browser brought it, so only known words of it are repeated, to the log. */
function saidNo(code: string): UpstreamTrouble {
  if (code === 'access_denied') return new UpstreamTrouble('refused', code)
  if (code === 'temporarily_unavailable' || code === 'server_error') return new UpstreamTrouble('unreachable', code)
  return new UpstreamTrouble('failed', /^[a-z_]{1,40}$/.test(code) ? code : 'an error of its own')
}

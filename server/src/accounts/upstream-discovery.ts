// What a provider publishes about itself (OpenID Connect Discovery 1.0): read when somebody first signs in with it, never
// at start, so that a provider that is down keeps nobody else from signing in.
import type { Host } from '@latchkey/shared'
import {
  allowInsecureRequests,
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  type CustomFetch,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  None,
  type ServerMetadata,
} from 'openid-client'
import { boundedFetch, type Fetch, UpstreamTrouble } from './upstream-fetch.ts'
import { sameIssuer, type UpstreamSettings } from './upstream-settings.ts'

const REFRESH_MS = 60 * 60 * 1000
const RETRY_MS = 60 * 1000
// Whoever presses the button again at once does not wait for another timeout.
const FAILURE_LASTS_MS = 2000

/** Loads when first called, once for all who call at the same time. The function it returns throws what loading throws. */
export function discovered(settings: UpstreamSettings, host: Host, fetch: Fetch): () => Promise<Configuration> {
  const bounded = boundedFetch(fetch, host)
  return kept(() => discover(settings, bounded), host)
}

async function discover(settings: UpstreamSettings, fetch: CustomFetch): Promise<Configuration> {
  const { issuer, clientId, clientSecret } = settings
  const server = new URL(issuer)
  // The configuration lets plain http pass on loopback alone.
  const insecure = server.protocol === 'http:' ? [allowInsecureRequests] : []
  const config = await discovery(
    server,
    clientId,
    undefined,
    // It knows what the provider offers once it is asked for its secret.
    clientSecret === undefined
      ? None()
      : (as, client, body, headers) => secretMethod(settings, as)(clientSecret)(as, client, body, headers),
    // TLS alone would do for what comes straight from the token endpoint (Core §3.1.3.7); the signature is looked at too.
    { [customFetch]: fetch, execute: [...insecure, enableNonRepudiationChecks] },
  )
  const found = config.serverMetadata().issuer
  // openid-client lets a provider of many tenants pass, whose issuer is another for each: anybody's tenant would do.
  if (!sameIssuer(found, issuer)) throw new UpstreamTrouble('failed', `its metadata is that of ${found}`)
  return config
}

function secretMethod({ authMethod }: UpstreamSettings, metadata: ServerMetadata): typeof ClientSecretBasic {
  // OpenID Connect Discovery §3: basic is what is meant when nothing is said.
  const offered = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  const method = authMethod ?? (offered.includes('client_secret_basic') ? 'client_secret_basic' : 'client_secret_post')
  return method === 'client_secret_basic' ? ClientSecretBasic : ClientSecretPost
}

type Held<T> = { readonly value: T } | { readonly error: unknown }

/** Loads once for all who ask at the same time, again after an hour; what was loaded is good until something newer is. */
function kept<T>(load: () => Promise<T>, { clock }: Host): () => Promise<T> {
  let good: Held<T> | undefined
  let latest: Promise<Held<T>> | undefined
  let until = 0
  const loadOnce = async (): Promise<Held<T>> => {
    // Nobody begins anew while this one is under way.
    until = Number.POSITIVE_INFINITY
    try {
      good = { value: await load() }
      until = clock.monotonic() + REFRESH_MS
      return good
    } catch (error) {
      until = clock.monotonic() + (good === undefined ? FAILURE_LASTS_MS : RETRY_MS)
      return good ?? { error }
    }
  }
  return async () => {
    if (latest === undefined || clock.monotonic() >= until) latest = loadOnce()
    const held = await latest
    if ('error' in held) throw held.error
    return held.value
  }
}

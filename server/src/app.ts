// The whole server, put together: every route is named once, here, top to bottom.
import cookie from '@fastify/cookie'
import type { Host } from '@latchkey/shared'
import { problemPage, UI_LOCALES } from '@latchkey/verifier-web'
import fastify, { type FastifyInstance, type FastifyServerOptions, LogController } from 'fastify'
import { apisOf, type Config, registrationTerms } from './config.ts'
import { authorizeRoutes } from './http/authorize.ts'
import { openToOrigins } from './http/cors.ts'
import { deviceAuthorizationRoute } from './http/device-authorization.ts'
import { deviceEventsRoute } from './http/device-events.ts'
import { healthRoutes } from './http/health.ts'
import { introspectRoute } from './http/introspect.ts'
import { linkRoutes } from './http/link.ts'
import { logoutRoutes } from './http/logout.ts'
import { refuseAddress, speakOAuth } from './http/oauth-scope.ts'
import { describeRoutes } from './http/openapi.ts'
import { speakToPeople } from './http/page-scope.ts'
import { parRoute } from './http/par.ts'
import { publishedRoutes } from './http/published.ts'
import { registerRoutes } from './http/register.ts'
import { revokeRoute } from './http/revoke.ts'
import { signInRoutes } from './http/sign-in.ts'
import { tokenRoute } from './http/token.ts'
import { userinfoRoutes } from './http/userinfo.ts'
import { createAccessTokens } from './oauth/access-tokens.ts'
import { createClientDirectory } from './oauth/client-directory.ts'
import { createDeviceStarts } from './oauth/device-starts.ts'
import { createDpopNonces } from './oauth/dpop-nonces.ts'
import { createDpopProofs } from './oauth/dpop-proof.ts'
import { createPacing, SLOW_DOWN } from './oauth/pacing.ts'
import type { ProtocolEvent, Provider } from './oauth/provider.ts'
import { openSigningKeys } from './oauth/signing-keys.ts'
import type { Store } from './oauth/store.ts'
import { createThrottle } from './oauth/throttle.ts'
import { createVault } from './oauth/vault.ts'
import { type Every, everyInterval } from './ops/interval.ts'
import { steadyClock } from './ops/steady-clock.ts'
import { localNews } from './push/local-news.ts'

const BODY_LIMIT_BYTES = 16 * 1024
const REQUEST_TIMEOUT_MS = 30_000
const HEADERS_TIMEOUT_MS = 10_000
const PURGE_EVERY_MS = 60_000
const KEYS_EVERY_MS = 30_000
const FAILED_CLIENTS = { most: 20, windowSeconds: 60 }

export interface Parts {
  readonly config: Config
  readonly store: Store
  readonly host: Host
  /** At least 32 bytes; the database is worth nothing without it, and it is worth nothing without the database. */
  readonly masterSecret: Uint8Array
  /** Fastify's: a pino configuration, or false. */
  readonly logger?: FastifyServerOptions['logger']
  /** By the machine's timer when absent. */
  readonly every?: Every
}

/** What the protocol works with. Makes the signing keys on first start. Throws when they do not fit the secret. */
export async function openProvider(parts: Parts, note: (event: ProtocolEvent) => void): Promise<Provider> {
  const { config, store } = parts
  const { limits } = config
  const host = { ...parts.host, clock: steadyClock(parts.host.clock) }
  const vault = createVault(parts.masterSecret, host.entropy)
  const basis = {
    issuer: config.issuer,
    apis: apisOf(config),
    uiLocales: UI_LOCALES,
    ...registrationTerms(config),
    limits: {
      deviceCodeSeconds: limits.device_code_seconds,
      pollIntervalSeconds: limits.poll_interval_seconds,
      waitingDevices: limits.waiting_devices,
      userTokenSeconds: limits.user_token_seconds,
      clientTokenSeconds: limits.client_token_seconds,
      refresh: {
        idleDays: limits.refresh_idle_days,
        absoluteDays: limits.refresh_absolute_days,
        graceSeconds: limits.refresh_grace_seconds,
        boundGraceDays: limits.refresh_bound_grace_days,
      },
    },
    acr: config.acr,
    host,
    store,
    vault,
    clients: createClientDirectory(config.clients, store.clients),
    signingKeys: await openSigningKeys(store.signingKeys, vault, host.clock, limits.signing_key_days),
  }
  return {
    ...basis,
    accessTokens: createAccessTokens(basis),
    dpop: createDpopProofs(createDpopNonces(host.entropy, host.clock), host.clock),
    failedClients: createThrottle(FAILED_CLIENTS, host.clock),
    news: localNews(),
    deviceStarts: createDeviceStarts(
      { liveCodes: limits.live_device_codes, codeSeconds: limits.device_code_seconds },
      host.clock,
    ),
    pacing: createPacing({ ...SLOW_DOWN, intervalSeconds: limits.poll_interval_seconds }),
    note,
  }
}

/** Everything but the listening socket: `inject` works on what this returns. Closing it closes the store. */
export async function buildApp(parts: Parts): Promise<FastifyInstance> {
  const { config } = parts
  const app = fastify({
    logger: parts.logger ?? false,
    // One line for each request would drown what matters; failures are logged where they happen.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    trustProxy: [...config.listen.trusted_proxies],
    ajv: { customOptions: { coerceTypes: false } },
    frameworkErrors: (_error, _request, reply) => refuseAddress(reply),
  })
  const provider = await openProvider(parts, (event) => app.log.info(event, event.event))
  const base = new URL(config.issuer).pathname.replace(/\/$/, '')
  const every = parts.every ?? everyInterval

  await describeRoutes(app, config.issuer, base)
  publishedRoutes(app, provider, base)
  healthRoutes(app, provider)
  await app.register(
    (scope, _options, done) => {
      openToOrigins(
        scope,
        ['/device_authorization', '/token', '/revoke', '/userinfo'].map((path) => base + path),
      )
      speakOAuth(scope, provider.issuer)
      deviceAuthorizationRoute(scope, provider)
      parRoute(scope, provider)
      tokenRoute(scope, provider)
      deviceEventsRoute(scope, provider, every)
      introspectRoute(scope, provider)
      revokeRoute(scope, provider)
      userinfoRoutes(scope, provider)
      scope.register(registerRoutes, { provider })
      done()
    },
    { prefix: base },
  )
  await app.register(
    (scope, _options, done) => {
      scope.register(cookie)
      const pages = speakToPeople(scope, provider, config.name, base)
      signInRoutes(scope, provider, pages)
      linkRoutes(scope, provider, pages)
      authorizeRoutes(scope, provider, pages)
      logoutRoutes(scope, provider, pages)
      scope.setNotFoundHandler((request, reply) =>
        pages.show(reply, problemPage(pages.chrome(request), { problem: 'not_found' }), 404),
      )
      done()
    },
    { prefix: base },
  )

  const endPurging = every(PURGE_EVERY_MS, () =>
    parts.store.purge(provider.host.clock.now()).catch((error) => app.log.warn({ err: error }, 'purging failed')),
  )
  let keysKept = Promise.resolve()
  const keepKeys = () => {
    keysKept = provider.signingKeys.upkeep().then(
      (made) => {
        for (const { id, alg } of made) app.log.info({ event: 'signing_key', kid: id, alg }, 'a new signing key')
      },
      (error) => app.log.warn({ err: error }, 'the signing keys could not be looked after'),
    )
    return keysKept
  }
  const endKeeping = every(KEYS_EVERY_MS, keepKeys)
  // At the start too, but nobody waits for it: making an RSA key takes a while.
  app.addHook('onReady', async () => void keepKeys())
  app.addHook('onClose', async () => {
    endPurging()
    endKeeping()
    await keysKept
    await parts.store.close()
  })
  return app
}

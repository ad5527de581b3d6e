// The whole server, put together: every route is named once, here, top to bottom.
import cookie from '@fastify/cookie'
import type { Host } from '@latchkey/shared'
import { changeNotice, deviceNotice, negotiateLocale, UI_LOCALES } from '@latchkey/verifier-web'
import fastify, { type FastifyInstance, type FastifyServerOptions, LogController } from 'fastify'
import { createPasskeys } from './accounts/passkeys.ts'
import type { Fetch } from './accounts/upstream-fetch.ts'
import { createUpstream } from './accounts/upstreams.ts'
import { apisOf, type Config, ConfigError, registrationTerms } from './config.ts'
import { accountRoutes } from './http/account/account.ts'
import { accountDeviceRoutes } from './http/account/devices.ts'
import { identityRoutes } from './http/account/identities.ts'
import { createNewPasswords } from './http/account/new-password.ts'
import { accountPasskeyRoutes } from './http/account/passkeys.ts'
import { passwordRoutes } from './http/account/password.ts'
import { recoveryCodeRoutes } from './http/account/recovery-codes.ts'
import { secondFactorRoutes } from './http/account/second-factor.ts'
import { accountSessionRoutes } from './http/account/sessions.ts'
import { undoRoutes } from './http/account/undo.ts'
import { authorizeRoutes } from './http/authorize.ts'
import { openToOrigins } from './http/cors.ts'
import { deviceAuthorizationRoute } from './http/device-authorization.ts'
import { deviceEventsRoute } from './http/device-events.ts'
import { healthRoutes } from './http/health.ts'
import { introspectRoute } from './http/introspect.ts'
import { languageRoutes } from './http/language.ts'
import { linkDeviceRoutes } from './http/link/device.ts'
import { linkEventsRoute } from './http/link/events.ts'
import { linkMeant, linkRoutes } from './http/link/link.ts'
import { logoutRoutes } from './http/logout.ts'
import { refuseAddress, speakOAuth } from './http/oauth-scope.ts'
import { describeRoutes } from './http/openapi.ts'
import { PageProblem, speakToPeople } from './http/page-scope.ts'
import { parRoute } from './http/par.ts'
import { publishedRoutes } from './http/published.ts'
import { registerRoutes } from './http/register.ts'
import { revokeRoute } from './http/revoke.ts'
import { codeRoutes } from './http/sign-in/code.ts'
import { createSignInDoor } from './http/sign-in/door.ts'
import { createSignInPage } from './http/sign-in/page.ts'
import { passkeySignInRoutes } from './http/sign-in/passkey.ts'
import { resetPasswordRoutes } from './http/sign-in/reset-password.ts'
import { signInRoutes } from './http/sign-in/sign-in.ts'
import { upstreamRoutes } from './http/sign-in/upstream.ts'
import { tokenRoute } from './http/token.ts'
import { keepToHttps } from './http/transport.ts'
import { answerUnreadable } from './http/unreadable.ts'
import { userinfoRoutes } from './http/userinfo.ts'
import { webSockets } from './http/web-sockets.ts'
import { createClientDirectory } from './oauth/clients/client-directory.ts'
import { createDeviceStarts } from './oauth/device/device-starts.ts'
import { NO_PLACES, type Places } from './oauth/device/places.ts'
import { openSigningKeys } from './oauth/keys/signing-keys.ts'
import { createVault } from './oauth/keys/vault.ts'
import { createPacing, SLOW_DOWN } from './oauth/pacing.ts'
import type { ProtocolEvent, Provider } from './oauth/provider.ts'
import type { Store } from './oauth/store.ts'
import { createThrottle } from './oauth/throttle.ts'
import { createAccessTokens } from './oauth/tokens/access-tokens.ts'
import { createDpopNonces } from './oauth/tokens/dpop-nonces.ts'
import { createDpopProofs } from './oauth/tokens/dpop-proof.ts'
import { createAuditTrail } from './ops/audit.ts'
import { type Every, everyInterval } from './ops/interval.ts'
import { warnOfLateClock } from './ops/late-clock.ts'
import type { Log } from './ops/log.ts'
import { createNotices, type Notices, type NoticeWriter } from './ops/notices.ts'
import { openPlaces } from './ops/places.ts'
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
  /** How this server speaks to other providers; the machine's own when absent. */
  readonly fetch?: Fetch
}

/** What the protocol works with. Makes the signing keys on first start. Throws when they do not fit the secret. */
export async function openProvider(parts: Parts, note: (event: ProtocolEvent) => void): Promise<Provider> {
  const { config, store } = parts
  const { limits } = config
  // Before anything is written: a mistake in the configuration changes nothing.
  const places = await placesOf(config)
  const host = { ...parts.host, clock: steadyClock(parts.host.clock) }
  const vault = createVault(parts.masterSecret, host.entropy)
  const basis = {
    issuer: config.issuer,
    apis: apisOf(config),
    uiLocales: UI_LOCALES,
    upstreamIssuers: config.upstreams.map(({ issuer }) => issuer),
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
    places,
    deviceStarts: createDeviceStarts(
      { liveCodes: limits.live_device_codes, codeSeconds: limits.device_code_seconds },
      host.clock,
    ),
    pacing: createPacing({ ...SLOW_DOWN, intervalSeconds: limits.poll_interval_seconds }),
    note,
  }
}

async function placesOf({ places }: Config): Promise<Places> {
  if (places === undefined) return NO_PLACES
  return openPlaces(places.database).catch((error: Error) => {
    throw new ConfigError([`places.database: ${places.database}: ${error.message}`])
  })
}

function noticesOf({ config, ...parts }: Parts, provider: Provider, log: Log): Notices | undefined {
  if (config.notices === undefined) return undefined
  const frame = (language: string | undefined) => ({
    locale: negotiateLocale(language),
    brand: config.name,
    account: `${config.issuer}/account`,
  })
  const write: NoticeWriter = {
    device: (language, facts) => deviceNotice({ ...frame(language), ...facts }),
    change: (language, facts) => changeNotice({ ...frame(language), ...facts }),
  }
  return createNotices(provider, config.notices, { brand: config.name, write, fetch: parts.fetch ?? fetch, log })
}

/** Everything but the listening socket: `inject` works on what this returns. Closing it closes the store. */
export async function buildApp(parts: Parts): Promise<FastifyInstance> {
  const { config } = parts
  const unreadable = answerUnreadable(config.name)
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
    clientErrorHandler: unreadable.answer,
  })
  unreadable.watch(app.server)
  // The log first, then those who make more of it; none of them throws, and nobody waits for them.
  const listeners: ((event: ProtocolEvent) => void)[] = [(event) => app.log.info(event, event.event)]
  const provider = await openProvider(parts, (event) => {
    for (const listen of listeners) listen(event)
  })
  await warnOfLateClock(parts.store, provider.host.clock, app.log)
  const audit = createAuditTrail(parts.store, provider.host, app.log)
  listeners.push(audit.note)
  const notices = noticesOf(parts, provider, app.log)
  if (notices !== undefined) listeners.push(notices.note)
  const base = new URL(config.issuer).pathname.replace(/\/$/, '')
  const every = parts.every ?? everyInterval

  keepToHttps(app, config.issuer)
  const sockets = webSockets(app)
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
      deviceEventsRoute(scope, provider, every, sockets)
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
      const pages = speakToPeople(scope, provider, config, base)
      languageRoutes(scope, pages)
      const passkeys = createPasskeys(provider, config.name)
      const door = createSignInDoor(provider, pages)
      // Off, or nothing to send it with: nobody is offered what cannot be.
      const answer = config.passwords.reset_by_mail ? notices?.answer : undefined
      const signInPage = createSignInPage(provider, pages, passkeys, config.upstreams, answer !== undefined)
      signInRoutes(scope, provider, pages, door, signInPage)
      if (passkeys !== undefined) passkeySignInRoutes(scope, pages, door, signInPage, passkeys)
      codeRoutes(scope, provider, pages, door)
      accountPasskeyRoutes(scope, provider, pages, passkeys)
      secondFactorRoutes(scope, provider, pages, config.name, config.upstreams)
      recoveryCodeRoutes(scope, provider, pages)
      const passwords = createNewPasswords(provider, config.name)
      passwordRoutes(scope, provider, pages, door, passwords)
      if (answer !== undefined)
        resetPasswordRoutes(scope, provider, pages, door, { answer, passwords, upstreams: config.upstreams })
      const upstreams = config.upstreams.map((one) => createUpstream(one, provider.host, parts.fetch ?? fetch))
      upstreamRoutes(scope, provider, pages, door, upstreams)
      identityRoutes(scope, provider, pages, config.upstreams)
      linkRoutes(scope, pages)
      linkDeviceRoutes(scope, provider, pages, config.upstreams)
      linkEventsRoute(scope, provider, every, sockets)
      authorizeRoutes(scope, provider, pages)
      logoutRoutes(scope, provider, pages)
      accountRoutes(scope, provider, pages, { upstreams: config.upstreams.length > 0 })
      accountDeviceRoutes(scope, provider, pages)
      accountSessionRoutes(scope, provider, pages)
      undoRoutes(scope, provider, pages)
      scope.setNotFoundHandler((request, reply) => {
        const meant = linkMeant(request, base)
        if (meant !== undefined) return pages.go(reply, meant)
        throw new PageProblem('not_found', 404)
      })
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
    await notices?.close()
    await audit.settled()
    await parts.store.close()
  })
  return app
}

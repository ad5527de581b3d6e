// The agent itself: it owns the goal (be linked, hold a fresh token), what is remembered, and when to try again. Single
// requests are in client.ts, the wait for a person in link-request.ts, the arithmetic of waiting in pace.ts.
import { type Host, systemHost } from '@latchkey/shared'
import { type Answer, type Client, type DeviceDescription, discover, refresh, revoke, type Tokens } from './client.ts'
import type { CredentialRecord, CredentialStore, StoredAccessToken, Subject } from './credentials.ts'
import { AgentError, isAgentError } from './errors.ts'
import type { Fetch, Wire } from './exchange.ts'
import { readIdentity } from './identity.ts'
import { awaitDecision, openLinkRequest, refused, type WaitingState } from './link-request.ts'
import { backoffSeconds, refreshAfterSeconds } from './pace.ts'
import { TokenLives } from './token-lives.ts'

const METADATA_GOOD_FOR_MS = 3_600_000

export interface DeviceAgentOptions {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret?: string | undefined
  /** Space-separated; asked for when linking. */
  readonly scope?: string | undefined
  /** RFC 8707: the API that the tokens are for. */
  readonly resource?: string | undefined
  readonly device?: DeviceDescription | undefined
  readonly credentials: CredentialStore
  readonly host?: Host | undefined
  readonly fetch?: Fetch | undefined
  /** Told of trouble that did not stop the answer: a refresh that failed while the old token still has life, a full disk. */
  readonly onTrouble?: ((trouble: AgentError) => void) | undefined
}

export interface Linked {
  readonly issuer: string
  readonly subject: Subject | undefined
  /** What was granted. */
  readonly scopes: readonly string[]
  /** What was asked for and not granted. */
  readonly missingScopes: readonly string[]
  /** When the link ends by itself, epoch milliseconds; undefined when it lasts until somebody ends it. */
  readonly endsAt: number | undefined
}

export interface AccessToken {
  readonly token: string
  readonly resource: string | undefined
  readonly scope: string | undefined
  /** Undefined when the server did not say. */
  readonly secondsLeft: number | undefined
}

export type LinkState =
  | { readonly kind: 'asking' }
  | WaitingState
  | { readonly kind: 'linked'; readonly linked: Linked }
  /** Denied, expired and the rest: `error.reason` tells which. */
  | { readonly kind: 'failed'; readonly error: AgentError }
  | { readonly kind: 'cancelled' }

export type Status =
  /** `damaged`: credentials were there and can no longer be read. */
  | { readonly kind: 'unlinked'; readonly damaged: boolean }
  /** `usable` is false when the server took the link back and a person has to link again. */
  | { readonly kind: 'linked'; readonly usable: boolean; readonly record: CredentialRecord }

/**
 * A device that wants to act for the person who links it.
 *
 * @example
 * const agent = new DeviceAgent({ issuer: 'https://id.example.com', clientId: 'tv', credentials: memoryCredentials() })
 * await agent.link({ onState: (state) => state.kind === 'waiting' && console.log(state.request.userCode) })
 * const { token } = await agent.accessToken()
 */
export class DeviceAgent {
  readonly #options: DeviceAgentOptions
  readonly #wire: Wire
  readonly #lives: TokenLives
  readonly #renewals = new Map<string, Promise<StoredAccessToken>>()
  #client: Client | undefined
  #clientFrom = 0
  #attempts = 0
  #quietUntil = 0
  #stopped: AgentError | undefined
  /** A record that the disk did not take, and the refresh token whose place it takes there. */
  #held: { readonly record: CredentialRecord; readonly replaces: string | undefined } | undefined

  constructor(options: DeviceAgentOptions) {
    this.#options = options
    this.#wire = { host: options.host ?? systemHost, fetch: options.fetch ?? ((url, init) => fetch(url, init)) }
    this.#lives = new TokenLives(this.#wire.host.clock)
  }

  /**
   * Asks for one code, shows it through `onState`, waits for the decision and keeps the credentials. One call, one code:
   * it never starts over by itself.
   *
   * @throws AgentError for every other end; the signal's reason when it aborts.
   */
  async link(
    how: { readonly signal?: AbortSignal; readonly onState?: (state: LinkState) => void } = {},
  ): Promise<Linked> {
    const { signal, onState: show = () => undefined } = how
    show({ kind: 'asking' })
    try {
      // A state directory that cannot be used is better found out before a person has approved.
      await this.#options.credentials.load()
      this.#client = undefined
      const client = await this.#connect(signal)
      const request = await openLinkRequest(client, this.#options, signal)
      const linked = await this.#keep(client, await awaitDecision(client, request, show, signal))
      show({ kind: 'linked', linked })
      return linked
    } catch (error) {
      if (error instanceof AgentError) show({ kind: 'failed', error })
      else show({ kind: 'cancelled' })
      throw error
    }
  }

  /**
   * A token for `resource`: the kept one while it is good, else a fresh one. However many ask, in however many processes,
   * one refresh runs. A new token is handed out only after its refresh token is safe on disk.
   *
   * @param wish.minimumSecondsLeft life the caller needs, 10 s unless said
   * @param wish.rejected the token that an API just answered with 401: it is not given out again
   * @throws AgentError `unlinked`, `unreachable`, `refused`, `storage` or `untrusted`
   */
  async accessToken(
    wish: {
      readonly resource?: string
      readonly signal?: AbortSignal
      readonly minimumSecondsLeft?: number
      readonly rejected?: string
    } = {},
  ): Promise<AccessToken> {
    const { resource = this.#options.resource, minimumSecondsLeft = 10, rejected, signal } = wish
    signal?.throwIfAborted()
    const record = await this.#record()
    if (!record && !this.#held) throw unlinked()
    const kept = record && tokenFor(record, resource)
    const good = kept && kept.token !== rejected && this.#lives.secondsLeft(kept) >= minimumSecondsLeft
    if (good && !this.#lives.isRefreshDue(kept)) return this.#answer(kept)
    try {
      return this.#answer(await orAbort(this.#renewOnce(resource, kept?.token), signal))
    } catch (error) {
      const passing = isAgentError(error, 'unreachable') || isAgentError(error, 'storage')
      if (!passing || !good || signal?.aborted) throw error
      this.#options.onTrouble?.(error)
      return this.#answer(kept)
    }
  }

  /** What is remembered, without asking the server. */
  async status(): Promise<Status> {
    const loaded = await this.#options.credentials.load()
    if (loaded.kind === 'none') return { kind: 'unlinked', damaged: loaded.damaged }
    const { record } = loaded
    const usable =
      record.refreshToken !== undefined || record.accessTokens.some((token) => this.#lives.secondsLeft(token) > 0)
    return { kind: 'linked', usable, record }
  }

  /** Forgets the credentials, and tells the server if it can be reached. Returns whether the server confirmed. */
  async unlink(signal?: AbortSignal): Promise<boolean> {
    const { credentials } = this.#options
    return credentials.exclusively(async () => {
      const record = await this.#record()
      const token = record?.refreshToken ?? record?.accessTokens[0]?.token
      let told = false
      try {
        if (token !== undefined) told = await revoke(await this.#connect(signal), token, signal)
      } catch (error) {
        if (!(error instanceof AgentError)) throw error
      }
      this.#held = undefined
      await credentials.clear()
      return told
    })
  }

  async #connect(signal?: AbortSignal): Promise<Client> {
    const { issuer, clientId, clientSecret } = this.#options
    const now = this.#wire.host.clock.monotonic()
    if (!this.#client || now - this.#clientFrom > METADATA_GOOD_FOR_MS) {
      const metadata = await discover(this.#wire, issuer, signal)
      this.#client = { ...this.#wire, metadata, clientId, clientSecret }
      this.#clientFrom = now
    }
    return this.#client
  }

  /** The kept record, if it is of this server and this client: a refresh token is shown to nobody else. */
  async #record(): Promise<CredentialRecord | undefined> {
    const loaded = await this.#options.credentials.load()
    if (loaded.kind === 'none') return undefined
    const { issuer, clientId } = this.#options
    return loaded.record.issuer === issuer && loaded.record.clientId === clientId ? loaded.record : undefined
  }

  /** The person has said yes: from here on nothing is cancelled. */
  async #keep(client: Client, tokens: Tokens): Promise<Linked> {
    const { credentials, issuer, clientId, scope, resource } = this.#options
    const stored = this.#stamp(tokens, resource, scope)
    let record: CredentialRecord = {
      issuer,
      clientId,
      linkedAt: stored.obtainedAt,
      scope: stored.scope,
      refreshToken: tokens.refreshToken,
      accessTokens: [stored],
    }
    this.#stopped = undefined
    // Safe first: the server gives these tokens once, and finding out who approved takes another request.
    await credentials.exclusively(() => this.#save(record, undefined))
    if (tokens.idToken !== undefined) {
      try {
        const nowAt = tokens.serverNow ?? client.host.clock.now()
        record = { ...record, subject: await readIdentity(client, tokens.idToken, nowAt) }
        await credentials.exclusively(() => this.#save(record, undefined))
      } catch (error) {
        if (isAgentError(error, 'untrusted')) await credentials.clear()
        if (!isAgentError(error, 'unreachable')) throw error
        this.#options.onTrouble?.(error)
      }
    }
    const scopes = words(record.scope)
    return {
      issuer,
      subject: record.subject,
      scopes,
      missingScopes: words(scope).filter((asked) => !scopes.includes(asked)),
      endsAt: record.refreshToken === undefined ? stored.expiresAt : undefined,
    }
  }

  #renewOnce(resource: string | undefined, unfit: string | undefined): Promise<StoredAccessToken> {
    const key = resource ?? ''
    const running = this.#renewals.get(key)
    if (running !== undefined) return running
    const renewal = this.#options.credentials
      .exclusively(() => this.#renew(resource, unfit))
      .finally(() => this.#renewals.delete(key))
    this.#renewals.set(key, renewal)
    return renewal
  }

  async #renew(resource: string | undefined, unfit: string | undefined): Promise<StoredAccessToken> {
    await this.#saveHeld()
    const record = await this.#record()
    if (!record) throw unlinked()
    const present = tokenFor(record, resource)
    // Somebody was faster: another process, or the save that had failed before.
    if (present && present.token !== unfit && this.#lives.secondsLeft(present) > 0) return present
    if (record.refreshToken === undefined) throw unlinked()
    if (this.#stopped) throw this.#stopped
    this.#respectQuiet()
    let used = record.refreshToken
    let answer = await this.#ask(used, resource)
    if (isGone(answer) && record.previousRefreshToken !== undefined) {
      used = record.previousRefreshToken
      answer = await this.#ask(used, resource)
    }
    if (isGone(answer)) return this.#dropTokens(record)
    if (answer.kind === 'refused') {
      const error = refused(answer.error, answer.description)
      if (answer.error === 'invalid_client') this.#stopped = error
      throw error
    }
    const tokens = answer.value
    const stored = this.#stamp(tokens, resource, record.scope)
    const others = record.accessTokens.filter((token) => token !== present && this.#lives.secondsLeft(token) > 0)
    const next: CredentialRecord = {
      ...record,
      refreshToken: tokens.refreshToken ?? used,
      previousRefreshToken: tokens.refreshToken === undefined ? undefined : used,
      accessTokens: [...others, stored],
    }
    await this.#save(next, record.refreshToken)
    return stored
  }

  async #ask(refreshToken: string, resource: string | undefined): Promise<Answer<Tokens>> {
    try {
      const answer = await refresh(await this.#connect(), refreshToken, resource)
      this.#attempts = 0
      this.#quietUntil = 0
      return answer
    } catch (error) {
      if (isAgentError(error, 'unreachable')) {
        const { clock, entropy } = this.#wire.host
        const pause = backoffSeconds(entropy, this.#attempts++, error.retryAfterSeconds)
        this.#quietUntil = clock.monotonic() + pause * 1000
      }
      throw error
    }
  }

  /** After trouble, callers in a hurry must not become a hot loop against a server that is down. */
  #respectQuiet(): void {
    const seconds = (this.#quietUntil - this.#wire.host.clock.monotonic()) / 1000
    if (seconds <= 0) return
    const message = `The server could not be reached; the next try is in ${Math.ceil(seconds)} s.`
    throw new AgentError('unreachable', message, { retryAfterSeconds: seconds })
  }

  async #dropTokens(record: CredentialRecord): Promise<never> {
    const { credentials } = this.#options
    // Cleared first, so that no earlier copy keeps the dead tokens.
    await credentials.clear()
    await credentials.save({ ...record, refreshToken: undefined, previousRefreshToken: undefined, accessTokens: [] })
    throw unlinked('invalid_grant')
  }

  async #save(record: CredentialRecord, replaces: string | undefined): Promise<void> {
    this.#held = { record, replaces }
    await this.#options.credentials.save(record)
    this.#held = undefined
  }

  /** A record that could not be saved comes first: rotating again without it would lose the chain. */
  async #saveHeld(): Promise<void> {
    const held = this.#held
    if (!held) return
    const onDisk = await this.#record()
    const superseded = held.replaces !== undefined && onDisk?.refreshToken !== held.replaces
    if (superseded) this.#held = undefined
    else await this.#save(held.record, held.replaces)
  }

  #stamp(tokens: Tokens, resource: string | undefined, askedScope: string | undefined): StoredAccessToken {
    const { clock, entropy } = this.#wire.host
    const obtainedAt = clock.now()
    const life = tokens.expiresInSeconds
    return {
      resource,
      token: tokens.accessToken,
      // RFC 6749 §5.1: left out means as asked.
      scope: tokens.scope ?? askedScope,
      obtainedAt,
      expiresAt: life === undefined ? undefined : obtainedAt + life * 1000,
      refreshAt: life === undefined ? undefined : obtainedAt + refreshAfterSeconds(entropy, life) * 1000,
    }
  }

  #answer(stored: StoredAccessToken): AccessToken {
    const left = this.#lives.secondsLeft(stored)
    const { token, resource, scope } = stored
    return { token, resource, scope, secondsLeft: Number.isFinite(left) ? left : undefined }
  }
}

function tokenFor(record: CredentialRecord, resource: string | undefined): StoredAccessToken | undefined {
  return record.accessTokens.find((stored) => stored.resource === resource)
}

function isGone(answer: Answer<Tokens>): boolean {
  return answer.kind === 'refused' && answer.error === 'invalid_grant'
}

function unlinked(oauthError?: string): AgentError {
  const why = oauthError ? 'The server no longer takes this link' : 'This device is not linked'
  return new AgentError('unlinked', `${why}. Link it: latchkey-agent link`, { oauthError })
}

function words(text: string | undefined): readonly string[] {
  return text?.split(' ').filter((word) => word !== '') ?? []
}

/** Waits for shared work that one impatient caller must not cancel for the others. */
function orAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

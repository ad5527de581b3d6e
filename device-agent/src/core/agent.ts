// The agent itself: what a program asks of it. It has a goal (be linked, hold a fresh token) and knows who may wait for
// what; how the link is kept and renewed is held-link.ts, the wait for a person link-request.ts, APIs api-request.ts.

import type { Host } from '@latchkey/shared'
import { systemHost } from '@latchkey/shared'
import {
  type ApiRequest,
  authorizationHeaders,
  canBeSentAgain,
  checkAddress,
  methodOf,
  type Objection,
  objectionOf,
} from './api-request.ts'
import type { Client, DeviceDescription } from './client.ts'
import { Connection, type KeyFit } from './connection.ts'
import type { CredentialRecord, CredentialStore, StoredAccessToken, Subject, TokenType } from './credentials.ts'
import type { Found } from './daemon-step.ts'
import { AgentError, isAgentError } from './errors.ts'
import type { Fetch, Wire } from './exchange.ts'
import { HeldLink, tokenFor, unlinked } from './held-link.ts'
import { type KeyStore, keyName } from './keys.ts'
import {
  awaitDecision,
  type LinkRequest,
  openLinkRequest,
  reachInTime,
  reopenLinkRequest,
  type WaitingState,
} from './link-request.ts'
import { Origins } from './origins.ts'
import type { PendingStore, PendingTerms } from './pending-link.ts'
import { ownSockets, type Sockets } from './sockets.ts'
import { TokenLives } from './token-lives.ts'

export interface DeviceAgentOptions {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret?: string | undefined
  /** Space-separated; asked for when linking. */
  readonly scope?: string | undefined
  /** RFC 8707: the API that the tokens are for. */
  readonly resource?: string | undefined
  readonly device?: DeviceDescription | undefined
  /** The screen shows `request.number` as soon as there is one; said to the server, which asks people elsewhere for it. */
  readonly showsNumber?: boolean | undefined
  readonly credentials: CredentialStore
  /** The device's own key. None is made where the server binds nothing to keys. */
  readonly keys: KeyStore
  /**
   * `never` links without a key, where the server allows this client to: for programs that can carry a token but no
   * proof (git, docker, MQTT). `offered`, unless said: with the key wherever the server can. A link stays as it began.
   */
  readonly binding?: 'offered' | 'never' | undefined
  readonly host?: Host | undefined
  readonly fetch?: Fetch | undefined
  /** On which a server tells of a decision; the runtime's own unless said, and polling where it has none. */
  readonly sockets?: Sockets | undefined
  /** Where a waiting code is kept, for `resume` after a restart; nowhere unless said. */
  readonly pending?: PendingStore | undefined
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
  /** `DPoP`: it works only with a proof by the device's key beside it; `authorize` makes both headers. */
  readonly tokenType: TokenType
  readonly resource: string | undefined
  readonly scope: string | undefined
  /** Undefined when the server did not say. */
  readonly secondsLeft: number | undefined
}

export interface LinkOptions {
  readonly signal?: AbortSignal | undefined
  readonly onState?: ((state: LinkState) => void) | undefined
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
  /** `usable` is false when a person has to link again: the server took the link back, or its key is not here. */
  | {
      readonly kind: 'linked'
      readonly usable: boolean
      readonly key: KeyFit
      readonly record: CredentialRecord
    }

export interface TokenWish {
  /** RFC 8707; the one of the options unless said. */
  readonly resource?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Life the caller needs, 10 s unless said. */
  readonly minimumSecondsLeft?: number | undefined
  /** The token that an API just answered with 401: it is not given out again. */
  readonly rejected?: string | undefined
}

/**
 * A device that wants to act for the person who links it.
 *
 * @example
 * const directory = stateDirectory(undefined, process.env)
 * const [credentials, keys] = [credentialFile({ directory }), keyFile({ directory })]
 * const agent = new DeviceAgent({ issuer: 'https://id.example.com', clientId: 'tv', credentials, keys })
 * await agent.link({ onState: (state) => state.kind === 'waiting' && console.log(state.request.userCode) })
 * const answer = await agent.fetch('https://api.example.com/library')
 */
export class DeviceAgent {
  readonly #options: DeviceAgentOptions
  readonly #host: Host
  readonly #wire: Wire
  readonly #lives: TokenLives
  readonly #connection: Connection
  readonly #link: HeldLink

  constructor(options: DeviceAgentOptions) {
    const { host = systemHost, fetch: sendRequest = (url, init) => fetch(url, init) } = options
    this.#options = options
    this.#host = host
    this.#wire = { host, fetch: sendRequest, origins: new Origins(host.clock, options.issuer) }
    this.#lives = new TokenLives(host.clock)
    const { sockets = ownSockets() } = options
    this.#connection = new Connection(this.#wire, { ...options, sockets })
    this.#link = new HeldLink(options, { host, connection: this.#connection, lives: this.#lives })
  }

  /**
   * Asks for one code, shows it through `onState`, waits for the decision and keeps the credentials. One call, one code:
   * it never starts over by itself.
   *
   * @throws AgentError for every other end; the signal's reason when it aborts.
   */
  async link(how: LinkOptions = {}): Promise<Linked> {
    const { signal } = how
    how.onState?.({ kind: 'asking' })
    return this.#telling(how, async (show) => {
      // A state directory that cannot be used is better found out before a person has approved.
      await this.#options.credentials.load()
      const client = await this.#connection.toBegin(signal)
      const request = await openLinkRequest(client, this.#options, signal)
      const { issuer, clientId, scope, resource } = this.#options
      const terms = { issuer, clientId, scope, resource, boundTo: client.key && (await keyName(client.key)) }
      await this.#options.pending?.save(request.toKeep(terms))
      return this.#conclude(client, request, terms, { show, signal })
    })
  }

  /**
   * Goes on waiting for the code that a process before this one has shown and kept in `pending`. Returns undefined, and
   * asks for nothing, when there is none for this server and client, its time is over or its key is gone; and the link,
   * where there is one already.
   *
   * @throws AgentError as `link`; the kept code stays when only this process ends
   */
  async resume(how: LinkOptions = {}): Promise<Linked | undefined> {
    const { issuer, clientId, pending } = this.#options
    const kept = await pending?.load()
    if (!pending || !kept) return undefined
    // The process before this one died after it had kept the credentials.
    const linked = await this.linked()
    if (linked) {
      await pending.clear()
      return linked
    }
    const request = reopenLinkRequest(this.#host, kept)
    const fit = await this.#connection.fit(kept.boundTo)
    const isOurs = kept.issuer === issuer && kept.clientId === clientId && (fit === 'unbound' || fit === 'here')
    if (!request || !isOurs) {
      await pending.clear()
      return undefined
    }
    // On the screen at once: the network may take its time, and the person may be at it already.
    how.onState?.({ kind: 'waiting', request })
    return this.#telling(how, async (show) => {
      const reach = () => this.#connection.toGoOn(kept.boundTo, how.signal)
      const client = await reachInTime(this.#host, request, reach, { show, signal: how.signal })
      const isResumed = true
      return this.#conclude(client, request, kept, { show, signal: how.signal, isResumed })
    })
  }

  /** Who this device is linked to, without asking the server; undefined when a person has to link. */
  async linked(): Promise<Linked | undefined> {
    const found = await this.#link.recall()
    if (typeof found !== 'object') return undefined
    return (await this.#isUsable(found)) ? this.#describe(found) : undefined
  }

  /**
   * Seconds until the token of the options' `resource` is due for its refresh, which `accessToken` then does: 0 when it
   * is, or when there is none; Infinity when it has no end.
   */
  async secondsUntilRefresh(): Promise<number> {
    const found = await this.#link.recall()
    const stored = typeof found === 'object' ? tokenFor(found, this.#options.resource) : undefined
    return stored && !this.#link.isUnsaved ? this.#lives.secondsUntilRefresh(stored) : 0
  }

  /** Seconds for which the server is left alone after it could not be reached: no refresh is tried until then. */
  get quietSeconds(): number {
    return this.#link.quietSeconds
  }

  /** Resolves when no refresh runs: ending the process in the middle of one costs the device a try. */
  settled(): Promise<void> {
    return this.#link.settled()
  }

  /**
   * A token for `resource`: the kept one while it is good, else a fresh one. However many ask, in however many processes,
   * one refresh runs. A new token is handed out only after its refresh token is safe on disk.
   *
   * @throws AgentError `unlinked`, `unreachable`, `refused`, `storage` or `untrusted`
   */
  async accessToken(wish: TokenWish = {}): Promise<AccessToken> {
    return this.#answer(await this.#token(wish))
  }

  /**
   * The headers that let one request pass: `authorization`, and for a token that is bound to the device's key `dpop`, a
   * proof for this method and this address, good once.
   *
   * @throws AgentError as `accessToken`, and `usage` for an address that is neither https nor on this machine
   */
  async authorize(request: ApiRequest, wish: TokenWish = {}): Promise<Readonly<Record<string, string>>> {
    checkAddress(request.url)
    return this.#headers(await this.#token(wish), request)
  }

  /**
   * `fetch` with those headers. An API that wants a nonce, or no longer takes the token, is asked once more, unless the
   * body was a stream. A redirect is not followed unless `init` says so: a proof is good for one address.
   *
   * @throws AgentError as `authorize`; what `fetch` throws when there is no answer
   */
  async fetch(
    url: string | URL,
    init: RequestInit = {},
    wish: Pick<TokenWish, 'resource' | 'minimumSecondsLeft'> = {},
  ): Promise<Response> {
    const request = { method: methodOf(init), url: String(url) }
    checkAddress(request.url)
    const signal = init.signal ?? undefined
    const met = new Set<Objection>()
    let rejected: string | undefined
    for (;;) {
      const stored = await this.#token({ ...wish, signal, rejected })
      const headers = new Headers(init.headers)
      for (const [name, value] of Object.entries(await this.#headers(stored, request))) headers.set(name, value)
      const answer = await this.#wire.fetch(request.url, {
        redirect: 'manual',
        ...init,
        method: request.method,
        headers,
      })
      this.#wire.origins?.hear(request.url, answer.headers)
      const objection = objectionOf(answer)
      if (objection === undefined || met.has(objection) || !canBeSentAgain(init)) return answer
      met.add(objection)
      if (objection === 'invalid_token') rejected = stored.token
      await answer.body?.cancel()
    }
  }

  /** What there is on this device, without asking the server: see `Found`. */
  async found(): Promise<Found> {
    const found = await this.#link.recall()
    if (typeof found === 'object') return (await this.#isUsable(found)) ? 'linked' : 'ended'
    return found === 'none' ? 'nothing' : found
  }

  /** Takes in what came beside an API's answer to a request that somebody else sent: its nonce, its time. */
  hear(url: string, headers: Headers): void {
    this.#wire.origins?.hear(url, headers)
  }

  /** What is remembered, without asking the server. */
  async status(): Promise<Status> {
    const loaded = await this.#options.credentials.load()
    if (loaded.kind === 'none') return { kind: 'unlinked', damaged: loaded.damaged }
    const { record } = loaded
    const key = await this.#connection.fit(record.boundTo)
    return { kind: 'linked', usable: await this.#isUsable(record), key, record }
  }

  /**
   * Forgets the credentials, and tells the server if it can be reached. The device keeps its key, for the next link.
   * Returns whether the server confirmed.
   */
  async unlink(signal?: AbortSignal): Promise<boolean> {
    return this.#link.end(signal)
  }

  async #isUsable(record: CredentialRecord): Promise<boolean> {
    const key = await this.#connection.fit(record.boundTo)
    const isAlive =
      record.refreshToken !== undefined || record.accessTokens.some((token) => this.#lives.secondsLeft(token) > 0)
    return isAlive && (key === 'unbound' || key === 'here')
  }

  /** Shows how it ends, whatever the end. */
  async #telling<T>(how: LinkOptions, work: (show: (state: LinkState) => void) => Promise<T>): Promise<T> {
    const { onState: show = () => undefined } = how
    try {
      return await work(show)
    } catch (error) {
      if (error instanceof AgentError) show({ kind: 'failed', error })
      else show({ kind: 'cancelled' })
      throw error
    }
  }

  /** From the code to the kept credentials. The kept code goes last, and stays when only this process ends. */
  async #conclude(
    client: Client,
    request: LinkRequest,
    terms: PendingTerms,
    how: {
      readonly show: (state: LinkState) => void
      readonly signal?: AbortSignal | undefined
      readonly isResumed?: true
    },
  ): Promise<Linked> {
    const { pending } = this.#options
    const { scope, resource } = terms
    const onInterval = async (seconds: number) => pending?.save(request.toKeep(terms, seconds))
    try {
      const tokens = await awaitDecision(client, request, { resource, onInterval, ...how })
      const linked = this.#describe(await this.#link.begin(client, tokens, { scope, resource }))
      await pending?.clear()
      how.show({ kind: 'linked', linked })
      return linked
    } catch (error) {
      // A full disk may have kept the tokens out: then the code is what brings them back.
      if (error instanceof AgentError && error.reason !== 'storage') await pending?.clear()
      throw error
    }
  }

  async #token(wish: TokenWish): Promise<StoredAccessToken> {
    const { resource = this.#options.resource, minimumSecondsLeft = 10, rejected, signal } = wish
    signal?.throwIfAborted()
    const found = await this.#link.recall()
    if (found === 'none' && !this.#link.isUnsaved) throw unlinked()
    const record = typeof found === 'object' ? found : undefined
    if (record?.boundTo !== undefined) await this.#connection.keyNamed(record.boundTo)
    const kept = record && tokenFor(record, resource)
    const good = kept && kept.token !== rejected && this.#lives.secondsLeft(kept) >= minimumSecondsLeft
    if (good && !this.#lives.isRefreshDue(kept)) return kept
    try {
      return await orAbort(this.#link.renew(resource, kept?.token), signal)
    } catch (error) {
      const passing = isAgentError(error, 'unreachable') || isAgentError(error, 'storage')
      if (!passing || !good || signal?.aborted) throw error
      this.#options.onTrouble?.(error)
      return kept
    }
  }

  async #headers(stored: StoredAccessToken, request: ApiRequest): Promise<Readonly<Record<string, string>>> {
    const { token, tokenType = 'Bearer' } = stored
    const key = tokenType === 'DPoP' ? await this.#connection.toSign() : undefined
    return authorizationHeaders(this.#wire, { token, tokenType, key }, request)
  }

  #describe(record: CredentialRecord): Linked {
    const scopes = words(record.scope)
    return {
      issuer: record.issuer,
      subject: record.subject,
      scopes,
      missingScopes: words(this.#options.scope).filter((asked) => !scopes.includes(asked)),
      endsAt: record.refreshToken === undefined ? record.accessTokens[0]?.expiresAt : undefined,
    }
  }

  #answer(stored: StoredAccessToken): AccessToken {
    const left = this.#lives.secondsLeft(stored)
    const { token, tokenType = 'Bearer', resource, scope } = stored
    return { token, tokenType, resource, scope, secondsLeft: Number.isFinite(left) ? left : undefined }
  }
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

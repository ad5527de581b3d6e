// The link as this device holds it: remembered safely, refreshed one at a time, and won back by the key when the tokens
// are lost. How a link begins and who asks for tokens is agent.ts; single requests are client.ts.
import type { Host } from '@latchkey/shared'
import { type Answer, type Client, offersWayBack, refresh, revoke, signBackIn, type Tokens } from './client.ts'
import type { Connection } from './connection.ts'
import type { CredentialRecord, CredentialStore, StoredAccessToken } from './credentials.ts'
import { AgentError, isAgentError } from './errors.ts'
import { readIdentity } from './identity.ts'
import { hasWebCrypto, keyName } from './keys.ts'
import { refused } from './link-request.ts'
import { backoffSeconds, refreshAfterSeconds } from './pace.ts'
import type { TokenLives } from './token-lives.ts'

export interface HeldLinkOptions {
  readonly issuer: string
  readonly clientId: string
  readonly credentials: CredentialStore
  readonly onTrouble?: ((trouble: AgentError) => void) | undefined
}

interface Parts {
  readonly host: Host
  readonly connection: Connection
  readonly lives: TokenLives
}

interface Asked {
  readonly scope?: string | undefined
  readonly resource?: string | undefined
}

/** One request that may bring fresh tokens. */
interface Way {
  /** The refresh token that it uses up; the key uses up none. */
  readonly refreshToken?: string
  ask(): Promise<Answer<Tokens>>
}

/** `damaged`: there were credentials, which nobody can read any more. */
export type Remembered = CredentialRecord | 'none' | 'damaged'

export class HeldLink {
  readonly #options: HeldLinkOptions
  readonly #parts: Parts
  readonly #renewals = new Map<string, Promise<StoredAccessToken>>()
  #attempts = 0
  #quietUntil = 0
  #stopped: AgentError | undefined
  /** A record that the disk did not take, and the refresh token whose place it takes there. */
  #held: { readonly record: CredentialRecord; readonly replaces: string | undefined } | undefined

  constructor(options: HeldLinkOptions, parts: Parts) {
    this.#options = options
    this.#parts = parts
  }

  /** Whether a record waits in memory for the disk. */
  get isUnsaved(): boolean {
    return this.#held !== undefined
  }

  /** Seconds for which the server is left alone; 0 when it may be asked. */
  get quietSeconds(): number {
    return Math.max(0, this.#quietUntil - this.#parts.host.clock.monotonic()) / 1000
  }

  /** What is kept, if it is of this server and this client: a refresh token is shown to nobody else. */
  async recall(): Promise<Remembered> {
    const { credentials, issuer, clientId } = this.#options
    const loaded = await credentials.load()
    if (loaded.kind === 'none') return loaded.damaged ? 'damaged' : 'none'
    return loaded.record.issuer === issuer && loaded.record.clientId === clientId ? loaded.record : 'none'
  }

  /** Keeps what a person has just allowed. From here on nothing is cancelled. */
  async begin(client: Client, tokens: Tokens, asked: Asked): Promise<CredentialRecord> {
    const { credentials } = this.#options
    this.#stopped = undefined
    const record = await this.#firstRecord(client, tokens, asked)
    // Safe first: the server gives these tokens once, and finding out who approved takes another request.
    await credentials.exclusively(() => this.#save(record, undefined))
    const named = await this.#withSubject(client, tokens, record)
    if (named !== record) await credentials.exclusively(() => this.#save(named, undefined))
    return named
  }

  /** A token for `resource` other than the `unfit` one; however many ask, one refresh runs. */
  renew(resource: string | undefined, unfit: string | undefined): Promise<StoredAccessToken> {
    const name = resource ?? ''
    const running = this.#renewals.get(name)
    if (running !== undefined) return running
    const renewal = this.#options.credentials
      .exclusively(() => this.#renew(resource, unfit))
      .finally(() => this.#renewals.delete(name))
    this.#renewals.set(name, renewal)
    return renewal
  }

  /** Resolves when no refresh runs. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#renewals.values())
  }

  /** Forgets the tokens, and tells the server if it can be reached; the key stays. Returns whether the server confirmed. */
  async end(signal?: AbortSignal): Promise<boolean> {
    const { credentials } = this.#options
    return credentials.exclusively(async () => {
      const found = await this.recall()
      const record = typeof found === 'object' ? found : undefined
      const token = record?.refreshToken ?? record?.accessTokens[0]?.token
      let told = false
      try {
        if (token !== undefined) {
          told = await revoke(await this.#parts.connection.toGoOn(record?.boundTo, signal), token, signal)
        }
      } catch (error) {
        if (!(error instanceof AgentError)) throw error
      }
      this.#held = undefined
      await credentials.clear()
      return told
    })
  }

  async #renew(resource: string | undefined, unfit: string | undefined): Promise<StoredAccessToken> {
    await this.#saveHeld()
    const record = await this.recall()
    if (record === 'none') throw unlinked()
    if (record === 'damaged') return this.#comeBack(resource)
    const present = tokenFor(record, resource)
    // Somebody was faster: another process, or the save that had failed before.
    if (present && present.token !== unfit && this.#parts.lives.secondsLeft(present) > 0) return present
    if (record.refreshToken === undefined) throw unlinked()
    const { client, tokens, used } = await this.#reach(async () => {
      const client = await this.#parts.connection.toGoOn(record.boundTo)
      return { client, ...(await this.#firstGranted(this.#waysOf(record, client, resource))) }
    })
    if (!tokens) return this.#dropTokens(record)
    const stored = this.#stamp(tokens, { resource, scope: record.scope })
    const others = record.accessTokens.filter((token) => token !== present && this.#parts.lives.secondsLeft(token) > 0)
    const next: CredentialRecord = {
      ...record,
      boundTo: client.key && (await keyName(client.key)),
      refreshToken: tokens.refreshToken ?? used,
      previousRefreshToken: tokens.refreshToken === undefined ? undefined : used,
      accessTokens: [...others, stored],
    }
    await this.#save(next, record.refreshToken)
    return stored
  }

  /**
   * The token that is kept, then the key, then the token before it: a server may take a parent token for a thief's, and
   * end the link, where it would have known the key.
   */
  #waysOf(record: CredentialRecord, client: Client, resource: string | undefined): readonly Way[] {
    const { key } = client
    const tokens = [record.refreshToken, record.previousRefreshToken].filter((token) => token !== undefined)
    const [current, ...parents] = tokens.map(
      (refreshToken): Way => ({ refreshToken, ask: () => refresh(client, refreshToken, resource) }),
    )
    const byKey: readonly Way[] =
      key && record.boundTo !== undefined && offersWayBack(client.metadata)
        ? [{ ask: () => signBackIn({ ...client, key }, resource) }]
        : []
    return [...(current ? [current] : []), ...byKey, ...parents]
  }

  /** Each way is gone at most once. `tokens` is undefined when the link is gone; other refusals are thrown. */
  async #firstGranted(ways: readonly Way[]): Promise<{ readonly tokens?: Tokens; readonly used?: string | undefined }> {
    for (const way of ways) {
      const answer = await way.ask()
      if (answer.kind === 'granted') return { tokens: answer.value, used: way.refreshToken }
      const byKey = way.refreshToken === undefined
      if (answer.error === 'invalid_grant' && byKey) return {}
      // The server has this way, but not for this client.
      const closed = byKey && ['unauthorized_client', 'unsupported_grant_type'].includes(answer.error)
      if (answer.error === 'invalid_grant' || closed) continue
      const error = refused(answer.error, answer.description)
      if (answer.error === 'invalid_client') this.#stopped = error
      throw error
    }
    return {}
  }

  /** The credentials cannot be read, but the key is there, and the server knows what is bound to it. */
  async #comeBack(resource: string | undefined): Promise<StoredAccessToken> {
    const { credentials } = this.#options
    const { client, tokens } = await this.#reach(async () => {
      const client = await this.#parts.connection.toComeBack()
      if (!client || !offersWayBack(client.metadata)) throw unlinked()
      return { client, ...(await this.#firstGranted([{ ask: () => signBackIn(client, resource) }])) }
    })
    if (!tokens) {
      // Otherwise the next start would ask again, and so for ever.
      await credentials.clear()
      throw unlinked('invalid_grant')
    }
    const record = await this.#firstRecord(client, tokens, { resource })
    await this.#save(record, undefined)
    const named = await this.#withSubject(client, tokens, record)
    if (named !== record) await this.#save(named, undefined)
    return record.accessTokens[0] ?? this.#stamp(tokens, { resource })
  }

  /** Asks the server, unless it is to be left alone; notes for how long when it does not answer. */
  async #reach<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#stopped) throw this.#stopped
    this.#respectQuiet()
    try {
      const answer = await ask()
      this.#attempts = 0
      return answer
    } catch (error) {
      if (isAgentError(error, 'unreachable')) {
        const { clock, entropy } = this.#parts.host
        const pause = backoffSeconds(entropy, this.#attempts++, error.retryAfterSeconds)
        this.#quietUntil = clock.monotonic() + pause * 1000
      } else this.#attempts = 0
      throw error
    }
  }

  /** After trouble, callers in a hurry must not become a hot loop against a server that is down. */
  #respectQuiet(): void {
    const seconds = this.quietSeconds
    if (seconds === 0) return
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
    const onDisk = await this.recall()
    const refreshToken = typeof onDisk === 'object' ? onDisk.refreshToken : undefined
    const superseded = held.replaces !== undefined && onDisk !== 'damaged' && refreshToken !== held.replaces
    if (superseded) this.#held = undefined
    else await this.#save(held.record, held.replaces)
  }

  async #firstRecord(client: Client, tokens: Tokens, asked: Asked): Promise<CredentialRecord> {
    const { issuer, clientId } = this.#options
    const stored = this.#stamp(tokens, asked)
    return {
      issuer,
      clientId,
      linkedAt: stored.obtainedAt,
      scope: stored.scope,
      boundTo: client.key && (await keyName(client.key)),
      refreshToken: tokens.refreshToken,
      accessTokens: [stored],
    }
  }

  /** The record with who approved, where the server says so; the same record where it cannot be found out now. */
  async #withSubject(client: Client, tokens: Tokens, record: CredentialRecord): Promise<CredentialRecord> {
    // What cannot be checked says nothing (OpenID Connect Core §3.1.3.7).
    if (tokens.idToken === undefined || !hasWebCrypto()) return record
    try {
      const nowAt = tokens.serverNow ?? client.host.clock.now()
      return { ...record, subject: await readIdentity(client, tokens.idToken, nowAt) }
    } catch (error) {
      if (isAgentError(error, 'untrusted')) await this.#options.credentials.clear()
      if (!isAgentError(error, 'unreachable')) throw error
      this.#options.onTrouble?.(error)
      return record
    }
  }

  #stamp(tokens: Tokens, asked: Asked): StoredAccessToken {
    const { clock, entropy } = this.#parts.host
    const obtainedAt = clock.now()
    const life = tokens.expiresInSeconds
    return {
      resource: asked.resource,
      token: tokens.accessToken,
      tokenType: tokens.tokenType,
      // RFC 6749 §5.1: left out means as asked.
      scope: tokens.scope ?? asked.scope,
      obtainedAt,
      expiresAt: life === undefined ? undefined : obtainedAt + life * 1000,
      refreshAt: life === undefined ? undefined : obtainedAt + refreshAfterSeconds(entropy, life) * 1000,
    }
  }
}

export function tokenFor(record: CredentialRecord, resource: string | undefined): StoredAccessToken | undefined {
  return record.accessTokens.find((stored) => stored.resource === resource)
}

export function unlinked(oauthError?: string): AgentError {
  const why = oauthError ? 'The server no longer takes this link' : 'This device is not linked'
  return new AgentError('unlinked', `${why}. Link it: latchkey-agent link`, { oauthError })
}

// The door to storage: what the protocol asks of it. The engines live in ../storage.
import { OAuthError } from './errors.ts'
import type {
  AuditEntry,
  AuthorizationCode,
  AuthorizationRequest,
  BrowserSession,
  Client,
  Consent,
  DeviceRequest,
  Freeze,
  OpaqueToken,
  Passkey,
  SigningKey,
  SpentMark,
  StoredRecord,
  TokenFamily,
  UpstreamIdentity,
  User,
} from './records.ts'

export interface Table<R extends StoredRecord> {
  /** False when the id, or another unique key of the record, is taken; then nothing was written. */
  insert(record: R): Promise<boolean>
  get(id: string): Promise<R | undefined>
  /** Writes `next` only if the stored version is still `next.version`, and raises it; false when somebody was faster. */
  swap(next: R): Promise<boolean>
  /** False when there was none: of several who delete, one wins. */
  delete(id: string): Promise<boolean>
}

export interface Store {
  readonly deviceRequests: Table<DeviceRequest> & {
    byUserCode(digest: string): Promise<DeviceRequest | undefined>
    /** Those that began in a network, as `networkOf` names it. */
    byNetwork(network: string): Promise<readonly DeviceRequest[]>
    byKey(jkt: string): Promise<readonly DeviceRequest[]>
    all(): Promise<readonly DeviceRequest[]>
  }
  readonly families: Table<TokenFamily> & {
    byKey(jkt: string): Promise<readonly TokenFamily[]>
    byUser(userId: string): Promise<readonly TokenFamily[]>
    byClient(clientId: string): Promise<readonly TokenFamily[]>
    all(): Promise<readonly TokenFamily[]>
  }
  readonly clients: Table<Client> & {
    byRegisteredKey(jkt: string): Promise<Client | undefined>
    byOwner(userId: string): Promise<readonly Client[]>
    all(): Promise<readonly Client[]>
  }
  readonly users: Table<User> & {
    byEmail(email: string): Promise<User | undefined>
    any(): Promise<boolean>
    all(): Promise<readonly User[]>
  }
  readonly sessions: Table<BrowserSession> & {
    byCookie(digest: string): Promise<BrowserSession | undefined>
    byUser(userId: string): Promise<readonly BrowserSession[]>
  }
  readonly passkeys: Table<Passkey> & { byUser(userId: string): Promise<readonly Passkey[]> }
  readonly upstreamIdentities: Table<UpstreamIdentity> & {
    byUser(userId: string): Promise<readonly UpstreamIdentity[]>
  }
  readonly freezes: Table<Freeze> & { all(): Promise<readonly Freeze[]> }
  readonly auditEntries: Table<AuditEntry> & {
    newest(page: AuditPage): Promise<readonly AuditEntry[]>
    newestOfUser(userId: string, page: AuditPage): Promise<readonly AuditEntry[]>
    newestOfEvent(event: string, page: AuditPage): Promise<readonly AuditEntry[]>
  }
  readonly authorizationRequests: Table<AuthorizationRequest>
  readonly authorizationCodes: Table<AuthorizationCode>
  readonly consents: Table<Consent> & { byUser(userId: string): Promise<readonly Consent[]> }
  readonly opaqueTokens: Table<OpaqueToken>
  readonly spent: Table<SpentMark>
  readonly signingKeys: Table<SigningKey> & { all(): Promise<readonly SigningKey[]> }
  /** Deletes what ended before `now` (epoch milliseconds), a bounded number of rows at a time; returns how many. */
  purge(now: number): Promise<number>
  close(): Promise<void>
}

/** Lines of the audit trail, the newest first. */
export interface AuditPage {
  /** Ids at or after this one, and before that one: they are in the order of time. */
  readonly from?: string
  readonly before?: string | undefined
  /** Only so many, the newest of them. */
  readonly most: number
}

/** The storage cannot serve now (locked, full, unreachable). Nothing was written; the same request may be sent again. */
export class StoreUnavailable extends Error {
  override name = 'StoreUnavailable'
}

/** What a step answers: the record to write, if any, and what it means. */
export interface Step<R, O> {
  readonly next?: R
  readonly outcome: O
}

const MOST_TRIES = 16

/**
 * Reads, lets the step decide, writes if nobody wrote in between; else reads and asks again. The outcome is returned
 * only after its write is durable. Throws what the step throws, having written nothing.
 */
export async function update<R extends StoredRecord, O>(
  table: Table<R>,
  id: string,
  step: (record: R | undefined) => Step<R, O>,
): Promise<O> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const { next, outcome } = step(await table.get(id))
    if (next === undefined || (await table.swap(next))) return outcome
  }
  throw new OAuthError('temporarily_unavailable', 'too many writers at once', { headers: { 'Retry-After': '1' } })
}

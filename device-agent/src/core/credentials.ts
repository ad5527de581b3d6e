// What the agent remembers, and the door through which it does. A file lives behind that door in node/credential-file.ts;
// a browser would keep the same record in IndexedDB.

/** Who allowed it, from a checked id_token. */
export interface Subject {
  readonly sub: string
  readonly name?: string
  readonly email?: string
}

/** How an access token is presented: bound to the device's key (RFC 9449), or to nobody. */
export type TokenType = 'DPoP' | 'Bearer'

/** Times are wall-clock epoch milliseconds: they must mean something after a restart. */
export interface StoredAccessToken {
  /** RFC 8707; absent for the server's default. */
  readonly resource?: string | undefined
  readonly token: string
  /** Absent in records from before there were keys: Bearer. */
  readonly tokenType?: TokenType | undefined
  readonly scope?: string | undefined
  readonly obtainedAt: number
  /** Absent when the server did not say. */
  readonly expiresAt?: number | undefined
  /** When to fetch the next one, drawn once so that all processes agree. */
  readonly refreshAt?: number | undefined
}

export interface CredentialRecord {
  readonly issuer: string
  readonly clientId: string
  readonly linkedAt: number
  /** What was granted at the start, space-separated. */
  readonly scope?: string | undefined
  readonly subject?: Subject | undefined
  /** Thumbprint (RFC 7638) of the key that all this is bound to: with any other it is of no use. Absent: bound to none. */
  readonly boundTo?: string | undefined
  /** Absent when the server gave none, or no longer takes the one it gave. */
  readonly refreshToken?: string | undefined
  /** The one before, kept until the present one has worked once: the server may have forgotten what it answered last. */
  readonly previousRefreshToken?: string | undefined
  readonly accessTokens: readonly StoredAccessToken[]
}

export type Loaded =
  /** `recovered`: the newest copy was damaged and the one before it was used. */
  | { readonly kind: 'found'; readonly record: CredentialRecord; readonly recovered: boolean }
  /** `damaged`: something was there, but nothing that can be read. */
  | { readonly kind: 'none'; readonly damaged: boolean }

export interface CredentialStore {
  /** @throws AgentError `storage` when what is kept is open to others or cannot be read. */
  load(): Promise<Loaded>
  /** Resolves when the record would survive a power cut. @throws AgentError `storage`, and then the old record still stands. */
  save(record: CredentialRecord): Promise<void>
  clear(): Promise<void>
  /** Runs `work` while nobody else, in this process or another, is inside `exclusively` of the same store. */
  exclusively<T>(work: () => Promise<T>): Promise<T>
}

/** Remembers until the process ends. */
export function memoryCredentials(): CredentialStore {
  let kept: CredentialRecord | undefined
  let queue: Promise<unknown> = Promise.resolve()
  return {
    load: async () => (kept ? { kind: 'found', record: kept, recovered: false } : { kind: 'none', damaged: false }),
    save: async (record) => {
      kept = record
    },
    clear: async () => {
      kept = undefined
    },
    exclusively: (work) => {
      const turn = queue.then(work)
      queue = turn.catch(() => undefined)
      return turn
    },
  }
}

/** Reads back what was written as JSON; undefined for anything that is not a whole record. */
export function parseCredentials(value: unknown): CredentialRecord | undefined {
  if (!isObject(value) || !isText(value['issuer']) || !isText(value['clientId']) || !isTime(value['linkedAt']))
    return undefined
  const { issuer, clientId, linkedAt, scope, subject, boundTo, refreshToken, previousRefreshToken, accessTokens } =
    value
  if (![scope, boundTo, refreshToken, previousRefreshToken].every(isTextOrAbsent)) return undefined
  if (subject !== undefined && !isSubject(subject)) return undefined
  if (!Array.isArray(accessTokens) || !accessTokens.every(isAccessToken)) return undefined
  return {
    issuer,
    clientId,
    linkedAt,
    scope: isText(scope) ? scope : undefined,
    subject: isSubject(subject) ? subject : undefined,
    boundTo: isText(boundTo) ? boundTo : undefined,
    refreshToken: isText(refreshToken) ? refreshToken : undefined,
    previousRefreshToken: isText(previousRefreshToken) ? previousRefreshToken : undefined,
    accessTokens,
  }
}

type Members = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null
const isText = (value: unknown): value is string => typeof value === 'string'
const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
const isTextOrAbsent = (value: unknown): boolean => value === undefined || isText(value)
const isTimeOrAbsent = (value: unknown): boolean => value === undefined || isTime(value)

function isSubject(value: unknown): value is Subject {
  return isObject(value) && isText(value['sub']) && isTextOrAbsent(value['name']) && isTextOrAbsent(value['email'])
}

function isAccessToken(value: unknown): value is StoredAccessToken {
  if (!isObject(value) || !isText(value['token']) || !isTime(value['obtainedAt'])) return false
  return (
    [undefined, 'DPoP', 'Bearer'].some((type) => type === value['tokenType']) &&
    isTextOrAbsent(value['resource']) &&
    isTextOrAbsent(value['scope']) &&
    isTimeOrAbsent(value['expiresAt']) &&
    isTimeOrAbsent(value['refreshAt'])
  )
}

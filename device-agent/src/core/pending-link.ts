// A code that waits for its answer, as it outlives the process that shows it (AGT-17), and the door through which it is
// kept: a file lives behind that door in node/pending-file.ts. Who waits is link-request.ts.
import { isJsonObject } from '@latchkey/shared'

/** What was asked for, and of whom. */
export interface PendingTerms {
  readonly issuer: string
  readonly clientId: string
  readonly scope?: string | undefined
  readonly resource?: string | undefined
  /** Thumbprint (RFC 7638) of the key that the code is bound to. */
  readonly boundTo?: string | undefined
}

/** Times are wall-clock epoch milliseconds: they must mean something after a restart. Secret: see `deviceCode`. */
export interface PendingLink extends PendingTerms {
  /** Whoever has it, and the key where it is bound to one, collects the tokens. */
  readonly deviceCode: string
  readonly codeVerifier?: string | undefined
  readonly userCode: string
  readonly verificationUri: string
  readonly verificationUriComplete?: string | undefined
  readonly askedAt: number
  readonly expiresAt: number
  /** As raised by `slow_down`. */
  readonly intervalSeconds: number
}

export interface PendingStore {
  /** Undefined also for what cannot be read: then a person asks for a new code. @throws AgentError `storage` */
  load(): Promise<PendingLink | undefined>
  /** Resolves when it would survive a power cut. @throws AgentError `storage` */
  save(pending: PendingLink): Promise<void>
  clear(): Promise<void>
}

/** Reads back what was written as JSON; undefined for anything that is not a whole request. */
export function parsePendingLink(value: unknown): PendingLink | undefined {
  if (!isJsonObject(value)) return undefined
  const texts = ['issuer', 'clientId', 'deviceCode', 'userCode', 'verificationUri']
  const numbers = ['askedAt', 'expiresAt', 'intervalSeconds']
  const more = ['scope', 'resource', 'codeVerifier', 'boundTo', 'verificationUriComplete']
  const isWhole =
    texts.every((name) => typeof value[name] === 'string') &&
    numbers.every((name) => Number.isFinite(value[name])) &&
    more.every((name) => value[name] === undefined || typeof value[name] === 'string')
  return isWhole ? (value as unknown as PendingLink) : undefined
}

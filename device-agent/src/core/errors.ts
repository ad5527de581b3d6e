// The one error type of the agent. `reason` is for programs, the message is one plain sentence for a person.

/**
 * - `usage`: the caller asked for something that can never work, such as an http issuer on the open network
 * - `denied`: the person said no
 * - `expired`: nobody answered while the code was good
 * - `lost_approval`: the answer to a poll got lost, and with it an approval that cannot be fetched twice
 * - `unlinked`: there are no credentials, or the server no longer takes them; a person has to link again
 * - `unreachable`: no answer, or one that says "later"; asking again may help
 * - `refused`: an OAuth error that asking again will not change
 * - `untrusted`: an answer that must not be believed
 * - `storage`: the credentials cannot be kept or read safely
 */
export type AgentErrorReason =
  | 'usage'
  | 'denied'
  | 'expired'
  | 'lost_approval'
  | 'unlinked'
  | 'unreachable'
  | 'refused'
  | 'untrusted'
  | 'storage'

export interface AgentErrorDetails {
  /** The server's error code (RFC 6749 §5.2), where there was one. */
  readonly oauthError?: string | undefined
  /** How long the server asked to be left alone, or how long the agent itself holds back. */
  readonly retryAfterSeconds?: number | undefined
  readonly cause?: unknown
}

export class AgentError extends Error {
  readonly reason: AgentErrorReason
  readonly oauthError: string | undefined
  readonly retryAfterSeconds: number | undefined

  constructor(reason: AgentErrorReason, message: string, details: AgentErrorDetails = {}) {
    super(message, { cause: details.cause })
    this.name = 'AgentError'
    this.reason = reason
    this.oauthError = details.oauthError
    this.retryAfterSeconds = details.retryAfterSeconds
  }
}

/** True for an `AgentError`, and of the given reason when one is named. */
export function isAgentError(error: unknown, reason?: AgentErrorReason): error is AgentError {
  return error instanceof AgentError && (reason === undefined || error.reason === reason)
}

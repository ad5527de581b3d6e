// The state as it leaves the process: on the socket of the page, in state.json, on the hook's stdin. Moments become
// durations, because nobody else has the agent's monotonic clock; names are those of RFC 8628 §3.2 where it has one.
import type { ScreenState } from './screen-state.ts'

export interface ScreenData {
  readonly state: ScreenState['kind']
  readonly user_code?: string
  readonly verification_uri?: string
  readonly verification_uri_complete?: string
  /** Seconds left when this was written. */
  readonly expires_in?: number
  /** Seconds that a full ring stands for. */
  readonly lifetime?: number
  readonly opened?: boolean
  /** Two digits that the person on the phone has to find among others: show them, large. */
  readonly number?: string
  /** Who the device acts for. */
  readonly name?: string
  /** What is wrong, in a sentence. */
  readonly message?: string
  /** Seconds until the next attempt when this was written. */
  readonly retry_in?: number
}

/** `now` is the host's monotonic clock, milliseconds. */
export function screenData(state: ScreenState, now: number): ScreenData {
  const secondsUntil = (moment: number) => Math.max(0, Math.ceil((moment - now) / 1000))
  switch (state.kind) {
    case 'code':
      return {
        state: state.kind,
        user_code: state.userCode,
        verification_uri: state.verificationUri,
        ...(state.verificationUriComplete === undefined
          ? {}
          : { verification_uri_complete: state.verificationUriComplete }),
        expires_in: secondsUntil(state.expiresAtMonotonic),
        lifetime: Math.ceil(state.lifetimeSeconds),
        opened: state.opened,
        ...(state.number === undefined ? {} : { number: state.number }),
        ...(state.trouble === undefined
          ? {}
          : { message: state.trouble.reason, retry_in: secondsUntil(state.trouble.retryAtMonotonic) }),
      }
    case 'offline':
      return { state: state.kind, message: state.reason, retry_in: secondsUntil(state.retryAtMonotonic) }
    case 'linked':
      return { state: state.kind, ...(state.name === undefined ? {} : { name: state.name }) }
    case 'problem':
      return { state: state.kind, message: state.message }
    default:
      return { state: state.kind }
  }
}

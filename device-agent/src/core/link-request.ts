// One code and the wait for its answer. The same object feeds the screen and the poller, so that a screen can never show
// code B while the device asks for code A. It starts no new code: that takes a new trigger (RFC 8628 §3.5), see agent.ts.
import { codeChallengeOf, type Host, makeCodeVerifier } from '@latchkey/shared'
import {
  type Answer,
  type Client,
  type DeviceAuthorization,
  type DeviceDescription,
  offersCodeChallenge,
  offersWayBack,
  pollDeviceToken,
  requestDeviceCode,
  signBackIn,
  type Tokens,
} from './client.ts'
import { AgentError, isAgentError } from './errors.ts'
import { hasWebCrypto } from './keys.ts'
import { afterAnswer, afterSlowDown, afterTrouble, type Pace, waitSeconds } from './pace.ts'

/** What a screen may know of a request that waits for a person. */
export class LinkRequest {
  readonly userCode: string
  readonly verificationUri: string
  readonly verificationUriComplete: string | undefined
  /** On the host's monotonic clock, milliseconds. */
  readonly expiresAtMonotonic: number
  readonly intervalSeconds: number
  // Private even to a debugger's printout: whoever holds these collects the tokens.
  readonly #deviceCode: string
  readonly #codeVerifier: string | undefined
  readonly #host: Host

  constructor(host: Host, answer: DeviceAuthorization, askedAtMonotonic: number, codeVerifier?: string) {
    this.userCode = answer.userCode
    this.verificationUri = answer.verificationUri
    this.verificationUriComplete = answer.verificationUriComplete
    this.intervalSeconds = answer.intervalSeconds
    this.expiresAtMonotonic = askedAtMonotonic + answer.expiresInSeconds * 1000
    this.#deviceCode = answer.deviceCode
    this.#codeVerifier = codeVerifier
    this.#host = host
  }

  /** Seconds until the code is worthless; 0 when it is. */
  secondsLeft(): number {
    return Math.max(0, (this.expiresAtMonotonic - this.#host.clock.monotonic()) / 1000)
  }

  poll(client: Client, signal?: AbortSignal): Promise<Answer<Tokens>> {
    return pollDeviceToken(client, { deviceCode: this.#deviceCode, codeVerifier: this.#codeVerifier }, signal)
  }
}

/** Something a screen should show about a waiting request. */
export type WaitingState =
  | { readonly kind: 'waiting'; readonly request: LinkRequest }
  | { readonly kind: 'retrying'; readonly request: LinkRequest; readonly reason: string; readonly inSeconds: number }

/** Asks for a code, once. @throws AgentError `refused`, `unreachable` or `untrusted`. */
export async function openLinkRequest(
  client: Client,
  wish: {
    readonly scope?: string | undefined
    readonly resource?: string | undefined
    readonly device?: DeviceDescription | undefined
  },
  signal?: AbortSignal,
): Promise<LinkRequest> {
  const challenged = offersCodeChallenge(client.metadata) && hasWebCrypto()
  const verifier = challenged ? makeCodeVerifier(client.host.entropy) : undefined
  const codeChallenge = verifier === undefined ? undefined : await codeChallengeOf(verifier)
  const askedAt = client.host.clock.monotonic()
  const { scope, resource, device } = wish
  const answer = await requestDeviceCode(client, { scope, resource, device, codeChallenge }, signal)
  if (answer.kind === 'refused') throw refused(answer.error, answer.description)
  return new LinkRequest(client.host, answer.value, askedAt, verifier)
}

/**
 * Polls until the person has decided (RFC 8628 §3.5). Every wait is measured from the previous answer, on the monotonic
 * clock. When an approval was given but its answer got lost, the device's key, where the server takes that, asks for it
 * again, for as long as the code is good.
 *
 * @throws AgentError `denied`, `expired`, `lost_approval`, `refused`, `untrusted`; `unreachable` when the code ran out
 *   while there was no answer.
 */
export async function awaitDecision(
  client: Client,
  request: LinkRequest,
  how: {
    readonly resource?: string | undefined
    readonly show: (state: WaitingState) => void
    readonly signal?: AbortSignal | undefined
  },
): Promise<Tokens> {
  const { resource, show, signal } = how
  const { key } = client
  const back = key && offersWayBack(client.metadata) && (() => signBackIn({ ...client, key }, resource, signal))
  let pace: Pace = { intervalSeconds: request.intervalSeconds, troubles: 0 }
  let wait = waitSeconds(pace)
  let approvalWasLost = false
  show({ kind: 'waiting', request })
  for (;;) {
    const left = request.secondsLeft()
    await sleepFor(client.host, Math.min(wait, left), signal)
    if (wait >= left) throw ranOut(pace)
    let answer: Answer<Tokens>
    try {
      answer = await (back && approvalWasLost ? back() : request.poll(client, signal))
    } catch (error) {
      if (!isAgentError(error, 'unreachable')) throw error
      pace = afterTrouble(pace)
      wait = waitSeconds(pace, error.retryAfterSeconds)
      show({ kind: 'retrying', request, reason: error.message, inSeconds: wait })
      continue
    }
    if (answer.kind === 'granted') return answer.value
    if (approvalWasLost) throw lostApproval(answer.error)
    const answerWasLost = pace.troubles > 0
    if (answer.error === 'authorization_pending') pace = afterAnswer(pace)
    else if (answer.error === 'slow_down') pace = afterSlowDown(pace, answer.intervalSeconds)
    else if (answer.error === 'invalid_grant' && answerWasLost) {
      if (!back) throw lostApproval(answer.error)
      approvalWasLost = true
      wait = 0
      continue
    } else throw ended(answer.error, answer.description)
    wait = waitSeconds(pace, answer.retryAfterSeconds)
    if (answerWasLost) show({ kind: 'waiting', request })
  }
}

function lostApproval(oauthError: string): AgentError {
  const message = 'The approval was given, but the answer got lost on the way. Link again.'
  return new AgentError('lost_approval', message, { oauthError })
}

function ended(error: string, description: string | undefined): AgentError {
  if (error === 'access_denied')
    return new AgentError('denied', 'The request was refused on the phone.', { oauthError: error })
  if (error === 'expired_token') return ranOut()
  return refused(error, description)
}

function ranOut(pace?: Pace): AgentError {
  return pace && pace.troubles > 0
    ? new AgentError('unreachable', 'The code ran out while the server could not be reached. Link again.')
    : new AgentError('expired', 'The code has run out. Link again for a new one.')
}

/** The server's refusal as an error, in one line: the description is for developers and is quoted. */
export function refused(error: string, description?: string): AgentError {
  const detail = description === undefined ? '' : `: ${description}`
  return new AgentError('refused', `The server refused (${error})${detail}`, { oauthError: error })
}

/** A timer may fire a little early, and the server counts in milliseconds: sleeps until the time has really passed. */
async function sleepFor(host: Host, seconds: number, signal?: AbortSignal): Promise<void> {
  const end = host.clock.monotonic() + seconds * 1000
  for (let left = seconds * 1000; left > 0; left = end - host.clock.monotonic()) {
    await host.sleep(Math.ceil(left), signal)
  }
}
